//! Modules that are ready to be instantiated.

use super::{Cold, State, call, resting::Resting};
use crate::{
    Error, ErrorKind,
    engine::{
        Engine, Metering, Stop, ahead,
        mapping::{Memories, Trusted, module_unchecked},
    },
    wasi,
};
use dormouse_snapshot::{STOP, TICK};
use wasmi::{Caller, ExternType, Linker, MemoryType};

/// The module that an image imports its memories from: `memory0`, `memory1`, …
const MEMORIES: &str = "dormouse";

/// The modules that the host has functions of.
const HOSTS: [&str; 3] = ["wasi_snapshot_preview1", "wasi_unstable", MEMORIES];

/// A module, ready to be instantiated again and again.
pub(crate) struct Prepared {
    pub(super) engine: Engine,
    pub(super) module: wasmi::Module,
    pub(super) linker: Linker<State>,
    pub(super) image: Option<ImageMemories>,
    /// Whether instances can be reset in place.
    in_place: bool,
    pub(super) resting: Resting,
}

/// The memories of an image, and the types that its module imports them with.
pub(super) struct ImageMemories {
    pub(super) memories: Memories,
    pub(super) types: Vec<MemoryType>,
    /// Whether the module looks at [`STOP`].
    is_bounded: bool,
}

/// The code of an image.
pub(crate) enum Code<'a> {
    /// Known to be valid.
    Trusted(Trusted<'a>),
    /// To be validated.
    Foreign(&'a [u8]),
}

/// Adds what a language's guest wants beyond WASI.
pub(crate) type Extend = fn(&mut Linker<State>) -> Result<(), Error>;

impl Prepared {
    /// Loads `wasm` and checks that the host has everything it imports;
    /// `frames` is how deep its calls may nest.
    pub(crate) fn new(
        wasm: &[u8],
        metering: Metering,
        frames: usize,
        extend: Extend,
    ) -> Result<Self, Error> {
        let mut engine = Engine::new(metering, frames);
        let module = crate::engine::load(&mut engine, wasm)?;
        let linker = linker(&engine, &module, extend)?;
        check_imports(&module, linker.clone())?;
        Ok(Self {
            engine,
            module,
            linker,
            image: None,
            in_place: false,
            resting: Resting::default(),
        })
    }

    /// Loads `wasm` for instances whose imports need not all be the host's own:
    /// see [`Instance::linked`](super::Instance::linked).
    pub(crate) fn open(wasm: &[u8], metering: Metering, frames: usize) -> Result<Self, Error> {
        let mut engine = Engine::new(metering, frames);
        let module = crate::engine::load(&mut engine, wasm)?;
        let is_ours = |import: wasmi::ImportType<'_>| HOSTS.contains(&import.module());
        let linker = if module.imports().any(is_ours) {
            linker(&engine, &module, |_| Ok(()))?
        } else {
            // Linking what nobody asks for would be most of the loading.
            Linker::new(engine.inner())
        };
        Ok(Self {
            engine,
            module,
            linker,
            image: None,
            in_place: false,
            resting: Resting::default(),
        })
    }

    /// The module itself.
    pub(crate) fn module(&self) -> &wasmi::Module {
        &self.module
    }

    /// What the host has for imports of any module.
    pub(crate) fn linker(&self) -> &Linker<State> {
        &self.linker
    }

    /// Whether the host has something for each import of the module, in order.
    pub(crate) fn provided(&self) -> Vec<bool> {
        let mut linker = self.linker.clone();
        let imports = self.module.imports();
        imports
            .map(|import| has(&mut linker, import.module(), import.name()))
            .collect()
    }

    /// Loads the code of an image, whose memories will be `memories`. For
    /// [`Instance::wake`](super::Instance::wake).
    pub(crate) fn image(
        code: &Code<'_>,
        mut cold: Option<Cold>,
        memories: Memories,
        engine: &Engine,
        extend: Extend,
    ) -> Result<Self, Error> {
        let mut engine = engine.clone();
        let module = match code {
            // It was mended before it was captured.
            Code::Trusted(wasm) => module_unchecked(&engine, wasm)?,
            Code::Foreign(wasm) => load_both(&mut engine, wasm, cold.as_mut())?,
        };
        // At once, while this thread still prepares the run.
        ahead::translate(&module);
        let mut linker = linker(&engine, &module, extend)?;
        if let Some(cold) = cold {
            cold.link(&engine, &mut linker).map_err(not_linked)?;
        }
        if let Code::Foreign(_) = code {
            // Ours were checked when they were built.
            check_imports(&module, linker.clone())?;
        }
        let types = memory_types(&module, memories.contents().len())?;
        let is_bounded = module
            .imports()
            .any(|import| is_stop(import.module(), import.name()));
        Ok(Self {
            engine,
            module,
            linker,
            image: Some(ImageMemories {
                memories,
                types,
                is_bounded,
            }),
            in_place: false,
            resting: Resting::default(),
        })
    }

    /// The memories of an image, which reservations are made for.
    pub(crate) fn memories(&self) -> Option<&Memories> {
        self.image.as_ref().map(|image| &image.memories)
    }

    /// Whether it asks from time to time if it may go on.
    pub(super) fn is_bounded(&self) -> bool {
        self.image.as_ref().is_some_and(|image| image.is_bounded)
    }

    /// What the module exports as `name`.
    #[cfg(all(feature = "cli", feature = "server"))]
    pub(crate) fn export(&self, name: &str) -> Option<ExternType> {
        self.module.get_export(name)
    }

    /// States whether instances can be [reset in place](super::is_restorable).
    #[must_use]
    pub(crate) fn reset_in_place(mut self, in_place: bool) -> Self {
        self.in_place = in_place;
        self
    }

    pub(super) fn is_reset_in_place(&self) -> bool {
        self.in_place
    }

    /// A linker for one instance, with its memories.
    pub(super) fn link(&self, memories: &[wasmi::Memory]) -> Result<Linker<State>, Error> {
        let mut linker = self.linker.clone();
        for (index, memory) in memories.iter().enumerate() {
            linker
                .define(MEMORIES, &memory_name(index), *memory)
                .map_err(|error| {
                    Error::new(
                        ErrorKind::Engine,
                        format!("memory {index} of the image can't be linked: {error}"),
                    )
                })?;
        }
        Ok(linker)
    }
}

/// Whether that is what a bounded module looks at.
fn is_stop(module: &str, name: &str) -> bool {
    (module, name) == STOP
}

fn memory_name(index: usize) -> String {
    format!("memory{index}")
}

/// Loads a foreign image's code, all of it: either part may need an engine that
/// the other doesn't.
fn load_both(
    engine: &mut Engine,
    main: &[u8],
    cold: Option<&mut Cold>,
) -> Result<wasmi::Module, Error> {
    let module = crate::engine::load(engine, main)?;
    let Some(cold) = cold else { return Ok(module) };
    cold.load(engine)?;
    if wasmi::Engine::same(module.engine(), engine.inner()) {
        return Ok(module);
    }
    crate::engine::load(engine, main)
}

/// All that `module` can import; of WASI's first version only if it does: each
/// function that is linked costs a microsecond or two.
fn linker(engine: &Engine, module: &wasmi::Module, extend: Extend) -> Result<Linker<State>, Error> {
    let mut linker = Linker::new(engine.inner());
    let is_old = module
        .imports()
        .any(|import| import.module() == "wasi_unstable");
    wasi::link(&mut linker, State::wasi_mut, is_old)?;
    // Where a guest asks to be captured. Nothing is to be done otherwise.
    linker
        .func_wrap("dormouse", "snapshot_point", || ())
        .map_err(|error| not_linked(error.into()))?;
    // Where a bounded guest asks whether it may go on.
    let tick = |caller: Caller<'_, State>| call::tick(caller.data());
    linker
        .func_wrap(TICK.0, TICK.1, tick)
        .map_err(|error| not_linked(error.into()))?;
    extend(&mut linker)?;
    Ok(linker)
}

fn not_linked(error: Stop) -> Error {
    Error::new(
        ErrorKind::Engine,
        format!("the host's own functions can't be linked: {error}"),
    )
}

/// The types of the `count` memories that an image's module must import, by
/// their number.
fn memory_types(module: &wasmi::Module, count: usize) -> Result<Vec<MemoryType>, Error> {
    let mut types: Vec<Option<MemoryType>> = vec![None; count];
    for import in module.imports() {
        let ExternType::Memory(ty) = import.ty() else {
            continue;
        };
        if is_stop(import.module(), import.name()) {
            continue;
        }
        let slot = (0..count).find(|index| import.name() == memory_name(*index));
        match slot {
            Some(index) if import.module() == MEMORIES => types[index] = Some(*ty),
            _ => {
                return Err(mismatch(&format!(
                    "it imports the memory {}.{}, which the image lacks",
                    import.module(),
                    import.name()
                )));
            }
        }
    }
    let imported: Option<Vec<MemoryType>> = types.iter().copied().collect();
    imported.ok_or_else(|| mismatch("the image has memories that it does not import"))
}

pub(super) fn mismatch(problem: &str) -> Error {
    Error::new(
        ErrorKind::Module,
        format!("the image's module and memories don't belong together: {problem}"),
    )
}

/// Names every import that the host lacks, not just the first. Memories of an
/// image are looked at elsewhere.
fn check_imports(module: &wasmi::Module, mut linker: Linker<State>) -> Result<(), Error> {
    let mut missing = Vec::new();
    for import in module.imports() {
        let is_memory = matches!(import.ty(), ExternType::Memory(_));
        if is_memory && (import.module() == MEMORIES || is_stop(import.module(), import.name())) {
            continue;
        }
        if !has(&mut linker, import.module(), import.name()) {
            let kind = kind(import.ty());
            missing.push(format!("{}.{} ({kind})", import.module(), import.name()));
        }
    }
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

/// Whether `linker` has something for an import; it has from now on.
fn has(linker: &mut Linker<State>, module: &str, name: &str) -> bool {
    // The linker refuses a second definition: a way to ask whether it has one
    // that costs no copy of it.
    linker.func_wrap(module, name, || {}).is_err()
}

fn kind(ty: &ExternType) -> &'static str {
    match ty {
        ExternType::Func(_) => "function",
        ExternType::Global(_) => "global",
        ExternType::Memory(_) => "memory",
        ExternType::Table(_) => "table",
    }
}
