//! Locking the process down before a guest runs in it: `--lockdown`.
//!
//! The sandbox does not rest on this: a guest reaches what it was granted and
//! nothing else because the interpreter gives it nothing else. This is for the
//! case that the interpreter, or something below it, is wrong. Whoever takes the
//! process over then still finds the system's own refusals. On Linux:
//!
//! 1. Landlock leaves of the file system what the grants need.
//! 2. A seccomp filter leaves the system calls that a run makes. Executable
//!    memory, new programs, and looking into other processes end this one.
//! 3. Where the kernel has it (6.3), memory-deny-write-execute refuses once more
//!    what the filter refuses.
//!
//! All of that is for good, and for all threads. What a platform can't do is an
//! error that says so: a process that was to be locked down never runs unlocked.
//!
//! Some things have to be done before, as nothing may be written afterwards:
//! images are captured, a kv file is made, a server listens.

#[cfg(all(
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
))]
#[path = "linux/mod.rs"]
mod platform;
#[cfg(not(all(
    target_os = "linux",
    any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        target_arch = "riscv64"
    )
)))]
#[path = "elsewhere.rs"]
mod platform;

pub(crate) use platform::abilities;

use crate::{Error, ErrorKind, Grants, Kv, MountMode};
use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// Whether this process is locked down, or about to be.
static IS_LOCKED: AtomicBool = AtomicBool::new(false);

/// Whether this process can start no other: trying would be its end.
pub(crate) fn is_locked() -> bool {
    IS_LOCKED.load(Ordering::Relaxed)
}

/// What is done with a path that stays reachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It is read, with all below it.
    Read,
    /// What exists is changed and removed, too.
    Change,
    /// More is made, too.
    Create,
}

/// What a process that is locked down can still do.
#[derive(Debug, Default)]
pub(crate) struct Lockdown {
    paths: Vec<(PathBuf, Reach)>,
    /// Whether it connects to others.
    connects: bool,
    /// Whether others connect to it, on sockets that listen already.
    serves: bool,
}

impl Lockdown {
    /// Refuses grants that a locked process can't serve.
    ///
    /// # Errors
    ///
    /// When they are such.
    pub(crate) fn check(grants: &Grants) -> Result<(), Error> {
        if grants.packages.install {
            return Err(Error::new(
                ErrorKind::Usage,
                "packages are installed by pip, which a process that is locked down can't start: \
                 install them before, with `dormouse deps install`, and give --packages DIR \
                 instead of --allow-pkg or --allow-pkg-install",
            ));
        }
        Ok(())
    }

    /// Leaves what `grants` need as well. A kv file that is not there yet is made.
    ///
    /// # Errors
    ///
    /// When they ask for what a locked process can't do, or the file can't be made.
    pub(crate) fn add(&mut self, grants: &Grants) -> Result<(), Error> {
        Self::check(grants)?;
        for mount in &grants.mounts {
            let reach = match mount.mode {
                MountMode::ReadOnly => Reach::Read,
                MountMode::ReadWrite => Reach::Change,
                MountMode::ReadWriteCreate => Reach::Create,
            };
            self.reach(&mount.host, reach);
        }
        if let Kv::File(file) = &grants.kv {
            if !file.exists() {
                crate::host::Kv::open(&grants.kv)?;
            }
            self.reach(file, Reach::Change);
        }
        for file in &grants.http_ca {
            self.reach(file, Reach::Read);
        }
        self.connects |= !grants.hosts.is_empty();
        Ok(())
    }

    /// Leaves `path`.
    pub(crate) fn reach(&mut self, path: &Path, reach: Reach) {
        self.paths.push((path.to_owned(), reach));
    }

    /// Leaves what it takes to answer those who connect.
    #[cfg(feature = "server")]
    pub(crate) fn serves(&mut self) {
        self.serves = true;
    }

    /// Locks the process down.
    ///
    /// # Errors
    ///
    /// When the platform can't do all of it. The process is then not to go on.
    pub(crate) fn lock(&self) -> Result<(), Error> {
        self.lock_files()?;
        self.lock_calls()
    }

    /// The first half: what is left of the file system. Holds for this thread and
    /// all that it starts, so it must be the only one; those that helped to capture
    /// an image are waited for.
    ///
    /// # Errors
    ///
    /// When the platform can't do it.
    pub(crate) fn lock_files(&self) -> Result<(), Error> {
        IS_LOCKED.store(true, Ordering::Relaxed);
        platform::lock_files(self)
    }

    /// The second half: what is left of the system's calls, for all threads.
    ///
    /// # Errors
    ///
    /// When the platform can't do it.
    pub(crate) fn lock_calls(&self) -> Result<(), Error> {
        platform::lock_calls(self)
    }
}

/// Why the process can't be locked down.
fn impossible(why: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Lockdown,
        format!("--lockdown is not possible here: {why}; `dormouse doctor` says what is"),
    )
}
