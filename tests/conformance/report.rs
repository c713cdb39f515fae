//! Saying what was run, where the test harness doesn't hide it.

use std::io::Write;

/// Writes a line to stderr, whatever becomes of the test.
pub(crate) fn say(line: &str) {
    let mut stderr = std::io::stderr().lock();
    // A closed stderr is no reason to fail.
    let _ = writeln!(stderr, "conformance: {line}");
}

/// Whether all is to be run, rather than what a few minutes are enough for.
pub(crate) fn all() -> bool {
    std::env::var_os("DORMOUSE_CONFORMANCE").is_some_and(|value| value == "all")
}
