//! How a call did not return.

use crate::{
    Error, ErrorKind, Limit, Status, Trap, engine::Stop, instance::State, sandbox::status_of,
};
use std::fmt;

/// Why a call gave no results.
///
/// After any of them but [`Exit`](Self::Exit) the instance can be called again.
/// Its memory, globals and tables are what the guest left them as where it was
/// stopped, in the middle of whatever it was doing; programs of most compilers
/// keep a stack pointer in a global, which stays where it was then. What must
/// not see that goes on with another instance of the module, which is cheap.
///
/// ```
/// use dormouse::{CallError, Engine, Instance, Module};
/// let module = Module::new(&Engine::new(), "trap.wat", br#"(module
///     (func (export "div") (param i32 i32) (result i32)
///         local.get 0 local.get 1 i32.div_s))"#)?;
/// let mut instance = Instance::new(&module)?;
/// let error = instance.call("div", &[1.into(), 0.into()]).expect_err("it traps");
/// assert!(matches!(error, CallError::Trap(_)));
/// assert_eq!(error.to_string(), "trap: integer divide by zero");
/// assert_eq!(instance.call("div", &[6.into(), 2.into()])?, [3.into()]);
/// # Ok::<(), CallError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError {
    /// The host could not do what was asked: there is no such export, its
    /// arguments are others, an import is missing or its function failed, or the
    /// call was [stopped](crate::Stopper).
    Host(Error),
    /// The guest was aborted by a Wasm trap.
    Trap(Trap),
    /// The guest exited with this code; nothing more can be called.
    Exit(i32),
    /// One of the [`Limits`](crate::Limits) stopped the guest.
    Limit(Limit),
}

impl CallError {
    /// Why the guest with `state` was stopped.
    pub(super) fn of(stop: Stop, state: &State) -> Self {
        let meter = &state.meter;
        if meter.limit().is_none() && meter.is_ended() {
            return Self::stopped();
        }
        if meter.limit().is_none() && stop.downcast_ref::<Raised>().is_some() {
            let raised = stop.downcast::<Raised>();
            return raised.map_or_else(Self::stopped, |Raised(error)| error);
        }
        match status_of(Err(&stop), state) {
            Status::Exit(code) => Self::Exit(code),
            Status::Limit(limit) => Self::Limit(limit),
            Status::Trap(trap) => Self::Trap(trap),
        }
    }

    /// Its stopper did it.
    pub(super) fn stopped() -> Self {
        Self::Host(Error::new(ErrorKind::Stopped, "the call was stopped"))
    }

    /// An export was called wrongly.
    pub(super) fn invoke(message: impl Into<String>) -> Self {
        Self::Host(Error::new(ErrorKind::Invoke, message))
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        Self::Host(error)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => error.fmt(f),
            Self::Trap(trap) => write!(f, "trap: {trap}"),
            Self::Exit(code) => write!(f, "the guest exited with code {code}"),
            Self::Limit(limit) => write!(f, "the guest was stopped by its {limit} limit"),
        }
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Host(error) => error.source(),
            Self::Trap(_) | Self::Exit(_) | Self::Limit(_) => None,
        }
    }
}

/// What an embedder's function failed with, on its way up through the guest.
#[derive(Debug)]
pub(crate) struct Raised(pub(super) CallError);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl wasmi::errors::HostError for Raised {}
