//! Memory: how much there may be, and whether images can be mapped.

use super::{Finding, size};
use crate::Limits;

/// What the process needs beside a guest's memory.
const OWN: u64 = 64 << 20;

#[cfg(not(target_os = "linux"))]
pub(super) fn findings() -> Vec<Finding> {
    let _ = (OWN, size(0), Limits::default());
    Vec::new()
}

#[cfg(target_os = "linux")]
pub(super) fn findings() -> Vec<Finding> {
    vec![address_space(), limit(), files(), large_pages(), zeros()]
}

/// Whether an instance's memories can be reserved, to be mapped from an image.
#[cfg(target_os = "linux")]
fn address_space() -> Finding {
    use rustix::process::{Resource, getrlimit};
    let name = "address space";
    if crate::engine::mapping::can_reserve(Limits::default().memory) {
        return Finding::ok(name, "instances are mapped from their images");
    }
    let raise = "raise the limit (ulimit -v unlimited)";
    match getrlimit(Resource::As).current {
        Some(limit) if limit < Limits::default().memory + OWN => Finding::problem(
            name,
            format!(
                "limited to {}, less than a guest's {} and what else there is",
                size(limit),
                size(Limits::default().memory)
            ),
            raise,
        ),
        Some(limit) => Finding::note(
            name,
            format!(
                "limited to {}: images are copied instead of mapped, which is slower",
                size(limit)
            ),
            raise,
        ),
        None => Finding::note(
            name,
            "not enough is to be had at once: images are copied instead of mapped, which is slower",
            "let the system overcommit (vm.overcommit_memory 0 or 1)",
        ),
    }
}

/// What the control group allows, the narrowest above this process.
#[cfg(target_os = "linux")]
fn limit() -> Finding {
    let (name, needed) = ("memory", Limits::default().memory + OWN);
    match group_limit() {
        Some(limit) if limit < needed => Finding::note(
            name,
            format!("limited to {} by the control group", size(limit)),
            format!(
                "a guest may have {} by default: lower that with --memory, or the system ends the \
                 process that has more",
                size(Limits::default().memory)
            ),
        ),
        Some(limit) => Finding::ok(
            name,
            format!("limited to {} by the control group", size(limit)),
        ),
        None => Finding::ok(name, "not limited by a control group"),
    }
}

#[cfg(target_os = "linux")]
fn group_limit() -> Option<u64> {
    use std::path::Path;
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let own = Path::new("/sys/fs/cgroup").join(own);
    let limit = |folder: &Path| {
        let text = std::fs::read_to_string(folder.join("memory.max")).ok()?;
        text.trim().parse().ok()
    };
    own.ancestors().filter_map(limit).min()
}

/// How many files may be open.
#[cfg(target_os = "linux")]
fn files() -> Finding {
    use rustix::process::{Resource, getrlimit};
    /// A run has some ten; a server one more for each connection and file.
    const ENOUGH: u64 = 256;
    let name = "open files";
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < ENOUGH => Finding::note(
            name,
            format!("at most {limit}"),
            "guests and clients of a server may run out of them: raise the limit (ulimit -n)",
        ),
        Some(limit) => Finding::ok(name, format!("at most {limit}")),
        None => Finding::ok(name, "not limited"),
    }
}

/// Whether the heap may have large pages.
#[cfg(target_os = "linux")]
fn large_pages() -> Finding {
    let name = "large pages";
    let text = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    match text.as_deref() {
        Ok(text) if text.contains("[never]") => Finding::note(
            name,
            "switched off, so that starts take a little longer",
            "allow them: madvise in /sys/kernel/mm/transparent_hugepage/enabled",
        ),
        Ok(_) => Finding::ok(name, "are given to those who ask"),
        Err(_) => Finding::note(
            name,
            "the system has none, so that starts take a little longer",
            "nothing to do",
        ),
    }
}

/// Whether there are files in memory.
#[cfg(target_os = "linux")]
fn zeros() -> Finding {
    use rustix::fs::{MemfdFlags, memfd_create};
    match memfd_create("dormouse-doctor", MemfdFlags::CLOEXEC) {
        Ok(_) => Finding::ok("files in memory", "can be made"),
        Err(error) => Finding::note(
            "files in memory",
            format!("can't be made ({error}), so that starts take a little longer"),
            "whatever this process runs in forbids memfd_create",
        ),
    }
}
