//! Modules, compiled once for any number of instances.

use super::{
    ExportType, ImportType, InstanceBuilder,
    leaf::{self, Leaf},
};
use crate::{
    Error, ErrorKind, Image,
    engine::{MAX_RECURSION_DEPTH, Metering},
    instance::Prepared,
};
use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, OnceLock},
};

/// How modules are compiled and run.
///
/// There is nothing behind it that modules share: what a module's code takes is
/// given back once the module and its instances are dropped.
///
/// ```
/// let engine = dormouse::Engine::new().max_call_depth(1000);
/// let module = dormouse::Module::new(&engine, "deep.wat",
///     br#"(module (func $f (export "f") (call $f)))"#)?;
/// let error = dormouse::Instance::new(&module)?.call("f", &[]).expect_err("it is too deep");
/// assert_eq!(error.to_string(), "trap: call stack exhausted");
/// # Ok::<(), dormouse::CallError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Engine {
    depth: usize,
}

impl Engine {
    /// An engine as the command has it.
    pub fn new() -> Self {
        Self {
            depth: MAX_RECURSION_DEPTH,
        }
    }

    /// How many calls of a guest's own functions may be under way inside of each
    /// other; 200,000 at first. Each can take the host some hundred bytes, beside
    /// the 32 MiB that all their values may.
    #[must_use]
    pub fn max_call_depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

/// A Wasm module, compiled and checked, from which any number of instances
/// start. Cloning is cheap and shares all of it.
///
/// ```
/// use dormouse::{Engine, Module, Value};
/// let counter = Module::new(&Engine::new(), "counter.wat", br#"(module
///     (global $n (mut i32) (i32.const 0))
///     (func (export "next") (result i32)
///         (global.set $n (i32.add (global.get $n) (i32.const 1)))
///         (global.get $n)))"#)?;
/// let mut first = counter.instance().start()?;
/// let mut second = counter.instance().start()?;
/// assert_eq!(first.call("next", &[])?, [Value::I32(1)]);
/// assert_eq!(first.call("next", &[])?, [Value::I32(2)]);
/// assert_eq!(second.call("next", &[])?, [Value::I32(1)]);
/// # Ok::<(), dormouse::CallError>(())
/// ```
#[derive(Clone)]
pub struct Module(Arc<Inner>);

struct Inner {
    name: String,
    image: Image,
    depth: usize,
    /// Which host functions the module imports, in the order of its imports.
    provided: Vec<bool>,
    imports: Vec<ImportType>,
    exports: Vec<ExportType>,
    /// One of each [`Way`] to run it.
    prepared: [OnceLock<Prepared>; 4],
    /// Exports that need not be entered.
    leaves: OnceLock<HashMap<String, Arc<Leaf>>>,
}

/// How an instance runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) metering: Metering,
    pub(super) traced: bool,
}

impl Way {
    fn index(self) -> usize {
        usize::from(self.metering == Metering::On) * 2 + usize::from(self.traced)
    }
}

impl Module {
    /// A module from its binary or text form; `name` is what errors call it, and
    /// a program's own name as it sees it.
    ///
    /// # Errors
    ///
    /// When `source` is not a valid Wasm module, or uses a proposal that is not
    /// supported.
    pub fn new(engine: &Engine, name: &str, source: &[u8]) -> Result<Self, Error> {
        let image = Image::wasm(name, source)?;
        if image.snapshot().is_some() {
            return Err(Error::new(
                ErrorKind::Module,
                format!(
                    "{name} is a snapshot, which goes on where it was; run it in a Sandbox, or make \
                     a portable one, which is a plain module"
                ),
            ));
        }
        // What runs with a deadline, as most do.
        let prepared = Prepared::open(image.wasm_bytes(), Metering::On, engine.depth)
            .map_err(|error| Error::new(error.kind(), format!("{name}: {error}")))?;
        let provided = prepared.provided();
        let module = prepared.module();
        let imports = module.imports().map(|import| (&import).into()).collect();
        let exports = module.exports().map(|export| (&export).into()).collect();
        let way = Way {
            metering: Metering::On,
            traced: false,
        };
        let ways: [OnceLock<Prepared>; 4] = Default::default();
        ways[way.index()].get_or_init(|| prepared);
        Ok(Self(Arc::new(Inner {
            name: name.to_owned(),
            image,
            depth: engine.depth,
            provided,
            imports,
            exports,
            prepared: ways,
            leaves: OnceLock::new(),
        })))
    }

    /// The module in the file at `path`, binary or text.
    ///
    /// # Errors
    ///
    /// When the file can't be read; and as of [`new`](Self::new).
    pub fn open(engine: &Engine, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let source = std::fs::read(path).map_err(|error| {
            let message = format!("{} can't be read: {error}", path.display());
            Error::new(ErrorKind::Io, message).with_source(error)
        })?;
        Self::new(engine, &path.display().to_string(), &source)
    }

    /// An instance in the making.
    pub fn instance(&self) -> InstanceBuilder {
        InstanceBuilder::new(self)
    }

    /// What the module is called.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What it imports: functions first, then tables, memories and globals.
    pub fn imports(&self) -> &[ImportType] {
        &self.0.imports
    }

    /// What it exports, in no order.
    pub fn exports(&self) -> &[ExportType] {
        &self.0.exports
    }

    pub(super) fn image(&self) -> &Image {
        &self.0.image
    }

    /// The export `name`, if it is so short that it need not be entered.
    pub(super) fn leaf(&self, name: &str) -> Option<&Arc<Leaf>> {
        let leaves = &self.0.leaves;
        leaves
            .get_or_init(|| leaf::leaves(self.0.image.wasm_bytes()))
            .get(name)
    }

    /// What it imports, and whether that is there in any case.
    pub(super) fn provided(&self) -> impl Iterator<Item = (&ImportType, bool)> {
        self.0.imports.iter().zip(self.0.provided.iter().copied())
    }

    /// The module, made ready to be run in a way.
    pub(super) fn prepared(&self, way: Way) -> Result<&Prepared, Error> {
        let cell = &self.0.prepared[way.index()];
        if let Some(prepared) = cell.get() {
            return Ok(prepared);
        }
        let wasm = self.0.image.wasm_bytes();
        let prepared = if way.traced {
            let traced = dormouse_snapshot::trace(wasm).map_err(|error| {
                let message = format!("{} can't be traced: {error}", self.name());
                Error::new(ErrorKind::Module, message).with_source(error)
            })?;
            Prepared::open(&traced, way.metering, self.0.depth)?
        } else {
            Prepared::open(wasm, way.metering, self.0.depth)?
        };
        Ok(cell.get_or_init(|| prepared))
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.0.name)
            .field("imports", &self.0.imports.len())
            .field("exports", &self.0.exports.len())
            .finish_non_exhaustive()
    }
}
