//! How a run ended.

use crate::error::{c_string, free};
use runtime::Status as Ended;
use std::{
    ffi::{CString, c_char},
    mem::MaybeUninit,
    ptr,
};

/// How a run, or a piece of code in a session, ended. To be freed by
/// dormouse_outcome_free.
pub struct Outcome {
    inner: runtime::Outcome,
    message: Option<CString>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// Not at all: what was asked for an outcome is NULL.
    None = 0,
    /// The guest returned, or exited: see dormouse_outcome_exit_code.
    Exit = 1,
    /// It was aborted by a Wasm trap.
    Trap = 2,
    /// A limit stopped it: see dormouse_outcome_limit.
    Limit = 3,
}

/// What stopped a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum Limit {
    /// No limit did.
    None = 0,
    /// Its time was over.
    Deadline = 1,
    /// It could do without no more memory.
    Memory = 2,
    /// It wrote too much.
    Output = 3,
    /// It had burnt its fuel.
    Fuel = 4,
    /// One that this version of the header does not know.
    Other = 5,
}

/// Bytes that belong to something else, and go with it. A NUL follows them that
/// is not counted, so that they can be printed as text if there is none among
/// them. `data` is never NULL but for something that is NULL itself.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Bytes {
    /// The first one.
    pub data: *const c_char,
    /// How many there are.
    pub length: usize,
}

impl From<runtime::Limit> for Limit {
    fn from(limit: runtime::Limit) -> Self {
        match limit {
            runtime::Limit::Deadline => Self::Deadline,
            runtime::Limit::Memory => Self::Memory,
            runtime::Limit::Output => Self::Output,
            runtime::Limit::Fuel => Self::Fuel,
            _ => Self::Other,
        }
    }
}

impl Outcome {
    pub(crate) fn new(mut inner: runtime::Outcome) -> Box<Self> {
        inner.stdout.push(0);
        inner.stderr.push(0);
        let message = match (&inner.status, &inner.error) {
            (Ended::Trap(trap), _) => Some(trap.to_string()),
            (Ended::Limit(limit), _) => Some(format!("the {limit} limit stopped it")),
            (Ended::Exit(_), Some(error)) => Some(error.to_string()),
            (Ended::Exit(_), None) => None,
        };
        Box::new(Self {
            inner,
            message: message.map(c_string),
        })
    }
}

impl Bytes {
    /// The bytes before the NUL that `bytes` ends with.
    pub(crate) fn before_end(bytes: Option<&Vec<u8>>) -> Self {
        match bytes {
            None => Self {
                data: ptr::null(),
                length: 0,
            },
            Some(bytes) => Self {
                data: bytes.as_ptr().cast(),
                length: bytes.len().saturating_sub(1),
            },
        }
    }
}

/// How it ended.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_outcome_status(outcome: Option<&Outcome>) -> Status {
    match outcome.map(|outcome| &outcome.inner.status) {
        None => Status::None,
        Some(Ended::Exit(_)) => Status::Exit,
        Some(Ended::Trap(_)) => Status::Trap,
        Some(Ended::Limit(_)) => Status::Limit,
    }
}

/// The code that the guest exited with; -1 where it ended otherwise.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_outcome_exit_code(outcome: Option<&Outcome>) -> i32 {
    match outcome.map(|outcome| &outcome.inner.status) {
        Some(Ended::Exit(code)) => *code,
        _ => -1,
    }
}

/// The limit that stopped the guest.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_outcome_limit(outcome: Option<&Outcome>) -> Limit {
    match outcome.map(|outcome| &outcome.inner.status) {
        Some(Ended::Limit(limit)) => (*limit).into(),
        _ => Limit::None,
    }
}

/// What a trap, a limit, or an error that nothing caught in a session's piece of
/// code has to say, in UTF-8; it is the outcome's. Otherwise NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_outcome_message(outcome: Option<&Outcome>) -> *const c_char {
    let message = outcome.and_then(|outcome| outcome.message.as_ref());
    message.map_or(ptr::null(), |message| message.as_ptr())
}

/// What the guest wrote to stdout, where that goes into the outcome.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_outcome_stdout(outcome: Option<&Outcome>) -> Bytes {
    Bytes::before_end(outcome.map(|outcome| &outcome.inner.stdout))
}

/// What the guest wrote to stderr, where that goes into the outcome.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_outcome_stderr(outcome: Option<&Outcome>) -> Bytes {
    Bytes::before_end(outcome.map(|outcome| &outcome.inner.stderr))
}

/// Whether output was lost to the limit on it.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_outcome_truncated(outcome: Option<&Outcome>) -> bool {
    outcome.is_some_and(|outcome| outcome.inner.truncated)
}

/// Whether the guest was refused memory, whatever it did then.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_outcome_memory_refused(outcome: Option<&Outcome>) -> bool {
    outcome.is_some_and(|outcome| outcome.inner.memory_refused)
}

/// Whether fuel was counted; if so, `fuel`, unless it is NULL, is set to what the
/// guest has burnt.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_outcome_fuel_used(
    outcome: Option<&Outcome>,
    fuel: Option<&mut MaybeUninit<u64>>,
) -> bool {
    let used = outcome.and_then(|outcome| outcome.inner.fuel_used);
    if let (Some(used), Some(fuel)) = (used, fuel) {
        fuel.write(used);
    }
    used.is_some()
}

/// Microseconds from the guest's first instruction to its last.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_outcome_microseconds(outcome: Option<&Outcome>) -> u64 {
    outcome.map_or(0, |outcome| {
        u64::try_from(outcome.inner.duration.as_micros()).unwrap_or(u64::MAX)
    })
}

/// Frees an outcome, and all that is its.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_outcome_free(outcome: Option<Box<Outcome>>) {
    free(outcome);
}
