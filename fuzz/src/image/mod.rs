//! An image that somebody altered is refused, or does what it did; one that
//! somebody forged, with every digest right, is refused or runs within its
//! limits, and does the same each time.
//!
//! The first byte says what the bytes behind it are: a file as it is, what is
//! done to the parts of an image of ours, or to files that the cache knows.

mod altered;
mod cached;
mod parts;

use altered::Altered;
use dormouse::{Grants, Image, Limits, Outcome, Point, Program, Sandbox};
use parts::Parts;
use std::{fs::File, io::Write, os::fd::AsRawFd, sync::OnceLock};

/// Operators that an image may run: it has to end.
const FUEL: u64 = 300_000;

/// Bytes of memory that it may have, a few times what ours have.
const MEMORY: u64 = 4 << 20;

/// Bytes that it may print.
const OUTPUT: u64 = 1 << 16;

/// An image of ours, and what it does.
struct Original {
    bytes: Vec<u8>,
    parts: Parts,
    ran: Ran,
}

/// What can be seen of a run.
type Ran = Result<(String, Vec<u8>), String>;

/// Alters an image as `bytes` have it, and tries what comes of that.
pub fn image(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    if first & 1 == 0 {
        _ = tried(rest);
        return;
    }
    if first & 0x80 != 0 {
        return cached::cached(rest);
    }
    let originals = originals();
    let original = &originals[usize::from(first >> 1) % originals.len()];
    let Ok(altered) = Altered::new(original, rest) else {
        return;
    };
    let ran = tried(&altered.bytes);
    if altered.bytes == original.bytes {
        assert_eq!(ran, original.ran);
    } else if !altered.is_sealed && claims(&altered.bytes) {
        let error = ran.expect_err("an altered image ran");
        assert!(
            !error.starts_with(RUN),
            "an altered image was opened: {error}"
        );
    }
    if altered.is_file {
        tried_as_file(&altered.bytes, altered.bundle.as_deref());
    }
}

/// What errors of a run begin with, rather than of opening.
const RUN: &str = "run: ";

fn tried(bytes: &[u8]) -> Ran {
    let image = Image::wasm("fuzzed", bytes).map_err(|error| error.to_string())?;
    let ran = run(&image);
    // What it leaves to the next run must not be seen there.
    assert_eq!(run(&image), ran);
    ran
}

/// The same, of a file that is read, and of one that is mapped. It may be a
/// bundle's, with what is to be its end.
fn tried_as_file(bytes: &[u8], bundle: Option<&[u8]>) {
    let mut all = Vec::new();
    if let Some(trailer) = bundle {
        all.resize(parts::PAGE, b'x');
        all.extend_from_slice(bytes);
        all.extend_from_slice(trailer);
    } else {
        all.extend_from_slice(bytes);
    }
    let file = rustix::fs::memfd_create("fuzzed", rustix::fs::MemfdFlags::CLOEXEC);
    let mut file = File::from(file.expect("there are such files"));
    file.write_all(&all).expect("there is room");
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let opened = Image::open(&path).map(|image| run(&image));
    let mapped = Image::map(&path).map(|image| run(&image));
    match (opened, mapped) {
        (Ok(opened), Ok(mapped)) => assert_eq!(opened, mapped),
        (Err(opened), Err(mapped)) => assert_eq!(opened.kind(), mapped.kind()),
        (opened, mapped) => panic!("read and mapped differ: {opened:?}, {mapped:?}"),
    }
}

fn run(image: &Image) -> Ran {
    let limits = Limits {
        deadline: None,
        fuel: Some(FUEL),
        memory: MEMORY,
        output: Some(OUTPUT),
        ..Limits::default()
    };
    let grants = Grants {
        seed: Some(1),
        ..Grants::default()
    };
    let outcome = Sandbox::new(image)
        .grants(grants)
        .limits(limits)
        .run(Program::start("fuzzed"))
        .map_err(|error| format!("{RUN}{error}"))?;
    let Outcome { status, stdout, .. } = outcome;
    assert!(stdout.len() as u64 <= OUTPUT);
    Ok((format!("{status:?}"), stdout))
}

/// Whether `bytes` say that they are an image, rather than any module: see
/// `file::is_image`.
fn claims(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x01\0\0\0\0")
        && bytes
            .get(14..)
            .is_some_and(|rest| rest.starts_with(b"\x11dormouse.manifest"))
}

fn originals() -> &'static [Original] {
    static ORIGINALS: OnceLock<Vec<Original>> = OnceLock::new();
    ORIGINALS.get_or_init(|| {
        let write = Point::import("wasi_snapshot_preview1", "fd_write").nth(2);
        let stack = original(include_bytes!("stack.wat"), &write);
        let init = original(include_bytes!("init.wat"), &Point::init("prepare"));
        assert_eq!(init.ran, Ok(("Exit(0)".to_owned(), b"hi".to_vec())));
        vec![stack, init]
    })
}

fn original(wat: &[u8], point: &Point) -> Original {
    let image = Image::wasm("original.wat", wat).expect("it is Wasm");
    let image = Sandbox::new(&image)
        .snapshot(Program::start("original.wat"), point)
        .expect("it can be captured");
    let bytes = image.to_bytes();
    let parts = Parts::of(&bytes);
    assert_eq!(parts.assemble(true), bytes, "the format has changed");
    Original {
        parts,
        ran: run(&image),
        bytes,
    }
}
