//! Runs a command in a process that the kernel ends when it asks for executable
//! memory: for seeing that Dormouse never does.
//!
//! ```text
//! noexec COMMAND [ARGS]...              no executable memory at all
//! noexec --anonymous COMMAND [ARGS]...  none but from files, as dynamic linking takes
//! noexec --mdwe COMMAND [ARGS]...       memory-deny-write-execute, by the kernel
//! ```
//!
//! The kernel itself maps what it starts, so a static executable runs under the
//! first. Of the second, code that is written to a file first is not stopped; the
//! third refuses instead of ending, and lets executable memory through that is new.
//! So only the first proves something; the other two are for comparisons.
#![allow(clippy::print_stderr, reason = "this is what a command is for")]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() {
    linux::main();
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() {
    panic!("this is for Linux on x86_64");
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod linux {
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, TargetArch,
    };
    use std::{ffi::OsString, os::unix::process::CommandExt, process::Command};

    /// Exit code where nothing was run.
    const USAGE: i32 = 2;

    pub(super) fn main() {
        let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
        let option = match words.first().and_then(|word| word.to_str()) {
            Some("--anonymous" | "--mdwe") => words.remove(0),
            _ => OsString::new(),
        };
        if words.is_empty() {
            fail("noexec [--anonymous | --mdwe] COMMAND [ARGS]...");
        }
        match option.to_str() {
            Some("--mdwe") => deny_write_execute(),
            Some("--anonymous") => install(&filter(true)),
            _ => install(&filter(false)),
        }
        let error = Command::new(&words[0]).args(&words[1..]).exec();
        fail(&format!("{}: {error}", words[0].display()));
    }

    fn fail(message: &str) -> ! {
        eprintln!("{message}");
        std::process::exit(USAGE);
    }

    /// Ends whoever asks for executable memory; with `anonymous`, only where no file
    /// is in it.
    fn filter(anonymous: bool) -> BpfProgram {
        let has = |index, bits: i32| {
            let bits = u64::from(bits.unsigned_abs());
            let operator = SeccompCmpOp::MaskedEq(bits);
            SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, bits).expect("valid")
        };
        let rule = |conditions| vec![SeccompRule::new(conditions).expect("valid")];
        let executable = || has(2, libc::PROT_EXEC);
        let mut mapping = vec![executable()];
        if anonymous {
            mapping.push(has(3, libc::MAP_ANONYMOUS));
        }
        let rules = [
            (libc::SYS_mmap, rule(mapping)),
            (libc::SYS_mprotect, rule(vec![executable()])),
            (libc::SYS_pkey_mprotect, rule(vec![executable()])),
        ];
        let (allow, kill) = (SeccompAction::Allow, SeccompAction::KillProcess);
        SeccompFilter::new(rules.into(), allow, kill, TargetArch::x86_64)
            .and_then(BpfProgram::try_from)
            .expect("valid")
    }

    fn install(filter: &BpfProgram) {
        if let Err(error) = seccompiler::apply_filter(filter) {
            fail(&format!("no filter can be installed: {error}"));
        }
    }

    fn deny_write_execute() {
        let none: libc::c_ulong = 0;
        let refuse = libc::c_ulong::from(libc::PR_MDWE_REFUSE_EXEC_GAIN);
        // SAFETY: the call is about numbers only.
        let result = unsafe { libc::prctl(libc::PR_SET_MDWE, refuse, none, none, none) };
        if result != 0 {
            fail(&format!(
                "the kernel has no MDWE: {}",
                std::io::Error::last_os_error()
            ));
        }
    }
}
