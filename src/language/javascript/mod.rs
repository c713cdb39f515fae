//! JavaScript: QuickJS-NG as a Wasm reactor, driven through its C interface.
//!
//! A run has two parts. [`prepare`] starts the engine and evaluates
//! `runtimes/javascript/`; it learns nothing of the run (arguments,
//! environment, time, randomness), so that its result can be kept: the guest's
//! memory and globals, and [`Engine::saved`] for the host's side. Then
//! [`run_prepared`] evaluates the program and drives the event loop until
//! nothing is left to do, either at once or in any copy of that memory, where
//! [`Engine::restored`] finds the engine again. For an image the engine is
//! prepared by [`prepare_image`].
//!
//! What a program is: a script, unless its name ends in `.mjs` or it only
//! parses as a module (it imports, exports, or awaits at its top level).

mod answer;
pub(super) mod bootstrap;
mod call;
mod cells;
mod event_loop;
mod exports;
mod file_calls;
mod functions;
mod host_calls;
mod imports;
mod modules;
mod point;
mod program;
mod rejections;
mod report;
mod saved;
pub(super) mod session;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod training;
mod url;

use crate::{
    Error, Program, engine::Stop, image::Snapshot, instance::Instance, language::wasm::Ran,
};
pub(crate) use bootstrap::prepare;
pub(crate) use bootstrap::prepare_image;
pub(crate) use imports::link;
pub(crate) use point::run_to_point;
pub(crate) use program::Engine;
pub(crate) use training::TRAINING;

/// What the host keeps for one run of JavaScript.
#[derive(Default)]
pub(crate) struct Data {
    /// The engine's exports, once it is instantiated.
    exports: Option<exports::Exports>,
    rejections: rejections::Rejections,
    streams: stream::Streams,
    /// Where `cells.rs` finds what it shares with the runtime.
    cells: i32,
    /// Where relative paths begin.
    cwd: Option<String>,
    /// What the engine calls the main program.
    main_name: String,
    /// Where the script lies in the guest's files, if it does.
    pub(crate) guest_path: Option<String>,
    /// Whether it is on its way to a snapshot point.
    way: point::Way,
    /// Handle of the error that was shown last because nothing caught it.
    uncaught: Option<i32>,
    /// Whether whatever runs is to be interrupted.
    is_stopping: bool,
}

impl Data {
    /// An absolute guest path.
    fn resolve(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_owned();
        }
        let cwd = self.cwd();
        let separator = if cwd.ends_with('/') { "" } else { "/" };
        format!("{cwd}{separator}{path}")
    }

    fn cwd(&self) -> &str {
        self.cwd.as_deref().unwrap_or("/")
    }
}

/// Runs `program` in a fresh instance of the engine.
pub(crate) fn run(instance: &mut Instance, program: &Program) -> Ran {
    match prepare(instance)? {
        Ok(engine) => run_prepared(instance, &engine, program),
        Err(stop) => Ok(Err(stop)),
    }
}

/// Runs `program` in an instance whose engine is prepared, or is a copy of one
/// that is. It can be done once.
pub(crate) fn run_prepared(instance: &mut Instance, engine: &Engine, program: &Program) -> Ran {
    ran(program::run(instance, engine, program))
}

/// Runs `program` in an instance of a snapshot: or goes on with the one in it.
pub(crate) fn run_woken(instance: &mut Instance, snapshot: &Snapshot, program: &Program) -> Ran {
    let state = &snapshot.manifest.state;
    let engine = Engine::restored(instance, state)?;
    match Engine::paused(state)? {
        Some(paused) => point::go_on(instance, &engine, paused, program),
        None => run_prepared(instance, &engine, program),
    }
}

fn ran(ended: Result<i32, Stop>) -> Ran {
    Ok(ended.and_then(|code| match code {
        0 => Ok(Vec::new()),
        code => Err(Stop::i32_exit(code)),
    }))
}

/// The guest does not have what we need of it.
fn guest_error(message: impl std::fmt::Display) -> Error {
    Error::new(
        crate::ErrorKind::Guest,
        format!(
            "the JavaScript guest is not the one that Dormouse knows: {message}; \
             `dormouse guest remove javascript` brings the known one back"
        ),
    )
}
