//! The process' heap in large pages.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};
#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::{
    ops::Range,
    sync::{Mutex, PoisonError},
};

/// Addresses by which [`use_large_pages`] had the heap grow, until they are made of
/// large pages.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
static GROWN: Mutex<Option<Range<usize>>> = Mutex::new(None);

/// Has the heap grow in large steps, and of large pages once a large module is loaded
/// ([`expect_module`]), where the system gives them to those who ask. For a process that
/// starts with that: of the time for it, half is spent on the first touch of each small
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
    let mut range = GROWN.lock().unwrap_or_else(PoisonError::into_inner);
    *range = start.checked_add(len).map(|end| start..end);
}

/// Makes the heap of large pages, if [`use_large_pages`] was called and a module of `len`
/// bytes is large. With a small one most of such a page stays unused, which counts as
/// resident: JavaScript takes 1 MB of heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn expect_module(len: usize) {
    /// More than JavaScript's, less than Python's, also of what they seldom run.
    const LARGE: usize = 512 << 10;
    if len < LARGE {
        return;
    }
    let grown = GROWN.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(range) = grown else { return };
    // SAFETY: the range lies between two ends that the heap has had; advice about the
    // size of pages changes nothing of what is in them.
    let _ = unsafe {
        rustix::mm::madvise(
            libc::sbrk(0).with_addr(range.start),
            range.len(),
            rustix::mm::Advice::LinuxHugepage,
        )
    };
}

/// Other systems and libraries have other ways, if any.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn expect_module(_: usize) {}

/// Other systems and libraries have other ways, if any.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn use_large_pages() {}

thread_local! {
    /// Whether this thread takes nothing back.
    static KEEPS: Cell<bool> = const { Cell::new(false) };
}

/// From now on nothing that this thread frees is taken back, where [`Heap`] is
/// the allocator: for a thread that helps a short-lived process to start. What
/// it frees was allocated by others, who would have to be waited for.
pub(crate) fn keep_all() {
    KEEPS.set(true);
}

/// The system's allocator, of which threads that keep all ask nothing that
/// others have to wait for. To be the allocator of a command, not of a library.
#[derive(Debug)]
pub struct Heap;

// SAFETY: `System` keeps the trait's promises. A block that is not given back
// stays allocated, which hurts nobody.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on as it came.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !KEEPS.get() {
            // SAFETY: passed on as it came.
            unsafe { System.dealloc(block, layout) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !KEEPS.get() {
            // SAFETY: passed on as it came.
            return unsafe { System.realloc(block, layout, size) };
        }
        // SAFETY: the caller promises that `size`, rounded up to the alignment,
        // is no more than a layout may have.
        let new = unsafe { System.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both blocks are valid for as many bytes, and the new one
            // is nobody else's.
            unsafe { block.copy_to_nonoverlapping(new, layout.size().min(size)) };
        }
        new
    }
}
