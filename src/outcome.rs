//! How a run ended.

use std::{fmt, time::Duration};

/// The result of one run: what the guest did, right or wrong.
///
/// ```
/// use dormouse::{Image, Program, Sandbox, Status};
/// let image = Image::wasm("div.wat", br#"(module
///     (func (export "div") (param i32 i32) (result i32)
///         (i32.div_s (local.get 0) (local.get 1))))"#)?;
/// let outcome = Sandbox::new(&image).run(Program::invoke("div", ["7", "0"]))?;
/// match outcome.status {
///     Status::Exit(code) => println!("{code}: {:?}", outcome.values),
///     Status::Limit(limit) => println!("stopped by its {limit} limit"),
///     Status::Trap(trap) => assert_eq!(trap.message, "integer divide by zero"),
/// }
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How the guest ended.
    pub status: Status,
    /// What the guest wrote to stdout, where the caller had it captured.
    pub stdout: Vec<u8>,
    /// What the guest wrote to stderr, where the caller had it captured.
    pub stderr: Vec<u8>,
    /// Whether output was lost to [`Limits::output`](crate::Limits::output).
    pub truncated: bool,
    /// Whether the guest asked for more memory than
    /// [`Limits::memory`](crate::Limits::memory) and was refused, whatever it
    /// did then.
    pub memory_refused: bool,
    /// Fuel burnt, where it was metered.
    pub fuel_used: Option<u64>,
    /// Results of an invoked export, in order.
    pub values: Vec<crate::Value>,
    /// What a piece of a [`Session`](crate::Session) ended by that nothing
    /// caught. Its traceback is in `stderr`.
    pub error: Option<GuestError>,
    /// Wall-clock time from the guest's first instruction to its last.
    pub duration: Duration,
}

/// An error in a guest's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestError {
    /// Its type, as `ValueError`.
    pub name: String,
    /// What it says.
    pub message: String,
}

/// How a guest ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It returned (0) or exited with this code.
    Exit(i32),
    /// It was aborted by a Wasm trap.
    Trap(Trap),
    /// One of the run's [`Limits`](crate::Limits) stopped it.
    Limit(Limit),
}

/// A Wasm trap: what happened and, where known, in which function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    /// What happened, in the specification's words.
    pub message: String,
    /// The function it happened in.
    pub function: Option<Function>,
}

/// A function of a module, by index and, where the module says it, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Index in the module's function index space (imports first).
    pub index: u32,
    /// From the module's name section.
    pub name: Option<String>,
}

/// Which limit stopped a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::deadline`](crate::Limits::deadline).
    Deadline,
    /// [`Limits::memory`](crate::Limits::memory).
    Memory,
    /// [`Limits::output`](crate::Limits::output).
    Output,
    /// [`Limits::fuel`](crate::Limits::fuel).
    Fuel,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Output => "output",
            Self::Fuel => "fuel",
        })
    }
}

impl fmt::Display for GuestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.name, &*self.message) {
            ("", message) => f.write_str(message),
            (name, "") => f.write_str(name),
            (name, message) => write!(f, "{name}: {message}"),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "function {} <{name}>", self.index),
            None => write!(f, "function {}", self.index),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.function {
            Some(function) => write!(f, "{} in {function}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
