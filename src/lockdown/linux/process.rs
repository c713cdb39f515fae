//! What a process must be before it is locked down.

use crate::Error;
use crate::lockdown::impossible;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::{
    fs,
    time::{Duration, Instant},
};

/// How long threads of ours may take to end that helped to make an image. They
/// end by themselves.
const PATIENCE: Duration = Duration::from_secs(30);

/// Has all readable memory be executable, as old programs want it.
const READ_IMPLIES_EXEC: u32 = 0x0040_0000;

/// No memory may be executable and writable already, nor become executable
/// without being asked to.
///
/// # Errors
///
/// When some is, or it can't be told.
pub(super) fn check_memory() -> Result<(), Error> {
    let read = |path| fs::read_to_string(path).map_err(|error| unknown(path, &error));
    let personality = read("/proc/self/personality")?;
    if implies_executable(&personality) {
        return Err(impossible(
            "the process was started so that all of its memory is executable \
             (personality READ_IMPLIES_EXEC); start it without",
        ));
    }
    let maps = read("/proc/self/maps")?;
    match maps.lines().find(|line| is_both(line)) {
        None => Ok(()),
        Some(line) => Err(impossible(format_args!(
            "the process has memory that is writable and executable ({line})"
        ))),
    }
}

/// Whether a personality such as `00400000` makes all memory executable.
fn implies_executable(personality: &str) -> bool {
    let bits = u32::from_str_radix(personality.trim(), 16);
    bits.is_ok_and(|bits| bits & READ_IMPLIES_EXEC != 0)
}

/// Whether a line such as `7f00-7f10 rwxp …` is of writable and executable memory.
fn is_both(line: &str) -> bool {
    let rights = line.split_ascii_whitespace().nth(1).unwrap_or_default();
    rights.contains('w') && rights.contains('x')
}

/// Waits until this is the only thread.
///
/// # Errors
///
/// When others stay.
pub(super) fn wait_for_others() -> Result<(), Error> {
    let started = Instant::now();
    loop {
        let threads = fs::read_dir("/proc/self/task");
        let threads = threads.map_err(|error| unknown("/proc/self/task", &error))?;
        match threads.count() {
            0 | 1 => return Ok(()),
            _ if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(1)),
            count => {
                return Err(impossible(format_args!(
                    "the process has {count} threads already"
                )));
            }
        }
    }
}

/// Leaves no picture of the process' memory where the filter ends it.
///
/// # Errors
///
/// When the system refuses.
pub(super) fn keep_no_core() -> Result<(), Error> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)
        .map_err(|error| impossible(format_args!("core dumps can't be switched off: {error}")))
}

fn unknown(path: &str, error: &std::io::Error) -> Error {
    impossible(format_args!("{path} can't be read: {error}"))
}

#[test]
fn memory_that_is_both_is_seen() {
    assert!(is_both("7ffe1000-7ffe2000 rwxp 00000000 00:00 0 [stack]"));
    assert!(!is_both("55d0-55d1 r-xp 00000000 fe:00 1 /usr/bin/wx"));
    assert!(!is_both("55d0-55d1 rw-p 00000000 fe:00 1 /usr/bin/wx"));
    assert!(!is_both(""));
    assert!(implies_executable("00440000\n"));
    assert!(!implies_executable("00040000\n"));
}
