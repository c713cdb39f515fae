//! Functions of Python that guests call.

use crate::callback::{Raised, is_for_guest};
use dormouse::{HostError, HostErrorKind, HostFunctions};
use pyo3::{
    exceptions::{
        PyConnectionError, PyFileExistsError, PyFileNotFoundError, PyIsADirectoryError,
        PyNotADirectoryError, PyPermissionError, PyTimeoutError, PyTypeError, PyValueError,
    },
    prelude::*,
    types::PyDict,
};
use pythonize::{depythonize, pythonize};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The set of `functions`, by name. Each is called with the guest's arguments as
/// keywords, by whichever thread the guest's call is served.
pub(crate) fn functions(functions: HashMap<String, Py<PyAny>>, raised: &Raised) -> HostFunctions {
    let mut set = HostFunctions::new();
    for (name, function) in functions {
        let raised = raised.clone();
        set = set.with(name, move |args: Map<String, Value>| {
            let answer = Python::try_attach(|py| {
                call(function.bind(py), args).map_err(|error| told(py, error, &raised))
            });
            answer.unwrap_or_else(|| Err(HostError::from("Python has ended")))
        });
    }
    set
}

fn call(function: &Bound<'_, PyAny>, args: Map<String, Value>) -> PyResult<Value> {
    let args = pythonize(function.py(), &Value::Object(args))?;
    let answer = function.call((), Some(args.cast::<PyDict>()?))?;
    depythonize(&answer).map_err(|error| {
        PyTypeError::new_err(format!(
            "what a host function returns must be JSON: {error}"
        ))
    })
}

/// What the guest is told of `exception`: its type and message, as the kind of
/// error that fits.
fn told(py: Python<'_>, exception: PyErr, raised: &Raised) -> HostError {
    if !is_for_guest(py, &exception) {
        raised.keep(exception);
        return HostError::from("the host stops");
    }
    let kind = kind(py, &exception);
    let name = match exception.get_type(py).qualname() {
        Ok(name) => name.to_string(),
        Err(_) => "Exception".to_owned(),
    };
    let message = match exception.value(py).str() {
        Ok(message) => message.to_string_lossy().into_owned(),
        Err(_) => String::new(),
    };
    match message.as_str() {
        "" => HostError::new(kind, name),
        message => HostError::new(kind, format!("{name}: {message}")),
    }
}

fn kind(py: Python<'_>, exception: &PyErr) -> HostErrorKind {
    let is = |class: &Bound<'_, PyAny>| exception.is_instance(py, class);
    let kinds = [
        (
            py.get_type::<PyPermissionError>(),
            HostErrorKind::NotGranted,
        ),
        (
            py.get_type::<PyFileNotFoundError>(),
            HostErrorKind::NotFound,
        ),
        (py.get_type::<PyFileExistsError>(), HostErrorKind::Exists),
        (
            py.get_type::<PyIsADirectoryError>(),
            HostErrorKind::IsDirectory,
        ),
        (
            py.get_type::<PyNotADirectoryError>(),
            HostErrorKind::NotDirectory,
        ),
        (py.get_type::<PyTimeoutError>(), HostErrorKind::Timeout),
        (
            py.get_type::<PyConnectionError>(),
            HostErrorKind::Connection,
        ),
        (py.get_type::<PyValueError>(), HostErrorKind::Invalid),
        (py.get_type::<PyTypeError>(), HostErrorKind::Invalid),
    ];
    kinds
        .into_iter()
        .find(|(class, _)| is(class))
        .map_or(HostErrorKind::Failed, |(_, kind)| kind)
}
