//! What Python gives modules for their imports.

use crate::{callback::Raised, error, module::Module, value};
use dormouse::{CallError, Error, ErrorKind, ExternType, FunctionType, InstanceBuilder, Value};
use pyo3::{
    prelude::*,
    types::{PyList, PyTuple, PyWeakrefMethods, PyWeakrefReference},
};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Module, name, and what is given for it.
pub(crate) type Given = (String, String, Py<PyAny>);

/// Python objects that a guest can hold, by number; for as long as the module is
/// open, as nobody can tell when the guest lets go of one.
#[derive(Default)]
pub(crate) struct Externs {
    objects: Mutex<Vec<Py<PyAny>>>,
    module: OnceLock<Py<PyWeakrefReference>>,
}

impl Externs {
    pub(crate) fn belong_to(&self, module: Py<PyWeakrefReference>) {
        let _ = self.module.set(module);
    }

    pub(crate) fn keep(&self, object: &Bound<'_, PyAny>) -> u64 {
        let mut objects = self.lock();
        let known = objects.iter().position(|known| known.is(object));
        let index = known.unwrap_or_else(|| {
            objects.push(object.clone().unbind());
            objects.len() - 1
        });
        index as u64
    }

    pub(crate) fn kept<'py>(&self, py: Python<'py>, id: u64) -> PyResult<Bound<'py, PyAny>> {
        let objects = self.lock();
        let object = usize::try_from(id).ok().and_then(|id| objects.get(id));
        match object {
            Some(object) => Ok(object.bind(py).clone()),
            None => Err(error::raise(py, "CallError", ("no such reference",))),
        }
    }

    pub(crate) fn clear(&self) {
        let objects = std::mem::take(&mut *self.lock());
        drop(objects);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Py<PyAny>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The module that they are of, once it has started.
    fn module<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, Module>> {
        let module = self.module.get().and_then(|weak| weak.bind(py).upgrade());
        match module {
            Some(module) => Ok(module.cast_into()?),
            None => Err(error::raise(
                py,
                "CallError",
                ("a module can't give out functions before it has started",),
            )),
        }
    }
}

/// Gives `builder` all of `given`, and a memory for each that the module imports.
pub(crate) fn give(
    py: Python<'_>,
    mut builder: InstanceBuilder,
    module: &dormouse::Module,
    given: Vec<Given>,
    externs: &Arc<Externs>,
    raised: &Raised,
) -> PyResult<InstanceBuilder> {
    for import in module.imports() {
        if matches!(import.ty, ExternType::Memory { .. }) {
            builder = builder.import_memory(&import.module, &import.name);
        }
    }
    for (from, name, object) in given {
        let import = module.imports().iter();
        let import = import
            .filter(|import| import.module == from && import.name == name)
            .map(|import| import.ty.clone())
            .next();
        builder = match import {
            Some(ExternType::Function(ty)) => {
                let function = Function {
                    object,
                    ty,
                    externs: Arc::clone(externs),
                    raised: raised.clone(),
                };
                builder.import(&from, &name, move |_, args| function.call(args))
            }
            Some(ExternType::Global { ty, .. }) => {
                let value = value::plain(object.bind(py), ty)?;
                builder.import_global(&from, &name, value)
            }
            // What is not imported is not used.
            _ => builder,
        };
    }
    Ok(builder)
}

/// A Python function that a guest imports.
struct Function {
    object: Py<PyAny>,
    ty: FunctionType,
    externs: Arc<Externs>,
    raised: Raised,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Function {
    fn call(&self, args: &[Value]) -> Result<Vec<Value>, BoxError> {
        let answer = Python::try_attach(|py| self.answer(py, args));
        match answer {
            Some(Ok(values)) => Ok(values),
            Some(Err(exception)) => {
                self.raised.hold(exception);
                // What is raised is what was held.
                let error = Error::new(ErrorKind::Import, "a function of Python raised");
                Err(Box::new(CallError::Host(error)))
            }
            None => Err("Python has ended".into()),
        }
    }

    fn answer(&self, py: Python<'_>, args: &[Value]) -> PyResult<Vec<Value>> {
        let args = args.iter().map(|value| match value {
            Value::Func(_) => value::in_module(&self.externs.module(py)?, *value),
            Value::Extern(id) => self.externs.kept(py, *id),
            number => Ok(value::number(py, *number)?.unwrap_or_else(|| py.None().into_bound(py))),
        });
        let args = PyTuple::new(py, args.collect::<PyResult<Vec<_>>>()?)?;
        let answer = self.object.bind(py).call1(args)?;
        let values = match &self.ty.results[..] {
            [] if answer.is_none() => Vec::new(),
            [_] => vec![answer],
            _ => match (answer.cast::<PyTuple>(), answer.cast::<PyList>()) {
                (Ok(values), _) => values.iter().collect(),
                (_, Ok(values)) => values.iter().collect(),
                _ => vec![answer],
            },
        };
        if values.len() != self.ty.results.len() {
            let wanted: Vec<_> = self.ty.results.iter().map(ToString::to_string).collect();
            let message = format!(
                "a function that is imported gave {} values instead of ({})",
                values.len(),
                wanted.join(", ")
            );
            return Err(error::raise(py, "ArgumentError", (message,)));
        }
        let read = values.iter().zip(&self.ty.results);
        read.map(|(value, ty)| value::read_with(value, *ty, &self.externs))
            .collect()
    }
}
