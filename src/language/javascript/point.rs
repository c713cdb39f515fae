//! The snapshot point of a program: where its image goes on.
//!
//! `dormouse.snapshot_point()` gives a promise. The program is captured at the
//! event loop's next turn, when all that can be done has been done and no
//! function of the engine is active; then, or rather in each run of the image,
//! the promise is fulfilled. A module that doesn't ask for it is captured after
//! its imports: one more is added to them, which waits for that promise.

use super::{
    answer::Answer,
    call::{Call, Failure},
    event_loop::{self, Ended},
    program::{self, Engine, Thrown},
};
use crate::{Error, Program, engine::Stop, instance::Instance, language::wasm::Ran};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How far a program is on its way to its snapshot point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Way {
    /// It is not captured.
    #[default]
    None,
    /// It is to come there.
    Ahead,
    /// It waits there.
    Reached,
}

/// A program that waits at its snapshot point, without what the engine's memory
/// has of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paused {
    /// Handle of the promise that its top level is, if that is one.
    main: Option<i32>,
    /// What the engine calls it.
    name: String,
    /// Where it lies in the guest's files, if it does.
    path: Option<String>,
}

/// What waits at the snapshot point, as a module.
pub(super) const MODULE: &str = "dormouse:point";
pub(super) const MODULE_SOURCE: &str = include_str!("../../../runtimes/javascript/point.mjs");

/// The host function: whether the program is captured now.
pub(super) fn snapshot_point(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let data = call.data();
    let is_here = data.way == Way::Ahead;
    if is_here {
        data.way = Way::Reached;
    }
    Ok(Answer::Bool(is_here))
}

/// The module `source` as it is run: on its way to a snapshot point that it does
/// not name, with that import behind all others.
pub(super) fn with_point(way: Way, source: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"snapshot_point";
    let names_it = source.windows(NAME.len()).any(|window| window == NAME);
    let mut source = source.to_vec();
    if way == Way::Ahead && !names_it {
        source.extend_from_slice(format!("\nimport '{MODULE}';").as_bytes());
    }
    source
}

/// Runs `program` to its snapshot point; what [`Engine::restored`] and [`go_on`]
/// want of it. Nothing if it has no such point.
///
/// # Errors
///
/// None of its own. The inner result is how it ended before.
pub(crate) fn run_to_point(
    instance: &mut Instance,
    engine: &Engine,
    program: &Program,
) -> Result<Result<Option<Value>, Stop>, Error> {
    Ok(to_point(instance, engine, program))
}

fn to_point(
    instance: &mut Instance,
    engine: &Engine,
    program: &Program,
) -> Result<Option<Value>, Stop> {
    engine.attach(instance, program);
    program::language(instance).way = Way::Ahead;
    let main = match program::begin(instance, engine, program)? {
        Ok(main) => main,
        Err(Thrown(error)) => {
            let code = engine.report(instance, error, false)?;
            return Err(Stop::i32_exit(code));
        }
    };
    let ended = event_loop::run(instance, engine, main)?;
    let data = program::language(instance);
    data.streams.flush()?;
    match ended {
        Ended::Exit(0) => Ok(None),
        Ended::Exit(code) => Err(Stop::i32_exit(code)),
        Ended::AtPoint => {
            let paused = Paused {
                main,
                name: data.main_name.clone(),
                path: data.guest_path.clone(),
            };
            Ok(Some(engine.saved_with(&paused)))
        }
    }
}

/// Goes on with a program that waits at its snapshot point, as `program` says.
pub(super) fn go_on(
    instance: &mut Instance,
    engine: &Engine,
    paused: Paused,
    program: &Program,
) -> Ran {
    let main = paused.main;
    engine.attach(instance, program);
    let data = program::language(instance);
    data.main_name = paused.name;
    data.guest_path = paused.path;
    let ended = program::tell(instance, engine, program).and_then(|told| match told {
        Ok(()) => program::drive(instance, engine, main),
        Err(Thrown(error)) => engine.report(instance, error, false),
    });
    super::ran(ended)
}
