//! What happens after a program's top level: promises, timers, the end.

use super::{
    point::Way,
    program::{EXIT_NEVER_SETTLED, EXIT_UNCAUGHT, Engine, Thrown, language},
};
use crate::{engine::Stop, instance::Instance};
use std::time::Duration;

/// The states of a promise, as the engine numbers them.
const PENDING: i32 = 0;
const REJECTED: i32 = 2;

/// How it ended.
pub(super) enum Ended {
    Exit(i32),
    /// The program waits at its snapshot point.
    AtPoint,
}

/// Runs until nothing is left to do. `main` is the promise that the program's
/// evaluation gave, if it did.
pub(super) fn run(
    instance: &mut Instance,
    engine: &Engine,
    main: Option<i32>,
) -> Result<Ended, Stop> {
    loop {
        if let Err(Thrown(error)) = engine.run_jobs(instance)? {
            return engine.report(instance, error, false).map(Ended::Exit);
        }
        if let Some(code) = check_promises(instance, engine, main)? {
            return Ok(Ended::Exit(code));
        }
        if engine.has_calls(instance) {
            // What the program calls while it has anything else to do goes
            // together; it can't do more before it is answered.
            let sent = engine.call(instance, engine.handles.flush, &[])?;
            match engine.checked(instance, sent)? {
                Ok(nothing) => engine.free(instance, nothing)?,
                Err(Thrown(error)) => {
                    return engine.report(instance, error, false).map(Ended::Exit);
                }
            }
            continue;
        }
        if language(instance).way == Way::Reached {
            return Ok(Ended::AtPoint);
        }
        if !engine.is_waiting(instance) {
            return end(instance, engine, main).map(Ended::Exit);
        }
        let tick = engine.call(instance, engine.handles.tick, &[])?;
        let wait = match engine.checked(instance, tick)? {
            Ok(number) => engine.take_number(instance, number)?,
            Err(Thrown(error)) => {
                return engine.report(instance, error, false).map(Ended::Exit);
            }
        };
        if wait > 0.0 {
            let duration = Duration::try_from_secs_f64(wait / 1000.0).unwrap_or(Duration::MAX);
            instance.state().wasi().clock().sleep(duration)?;
        } else if wait < 0.0 {
            return end(instance, engine, main).map(Ended::Exit);
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
    let rejections = &language(instance).rejections;
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
