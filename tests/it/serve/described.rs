//! `/openapi.json` is what the server does: schemathesis makes requests of it.

use super::Server;
use crate::support::{Dir, has_pip, run};
use std::process::Command;

/// The version of our tests.
const TOOL: &str = "schemathesis==4.32.5";

#[test]
fn schemathesis_agrees() {
    let what = "schemathesis over /openapi.json";
    if !has_pip(what) {
        return;
    }
    // It stays for later runs: it has many parts.
    let venv = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(TOOL);
    let tool = venv.join("bin/schemathesis");
    if !tool.exists() {
        let made = run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        let words = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            TOOL,
        ];
        let installed = run(Command::new(venv.join("bin/python")).args(words));
        if !made.status.success() || !installed.status.success() {
            eprintln!(
                "SKIPPED: {what}: pip can't install it: {}",
                installed.stderr
            );
            return;
        }
    }
    let dir = Dir::new();
    let server = Server::start(&[
        "-l",
        "js",
        "-l",
        "python",
        "--timeout",
        "500ms",
        "--max-sessions",
        "100000",
        "--idle",
        "60s",
    ]);
    let ran = run(Command::new(&tool)
        .arg("run")
        .arg(server.url("/openapi.json"))
        .args(["--max-examples", "25", "--seed", "1", "--no-color"])
        .current_dir(dir.path()));
    assert!(
        ran.status.success(),
        "{}{}\n{}",
        ran.text(),
        ran.stderr,
        server.log()
    );
    assert!(!server.log().contains("could not"), "{}", server.log());
}
