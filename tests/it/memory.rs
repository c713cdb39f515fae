//! How much a process holds that runs a line.
#![cfg(target_os = "linux")]

use crate::{attacks::watched::Watched, support::command};

/// A line, and the MiB that a process may hold at the most: of a debug build, whose code alone is
/// some 10 MiB of it. A release build is measured by `.ci/static`.
const LINES: [(&str, &str, u64); 2] = [("python", "print(1)", 36), ("js", "console.log(1)", 32)];

#[test]
fn a_line_of_each_language_is_light() {
    if std::env::var_os("DORMOUSE_TEST_COMMAND").is_some() {
        eprintln!("SKIPPED: memory: another build, or an emulator's");
        return;
    }
    for (language, code, most) in LINES {
        let words = ["-l", language, "-c", code];
        // The first run makes the image.
        for turn in 0..2 {
            let ran = Watched::run(command().args(words).stdin(std::process::Stdio::null()));
            assert!(ran.status.success(), "{ran:?}");
            let peak = ran.peak >> 20;
            assert!(turn == 0 || peak <= most, "{language}: {peak} MiB");
        }
    }
}
