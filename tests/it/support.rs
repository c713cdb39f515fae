//! What the tests share: a folder of their own, the command, and its output.

use dormouse::{GuestStore, Image, Language};
use std::{
    cell::Cell,
    ffi::{OsStr, OsString},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    sync::LazyLock,
};

/// How a language comes to run a program. Nothing but the time it takes may
/// tell one from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From its image, as by default.
    Woken,
    /// From its beginning: `--no-snapshot`.
    Plain,
}

thread_local! {
    /// The way in which the test on this thread starts languages.
    static WAY: Cell<Way> = const { Cell::new(Way::Woken) };
}

impl Way {
    /// That of the running test.
    pub(crate) fn current() -> Self {
        WAY.get()
    }

    /// Runs `test` with languages started in this way.
    pub(crate) fn with<T>(self, test: impl FnOnce() -> T) -> T {
        let before = WAY.replace(self);
        let result = test();
        WAY.set(before);
        result
    }

    /// The guest of `language` for the library.
    pub(crate) fn image(self, language: Language) -> Image {
        let store = store();
        match self {
            Self::Woken => store
                .image(language, &mut |_| {})
                .expect("it can be captured"),
            Self::Plain => {
                let wasm = store
                    .load(language, &mut |_| {})
                    .expect("it can be fetched");
                Image::language(language, wasm).expect("it is Wasm")
            }
        }
    }
}

/// Makes each of the functions named a test of both ways: `NAME::woken` and
/// `NAME::plain`.
macro_rules! both_ways {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::support::Way;

            #[test]
            fn woken() {
                Way::Woken.with(super::$name);
            }

            #[test]
            fn plain() {
                Way::Plain.with(super::$name);
            }
        }
    )*};
}
pub(crate) use both_ways;

/// The cache of all tests: guests as the user's own cache has them, and the
/// images of the executables under test, which would only fill that one.
pub(crate) static CACHE: LazyLock<PathBuf> = LazyLock::new(|| {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    std::fs::create_dir_all(&cache).expect("a folder");
    let users = GuestStore::open_default().expect("a cache");
    for guest in users.list().expect("it can be read") {
        let name = guest.path.file_name().expect("it is a file");
        let copy = cache.join(name);
        if guest.path.exists() && !copy.exists() {
            // Another process may do the same. What is there is whole.
            let part = cache.join(format!("{}.part", std::process::id()));
            std::fs::copy(&guest.path, &part).expect("a copy");
            std::fs::rename(&part, &copy).expect("in place");
        }
    }
    cache
});

/// A cache of its own for one test: guests as that of all tests has them.
#[cfg(target_os = "linux")]
pub(crate) fn cache_without_images() -> Dir {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(dir.path(), private).expect("it is ours");
    for guest in std::fs::read_dir(&*CACHE).expect("a cache") {
        let guest = guest.expect("a file").path();
        if guest
            .extension()
            .is_some_and(|extension| extension == "wasm")
        {
            let name = guest.file_name().expect("it has one");
            std::fs::copy(&guest, dir.path().join(name)).expect("a copy");
        }
    }
    dir
}

/// The store of all tests.
pub(crate) fn store() -> GuestStore {
    GuestStore::at(&*CACHE)
}

/// The deadline of what takes seconds, and minutes where a processor is emulated.
pub(crate) const SLOW: [&str; 2] = ["--timeout", "300s"];

/// A folder that goes when the test ends.
pub(crate) struct Dir(tempfile::TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and the folders above it; its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("inside the folder")).expect("folders");
        std::fs::write(&path, content).expect("a file");
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect("a text file")
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path().join(name).symlink_metadata().is_ok()
    }

    /// `GUEST:THIS FOLDER:MODE`.
    pub(crate) fn mount(&self, guest: &str, mode: &str) -> String {
        format!("{guest}:{}:{mode}", self.path().display())
    }
}

/// The `dormouse` command, at its first word; where languages are to be
/// started plainly, behind `run` and the option for that.
pub(crate) fn command() -> Command {
    let mut command = bare_command();
    command.env("DORMOUSE_CACHE", &*CACHE);
    if Way::current() == Way::Plain {
        command.args(["run", "--no-snapshot"]);
    }
    command
}

/// The built command; or what `DORMOUSE_TEST_COMMAND` says, a program and its first
/// arguments between spaces: another build, or one that runs under something, as
/// `.ci/noexec` and `.ci/cross` have it.
pub(crate) fn bare_command() -> Command {
    executable(None)
}

/// A bundle that the command made, under the same.
pub(crate) fn bundled(path: impl AsRef<Path>) -> Command {
    executable(Some(path.as_ref()))
}

/// The program at `path`, or the command, under what that is to run under.
fn executable(path: Option<&Path>) -> Command {
    let given = std::env::var("DORMOUSE_TEST_COMMAND").unwrap_or_default();
    let mut words: Vec<&OsStr> = given.split_ascii_whitespace().map(OsStr::new).collect();
    let own = words
        .pop()
        .unwrap_or(env!("CARGO_BIN_EXE_dormouse").as_ref());
    words.push(path.map_or(own, Path::as_os_str));
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

/// Runs `dormouse` with `words` and an empty stdin.
pub(crate) fn dormouse<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Ran {
    let words = words.into_iter().map(|word| word.as_ref().to_owned());
    let mut words: Vec<OsString> = words.collect();
    if Way::current() == Way::Plain && words.first().is_some_and(|word| word == "run") {
        // It is there already.
        words.remove(0);
    }
    run(command().args(words).stdin(Stdio::null()))
}

/// Runs `command` to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    Ran::new(command.output().expect("the command starts"))
}

/// Runs `command` with `input` on its stdin.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A guest may end without reading all of it.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the writer ends");
    Ran::new(output)
}

/// Whether `python3` has pip; if not, `what` is said to be skipped.
pub(crate) fn has_pip(what: &str) -> bool {
    let has = Command::new("python3")
        .args(["-m", "pip", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("SKIPPED: {what}: there is no python3 with pip");
    }
    has
}

/// Has pip put `packages` into `folder`.
pub(crate) fn install(folder: &Path, packages: &[&str]) {
    let ran = run(Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-compile"])
        .args(["--disable-pip-version-check", "--only-binary", ":all:"])
        .arg("--target")
        .arg(folder)
        .args(packages)
        .stdin(Stdio::null()));
    ran.exits(0);
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        Self {
            status: output.status,
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// It exited with 0 and this stdout.
    #[track_caller]
    pub(crate) fn prints(&self, expected: &str) -> &Self {
        assert!(
            self.status.success(),
            "{:?}\n{}\n{}",
            self.status,
            self.text(),
            self.stderr
        );
        assert_eq!(self.text(), expected, "{}", self.stderr);
        self
    }

    /// It exited with this code, and without any stdout.
    #[track_caller]
    pub(crate) fn prints_nothing_and_exits(&self, code: i32) -> &Self {
        assert_eq!(self.text(), "", "{}", self.stderr);
        self.exits(code)
    }

    /// It exited with this code.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(
            self.status.code(),
            Some(code),
            "{}\n{}",
            self.text(),
            self.stderr
        );
        self
    }

    /// Its stderr has each of these parts.
    #[track_caller]
    pub(crate) fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "no {part:?} in:\n{}",
                self.stderr
            );
        }
        self
    }
}

/// A WASI program in the text form: `body` with the usual imports before it
/// and a memory of one page, exported.
pub(crate) fn guest(body: &str) -> String {
    format!(
        r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    ;; Writes $len bytes at $at to fd 1, and exits with 99 if that fails.
    (func $print (param $at i32) (param $len i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $len))
        (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))
            (then (call $proc_exit (i32.const 99)))))
    ;; Reads at most $len bytes from fd 0 to $at; how many.
    (func $read (param $at i32) (param $len i32) (result i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $len))
        (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8))
            (then (call $proc_exit (i32.const 98))))
        (i32.load (i32.const 8)))
{body})"#
    )
}

/// `text` without what differs between any two runs: where objects lie.
pub(crate) fn without_addresses(text: &str) -> String {
    let mut parts = text.split("0x");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "0x" + part.trim_start_matches(|digit: char| digit.is_ascii_hexdigit())
    })
}

/// Python that calls the host as any WASI program could: `ask` sends a request
/// and gives the answer; `call` gives what it says, the data or the error and
/// its kind.
pub(crate) const HOST_CALLS: &str = "import json, os
host = os.open('/dev/host', os.O_RDWR)
def ask(request):
    os.write(host, json.dumps(request).encode() + b'\\n')
    answer = b''
    while not answer.endswith(b'\\n'):
        answer += os.read(host, 65536)
    return json.loads(answer)
def call(name, **args):
    answer = ask({'fn': name, 'args': args})
    return answer['data'] if 'data' in answer else (answer['error'], answer['kind'])
";
