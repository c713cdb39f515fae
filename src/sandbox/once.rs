//! One run, and what came of it.

use super::{Sandbox, choice::check_program};
use crate::{
    Error, ErrorKind, Outcome, Program, Status, Trap,
    engine::Stop,
    instance::{Failure, Instance, State, on_room_for},
    language,
};
use dormouse_snapshot::{COVERAGE, CURRENT_FUNCTION, counts};
use std::time::{Duration, Instant};

impl Sandbox {
    pub(super) fn run_once(&mut self, started: Instant, program: &Program) -> Result<Ran, Error> {
        let image = self.image.clone();
        let reserving = image.reserve(self.metering(), self.limits.memory);
        let prepared = image.prepared(self.metering())?;
        check_program(&image, program)?;
        let state = self.state(started, program)?;
        let started = Instant::now();
        let mut instance = match Instance::of(prepared, state, reserving) {
            Ok(instance) => instance,
            Err(Failure::Error(error)) => return Err(error),
            Err(Failure::Stop(stop, state)) => {
                let status = status_of(Err(&stop), &state);
                return Ok(Ran::new(
                    status,
                    Vec::new(),
                    &state,
                    started.elapsed(),
                    None,
                ));
            }
        };
        let ended = on_room_for(self.limits.memory, || {
            language::run(&image, &mut instance, program)
        })
        .map_err(|error| {
            let message = format!("there is no thread for the guest: {error}");
            Error::new(ErrorKind::Engine, message).with_source(error)
        })??;
        let duration = started.elapsed();
        let current_function = instance.global(CURRENT_FUNCTION);
        let coverage = instance
            .memory(COVERAGE)
            .map(counts)
            .into_iter()
            .flatten()
            .collect();
        instance.settle();
        let (ended, values) = match ended {
            Ok(values) => (Ok(()), values),
            Err(stop) => (Err(stop), Vec::new()),
        };
        let state = instance.state();
        let status = status_of(ended.as_ref().copied(), state);
        let ran = Ran {
            coverage,
            ..Ran::new(status, values, state, duration, current_function)
        };
        if self.is_last {
            std::mem::forget(instance);
        } else {
            let is_at_its_end = matches!(ran.outcome.status, Status::Exit(_));
            instance.rest(prepared, is_at_its_end);
        }
        Ok(ran)
    }
}

/// How a guest ended.
pub(crate) fn status_of(ended: Result<(), &Stop>, state: &State) -> Status {
    let Err(stop) = ended else {
        return Status::Exit(0);
    };
    if let Some(limit) = state.meter.limit() {
        return Status::Limit(limit);
    }
    if let Some(code) = stop.i32_exit_status() {
        return Status::Exit(code);
    }
    let message = match stop.as_trap_code() {
        Some(code) => code.to_string(),
        None => stop.to_string(),
    };
    Status::Trap(Trap {
        message,
        function: None,
    })
}

/// A run that has ended, and what only the library wants to know of it.
pub(super) struct Ran {
    pub(super) outcome: Outcome,
    pub(super) read_stdin: bool,
    pub(super) current_function: Option<u32>,
    pub(super) coverage: Vec<u32>,
}

impl Ran {
    fn new(
        status: Status,
        values: Vec<crate::Value>,
        state: &State,
        duration: Duration,
        current_function: Option<u32>,
    ) -> Self {
        let stdio = state.stdio();
        let outcome = Outcome {
            status,
            stdout: stdio.out.take(),
            stderr: stdio.err.take(),
            truncated: state.meter.truncated(),
            memory_refused: state.meter.memory_refused(),
            fuel_used: state.fuel_used(),
            values,
            error: None,
            duration,
        };
        Self {
            outcome,
            read_stdin: stdio.input.was_read(),
            current_function,
            coverage: Vec::new(),
        }
    }
}
