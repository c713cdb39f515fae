//! Errors, and the one way into this library.

use crate::outcome::Limit;
use runtime::CallError;
use std::{
    any::Any,
    ffi::{CString, c_char},
    mem::MaybeUninit,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

/// Why a function failed. To be freed by dormouse_error_free.
pub struct Error {
    kind: Failure,
    message: CString,
    exit_code: i32,
    limit: Limit,
}

/// What an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub enum Failure {
    /// No error: what was asked for one is NULL.
    None = 0,
    /// An argument is wrong: a handle that is NULL, text that is not UTF-8, a
    /// number that stands for nothing.
    Argument = 1,
    /// A Wasm module is malformed, uses what is not supported, or imports what
    /// there is not.
    Module = 2,
    /// Something can't be granted as asked: a mounted folder is missing, ...
    Grant = 3,
    /// A language's guest can't be found, fetched, verified or stored.
    Guest = 4,
    /// An image is damaged, of another version, or none at all.
    Image = 5,
    /// A program that the image can't run; an export that does not exist, or
    /// that takes other arguments.
    Invoke = 6,
    /// A file can't be read or written.
    Io = 7,
    /// The session has ended.
    Closed = 8,
    /// The session, or instance, runs something already.
    Busy = 9,
    /// The run was stopped by dormouse_stopper_stop.
    Stopped = 10,
    /// The interpreter failed in a way that is no trap.
    Engine = 11,
    /// A guest's memory was accessed outside of its bounds, or can't grow.
    Memory = 12,
    /// A called export was aborted by a Wasm trap.
    Trap = 13,
    /// A called export exited: see dormouse_error_exit_code.
    Exit = 14,
    /// A limit stopped a called export: see dormouse_error_limit.
    Limit = 15,
    /// A function that the module imports failed.
    Import = 16,
    /// A bug in this library, which went no further.
    Internal = 17,
}

impl Error {
    pub(crate) fn new(kind: Failure, message: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            message: c_string(message),
            exit_code: -1,
            limit: Limit::None,
        }
    }

    /// The caller passed something wrong.
    pub(crate) fn argument(message: impl Into<Vec<u8>>) -> Self {
        Self::new(Failure::Argument, message)
    }

    pub(crate) fn message(&self) -> String {
        self.message.to_string_lossy().into_owned()
    }

    fn panicked(panic: &(dyn Any + Send)) -> Self {
        let what = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(text), _) => text,
            (None, Some(text)) => text.as_str(),
            (None, None) => "it does not say why",
        };
        Self::new(
            Failure::Internal,
            format!("the library panicked, which is a bug of it: {what}"),
        )
    }
}

impl From<runtime::Error> for Error {
    fn from(error: runtime::Error) -> Self {
        use runtime::ErrorKind as From;
        let kind = match error.kind() {
            From::Module => Failure::Module,
            From::Grant => Failure::Grant,
            From::Guest => Failure::Guest,
            From::Image => Failure::Image,
            From::Invoke => Failure::Invoke,
            From::Io => Failure::Io,
            From::SessionClosed => Failure::Closed,
            From::SessionBusy => Failure::Busy,
            From::Stopped => Failure::Stopped,
            From::Import => Failure::Import,
            From::Memory => Failure::Memory,
            _ => Failure::Engine,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Host(error) => error.into(),
            CallError::Exit(code) => Self {
                exit_code: code,
                ..Self::new(Failure::Exit, message)
            },
            CallError::Limit(limit) => Self {
                limit: limit.into(),
                ..Self::new(Failure::Limit, message)
            },
            _ => Self::new(Failure::Trap, message),
        }
    }
}

/// Text for C: up to its first NUL, as C would read it anyway.
pub(crate) fn c_string(text: impl Into<Vec<u8>>) -> CString {
    let mut bytes = text.into();
    if let Some(end) = bytes.iter().position(|byte| *byte == 0) {
        bytes.truncate(end);
    }
    CString::new(bytes).unwrap_or_default()
}

/// Does what an entry point is for, and gives its result. Instead of one there is
/// an error, which goes where the caller wants it; so does a panic.
pub(crate) fn catch<T>(
    error: Option<&mut MaybeUninit<Option<Box<Error>>>>,
    entry: impl FnOnce() -> Result<T, Error>,
) -> Option<T> {
    let (value, failed) = match guard(entry) {
        Ok(value) => (Some(value), None),
        Err(failed) => (None, Some(Box::new(failed))),
    };
    if let Some(error) = error {
        // What was there before is none of ours: it may never have been set.
        error.write(failed);
    }
    value
}

fn guard<T>(entry: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(entry))
        .unwrap_or_else(|panic| Err(Error::panicked(panic.as_ref())))
}

/// The handle that an entry point needs.
///
/// # Errors
///
/// When it is NULL.
pub(crate) fn given<T>(handle: Option<T>, what: &str) -> Result<T, Error> {
    handle.ok_or_else(|| Error::argument(format!("{what} is NULL")))
}

/// Takes back what C owned.
pub(crate) fn free<T>(handle: Option<Box<T>>) {
    catch(None, || {
        drop(handle);
        Ok(())
    });
}

/// What it is about.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_error_kind(error: Option<&Error>) -> Failure {
    error.map_or(Failure::None, |error| error.kind)
}

/// What was wrong, where, and what to do: a line of UTF-8, which is the error's.
/// NULL for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_error_message(error: Option<&Error>) -> *const c_char {
    error.map_or(ptr::null(), |error| error.message.as_ptr())
}

/// The code that a called export exited with, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_error_exit_code(error: Option<&Error>) -> i32 {
    error.map_or(-1, |error| error.exit_code)
}

/// The limit that stopped a called export.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_error_limit(error: Option<&Error>) -> Limit {
    error.map_or(Limit::None, |error| error.limit)
}

/// Frees an error.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_error_free(error: Option<Box<Error>>) {
    free(error);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let failed = guard::<()>(|| panic!("{} to", "meant")).expect_err("it panics");
        assert_eq!(failed.kind, Failure::Internal);
        assert!(failed.message.to_string_lossy().ends_with(": meant to"));
        assert!(catch::<()>(None, || panic!("with nowhere to say so")).is_none());
    }

    #[test]
    fn a_message_ends_where_c_would_end_it() {
        assert_eq!(c_string("a\0b").to_bytes(), b"a");
        assert_eq!(c_string("").to_bytes(), b"");
    }
}
