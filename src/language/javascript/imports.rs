//! The engine's `env` imports.

use super::{Data, answer, call::Call, functions, modules};
use crate::{Error, ErrorKind, engine::Stop, instance::State};
use wasmi::{Caller, Linker, errors::LinkerError};

const MODULE: &str = "env";

/// A guest that calls us before it is ready, or with addresses outside its
/// memory, is not the engine that we prepared.
pub(super) fn broken(what: &str) -> Stop {
    Stop::new(format!(
        "the JavaScript engine called the host wrongly: {what}"
    ))
}

/// Adds what the engine imports beyond WASI.
///
/// # Errors
///
/// Only for a name that is there already.
pub(crate) fn link(linker: &mut Linker<State>) -> Result<(), Error> {
    add(linker).map_err(|error| {
        Error::new(
            ErrorKind::Engine,
            format!("JavaScript's imports can't be linked: {error}"),
        )
    })
}

fn add(linker: &mut Linker<State>) -> Result<(), LinkerError> {
    linker.func_wrap(
        MODULE,
        "host_call",
        |caller: Caller<'_, State>, name: i32, name_len: i32, _this: i32, argc: i32, argv: i32| {
            let mut call = Call::new(caller, argc, argv)?;
            let answer = functions::dispatch(&mut call, name, name_len);
            let given = answer::give(&mut call, answer)?;
            call.settle()?;
            Ok::<_, Stop>(given)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "host_promise_rejection",
        |caller: Caller<'_, State>, promise: i32, reason: i32, handled: i32| {
            let mut call = Call::new(caller, 0, 0)?;
            super::rejections::note(&mut call, promise, reason, handled != 0)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "host_module_normalize",
        |caller: Caller<'_, State>, base: i32, name: i32| {
            modules::normalize(&mut Call::new(caller, 0, 0)?, base, name)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "host_module_load",
        |caller: Caller<'_, State>, name: i32, len: i32| {
            modules::load(&mut Call::new(caller, 0, 0)?, name, len)
        },
    )?;
    // Asked where sessions are: limits end a run from outside.
    linker.func_wrap(MODULE, "host_interrupt", |mut caller: Caller<'_, State>| {
        let state = caller.data_mut();
        i32::from(state.meter.take_interrupt() || state.language::<Data>().is_stopping)
    })?;
    // The sandbox is in UTC, wherever the host is.
    linker.func_wrap(MODULE, "host_get_timezone_offset", |_: i32, _: i32| 0_i32)?;
    Ok(())
}
