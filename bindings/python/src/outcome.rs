//! How a run ended, for `dormouse._outcome` to make its dataclass of.

use crate::value;
use dormouse::{Outcome, Status};
use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict, PyList},
};

/// The fields of `outcome`, by name.
pub(crate) fn fields<'py>(py: Python<'py>, outcome: &Outcome) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    let (status, code, detail, function) = match &outcome.status {
        Status::Exit(code) => ("exit", Some(*code), None, None),
        Status::Limit(limit) => ("limit", None, Some(limit.to_string()), None),
        Status::Trap(trap) => {
            let function = trap.function.as_ref().map(ToString::to_string);
            ("trap", None, Some(trap.message.clone()), function)
        }
    };
    fields.set_item("status", status)?;
    fields.set_item("code", code)?;
    fields.set_item("detail", detail)?;
    fields.set_item("function", function)?;
    fields.set_item("stdout", PyBytes::new(py, &outcome.stdout))?;
    fields.set_item("stderr", PyBytes::new(py, &outcome.stderr))?;
    fields.set_item("truncated", outcome.truncated)?;
    fields.set_item("memory_refused", outcome.memory_refused)?;
    fields.set_item("fuel_used", outcome.fuel_used)?;
    let values = PyList::empty(py);
    for result in &outcome.values {
        match value::number(py, *result)? {
            Some(value) => values.append(value)?,
            // A reference, which went with the run.
            None => values.append(py.Ellipsis())?,
        }
    }
    fields.set_item("values", values)?;
    let error = outcome.error.as_ref();
    fields.set_item("error", error.map(|error| (&error.name, &error.message)))?;
    fields.set_item("duration", outcome.duration.as_secs_f64())?;
    Ok(fields)
}
