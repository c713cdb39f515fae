//! Room on the native stack.
//!
//! wasmi 2.0.0 keeps some of the native stack each time that a guest grows a
//! memory or a table, also in vain, until the call of the guest returns. So this
//! is counted, and a guest that does it without end has reached the limit of its
//! memory. One that takes its memory page by page needs as many growths as pages.

use crate::engine::mapping::PAGE;
use std::{cell::Cell, io, thread};

/// Growths in one call of a guest, beyond those by which it gets its memory. A
/// guest that was refused memory so often has thrown away long before what it
/// could.
const MAX_IN_VAIN: usize = 2048;

/// Pages that count: those of 64 GiB.
const MAX_PAGES: u64 = 1 << 20;

/// Bytes of the native stack that growing takes: 176 for x86-64, and a margin.
const GROWTH: usize = 320;

/// What all else takes.
const REST: usize = 1 << 20;

/// Bytes of memory that a guest may have on any thread. The smallest stacks in
/// use are threads' of 2 MiB.
const ANYWHERE: u64 = 256 << 20;

thread_local! {
    /// Bytes of memory that a guest may have on this thread.
    static HERE: Cell<u64> = const { Cell::new(ANYWHERE) };
}

/// How often anything may grow in one call of a guest that may have `memory` bytes.
pub(super) fn growths(memory: u64) -> usize {
    let pages = (memory / PAGE).min(MAX_PAGES);
    usize::try_from(pages).map_or(usize::MAX, |pages| pages + MAX_IN_VAIN)
}

/// Runs `guest`, whose memory may grow to `memory` bytes: here, or on a thread
/// whose stack bears it.
///
/// # Errors
///
/// When there can be no such thread.
pub(crate) fn on_room_for<R: Send>(memory: u64, guest: impl FnOnce() -> R + Send) -> io::Result<R> {
    if memory <= HERE.get() {
        return Ok(guest());
    }
    let stack = growths(memory).saturating_mul(GROWTH).saturating_add(REST);
    thread::scope(|scope| {
        let guest = || {
            HERE.set(memory);
            guest()
        };
        let thread = thread::Builder::new()
            .name("dormouse-guest".to_owned())
            .stack_size(stack)
            .spawn_scoped(scope, guest)?;
        thread
            .join()
            .or_else(|panic| std::panic::resume_unwind(panic))
    })
}
