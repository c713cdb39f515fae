//! What is left of the file system, by Landlock.

use crate::Error;
use crate::lockdown::{Lockdown, Reach, impossible};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::{fs::File, io, path::Path};

/// What must be there: all that opens, makes and removes files. (What later
/// versions can refuse beyond that, such as cutting a file by its path or a device's
/// settings, the filter of calls refuses anyway.)
const NEEDED: ABI = ABI::V1;

/// What is used where it is there.
const WANTED: ABI = ABI::V7;

/// Read by a run itself: which pages it wrote to, for resetting an instance, and
/// how much memory it has, for a server's metrics.
const OWN: [&str; 2] = ["/proc/self/pagemap", "/proc/self/statm"];

/// Read by the C library for looking up names. Where the system replaces one of
/// them meanwhile, what it said before goes on to hold.
const NAMES: [&str; 6] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
];

/// Takes everything but what `lockdown` leaves away from this thread and those
/// that it starts.
///
/// # Errors
///
/// When the system has no Landlock, or one of the paths can't be opened.
pub(super) fn restrict(lockdown: &Lockdown) -> Result<(), Error> {
    let mut rules = ruleset(lockdown).map_err(|error| {
        impossible(format_args!(
            "the kernel has no Landlock, or it is switched off ({error}); it takes Linux 5.13 or \
             later, with landlock among the security modules it was started with"
        ))
    })?;
    for path in OWN {
        rules = add(rules, Path::new(path), Reach::Read)?;
        // Its entry must stay the one that the rule is about.
        std::mem::forget(File::open(path));
    }
    if lockdown.connects {
        for path in NAMES {
            rules = add(rules, Path::new(path), Reach::Read)?;
        }
    }
    for (path, reach) in &lockdown.paths {
        rules = add(rules, path, *reach)?;
    }
    match rules.restrict_self() {
        Ok(status) if status.no_new_privs && status.ruleset != RulesetStatus::NotEnforced => Ok(()),
        Ok(_) => Err(impossible("Landlock is not in force")),
        Err(error) => Err(impossible(error)),
    }
}

/// A set of rules that refuses all.
fn ruleset(lockdown: &Lockdown) -> Result<RulesetCreated, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(NEEDED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?;
    if !lockdown.connects {
        rules = rules.handle_access(AccessNet::ConnectTcp)?;
    }
    if !lockdown.serves {
        rules = rules.handle_access(AccessNet::BindTcp)?;
    }
    rules.create()
}

/// Leaves `path`. What does not exist can't be left, and whoever wants it is
/// told so later.
fn add(rules: RulesetCreated, path: &Path, reach: Reach) -> Result<RulesetCreated, Error> {
    let named = |error: &dyn std::fmt::Display| {
        impossible(format_args!(
            "{} can't be left reachable: {error}",
            path.display()
        ))
    };
    let is_folder = match path.metadata() {
        Ok(metadata) => metadata.is_dir(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(rules),
        Err(error) => return Err(named(&error)),
    };
    let beneath = PathFd::new(path).map_err(|error| named(&error))?;
    let mut access = access(reach);
    if !is_folder {
        access &= AccessFs::from_file(WANTED);
    }
    rules
        .add_rule(PathBeneath::new(beneath, access))
        .map_err(|error| named(&error))
}

/// Nothing is ever left to be executed.
fn access(reach: Reach) -> BitFlags<AccessFs> {
    let mut access = AccessFs::ReadFile | AccessFs::ReadDir;
    if reach != Reach::Read {
        access |=
            AccessFs::WriteFile | AccessFs::Truncate | AccessFs::RemoveFile | AccessFs::RemoveDir;
    }
    if reach == Reach::Create {
        // Guests make no devices, pipes or sockets.
        access |= AccessFs::MakeReg | AccessFs::MakeDir | AccessFs::MakeSym | AccessFs::Refer;
    }
    access
}

/// The version of Landlock that the kernel has, of those we know.
pub(super) fn version() -> Option<u32> {
    let has = |abi: ABI| {
        let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let rules = rules.handle_access(AccessFs::from_all(abi));
        let rules = rules.and_then(|rules| match abi >= ABI::V4 {
            true => rules.handle_access(AccessNet::from_all(abi)),
            false => Ok(rules),
        });
        let rules = rules.and_then(|rules| match abi >= ABI::V6 {
            true => rules.scope(Scope::from_all(abi)),
            false => Ok(rules),
        });
        rules.and_then(Ruleset::create).is_ok()
    };
    [ABI::V6, ABI::V5, ABI::V4, ABI::V3, ABI::V2, ABI::V1]
        .into_iter()
        .find(|abi| has(*abi))
        .map(|abi| abi as u32)
}
