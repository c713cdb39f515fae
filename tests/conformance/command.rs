//! The `dormouse` command, and where suites are.

use crate::report::say;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The command that was built beside this test.
pub(crate) fn dormouse() -> Command {
    let this = std::env::current_exe().expect("a test is a file");
    let profile = this.parent().and_then(Path::parent).expect("in deps/");
    let name = format!("dormouse{}", std::env::consts::EXE_SUFFIX);
    let path = profile.join(name);
    assert!(
        path.is_file(),
        "{} is not there: build it first, with cargo build",
        path.display()
    );
    let mut command = Command::new(path);
    command.arg("run").stdin(Stdio::null());
    command
}

/// What came of a command.
pub(crate) struct Ran {
    /// Its exit code, if it had one.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `command`, which must bound its own time.
pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().expect("it can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran {
        code: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// The folder that the environment variable `variable` names, which must then
/// have `inside` in it. Without one the suite is left out, and said to be.
pub(crate) fn placed(suite: &str, variable: &str, inside: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os(variable).map(PathBuf::from) else {
        say(&format!(
            "{suite}: LEFT OUT, as {variable} does not name its folder; see \
             tests/conformance/README.md"
        ));
        return None;
    };
    let found = folder.join(inside);
    assert!(
        found.exists(),
        "{variable} is set, but there is no {}",
        found.display()
    );
    Some(folder)
}

/// `host` mounted at `guest`.
pub(crate) fn mount(guest: &str, host: &Path, mode: &str) -> String {
    format!("{guest}:{}:{mode}", host.display())
}
