//! A running guest: the one place where a store and a linker are assembled.

mod call;
mod limiter;
mod state;

pub(crate) use call::{is_metered, settle, top_up};
pub(crate) use state::State;

use crate::{
    Error, ErrorKind,
    engine::{Engine, Metering, Stop},
    wasi,
};
use limiter::Limiter;
use wasmi::{ExternType, Linker, Store, Val};

/// A module, ready to be instantiated again and again.
pub(crate) struct Prepared {
    engine: Engine,
    module: wasmi::Module,
    linker: Linker<State>,
}

impl Prepared {
    /// Loads `wasm` and checks that the host has everything it imports;
    /// `extend` adds what a language's guest wants beyond WASI, `frames` is
    /// how deep its calls may nest.
    pub(crate) fn new(
        wasm: &[u8],
        metering: Metering,
        frames: usize,
        extend: fn(&mut Linker<State>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let engine = Engine::new(metering, frames);
        let module = crate::engine::load(&engine, wasm)?;
        let mut linker = Linker::new(engine.inner());
        wasi::link(&mut linker, State::wasi_mut)?;
        extend(&mut linker)?;
        check_imports(&module, &linker)?;
        Ok(Self {
            engine,
            module,
            linker,
        })
    }
}

/// Names every import that the host lacks, not just the first.
fn check_imports(module: &wasmi::Module, linker: &Linker<State>) -> Result<(), Error> {
    let missing: Vec<String> = module
        .imports()
        .filter(|import| !has(linker, import))
        .map(|import| {
            format!(
                "{}.{} ({})",
                import.module(),
                import.name(),
                kind(import.ty())
            )
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Module,
        format!(
            "the module imports what Dormouse does not provide: {}; it provides \
             wasi_snapshot_preview1 and wasi_unstable",
            missing.join(", ")
        ),
    ))
}

/// Whether `linker` has the function; a second definition is refused.
fn has(linker: &Linker<State>, import: &wasmi::ImportType<'_>) -> bool {
    linker
        .clone()
        .func_wrap(import.module(), import.name(), || {})
        .is_err()
}

fn kind(ty: &ExternType) -> &'static str {
    match ty {
        ExternType::Func(_) => "function",
        ExternType::Global(_) => "global",
        ExternType::Memory(_) => "memory",
        ExternType::Table(_) => "table",
    }
}

/// Whether an import has another type than what the host provides.
fn is_linking(error: &wasmi::Error) -> bool {
    use wasmi::errors::{ErrorKind, InstantiationError as Failed};
    matches!(
        error.kind(),
        ErrorKind::Linker(_)
            | ErrorKind::Instantiation(
                Failed::ImportTypeMismatch { .. }
                    | Failed::FuncTypeMismatch { .. }
                    | Failed::GlobalTypeMismatch { .. }
                    | Failed::TableTypeMismatch { .. }
                    | Failed::MemoryTypeMismatch { .. }
            )
    )
}

/// A guest with its own store: memory, tables, globals and host state.
pub(crate) struct Instance {
    store: Store<State>,
    instance: wasmi::Instance,
    metering: Metering,
}

/// Why a guest could not be instantiated.
pub(crate) enum Failure {
    /// Its start function stopped it, or it needs more than its limits allow.
    Stop(Stop, Box<State>),
    /// The host could not.
    Error(Error),
}

impl Instance {
    /// Instantiates `prepared` with `state`, running its start function.
    pub(crate) fn new(prepared: &Prepared, state: State) -> Result<Self, Failure> {
        let mut store = Store::new(prepared.engine.inner(), state);
        store.limiter(|state| &mut state.limiter);
        let metering = prepared.engine.metering();
        if metering == Metering::On {
            call::fill(&mut store).map_err(Failure::Error)?;
        }
        match prepared
            .linker
            .instantiate_and_start(&mut store, &prepared.module)
        {
            Ok(instance) => Ok(Self {
                store,
                instance,
                metering,
            }),
            Err(error) if is_linking(&error) => Err(Failure::Error(Error::new(
                ErrorKind::Module,
                format!("the module can't be linked: {error}"),
            ))),
            Err(error) => {
                let stop = call::note_limits(&mut store, error);
                Err(Failure::Stop(stop, Box::new(store.into_data())))
            }
        }
    }

    /// The exported function `name`.
    pub(crate) fn func(&self, name: &str) -> Option<wasmi::Func> {
        self.instance.get_func(&self.store, name)
    }

    /// Calls `func`, until it returns, exits, traps or runs into a limit.
    pub(crate) fn call(
        &mut self,
        func: wasmi::Func,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<(), Stop> {
        let called = match self.metering {
            Metering::Off => func.call(&mut self.store, params, results),
            Metering::On => call::metered(&mut self.store, func, params, results),
        };
        called.map_err(|stop| call::note_limits(&mut self.store, stop))
    }

    /// The exported `i32` global `name`, as an index, if it is one.
    pub(crate) fn global(&self, name: &str) -> Option<u32> {
        let value = self
            .instance
            .get_global(&self.store, name)?
            .get(&self.store);
        value.i32().and_then(|value| u32::try_from(value).ok())
    }

    /// The exports' names, and whether each is a function.
    pub(crate) fn exports(&self) -> impl Iterator<Item = (String, bool)> {
        self.instance
            .exports(&self.store)
            .map(|export| (export.name().to_owned(), export.into_func().is_some()))
    }

    pub(crate) fn store(&self) -> &Store<State> {
        &self.store
    }

    pub(crate) fn store_mut(&mut self) -> &mut Store<State> {
        &mut self.store
    }

    pub(crate) fn raw(&self) -> &wasmi::Instance {
        &self.instance
    }

    pub(crate) fn state(&self) -> &State {
        self.store.data()
    }

    pub(crate) fn into_state(mut self) -> State {
        call::drain(&mut self.store);
        self.store.into_data()
    }
}
