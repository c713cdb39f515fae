//! The process' heap in large pages.

/// Has the heap grow in large steps and of large pages, where the system gives
/// them to those who ask. For a process that starts with loading a large
/// module: of the time for that, half is spent on the first touch of each small
/// page (CPython's module, parsed unchecked: 2.5 ms, so 1.2 ms).
///
/// This is a matter of the whole process, so libraries should not do it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn use_large_pages() {
    /// What the heap grows by: what waking a large guest allocates. Nothing
    /// is taken before it is touched.
    const STEP: usize = 16 << 20;
    /// The smallest block that gets a mapping of its own, made of small pages.
    const MAPPED: libc::c_int = 8 << 20;
    let step = libc::c_int::try_from(STEP).unwrap_or(libc::c_int::MAX);
    // SAFETY: settings of the allocator, and the end of the heap; that the
    // heap grows in between hurts nobody.
    let before = unsafe {
        libc::mallopt(libc::M_TOP_PAD, step);
        libc::mallopt(libc::M_TRIM_THRESHOLD, step.saturating_mul(2));
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED);
        libc::sbrk(0)
    };
    // More than is left of the heap at the start of a process.
    drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 20)));
    // SAFETY: as above.
    let after = unsafe { libc::sbrk(0) };
    let start = before
        .addr()
        .checked_next_multiple_of(rustix::param::page_size());
    let grown = start.and_then(|start| after.addr().checked_sub(start));
    let (Some(start), Some(len @ 1..)) = (start, grown) else {
        return;
    };
    if len > 2 * STEP {
        // Somebody else moves the end of the heap, too.
        return;
    }
    // SAFETY: the range lies between two ends of the heap; advice about the
    // size of its pages changes nothing of what is in it.
    let _ = unsafe {
        rustix::mm::madvise(
            before.with_addr(start),
            len,
            rustix::mm::Advice::LinuxHugepage,
        )
    };
}

/// Other systems and libraries have other ways, if any.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn use_large_pages() {}
