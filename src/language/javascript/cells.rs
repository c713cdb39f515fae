//! What the host reads and writes in the runtime's memory where it lies.
//!
//! A call of a JavaScript function costs the translation of much of the
//! engine, if it is the first one; these cells cost nothing. The layout is that
//! of `internals.cells` in `primordials.js`.

use super::{call::Call, imports::broken, program::Engine};
use crate::{engine::Stop, instance::Instance};

/// Bytes of all cells.
pub(super) const SIZE: usize = 40;

const RANDOM: usize = 0;
const TIME_ORIGIN: usize = 16;
const WAITING: usize = 24;
const QUEUED: usize = 28;
const ANSWERED: usize = 32;

/// What the answer to a host function's call is.
#[derive(Clone, Copy)]
pub(super) enum Answered {
    /// The value itself.
    Plain = 0,
    /// JSON text of the value.
    Json = 1,
    /// JSON text of an error.
    Error = 2,
    /// None: an argument is to be given as JSON.
    Again = 3,
}

impl Call<'_> {
    /// Says what the answer will be.
    pub(super) fn tell(&mut self, what: Answered) -> Result<(), Stop> {
        let at = self.data().cells.wrapping_add(ANSWERED as i32);
        let value = (what as u32).to_le_bytes();
        let written = self.exports.write(&mut self.caller, at, &value);
        written.ok_or_else(|| broken("its cells lie outside its memory"))
    }
}

impl Engine {
    /// Gives the runtime a state for `Math.random`, and the time at which
    /// `performance.now()` was 0.
    pub(super) fn fill_cells(&self, instance: &mut Instance) -> Result<(), Stop> {
        // From here on it is the program's time, and it draws.
        if let Some(beginning) = instance.store_mut().data_mut().beginning.take() {
            beginning.now();
        }
        let wasi = instance.state().wasi();
        let mut bytes = [0; WAITING];
        wasi.random().fill(&mut bytes[RANDOM..TIME_ORIGIN]);
        // The generator never leaves a state of zeros.
        bytes[RANDOM] |= u8::from(bytes[RANDOM..TIME_ORIGIN] == [0; TIME_ORIGIN]);
        let elapsed = wasi.clock().monotonic();
        let origin = wasi.clock().unix_time().saturating_sub(elapsed);
        let origin = origin.as_secs_f64() * 1000.0;
        bytes[TIME_ORIGIN..].copy_from_slice(&origin.to_le_bytes());
        let at = self.handles.cells;
        let written = self.exports.write(instance.store_mut(), at, &bytes);
        written.ok_or_else(|| super::imports::broken("its cells lie outside its memory"))
    }

    /// Whether timers or immediates are still to come.
    pub(super) fn is_waiting(&self, instance: &Instance) -> bool {
        self.has(instance, WAITING)
    }

    /// Whether calls of the host's functions are to be sent.
    pub(super) fn has_calls(&self, instance: &Instance) -> bool {
        self.has(instance, QUEUED)
    }

    fn has(&self, instance: &Instance, cell: usize) -> bool {
        let at = self.handles.cells.wrapping_add(cell as i32);
        self.exports.read_u32(instance.store(), at) != Some(0)
    }
}
