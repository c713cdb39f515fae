//! Where there is nothing to lock the process down with, or we don't know how.

use super::{Lockdown, impossible};
use crate::Error;

/// What the platform can do.
#[derive(Debug)]
pub(crate) struct Abilities;

/// What this platform can do.
pub(crate) fn abilities() -> Abilities {
    Abilities
}

impl Abilities {
    /// What there is, for people, and whether it is what `--lockdown` needs.
    pub(crate) fn lines(&self) -> Vec<(&'static str, bool, String)> {
        Vec::new()
    }
}

pub(super) fn lock_files(lockdown: &Lockdown) -> Result<(), Error> {
    let Lockdown {
        paths: _,
        connects: _,
        serves: _,
    } = lockdown;
    Err(impossible(format_args!(
        "it takes Linux on x86_64, aarch64 or riscv64, and this is {} on {}",
        std::env::consts::OS,
        std::env::consts::ARCH
    )))
}

pub(super) fn lock_calls(lockdown: &Lockdown) -> Result<(), Error> {
    lock_files(lockdown)
}
