//! Python: the unmodified CPython guest, started on our bootstrap code.
//!
//! The interpreter learns nothing of the run by itself: no arguments, no
//! environment. Its bootstrap does whatever can be done beforehand, then reads
//! from its [`CHANNEL`] what to run. That first read is where a snapshot of it
//! is taken: nothing before it depends on the run.

mod export;
mod request;
pub(super) mod session;
mod training;

pub(crate) use export::export;
pub(crate) use training::TRAINING;

use dormouse_snapshot::Point;
use std::sync::Arc;

use crate::{
    Grants, Program,
    host::{Exchange, Functions},
    image::cache::{NO_SOURCES, fingerprint},
    program::Entry,
    wasi::{Beginning, Root},
};

/// The WASI descriptor of the channel: `/dev/host` is opened while only the
/// standard streams and the root are. (Python shows another number for it, its
/// C library keeps a list of its own.)
pub(crate) const CHANNEL: u32 = 4;

/// What the interpreter itself is started with; `capturing` where it only has
/// to come as far as its first read of the [`CHANNEL`], to be woken there again
/// and again, so that it prepares more.
pub(crate) fn args(capturing: bool) -> Vec<Vec<u8>> {
    let mut words = vec!["python", "-B", "-I", "-c", LAUNCHER];
    words.extend(capturing.then_some("capture"));
    words
        .into_iter()
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

/// Opens the channel before anything else, so that no other file ever has its
/// descriptor, and goes on with the bootstrap.
const LAUNCHER: &str = "\
import posix
CHANNEL = posix.open('/dev/host', posix.O_RDWR)
__file__ = '/lib/dormouse/boot.py'
with open(__file__, 'rb') as file:
    code = file.read()
exec(compile(code, __file__, 'exec'))
";

/// Where the guest waits for what it has to run.
pub(crate) fn point() -> Point {
    Point::Import {
        module: "wasi_snapshot_preview1".to_owned(),
        name: "fd_read".to_owned(),
        args: vec![(0, CHANNEL.into())],
        nth: 1,
    }
}

/// Where a program is captured. Nobody else synchronizes the channel, so that
/// it doesn't matter what was read from it before; what the woken program has to
/// know is read after.
pub(crate) fn program_point() -> Point {
    Point::Import {
        module: "wasi_snapshot_preview1".to_owned(),
        name: "fd_sync".to_owned(),
        args: vec![(0, CHANNEL.into())],
        nth: 1,
    }
}

/// All of that code.
macro_rules! files {
    ($($name:literal),*) => {
        [$((
            concat!("/lib/dormouse/", $name),
            include_bytes!(concat!("../../runtimes/python/", $name)),
        )),*]
    };
}
const FILES: [(&str, &[u8]); 14] = files!(
    "boot.py",
    "absent.py",
    "api.py",
    "capture.py",
    "given.py",
    "host.py",
    "leave.py",
    "loop.py",
    "park.py",
    "point.py",
    "session.py",
    "tls.py",
    "web.py",
    "wire.py"
);

/// Changes with any of it.
pub(super) const FINGERPRINT: u64 = {
    let mut hash = fingerprint(NO_SOURCES, LAUNCHER.as_bytes());
    let mut index = 0;
    while index < FILES.len() {
        hash = fingerprint(hash, FILES[index].1);
        index += 1;
    }
    hash
};

/// The files that the guest is given beside its program's.
pub(crate) fn with_files(root: Root) -> Root {
    FILES
        .iter()
        .fold(root, |root, (path, bytes)| root.with_file(path, *bytes))
}

/// Has the channel of a run of `program` say first what to run; the program has
/// its `beginning` then. What a session is held by, if it is one.
pub(crate) fn tell(
    functions: &Functions,
    program: &Program,
    grants: &Grants,
    guest_path: Option<String>,
    terminal: bool,
    pauses: bool,
    beginning: Option<Beginning>,
) -> Option<Arc<Exchange>> {
    // A copy was told.
    if program.entry != Entry::Copy {
        let request = request::start(program, grants, guest_path.as_deref(), terminal, pauses);
        functions.say_first(request, move || {
            if let Some(beginning) = beginning {
                beginning.now();
            }
        });
    }
    if !matches!(program.entry, Entry::Session | Entry::Copy) {
        return None;
    }
    let exchange = Arc::new(Exchange::default());
    functions.converse(Arc::clone(&exchange));
    Some(exchange)
}
