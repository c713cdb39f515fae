//! Functions of modules.

use crate::{error, module::Module, value};
use dormouse::{Func, FunctionType, PureFunction, Value, ValueType};
use pyo3::{
    Borrowed,
    prelude::*,
    types::{PyNone, PyTuple},
};
use std::convert::Infallible;

/// Values that a call has without allocating.
pub(crate) const FEW: usize = 4;

/// What calls of a function need to know of it.
pub(crate) struct Callee {
    pub(crate) func: Func,
    pub(crate) ty: FunctionType,
    /// What it was looked up as.
    pub(crate) name: Option<String>,
    /// The same, if it need not be entered.
    pub(crate) pure: Option<PureFunction>,
}

/// A function of a module, which can be called.
#[pyclass(frozen, module = "dormouse._dormouse")]
pub(crate) struct Function {
    module: Py<Module>,
    callee: Callee,
}

impl Function {
    pub(crate) fn of<'py>(
        module: &Bound<'py, Module>,
        func: Func,
        name: Option<String>,
    ) -> PyResult<Bound<'py, Self>> {
        let py = module.py();
        let callee = module.get().callee(py, func, name)?;
        let module = module.clone().unbind();
        Bound::new(py, Self { module, callee })
    }

    pub(crate) fn func(&self) -> Func {
        self.callee.func
    }
}

#[pymethods]
impl Function {
    /// Calls it. Gives `None`, its result, or a tuple of its results.
    #[pyo3(signature = (*args))]
    fn __call__<'py>(&self, args: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
        self.enter(&Args::of(args))
    }

    /// The same as a method: Python takes a shorter way to that, which shows where
    /// it is called again and again.
    #[pyo3(
        signature = (a=Arg(None), b=Arg(None), c=Arg(None), d=Arg(None), /, *rest),
        text_signature = "($self, *args)"
    )]
    fn call<'py>(
        &self,
        a: Arg<'py>,
        b: Arg<'py>,
        c: Arg<'py>,
        d: Arg<'py>,
        rest: &Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.enter(&Args::new([a, b, c, d], rest))
    }

    /// What it was looked up as, if it was.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.callee.name.as_deref()
    }

    /// The types of its parameters.
    #[getter]
    fn params(&self) -> Vec<String> {
        self.callee
            .ty
            .params
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// The types of its results.
    #[getter]
    fn results(&self) -> Vec<String> {
        self.callee
            .ty
            .results
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn __repr__(&self) -> String {
        let name = self.name().unwrap_or("function");
        let (params, results) = (self.params().join(", "), self.results().join(", "));
        format!("<dormouse.Function {name} ({params}) -> ({results})>")
    }
}

impl Function {
    #[inline]
    fn enter<'py>(&self, args: &Args<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = args.rest.py();
        let module = self.module.bind(py);
        call(module, &self.callee, args, |results| match results {
            [] => Ok(PyNone::get(py).to_owned().into_any()),
            [one] => value::in_module(module, *one),
            many => {
                let values = many.iter().map(|one| value::in_module(module, *one));
                let values = values.collect::<PyResult<Vec<_>>>()?;
                Ok(PyTuple::new(py, values)?.into_any())
            }
        })
    }
}

/// An argument, if it was given.
pub(crate) struct Arg<'py>(pub(crate) Option<Bound<'py, PyAny>>);

impl<'py> FromPyObject<'_, 'py> for Arg<'py> {
    type Error = Infallible;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> Result<Self, Infallible> {
        Ok(Self(Some(given.to_owned())))
    }
}

/// Arguments: the first ones apart, as Python makes no tuple of those.
pub(crate) struct Args<'a, 'py> {
    first: [Arg<'py>; 4],
    rest: &'a Bound<'py, PyTuple>,
    count: usize,
}

impl<'a, 'py> Args<'a, 'py> {
    pub(crate) fn new(first: [Arg<'py>; 4], rest: &'a Bound<'py, PyTuple>) -> Self {
        let given = first.iter().take_while(|arg| arg.0.is_some()).count();
        let count = match given {
            4 => 4 + rest.len(),
            fewer => fewer,
        };
        Self { first, rest, count }
    }

    fn of(all: &'a Bound<'py, PyTuple>) -> Self {
        Self {
            first: [const { Arg(None) }; 4],
            rest: all,
            count: all.len(),
        }
    }

    #[inline]
    fn get(&self, index: usize) -> PyResult<Borrowed<'_, 'py, PyAny>> {
        match (self.first.get(index), &self.first[0]) {
            (Some(Arg(Some(given))), _) => Ok(given.as_borrowed()),
            (_, Arg(Some(_))) => self.rest.get_borrowed_item(index - self.first.len()),
            _ => self.rest.get_borrowed_item(index),
        }
    }
}

/// Calls `callee` with `args`; `then` makes what Python gets of its results.
#[inline]
pub(crate) fn call<'py, T>(
    module: &Bound<'py, Module>,
    callee: &Callee,
    args: &Args<'_, 'py>,
    then: impl FnOnce(&[Value]) -> PyResult<T>,
) -> PyResult<T> {
    let (given, count) = (args, args.count);
    let (params, results) = (&callee.ty.params, &callee.ty.results);
    if params.len() != count {
        return Err(wrong_count(module.py(), callee, count));
    }
    if count <= FEW && results.len() <= FEW {
        let (mut args, mut room) = ([Value::Null; FEW], [Value::Null; FEW]);
        let (args, room) = (&mut args[..count], &mut room[..results.len()]);
        return call_with(module, callee, args, room, given, then);
    }
    let (mut args, mut room) = (vec![Value::Null; count], vec![Value::Null; results.len()]);
    call_with(module, callee, &mut args, &mut room, given, then)
}

#[inline]
fn call_with<'py, T>(
    module: &Bound<'py, Module>,
    callee: &Callee,
    args: &mut [Value],
    results: &mut [Value],
    given: &Args<'_, 'py>,
    then: impl FnOnce(&[Value]) -> PyResult<T>,
) -> PyResult<T> {
    for (index, (place, ty)) in args.iter_mut().zip(&callee.ty.params).enumerate() {
        *place = value::read(&*given.get(index)?, *ty, module.get())?;
    }
    let this = module.get();
    let pure = callee.pure.as_ref().filter(|_| !this.is_closed());
    if !pure.is_some_and(|pure| pure.call(args, results)) {
        this.enter(module.py(), callee.func, args, results)?;
    }
    then(results)
}

#[cold]
fn wrong_count(py: Python<'_>, callee: &Callee, count: usize) -> PyErr {
    let types =
        |types: &[ValueType]| -> Vec<String> { types.iter().map(ToString::to_string).collect() };
    let name = callee.name.as_deref().unwrap_or("the function");
    let params = types(&callee.ty.params).join(", ");
    let message = format!("{name} takes ({params}); it was given {count} arguments");
    error::raise(py, "ArgumentError", (message,))
}
