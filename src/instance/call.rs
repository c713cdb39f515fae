//! Calling into a guest that is metered, and telling its limits apart.

use super::State;
use crate::{
    Error, ErrorKind, Limit,
    engine::{Pause, Stop, mapping::MappedStore},
    wasi::INTERRUPTED,
    wasm::Raised,
};
use wasmi::{
    AsContext, AsContextMut, CallHook, Caller, Func, ResumableCall, ResumableCallHostTrap,
    TrapCode, Val, ValType,
};

/// A call of a guest that waits for what its host has to say. It holds the
/// guest's stack, and no thread.
pub(crate) struct Waiting(pub(super) ResumableCallHostTrap);

/// Fuel given at a time where a deadline has to be looked at: some ten
/// milliseconds of work.
const SLICE: u64 = 4_000_000;

/// Fuel of a call that is brief: well below a millisecond of work, so that a
/// caller who holds something meanwhile need not let go of it.
const BRIEF: u64 = 100_000;

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
    let call = func.call_resumable(&mut *store, params, results)?;
    rest(store, call, results)
}

/// Calls `func` for as long as a brief call may take; gives what goes on, where it
/// takes longer.
pub(super) fn brief(
    store: &mut MappedStore<State>,
    func: Func,
    params: &[Val],
    results: &mut [Val],
) -> Result<Option<ResumableCall>, Stop> {
    let left = store.as_context().get_fuel()?;
    if left > BRIEF {
        store.data_mut().fuel.give_back(left - BRIEF);
        store.as_context_mut().set_fuel(BRIEF)?;
    }
    match func.call_resumable(&mut *store, params, results)? {
        ResumableCall::Finished => Ok(None),
        paused @ ResumableCall::OutOfFuel(_) => Ok(Some(paused)),
        trap => rest(store, trap, results).map(|()| None),
    }
}

/// Goes on with `call` until it ends.
pub(super) fn rest(
    store: &mut MappedStore<State>,
    call: ResumableCall,
    results: &mut [Val],
) -> Result<(), Stop> {
    match drive(store, call, results)? {
        None => Ok(()),
        Some(Waiting(trap)) => Err(trap.into_host_error()),
    }
}

/// Goes on with `call` until it ends, or waits for its host.
pub(super) fn drive(
    store: &mut MappedStore<State>,
    mut call: ResumableCall,
    results: &mut [Val],
) -> Result<Option<Waiting>, Stop> {
    loop {
        // The guest's call has returned, if only to go on.
        store.data_mut().limiter.returned();
        call = match call {
            ResumableCall::Finished => return Ok(None),
            ResumableCall::OutOfFuel(paused) => {
                let required = paused.required_fuel();
                refill(store, required)?;
                if store.data().meter.check().is_err() {
                    // It is an interrupt: what else it may be, `refill` saw.
                    if raise(store)? {
                        refill(store, required)?;
                    }
                }
                paused.resume(&mut *store, results)?
            }
            ResumableCall::HostTrap(trap) => match Pause::of(trap.host_error()) {
                Some(Pause::Idle) => return Ok(Some(Waiting(trap))),
                Some(pause) if raise(store)? => {
                    let result = interrupted(store, &trap.host_func(), pause);
                    trap.resume(&mut *store, result.as_slice(), results)?
                }
                _ => return Err(trap.into_host_error()),
            },
        };
    }
}

/// What a host function answers whose wait was interrupted: an errno, if
/// anything.
fn interrupted(store: &MappedStore<State>, function: &Func, pause: Pause) -> Option<Val> {
    let is_errno = function.ty(store).results() == [ValType::I32];
    let errno = match pause {
        Pause::EarlyEnd => 0,
        _ => INTERRUPTED,
    };
    is_errno.then_some(Val::I32(errno))
}

/// Lets the guest know of an interrupt in the way of its language; whether it
/// has one for it.
fn raise(store: &mut MappedStore<State>) -> Result<bool, Stop> {
    let Some(way) = store.data().interrupt else {
        return Ok(false);
    };
    store.data().meter.take_interrupt();
    way.raise(store)?;
    Ok(true)
}

/// The next slice, unless the deadline has passed or the fuel is used up.
fn refill(store: &mut impl AsContextMut<Data = State>, required: u64) -> Result<(), Stop> {
    let mut store = store.as_context_mut();
    go_on(store.data())?;
    let left = store.get_fuel()?;
    let wanted = SLICE.max(required.saturating_sub(left));
    let slice = store.data_mut().fuel.take(wanted);
    if left + slice < required || slice == 0 {
        return Err(store.data().meter.hit(Limit::Fuel));
    }
    store.set_fuel(left + slice)
}

/// Calls `func` from inside a host function that its guest has called: in slices
/// of fuel, too, where it is metered.
pub(crate) fn nested(
    caller: &mut Caller<'_, State>,
    func: Func,
    params: &[Val],
    results: &mut [Val],
) -> Result<(), Stop> {
    let mut call = func.call_resumable(&mut *caller, params, results)?;
    loop {
        call = match call {
            ResumableCall::Finished => return Ok(()),
            ResumableCall::OutOfFuel(paused) => {
                refill(caller, paused.required_fuel())?;
                paused.resume(&mut *caller, results)?
            }
            ResumableCall::HostTrap(trap) => return Err(trap.into_host_error()),
        };
    }
}

/// Has the deadline looked at whenever the host has done something for the guest:
/// that can take long, and burns no fuel.
pub(super) fn watch(store: &mut MappedStore<State>) {
    store.on_call(|state, call| match call {
        CallHook::CallingHost => {
            state.meter.start_clock();
            Ok(())
        }
        CallHook::ReturningFromHost => go_on(state),
        CallHook::CallingWasm | CallHook::ReturningFromWasm => Ok(()),
    });
}

/// Whether a guest that asks may go on. It is paused by an interrupt only if it
/// can be told of it; where its language looks for interrupts itself, it sees
/// this one.
pub(super) fn tick(state: &State) -> Result<(), Stop> {
    match state.interrupt {
        Some(_) => state.meter.check(),
        None => go_on(state),
    }
}

/// Whether the guest may go on, if only to see that it is interrupted.
fn go_on(state: &State) -> Result<(), Stop> {
    match state.meter.check() {
        Err(stop) if Pause::of(&stop) == Some(Pause::Interrupt) => Ok(()),
        checked => checked,
    }
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
        // What an embedder's own function failed with is for the embedder.
        None if stop.downcast_ref::<Raised>().is_some() => stop,
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
    go_on(caller.data())?;
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
