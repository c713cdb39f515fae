//! What an embedder gives to a module for its imports.

use super::{
    CallContext, CallError, ExternType, ImportType, Module, Raised, convert, handles::Handles,
    types::Types,
};
use crate::{
    Error, ErrorKind, Value,
    engine::{Stop, mapping::MappedStore},
    instance::{Prepared, State},
};
use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};
use wasmi::{Caller, Global, Linker, Memory, Val};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A function of the embedder.
pub(super) type Function =
    dyn Fn(&mut CallContext<'_>, &[Value]) -> Result<Vec<Value>, BoxError> + Send + Sync;

/// Something that is given for an import.
#[derive(Clone)]
pub(super) enum Given {
    Function(Arc<Function>),
    Global(Value),
    Memory,
}

/// All that is given, by the names of the imports.
#[derive(Default)]
pub(super) struct Imports(HashMap<(String, String), Given>);

impl Imports {
    pub(super) fn give(&mut self, module: &str, name: &str, given: Given) {
        self.0.insert((module.to_owned(), name.to_owned()), given);
    }

    fn get(&self, module: &str, name: &str) -> Option<&Given> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&(module.to_owned(), name.to_owned()))
    }

    /// Whether `module` imports any of it.
    pub(super) fn are_used(&self, module: &Module) -> bool {
        let mut imports = module.imports().iter();
        imports.any(|import| self.get(&import.module, &import.name).is_some())
    }

    /// Names every import of `module` that nobody gives, and every one that is
    /// given as something else.
    pub(super) fn check(&self, module: &Module) -> Result<(), Error> {
        let mut missing = Vec::new();
        for (import, provided) in module.provided() {
            match self.get(&import.module, &import.name) {
                Some(given) => check_kind(given, import)?,
                None if provided => {}
                None => missing.push(import),
            }
        }
        let Some(first) = missing.first() else {
            return Ok(());
        };
        let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
        let way = match first.ty {
            ExternType::Function(_) => "import",
            ExternType::Global { .. } => "import_global",
            ExternType::Memory { .. } => "import_memory",
            ExternType::Table { .. } => {
                return Err(missing_error(&names, "tables can't be given"));
            }
        };
        let advice = format!(
            "give it with InstanceBuilder::{way}({:?}, {:?}, …); WASI's own are those of \
             wasi_snapshot_preview1 and wasi_unstable",
            first.module, first.name
        );
        Err(missing_error(&names, &advice))
    }

    /// A linker with what the host has and all of this that `prepared` imports.
    pub(super) fn link(
        &self,
        prepared: &Prepared,
        store: &mut MappedStore<State>,
    ) -> Result<Linker<State>, Error> {
        let mut linker = prepared.linker().clone();
        linker.allow_shadowing(true);
        for import in prepared.module().imports() {
            let (module, name) = (import.module(), import.name());
            let Some(given) = self.get(module, name) else {
                continue;
            };
            match (given, import.ty()) {
                (Given::Function(function), wasmi::ExternType::Func(ty)) => {
                    let named = format!("{module}.{name}");
                    let call = trampoline(named, ty.clone(), Arc::clone(function));
                    linker
                        .func_new(module, name, ty.clone(), call)
                        .map_err(not_made)?;
                }
                (Given::Global(value), wasmi::ExternType::Global(ty)) => {
                    let Some(value) = convert::lower(store, *value, ty.content()) else {
                        return Err(unfit(&(&import).into(), value.type_name()));
                    };
                    let global = Global::new(&mut *store, value, ty.mutability());
                    linker.define(module, name, global).map_err(not_made)?;
                }
                (Given::Memory, wasmi::ExternType::Memory(ty)) => {
                    let memory = Memory::new(&mut *store, *ty).map_err(not_made)?;
                    let handles = Handles::of(store.data_mut());
                    handles.memories.push((name.to_owned(), memory));
                    linker.define(module, name, memory).map_err(not_made)?;
                }
                // `check` has seen to it.
                _ => {}
            }
        }
        Ok(linker)
    }
}

fn not_made(error: impl Into<Stop>) -> Error {
    let error = error.into();
    let message = format!("what is given for the imports can't be made: {error}");
    Error::new(ErrorKind::Module, message)
}

fn unfit(import: &ImportType, given: &str) -> Error {
    let message = format!("the module imports {import}; it was given {given} for that");
    Error::new(ErrorKind::Module, message)
}

fn check_kind(given: &Given, import: &ImportType) -> Result<(), Error> {
    let (fits, what) = match given {
        Given::Function(_) => (matches!(import.ty, ExternType::Function(_)), "a function"),
        Given::Global(_) => (matches!(import.ty, ExternType::Global { .. }), "a global"),
        Given::Memory => (matches!(import.ty, ExternType::Memory { .. }), "a memory"),
    };
    if fits {
        return Ok(());
    }
    Err(unfit(import, what))
}

fn missing_error(names: &[String], advice: &str) -> Error {
    Error::new(
        ErrorKind::Module,
        format!(
            "the module imports what nobody provides: {}; {advice}",
            names.join(", ")
        ),
    )
}

/// `function` as wasmi calls it for the import `name` of type `ty`.
fn trampoline(
    name: String,
    ty: wasmi::FuncType,
    function: Arc<Function>,
) -> impl Fn(Caller<'_, State>, &[Val], &mut [Val]) -> Result<(), Stop> {
    move |mut caller, params, results| {
        let args: Vec<Value> = params
            .iter()
            .map(|value| convert::lift(&mut caller, value))
            .collect();
        let mut context = CallContext::new(caller);
        let called = catch_unwind(AssertUnwindSafe(|| function(&mut context, &args)));
        let mut caller = context.into_caller();
        // It may keep quiet about a limit that ended a call back.
        if let Some(limit) = caller.data().meter.limit() {
            return Err(caller.data().meter.hit(limit));
        }
        let values = match called {
            Ok(Ok(values)) => values,
            Ok(Err(error)) => return Err(raise(failed(&name, error))),
            Err(panic) => return Err(raise(panicked(&name, &*panic))),
        };
        let mut lowered = Vec::with_capacity(values.len());
        if !convert::lower_all(&mut caller, &values, ty.results(), &mut lowered) {
            let given = convert::given(&mut caller, &values);
            return Err(raise(wrong_results(&name, &ty, &given)));
        }
        results.clone_from_slice(&lowered);
        Ok(())
    }
}

fn raise(error: CallError) -> Stop {
    Stop::host(Raised(error))
}

fn failed(name: &str, error: BoxError) -> CallError {
    let error = match error.downcast::<CallError>() {
        Ok(error) => return *error,
        Err(error) => error,
    };
    let error = match error.downcast::<Error>() {
        Ok(error) => return CallError::Host(*error),
        Err(error) => error,
    };
    let message = format!("the import {name} failed: {error}");
    CallError::Host(Error::new(ErrorKind::Import, message).with_source(error))
}

fn panicked(name: &str, panic: &(dyn std::any::Any + Send)) -> CallError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let message = format!(
        "the import {name} panicked: {}",
        text.unwrap_or("it says nothing more")
    );
    CallError::Host(Error::new(ErrorKind::Import, message))
}

fn wrong_results(name: &str, ty: &wasmi::FuncType, given: &str) -> CallError {
    let wanted: Vec<_> = ty.results().iter().copied().map(From::from).collect();
    let message = format!(
        "the import {name} gave {given}; the module imports it to give {}",
        Types(&wanted)
    );
    CallError::Host(Error::new(ErrorKind::Import, message))
}
