//! What is left of the system's calls, by seccomp.
//!
//! There is a list of what is left, and all else fails as if the kernel did not
//! have it, which C libraries are prepared for. `clone3` is among that: its flags
//! lie in memory, where no filter can look, and the libraries fall back to `clone`,
//! of which threads are left.
//!
//! What only somebody does who has taken the process over ends it at once, rather
//! than to let them try the next thing. That goes for executable memory, with one
//! exception: where names are looked up, glibc may try to load modules for that as
//! `/etc/nsswitch.conf` has it, and does without when it is refused.

use super::{
    filter::{Calls, Rules, all, equal, is_given, masked, other_than},
    lists::{KILLING, KILLING_HERE, LEFT, LEFT_HERE},
};
use crate::{Error, lockdown::Lockdown};
use libc::{
    SYS_accept4, SYS_bind, SYS_clone, SYS_connect, SYS_ioctl, SYS_listen, SYS_mmap, SYS_mprotect,
    SYS_pkey_mprotect, SYS_prctl, SYS_prlimit64, SYS_socket, SYS_socketpair, SYS_tgkill, c_long,
};

/// Settings of terminals and pipes that are read or changed. (Not `TIOCSTI`, which
/// types for the user.)
#[rustfmt::skip]
const SETTINGS: &[libc::Ioctl] = &[
    libc::TCGETS, libc::TCSETS, libc::TCSETSW, libc::TCSETSF, libc::TIOCGWINSZ,
    // The same since glibc 2.42.
    libc::TCGETS2, libc::TCSETS2, libc::TCSETSW2, libc::TCSETSF2,
    libc::FIONREAD, libc::FIONBIO, libc::FIOCLEX,
];

/// The name of a thread; names of memory, for people (`PR_SET_VMA`); and, as
/// each filter that is installed begins with it, to gain no privileges any more.
const OWN_SETTINGS: [i32; 3] = [libc::PR_SET_NAME, 0x5356_4d41, libc::PR_SET_NO_NEW_PRIVS];

/// What a new thread or process may have of its own, instead of its parent's.
#[rustfmt::skip]
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS, libc::CLONE_NEWCGROUP, libc::CLONE_NEWUTS, libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER, libc::CLONE_NEWPID, libc::CLONE_NEWNET,
];

/// Bits of a socket's type that are not its kind.
const KIND: u64 = 0xf;

/// What `lockdown` leaves.
pub(super) fn rules(lockdown: &Lockdown) -> Result<Rules, Error> {
    let mut rules = Rules {
        killing: each(KILLING.iter().chain(KILLING_HERE)),
        refused: Calls::new(),
        known: each(LEFT.iter().chain(LEFT_HERE)),
    };
    threads(&mut rules)?;
    executable_memory(&mut rules, lockdown)?;
    settings(&mut rules)?;
    sockets(&mut rules, lockdown)?;
    Ok(rules)
}

/// Each call of these.
fn each<'a>(calls: impl Iterator<Item = &'a c_long>) -> Calls {
    calls.map(|call| (*call, Vec::new())).collect()
}

/// Threads, and signals to those of this process alone.
fn threads(rules: &mut Rules) -> Result<(), Error> {
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let mut others = vec![all(vec![masked(0, thread, 0)?])?];
    for space in NAMESPACES {
        let space = u64::from(space.cast_unsigned());
        others.push(all(vec![masked(0, space, space)?])?);
    }
    rules.killing.insert(SYS_clone, others);
    rules.known.insert(SYS_clone, Vec::new());
    let own = std::process::id();
    rules
        .refused
        .insert(SYS_tgkill, vec![all(vec![other_than(0, own)?])?]);
    rules.known.insert(SYS_tgkill, Vec::new());
    Ok(())
}

fn executable_memory(rules: &mut Rules, lockdown: &Lockdown) -> Result<(), Error> {
    let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
    let calls = match lockdown.connects {
        true => &mut rules.refused,
        false => &mut rules.killing,
    };
    for call in [SYS_mmap, SYS_mprotect, SYS_pkey_mprotect] {
        let rule = all(vec![masked(2, executable, executable)?])?;
        calls.insert(call, vec![rule]);
    }
    Ok(())
}

/// Settings, by which they are about.
fn settings(rules: &mut Rules) -> Result<(), Error> {
    let others = |index, values: &[u32]| -> Result<_, Error> {
        let conditions = values.iter().map(|value| other_than(index, *value));
        Ok(vec![all(conditions.collect::<Result<_, _>>()?)?])
    };
    let ioctls: Vec<u32> = SETTINGS.iter().map(|request| lower(*request)).collect();
    rules.refused.insert(SYS_ioctl, others(1, &ioctls)?);
    let own = OWN_SETTINGS.map(i32::cast_unsigned);
    rules.refused.insert(SYS_prctl, others(0, &own)?);
    // Limits are read: there is nothing where the new ones would lie.
    let set = vec![all(vec![is_given(2)?])?];
    rules.refused.insert(SYS_prlimit64, set);
    for call in [SYS_ioctl, SYS_prctl, SYS_prlimit64] {
        rules.known.insert(call, Vec::new());
    }
    Ok(())
}

/// The kernel looks at these bits of an `ioctl`'s request.
fn lower(request: libc::Ioctl) -> u32 {
    request as u32
}

/// Sockets that send HTTP requests and look up names, or that listen already. Pairs
/// with both ends in this process are how its threads are told of signals.
fn sockets(rules: &mut Rules, lockdown: &Lockdown) -> Result<(), Error> {
    let pairs = vec![all(vec![equal(0, libc::AF_UNIX.cast_unsigned())?])?];
    rules.known.insert(SYS_socketpair, pairs);
    let mut refused = vec![SYS_bind, SYS_listen];
    let mut left = Vec::new();
    match lockdown.serves {
        true => left.push(SYS_accept4),
        false => refused.push(SYS_accept4),
    }
    match lockdown.connects {
        true => left.push(SYS_connect),
        false => refused.extend([SYS_connect, SYS_socket]),
    }
    rules.known.append(&mut each(left.iter().chain(&refused)));
    rules.refused.append(&mut each(refused.iter()));
    if lockdown.connects {
        let mut kinds = Vec::new();
        for family in [libc::AF_INET, libc::AF_INET6].map(i32::cast_unsigned) {
            for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM] {
                let kind = masked(1, KIND, u64::from(kind.cast_unsigned()))?;
                kinds.push(all(vec![equal(0, family)?, kind])?);
            }
        }
        rules.known.insert(SYS_socket, kinds);
    }
    Ok(())
}
