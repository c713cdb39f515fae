//! The exceptions of `dormouse._errors`, which is where they are defined.

use dormouse::{CallError, Error, ErrorKind};
use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyString, PyType},
};
use std::any::Any;

/// The module that has the classes.
const MODULE: &str = "dormouse._errors";

/// Its classes, once they were looked for.
static CLASSES: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// An exception of the class `name`, made with `args`.
pub(crate) fn raise<'py, A>(py: Python<'py>, name: &str, args: A) -> PyErr
where
    A: pyo3::call::PyCallArgs<'py>,
{
    let made = CLASSES
        .get_or_try_init(py, || py.import(MODULE).map(Bound::unbind))
        .and_then(|module| module.bind(py).getattr(PyString::intern(py, name)))
        .and_then(|class| Ok(class.cast_into::<PyType>()?))
        .and_then(|class| class.call1(args));
    match made {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// What the library could not do.
pub(crate) fn host(py: Python<'_>, error: &Error) -> PyErr {
    let class = match error.kind() {
        ErrorKind::Module => "ModuleError",
        ErrorKind::Grant => "GrantError",
        ErrorKind::Guest => "GuestUnavailable",
        ErrorKind::Image => "ImageError",
        ErrorKind::Invoke => "CallError",
        ErrorKind::SessionClosed => "SessionClosed",
        ErrorKind::SessionBusy => "SessionBusy",
        ErrorKind::Stopped => "Stopped",
        ErrorKind::Memory => "OutOfBounds",
        _ => "DormouseError",
    };
    raise(py, class, (error.to_string(),))
}

/// Why a call did not return.
pub(crate) fn call(py: Python<'_>, error: &CallError) -> PyErr {
    match error {
        CallError::Host(error) => host(py, error),
        CallError::Trap(trap) => raise(py, "TrapError", (trap.to_string(),)),
        CallError::Exit(code) => raise(py, "GuestExit", (error.to_string(), *code)),
        CallError::Limit(limit) => raise(
            py,
            "LimitError",
            (format!("stopped by the {limit} limit"), limit.to_string()),
        ),
        other => raise(py, "DormouseError", (other.to_string(),)),
    }
}

/// A bug of ours, which is not to take the process down.
pub(crate) fn panicked(py: Python<'_>, panic: &(dyn Any + Send)) -> PyErr {
    let what = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic");
    raise(py, "DormouseError", (format!("internal error: {what}"),))
}
