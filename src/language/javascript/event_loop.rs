//! What happens after a program's top level: promises, timers, the end.

use super::{
    Data,
    program::{EXIT_NEVER_SETTLED, EXIT_UNCAUGHT, Engine, Thrown},
};
use crate::{engine::Stop, instance::Instance};
use std::time::Duration;

/// The states of a promise, as the engine numbers them.
const PENDING: i32 = 0;
const REJECTED: i32 = 2;

/// Runs until nothing is left to do; the exit code. `main` is what the
/// program's evaluation gave: a module's promise, or a script's value.
pub(super) fn run(instance: &mut Instance, engine: &Engine, main: i32) -> Result<i32, Stop> {
    let exports = engine.exports;
    let is_promise = Engine::ask(instance, exports.qjs_is_promise.func(), &[main])? != 0;
    let main = is_promise.then_some(main);
    loop {
        if let Err(Thrown(error)) = engine.run_jobs(instance)? {
            return engine.report(instance, error, false);
        }
        if let Some(code) = check_promises(instance, engine, main)? {
            return Ok(code);
        }
        if !engine.is_waiting(instance) {
            return end(instance, engine, main);
        }
        let tick = engine.call(instance, engine.handles.tick, &[])?;
        let wait = match engine.checked(instance, tick)? {
            Ok(number) => engine.take_number(instance, number)?,
            Err(Thrown(error)) => return engine.report(instance, error, false),
        };
        if wait > 0.0 {
            let duration = Duration::try_from_secs_f64(wait / 1000.0).unwrap_or(Duration::MAX);
            instance.state().wasi().clock().sleep(duration)?;
        } else if wait < 0.0 {
            return end(instance, engine, main);
        }
    }
}

/// The exit code, if a promise was rejected and nobody listens.
fn check_promises(
    instance: &mut Instance,
    engine: &Engine,
    main: Option<i32>,
) -> Result<Option<i32>, Stop> {
    if let Some(main) = main
        && state_of(instance, engine, main)? == REJECTED
    {
        let reason = Engine::ask(instance, engine.exports.qjs_promise_result.func(), &[main])?;
        return engine.report(instance, reason, false).map(Some);
    }
    let rejections = &instance
        .store_mut()
        .data_mut()
        .language::<Data>()
        .rejections;
    if rejections.is_empty() {
        return Ok(None);
    }
    let oldest = rejections.oldest();
    match oldest {
        Some(reason) => engine.report(instance, reason, true).map(Some),
        None => Ok(Some(EXIT_UNCAUGHT)),
    }
}

fn state_of(instance: &mut Instance, engine: &Engine, promise: i32) -> Result<i32, Stop> {
    Engine::ask(
        instance,
        engine.exports.qjs_promise_state.func(),
        &[promise],
    )
}

/// Nothing is left to do: an end, unless the program still waits for it.
fn end(instance: &mut Instance, engine: &Engine, main: Option<i32>) -> Result<i32, Stop> {
    let waits = match main {
        Some(main) => state_of(instance, engine, main)? == PENDING,
        None => false,
    };
    if !waits {
        return Ok(0);
    }
    engine.write_error(
        instance,
        "Warning: the program ended while its top level was waiting for a promise that nothing \
         will settle\n",
    )?;
    Ok(EXIT_NEVER_SETTLED)
}
