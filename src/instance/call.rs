//! Calling into a guest that is metered, and telling its limits apart.

use super::State;
use crate::{
    Error, ErrorKind, Limit,
    engine::{Stop, mapping::MappedStore},
};
use wasmi::{AsContext, AsContextMut, Caller, Func, ResumableCall, TrapCode, Val};

/// Fuel given at a time where a deadline has to be looked at: some ten
/// milliseconds of work.
const SLICE: u64 = 4_000_000;

/// Puts the first slice into the store.
pub(super) fn fill(store: &mut MappedStore<State>) -> Result<(), Error> {
    let slice = store.data_mut().fuel.take(SLICE);
    store
        .as_context_mut()
        .set_fuel(slice)
        .map_err(|error| Error::new(ErrorKind::Engine, format!("fuel is not metered: {error}")))
}

/// Calls `func` in slices of fuel, looking at the deadline between them.
pub(super) fn metered(
    store: &mut MappedStore<State>,
    func: Func,
    params: &[Val],
    results: &mut [Val],
) -> Result<(), Stop> {
    let mut call = func.call_resumable(&mut *store, params, results)?;
    loop {
        call = match call {
            ResumableCall::Finished => return Ok(()),
            ResumableCall::HostTrap(trap) => return Err(trap.into_host_error()),
            ResumableCall::OutOfFuel(paused) => {
                refill(store, paused.required_fuel())?;
                paused.resume(&mut *store, results)?
            }
        };
    }
}

/// The next slice, unless the deadline has passed or the fuel is used up.
fn refill(store: &mut MappedStore<State>, required: u64) -> Result<(), Stop> {
    store.data().meter.check_deadline()?;
    let left = store.as_context().get_fuel()?;
    let wanted = SLICE.max(required.saturating_sub(left));
    let slice = store.data_mut().fuel.take(wanted);
    if left + slice < required || slice == 0 {
        return Err(store.data().meter.hit(Limit::Fuel));
    }
    store.as_context_mut().set_fuel(left + slice)
}

/// Counts the fuel that is left in the store as not burnt.
pub(super) fn drain(store: &mut MappedStore<State>) {
    // Without metering there is none.
    if let Ok(left) = store.as_context().get_fuel() {
        store.data_mut().fuel.give_back(left);
        let _ = store.as_context_mut().set_fuel(0);
    }
}

/// Notes which limit, if any, is behind `stop`.
pub(super) fn note_limits(store: &mut MappedStore<State>, stop: Stop) -> Stop {
    let meter = store.data().meter.clone();
    if meter.limit().is_some() {
        return stop;
    }
    match stop.as_trap_code() {
        Some(TrapCode::OutOfFuel) if store.data().fuel.is_limited() => meter.hit(Limit::Fuel),
        Some(TrapCode::OutOfFuel) => meter.hit(Limit::Deadline),
        // What a guest does whose allocator got no memory, mostly.
        Some(TrapCode::UnreachableCodeReached) if meter.memory_refused() => {
            meter.hit(Limit::Memory)
        }
        Some(TrapCode::GrowthOperationLimited) => meter.hit(Limit::Memory),
        None if meter.memory_refused() && stop.i32_exit_status().is_none() => {
            meter.hit(Limit::Memory)
        }
        _ => stop,
    }
}

/// Whether fuel is metered.
pub(crate) fn is_metered(caller: &Caller<'_, State>) -> bool {
    caller.get_fuel().is_ok()
}

/// Makes at least `wanted` fuel ready, if the run's limit allows, for calls
/// that a host function makes into the guest: those can't be paused.
pub(crate) fn top_up(caller: &mut Caller<'_, State>, wanted: u64) -> Result<(), Stop> {
    let Ok(left) = caller.get_fuel() else {
        return Ok(());
    };
    if left >= wanted {
        return Ok(());
    }
    caller.data().meter.check_deadline()?;
    let more = caller.data_mut().fuel.take(wanted - left);
    caller.set_fuel(left + more)
}

/// Takes back what [`top_up`] made ready beyond a slice, so that the deadline
/// is looked at as often as ever.
pub(crate) fn settle(caller: &mut Caller<'_, State>) -> Result<(), Stop> {
    match caller.get_fuel() {
        Ok(left) if left > SLICE => {
            caller.data_mut().fuel.give_back(left - SLICE);
            caller.set_fuel(SLICE)
        }
        _ => Ok(()),
    }
}
