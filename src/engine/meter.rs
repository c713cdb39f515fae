//! What stops a guest: one place where every limit is noted.

use crate::Limit;
use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Counts and bounds shared by the parts of one run.
#[derive(Debug)]
pub(crate) struct Meter {
    /// When the guest must have ended.
    deadline: Option<Instant>,
    /// Which limit stopped the guest: 0 for none, else `code_of` it.
    hit: AtomicU8,
    memory_refused: AtomicBool,
    output_left: AtomicU64,
    truncated: AtomicBool,
}

impl Meter {
    /// `output`: bytes that may still be written; `u64::MAX` for no bound.
    pub(crate) fn new(deadline: Option<Instant>, output: Option<u64>) -> Self {
        Self {
            deadline,
            hit: AtomicU8::new(0),
            memory_refused: AtomicBool::new(false),
            output_left: AtomicU64::new(output.unwrap_or(u64::MAX)),
            truncated: AtomicBool::new(false),
        }
    }

    /// The limit that stopped the guest, if one did.
    pub(crate) fn limit(&self) -> Option<Limit> {
        match self.hit.load(Ordering::Relaxed) {
            1 => Some(Limit::Deadline),
            2 => Some(Limit::Memory),
            3 => Some(Limit::Output),
            4 => Some(Limit::Fuel),
            _ => None,
        }
    }

    /// Notes that `limit` stops the guest; the first one noted stays.
    pub(crate) fn hit(&self, limit: Limit) -> super::Stop {
        let code = match limit {
            Limit::Deadline => 1,
            Limit::Memory => 2,
            Limit::Output => 3,
            Limit::Fuel => 4,
        };
        let _ = self
            .hit
            .compare_exchange(0, code, Ordering::Relaxed, Ordering::Relaxed);
        wasmi::Error::new(format!("stopped by the {limit} limit"))
    }

    /// Time until the deadline; `None` where there is none.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.deadline
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// An error once the deadline has passed.
    pub(crate) fn check_deadline(&self) -> Result<(), super::Stop> {
        match self.time_left() {
            Some(left) if left.is_zero() => Err(self.hit(Limit::Deadline)),
            _ => Ok(()),
        }
    }

    /// Takes up to `wanted` bytes from what may still be written; how many
    /// were left to take.
    pub(crate) fn take_output(&self, wanted: usize) -> usize {
        let wanted = wanted as u64;
        let before = self
            .output_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some(if left == u64::MAX {
                    left
                } else {
                    left.saturating_sub(wanted)
                })
            })
            .unwrap_or(0);
        let taken = wanted.min(before);
        if taken < wanted {
            self.truncated.store(true, Ordering::Relaxed);
        }
        usize::try_from(taken).unwrap_or(usize::MAX)
    }

    pub(crate) fn truncated(&self) -> bool {
        self.truncated.load(Ordering::Relaxed)
    }

    pub(crate) fn refuse_memory(&self) {
        self.memory_refused.store(true, Ordering::Relaxed);
    }

    pub(crate) fn memory_refused(&self) -> bool {
        self.memory_refused.load(Ordering::Relaxed)
    }
}
