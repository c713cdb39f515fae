//! The process locked down by Linux.

mod calls;
mod files;
mod filter;
mod lists;
mod process;
#[cfg(test)]
mod tests;

use super::Lockdown;
use crate::{Error, engine::mapping};

pub(super) fn lock_files(lockdown: &Lockdown) -> Result<(), Error> {
    process::check_memory()?;
    process::wait_for_others()?;
    files::restrict(lockdown)
}

pub(super) fn lock_calls(lockdown: &Lockdown) -> Result<(), Error> {
    process::keep_no_core()?;
    // Kernels before 6.3 can't, and the filter refuses the same.
    mapping::refuse_executable();
    filter::install(&calls::rules(lockdown)?)
}

/// What the platform can do.
#[derive(Debug)]
pub(crate) struct Abilities {
    landlock: Option<u32>,
    denies_executable: bool,
    actions: String,
}

/// What this platform can do.
pub(crate) fn abilities() -> Abilities {
    let actions = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail");
    Abilities {
        landlock: files::version(),
        denies_executable: mapping::can_refuse_executable(),
        actions: actions.unwrap_or_default().trim().to_owned(),
    }
}

impl Abilities {
    /// What there is, for people, and whether it is what `--lockdown` needs.
    pub(crate) fn lines(&self) -> Vec<(&'static str, bool, String)> {
        let landlock = match self.landlock {
            Some(version) => format!("version {version} or later"),
            None => "none".to_owned(),
        };
        let mut actions = self.actions.split(' ');
        let kills = actions.any(|action| action == "kill_process");
        let seccomp = match kills {
            true => "filters, which can end the process",
            false => "not known",
        };
        let executable = match self.denies_executable {
            true => "can be refused by the kernel (MDWE), beside the filter",
            false => "can be refused by the filter alone (MDWE needs Linux 6.3)",
        };
        vec![
            ("landlock", self.landlock.is_some(), landlock),
            ("seccomp", kills, seccomp.to_owned()),
            ("executable memory", true, executable.to_owned()),
        ]
    }
}
