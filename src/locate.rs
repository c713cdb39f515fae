//! Saying in which function a guest trapped.
//!
//! The program is run once more, rewritten to keep note of where it is. That
//! is done only where a second run changes nothing and sees what the first
//! saw: no mount and no kv file may be written, no request be sent and no package
//! installed, and nothing was read from stdin. Its output goes nowhere. If it ends in the same trap, the note says where.

use crate::{
    Function, Grants, Image, Kv, Limits, MountMode, Output, Program, Sandbox, Status, Trap,
};
use std::time::{Duration, Instant};

/// A run that trapped.
pub(crate) struct Trapped<'a> {
    pub(crate) image: &'a Image,
    pub(crate) grants: &'a Grants,
    pub(crate) limits: &'a Limits,
    pub(crate) program: &'a Program,
    pub(crate) started: Instant,
    pub(crate) read_stdin: bool,
    pub(crate) trap: &'a Trap,
}

/// Kept back from the deadline, so that whoever ends the process at its end
/// does not come first.
const MARGIN: Duration = Duration::from_millis(200);

/// Where a run without a deadline is given up.
const LONGEST: Duration = Duration::from_secs(60);

/// The function in which `trapped` trapped, if a second run can tell.
pub(crate) fn locate(trapped: &Trapped<'_>) -> Option<Function> {
    let writes = trapped
        .grants
        .mounts
        .iter()
        .any(|mount| mount.mode > MountMode::ReadOnly)
        || matches!(trapped.grants.kv, Kv::File(_))
        || !trapped.grants.hosts.is_empty()
        || trapped.grants.packages.install;
    if writes || trapped.read_stdin || trapped.limits.fuel.is_some() {
        return None;
    }
    let elapsed = trapped.started.elapsed();
    let left = match trapped.limits.deadline {
        Some(deadline) => deadline.checked_sub(elapsed)?.checked_sub(MARGIN)?,
        None => LONGEST,
    };
    // A language's image has its code cut up and arranged: what is to be named
    // is a function of the guest.
    let guest = match trapped.image.plain() {
        Some(plain) => plain.ok()?,
        None => trapped.image,
    };
    let wasm = guest.wasm_bytes();
    let image = guest.rewritten(dormouse_snapshot::trace(wasm).ok()?);
    let limits = Limits {
        deadline: Some(left),
        ..trapped.limits.clone()
    };
    let (outcome, index) = Sandbox::new(&image)
        .grants(trapped.grants.clone())
        .limits(limits)
        .stdout(Output::Discard)
        .stderr(Output::Discard)
        .run_traced(trapped.program)
        .ok()?;
    match outcome.status {
        Status::Trap(again) if again.message == trapped.trap.message => {
            let index = index?;
            Some(Function {
                index,
                name: dormouse_snapshot::function_name(wasm, index),
            })
        }
        _ => None,
    }
}
