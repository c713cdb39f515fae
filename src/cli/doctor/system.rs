//! The system: what it is, and whether a process can be locked down.

use super::Finding;
use crate::lockdown;
use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
    thread,
};

/// A program that does nothing.
const NOTHING: &[u8] = b"(module (func (export \"_start\")))";

pub(super) fn findings() -> Vec<Finding> {
    let mut findings = vec![system(), threads()];
    let lines = lockdown::abilities().lines();
    findings.extend(lines.into_iter().map(|(name, is_enough, says)| {
        if is_enough {
            Finding::ok(name, says)
        } else {
            Finding::note(name, says, "--lockdown can't be had without it")
        }
    }));
    findings.push(locked());
    findings
}

fn system() -> Finding {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let says = format!(
        "Dormouse {} on {} {} ({}), {processors} processors",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        kernel.trim(),
        std::env::consts::ARCH,
    );
    Finding::ok("system", says)
}

fn threads() -> Finding {
    let started = thread::Builder::new().spawn(|| ());
    match started.map(thread::JoinHandle::join) {
        Ok(_) => Finding::ok("threads", "can be started"),
        Err(error) => Finding::problem(
            "threads",
            format!("none can be started: {error}"),
            "raise the limit of processes (ulimit -u, or pids.max of the control group)",
        ),
    }
}

/// Whether `--lockdown` works, tried by a process of our own.
fn locked() -> Finding {
    let name = "--lockdown";
    match try_it() {
        Ok(said) if said.is_empty() => Finding::ok(name, "works"),
        Ok(said) => {
            let said = said.trim().trim_start_matches("dormouse: ");
            Finding::note(
                name,
                said.trim_end_matches("; `dormouse doctor` says what is"),
                "the sandbox does not rest on it; without --lockdown all works",
            )
        }
        Err(error) => Finding::note(
            name,
            format!("can't be tried: {error}"),
            "try `dormouse run --lockdown`",
        ),
    }
}

/// What a process says that is to be locked down; nothing, if it could be.
fn try_it() -> std::io::Result<String> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["run", "--lockdown", "-l", "wasm", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(NOTHING)?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(String::new());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(match said.trim().is_empty() {
        true => format!(
            "a process that was locked down ended with {}",
            output.status
        ),
        false => said,
    })
}
