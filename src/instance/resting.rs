//! What runs leave for the next one of the same image.
//!
//! Making an instance costs most where it is mapped, and again where its pages
//! are touched for the first time. So an instance whose run has ended is brought
//! back to its image at once, and rests until a run wants it. It must be like a
//! new one in all that a guest can see:
//!
//! - its memory is compared with what the run wrote to, and written back;
//! - its mutable globals, all of which it exports, are set back;
//! - its tables and segments are as they were, as no code of it changes any;
//! - the host's side, with streams, files, clocks and randomness, goes with the
//!   run, and another comes with the next;
//! - code that was loaded on demand stays. That would show in how much fuel a run
//!   burns, so runs whose fuel is limited get new instances.
//!
//! Which images are of that kind was found out where they were built
//! ([`is_restorable`](super::is_restorable)), and only what this installation
//! built is believed. Of others, of instances whose memory has grown, and of
//! runs that trapped or hit a limit, only the address space is kept.

use super::{Instance, Prepared, State, prepared::ImageMemories};
use crate::engine::mapping::Reservation;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What may rest: as many as run at a time in most servers. An instance holds
/// 3 MiB of memory at the most, a reservation next to none.
pub(super) const MAX_RESTED: usize = 16;

/// What rests.
#[derive(Default)]
pub(super) struct Resting(Mutex<Vec<Rested>>);

/// What a run left.
pub(super) enum Rested {
    Instance(Box<Instance>),
    Space(Reservation),
}

impl Rested {
    /// Whether a run with `state` can have it.
    fn fits(&self, state: &State) -> bool {
        let reservation = match self {
            Self::Instance(_) if state.fuel.is_limited() => return false,
            Self::Instance(instance) => instance.store.reservation(),
            Self::Space(reservation) => reservation,
        };
        state.limiter.memory_left() <= reservation.limit()
    }
}

impl Resting {
    /// What rested last, and fits a run with `state`: its pages are the most
    /// likely to be in the processor's caches.
    pub(super) fn take(&self, state: &State) -> Option<Rested> {
        let mut all = self.lock();
        let at = all.iter().rposition(|rested| rested.fits(state))?;
        Some(all.remove(at))
    }

    pub(super) fn put(&self, rested: Rested) {
        let mut all = self.lock();
        if all.len() < MAX_RESTED {
            all.push(rested);
        }
    }

    fn is_full(&self) -> bool {
        self.lock().len() >= MAX_RESTED
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Rested>> {
        // It is only ever pushed to and removed from.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Instance {
    /// Ends a run. What of the instance can be used again rests, `in_place` only
    /// if the guest came to its end.
    pub(crate) fn rest(mut self, prepared: &Prepared, in_place: bool) {
        let Some(image) = &prepared.image else { return };
        if !self.is_awake() || !self.store.is_mapped() || prepared.resting.is_full() {
            return;
        }
        let in_place = in_place && prepared.is_reset_in_place() && self.forget(image);
        prepared.resting.put(if in_place {
            Rested::Instance(Box::new(self))
        } else {
            let (_, mut reservation) = self.store.into_parts();
            reservation.renew(&image.memories);
            Rested::Space(reservation)
        });
    }

    /// Goes back to the image, without anything of the run; `false` if that
    /// can't be.
    fn forget(&mut self, image: &ImageMemories) -> bool {
        let Ok(nobody) = State::nobody(0) else {
            return false;
        };
        // Streams and files are closed here, not when the next run comes.
        *self.store.data_mut() = nobody;
        matches!(self.rewind(image), Ok(true))
    }
}
