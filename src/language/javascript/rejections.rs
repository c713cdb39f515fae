//! Promises that were rejected while nobody listened.

use super::call::Call;
use crate::engine::Stop;
use std::collections::HashMap;

/// Rejections that are kept until somebody listens. Each holds a promise in
/// the guest's memory alive, some hundred bytes; beyond this many the first
/// ones are enough to end the program by.
const MAX_REJECTIONS: usize = 1 << 20;

/// Rejected promises without a handler, by address.
#[derive(Default)]
pub(super) struct Rejections {
    next: u64,
    pending: HashMap<i32, Rejection>,
}

struct Rejection {
    order: u64,
    promise: i32,
    reason: i32,
}

impl Rejections {
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The handle of the oldest one's reason.
    pub(super) fn oldest(&self) -> Option<i32> {
        let oldest = self
            .pending
            .values()
            .min_by_key(|rejection| rejection.order);
        oldest.map(|rejection| rejection.reason)
    }

    /// Forgets all; their handles.
    pub(super) fn take(&mut self) -> Vec<i32> {
        let pending = std::mem::take(&mut self.pending).into_values();
        pending
            .flat_map(|rejection| [rejection.promise, rejection.reason])
            .collect()
    }

    /// Keeps both handles, unless there are too many; whether it did.
    fn add(&mut self, address: i32, promise: i32, reason: i32) -> bool {
        if self.pending.len() >= MAX_REJECTIONS || self.pending.contains_key(&address) {
            return false;
        }
        let order = self.next;
        self.next += 1;
        self.pending.insert(
            address,
            Rejection {
                order,
                promise,
                reason,
            },
        );
        true
    }
}

/// The engine's news of a promise: rejected without a handler, or handled
/// after that. Both handles are ours now.
pub(super) fn note(
    call: &mut Call<'_>,
    promise: i32,
    reason: i32,
    handled: bool,
) -> Result<(), Stop> {
    let address = call.ask(call.exports.qjs_get_value_ptr, (promise,))?;
    let mut free = vec![promise, reason];
    if handled {
        if let Some(old) = call.data().rejections.pending.remove(&address) {
            free.extend([old.promise, old.reason]);
        }
    } else if call.data().rejections.add(address, promise, reason) {
        free.clear();
    }
    for handle in free {
        call.ask(call.exports.qjs_free_value, (handle,))?;
    }
    Ok(())
}
