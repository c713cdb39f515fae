//! Values of Wasm as Python has them.

use crate::{error, function::Function, imports::Externs, module::Module};
use dormouse::{Value, ValueType};
use pyo3::{
    prelude::*,
    types::{PyInt, PyNone},
};

/// `value` as an `int` or a `float`, or `None` for a null reference; what stands
/// for something in a module is [`in_module`]'s.
pub(crate) fn number<'py>(py: Python<'py>, value: Value) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(Some(match value {
        Value::I32(value) => value.into_pyobject(py)?.into_any(),
        Value::I64(value) => value.into_pyobject(py)?.into_any(),
        Value::F32(value) => value.into_pyobject(py)?.into_any(),
        Value::F64(value) => value.into_pyobject(py)?.into_any(),
        Value::V128(value) => value.into_pyobject(py)?.into_any(),
        Value::Null => PyNone::get(py).to_owned().into_any(),
        _ => return Ok(None),
    }))
}

/// The same of what `module` gave, functions and references too.
pub(crate) fn in_module<'py>(
    module: &Bound<'py, Module>,
    value: Value,
) -> PyResult<Bound<'py, PyAny>> {
    let py = module.py();
    if let Some(number) = number(py, value)? {
        return Ok(number);
    }
    match value {
        Value::Func(func) => Ok(Function::of(module, func, None)?.into_any()),
        Value::Extern(id) => module.get().kept(py, id),
        _ => Err(error::raise(
            py,
            "CallError",
            ("a reference has no form outside its module",),
        )),
    }
}

/// `given` as a value of type `ty`.
#[inline]
pub(crate) fn read(given: &Bound<'_, PyAny>, ty: ValueType, module: &Module) -> PyResult<Value> {
    match ty {
        ValueType::ExternRef if !given.is_none() => Ok(Value::Extern(module.keep(given))),
        ty => plain(given, ty),
    }
}

/// The same for a function that a module calls.
pub(crate) fn read_with(
    given: &Bound<'_, PyAny>,
    ty: ValueType,
    externs: &Externs,
) -> PyResult<Value> {
    match ty {
        ValueType::ExternRef if !given.is_none() => Ok(Value::Extern(externs.keep(given))),
        ty => plain(given, ty),
    }
}

/// `given` as a value of type `ty`, if that is no reference to an object.
#[inline]
pub(crate) fn plain(given: &Bound<'_, PyAny>, ty: ValueType) -> PyResult<Value> {
    let read = match ty {
        ValueType::I32 => match given.extract::<i64>() {
            // Signed or unsigned: the bits are the same.
            Ok(value) if (-(1 << 31)..1 << 32).contains(&value) => Ok(Value::I32(value as i32)),
            Ok(_) => Err(None),
            Err(error) => Err(Some(error)),
        },
        ValueType::I64 => match given.extract::<i64>() {
            Ok(value) => Ok(Value::I64(value)),
            Err(error) => match given.extract::<u64>() {
                Ok(value) => Ok(Value::I64(value.cast_signed())),
                Err(_) => Err(Some(error)),
            },
        },
        ValueType::F32 => given.extract().map(Value::F32).map_err(Some),
        ValueType::F64 => given.extract().map(Value::F64).map_err(Some),
        ValueType::V128 => given.extract().map(Value::V128).map_err(Some),
        ValueType::FuncRef | ValueType::ExternRef if given.is_none() => Ok(Value::Null),
        ValueType::FuncRef => match given.cast::<Function>() {
            Ok(function) => Ok(Value::Func(function.get().func())),
            Err(_) => Err(None),
        },
        _ => Err(None),
    };
    read.map_err(|cause| unfit(given, ty, cause))
}

#[cold]
fn unfit(given: &Bound<'_, PyAny>, ty: ValueType, cause: Option<PyErr>) -> PyErr {
    let py = given.py();
    let shown = match given.cast::<PyInt>() {
        Ok(number) => number.to_string(),
        Err(_) => given.repr().map_or_else(
            |_| "that".to_owned(),
            |text| text.to_string_lossy().into_owned(),
        ),
    };
    let unfit = error::raise(py, "ArgumentError", (format!("{shown} is no {ty}"),));
    unfit.set_cause(py, cause);
    unfit
}
