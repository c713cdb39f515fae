//! The instances of one script, and how they are captured and restored.

use super::{
    capture::{Captive, START},
    host,
    probe::{PROBE, alias},
    way::Way,
};
use dormouse::conformance::Engine;
use dormouse_snapshot::{CapturedMemory, Entry, STOP, TICK};
use std::collections::{BTreeMap, HashMap};
use wasmi::{Extern, ExternType, Func, Instance, Memory, MemoryType, Module, Store, Val};

/// What a module that was split imports to load its other part.
const LOAD: (&str, &str) = ("dormouse", "load");

/// What the host was told.
pub(super) type Log = Vec<String>;

/// Why something was not done, or ended.
#[derive(Debug)]
pub(super) enum Stop {
    /// It trapped.
    Trap(wasmi::Error),
    /// It doesn't fit what it imports.
    Link(String),
    /// There is nothing of this module and name to import.
    Unknown(String, String),
    /// It is no valid module.
    Load(String),
    /// The interpreter has no such thing.
    Unsupported(String),
    /// What Dormouse made of it is wrong.
    Broken(String),
    /// The script must begin again, for what was found out about a module.
    Again,
}

/// What is known from earlier attempts at a script.
pub(super) struct Known {
    pub(super) engine: Engine,
    /// Modules that can't be captured, in the order in which the script has
    /// them, and why.
    pub(super) refused: BTreeMap<usize, String>,
}

/// What was done.
#[derive(Debug, Default, Clone)]
pub(super) struct Done {
    pub(super) modules: usize,
    /// Instances that were made from a captured one.
    pub(super) restored: usize,
    /// Functions on the stacks that were captured.
    pub(super) frames: usize,
}

pub(super) struct World<'k> {
    pub(super) way: Way,
    pub(super) known: &'k mut Known,
    pub(super) store: Store<Log>,
    spectest: HashMap<&'static str, Extern>,
    pub(super) members: Vec<Member>,
    pub(super) registered: HashMap<String, usize>,
    pub(super) done: Done,
}

/// Externs by the module and the name that they are imported by.
pub(super) type Imports = HashMap<(String, String), Extern>;

/// An instance, and what it was made from.
pub(super) struct Member {
    /// Which of the script's modules it is of.
    pub(super) ordinal: usize,
    pub(super) instance: Instance,
    pub(super) imports: Imports,
    /// How it can be captured, if it can.
    pub(super) captive: Option<Captive>,
    /// How often it was captured.
    pub(super) generation: u32,
    /// Calls that the script has made.
    pub(super) calls: u64,
}

impl<'k> World<'k> {
    pub(super) fn new(way: Way, known: &'k mut Known) -> Self {
        let mut store = Store::new(known.engine.inner(), Log::default());
        if way == (Way::Plain { metered: true }) {
            store.set_fuel(u64::MAX).expect("fuel is counted");
        }
        let spectest = host::spectest(&mut store);
        Self {
            way,
            known,
            store,
            spectest,
            members: Vec::new(),
            registered: HashMap::new(),
            done: Done::default(),
        }
    }

    pub(super) fn export(&self, member: usize, name: &str) -> Option<Extern> {
        self.members[member].instance.get_export(&self.store, name)
    }

    /// Loads a module; if that takes another engine than this world has, the
    /// script must begin again with it.
    pub(super) fn load(&mut self, wasm: &[u8]) -> Result<Module, Stop> {
        let module = self.known.engine.load(wasm).map_err(|error| {
            let error = error.to_string();
            if error.contains("which Dormouse does not support") {
                Stop::Unsupported(error)
            } else {
                Stop::Load(error)
            }
        })?;
        if wasmi::Engine::same(self.known.engine.inner(), self.store.engine()) {
            return Ok(module);
        }
        Err(Stop::Again)
    }

    /// Likewise, what was made from a module that loads.
    pub(super) fn load_ours(&mut self, wasm: &[u8]) -> Result<Module, Stop> {
        self.load(wasm).map_err(|stop| match stop {
            Stop::Load(error) | Stop::Unsupported(error) => {
                Stop::Broken(format!("what was made of it does not load: {error}"))
            }
            stop => stop,
        })
    }

    /// Makes the script's next module an instance. One that `traps` then may leave
    /// functions behind in tables of other instances: the interpreter (2.0.0) has
    /// no memories and globals for these, and ends the process where they are used.
    pub(super) fn instantiate(&mut self, wasm: &[u8], traps: bool) -> Result<usize, Stop> {
        let ordinal = self.done.modules;
        self.done.modules += 1;
        // Whether it loads is not to depend on what is done to it.
        let plain = self.load(wasm)?;
        let is_plain = matches!(self.way, Way::Plain { .. });
        if traps && !is_plain && has_table(&plain) {
            let reason = "its instantiation fails halfway".to_owned();
            self.known.refused.insert(ordinal, reason);
        }
        let (bytes, captive) = match self.prepared(ordinal, wasm)? {
            Some((bytes, captive)) => (Some(bytes), captive),
            None => (None, None),
        };
        let module = match &bytes {
            Some(bytes) => self.load_ours(bytes)?,
            None => plain,
        };
        let mut imports = self.imports(&module)?;
        if let Some(bytes) = &bytes {
            self.link_ours(&module, bytes, &mut imports)?;
        }
        let instance = self.instance(&module, &imports)?;
        let at = self.members.len();
        self.members.push(Member {
            ordinal,
            instance,
            imports,
            captive,
            generation: 0,
            calls: 0,
        });
        if self.has_start(at) {
            self.run(at, &Entry::Start, &[])?;
        }
        self.capture_started(at)?;
        Ok(at)
    }

    pub(super) fn has_start(&self, at: usize) -> bool {
        self.export(at, START).is_some()
    }

    /// What `module` imports, as far as there is such a thing.
    fn imports(&mut self, module: &Module) -> Result<Imports, Stop> {
        let mut all = Imports::new();
        for import in module.imports() {
            let (from, name) = (import.module(), import.name());
            let found = match self.registered.get(from) {
                Some(&member) => {
                    self.share(member)?;
                    self.export(member, name)
                }
                None if from == "spectest" => self.spectest.get(name).copied(),
                None => None,
            };
            all.extend(found.map(|found| ((from.to_owned(), name.to_owned()), found)));
        }
        Ok(all)
    }

    /// Adds what `module`, made from `wasm`, imports because of what was done to
    /// it.
    pub(super) fn link_ours(
        &mut self,
        module: &Module,
        wasm: &[u8],
        imports: &mut Imports,
    ) -> Result<(), Stop> {
        for (from, name) in [PROBE, TICK] {
            let nothing = Func::wrap(&mut self.store, || ());
            imports.insert((from.to_owned(), name.to_owned()), nothing.into());
        }
        let loads = module
            .imports()
            .any(|import| (import.module(), import.name()) == LOAD);
        if loads {
            let cold = host::cold(wasm).ok_or_else(|| Stop::Broken("no cold code".to_owned()))?;
            let cold = self.load_ours(cold)?;
            let loader = host::loader(&mut self.store, cold, imports.clone());
            imports.insert((LOAD.0.to_owned(), LOAD.1.to_owned()), loader);
        }
        Ok(())
    }

    fn instance(&mut self, module: &Module, imports: &Imports) -> Result<Instance, Stop> {
        self.instance_with(module, imports, &[])
    }

    /// An instance that imports `imports` and `memories`. If it has a start
    /// function that wasn't taken out, that has run.
    pub(super) fn instance_with(
        &mut self,
        module: &Module,
        imports: &Imports,
        memories: &[CapturedMemory],
    ) -> Result<Instance, Stop> {
        let mut externs = Vec::new();
        for import in module.imports() {
            let key = (import.module().to_owned(), import.name().to_owned());
            let found = match import.ty() {
                ExternType::Memory(_) if (import.module(), import.name()) == STOP => {
                    let page = MemoryType::new(1, Some(1));
                    Memory::new(&mut self.store, page).ok().map(Extern::from)
                }
                ExternType::Memory(ty) if key.0 == "dormouse" => {
                    host::memory(&mut self.store, &key.1, *ty, memories)
                }
                _ => imports.get(&key).copied(),
            };
            let Some(found) = found else {
                return Err(Stop::Unknown(key.0, key.1));
            };
            externs.push(found);
        }
        Instance::new(&mut self.store, module, &externs).map_err(|error| {
            let text = error.to_string();
            let is_trap = error.as_trap_code().is_some() || text.contains("out of bounds");
            if is_trap {
                Stop::Trap(error)
            } else {
                Stop::Link(text)
            }
        })
    }

    /// Calls the exported function `name`.
    pub(super) fn invoke(&mut self, at: usize, name: &str, args: &[Val]) -> Result<Vec<Val>, Stop> {
        let alias = alias(self.members[at].generation, name);
        let name = match self.export(at, &alias) {
            Some(_) => alias,
            None => name.to_owned(),
        };
        self.run(at, &Entry::Export(name), args)
    }

    /// Calls an export as often as it takes for it to come to its end.
    fn run(&mut self, at: usize, entry: &Entry, mut args: &[Val]) -> Result<Vec<Val>, Stop> {
        let name = match entry {
            Entry::Start => START,
            Entry::Export(name) => name,
        };
        loop {
            let func = self.export(at, name).and_then(Extern::into_func);
            let Some(func) = func else {
                return Err(Stop::Link(format!("there is no function {name:?}")));
            };
            let ty = func.ty(&self.store);
            let mut results: Vec<Val> = ty
                .results()
                .iter()
                .map(|ty| Val::default_for_ty(*ty))
                .collect();
            let result = func.call(&mut self.store, args, &mut results);
            if self.has_reached(at)? {
                self.capture_amid(at, entry, &result)?;
                // It has them already.
                args = &[];
                if *entry == Entry::Start && !self.has_start(at) {
                    // It has run to its end as it was instantiated.
                    return Ok(Vec::new());
                }
                continue;
            }
            return match result {
                Ok(()) => Ok(results),
                Err(error) => Err(Stop::Trap(error)),
            };
        }
    }
}

/// Whether the module writes into tables of others.
fn has_table(module: &Module) -> bool {
    module
        .imports()
        .any(|import| matches!(import.ty(), ExternType::Table(_)))
}
