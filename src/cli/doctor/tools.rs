//! Programs of the host that bring guests and packages.

use super::Finding;
use std::{
    io::Read,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How long one may take to say its version.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked whether it has.
const POLL: Duration = Duration::from_millis(10);

/// Bytes of what it says.
const MAX_SAID: u64 = 4096;

/// What was found, by what it says.
pub(super) struct Tools {
    pub(super) npm: Option<String>,
    pip: Option<String>,
    uv: Option<String>,
}

impl Tools {
    pub(super) fn find() -> Self {
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let pips: [&[&str]; 4] = [
            &["python3", "-m", "pip"],
            &["pip3"],
            &["pip"],
            &["python", "-m", "pip"],
        ];
        Self {
            npm: version(&[npm]),
            pip: pips.into_iter().find_map(version),
            uv: version(&["uv"]),
        }
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let npm = match &self.npm {
            Some(version) => Finding::ok("npm", version),
            None => Finding::note(
                "npm",
                "not found",
                "guests that are not in the cache can't be fetched: install Node.js with npm, or \
                 place them with `dormouse guest add`",
            ),
        };
        let pip = match (&self.pip, &self.uv) {
            (Some(version), _) => Finding::ok("pip", version),
            (None, Some(version)) => Finding::ok("uv", version),
            (None, None) => Finding::note(
                "pip",
                "neither pip nor uv was found",
                "`dormouse deps install` and --allow-pkg need one: install pip",
            ),
        };
        vec![npm, pip]
    }
}

/// The first line that it says of its version, if it is there and works.
fn version(call: &[&str]) -> Option<String> {
    let (program, args) = call.split_first()?;
    let mut child = Command::new(program)
        .args(args)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let started = Instant::now();
    let status = loop {
        match child.try_wait().ok()? {
            Some(status) => break status,
            None if started.elapsed() < PATIENCE => std::thread::sleep(POLL),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    let mut said = Vec::new();
    let stdout = child.stdout.take()?;
    stdout.take(MAX_SAID).read_to_end(&mut said).ok()?;
    let said = String::from_utf8_lossy(&said);
    // Not where it lies: that is nobody's business who is sent this.
    let line = said.lines().next()?.split(" from ").next()?.to_owned();
    status.success().then_some(line)
}
