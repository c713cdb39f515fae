//! Capturing and restoring on a real engine.
#![allow(dead_code, reason = "no test uses all of it")]

pub(crate) mod generated;
mod host;
mod smith;
mod values;

use dormouse_snapshot::{
    CapturedMemory, Entry, Form, Guest, Hot, Instrumented, Point, Reference, Rewritten, Value,
};
pub(crate) use host::{Contents, Host};
use std::collections::{BTreeMap, HashMap};
use values::{argument, name_of, show};
use wasmi::{
    Caller, Config, Engine, Extern, ExternType, Func, Instance, Linker, Memory, Module, Nullable,
    Ref, Store, Val,
};

/// Whether generated modules have tail calls. The interpreter (2.0.0) runs into
/// address zero after a tail call of a host function whose caller has no
/// locals.
pub(crate) const TAIL_CALLS: bool = false;

/// What can be observed of a run that has ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Observed {
    pub(crate) host: Host,
    pub(crate) results: Result<Vec<String>, String>,
    pub(crate) memories: Vec<Contents>,
    pub(crate) globals: BTreeMap<String, String>,
    pub(crate) tables: Vec<Vec<String>>,
}

pub(crate) struct Running<T = Host> {
    pub(crate) store: Store<T>,
    pub(crate) instance: Instance,
}

/// An engine whose stacks are deep.
pub(crate) fn engine() -> Engine {
    let mut config = Config::default();
    config
        .set_max_recursion_depth(100_000)
        .set_max_stack_height(64 << 20);
    Engine::new(&config)
}

fn linker(engine: &Engine, module: &Module) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    let say = |mut caller: Caller<'_, Host>, value: i32| {
        let said = &mut caller.data_mut().said;
        said.push(value.into());
        value.wrapping_mul(3) ^ i32::try_from(said.len()).unwrap_or(0)
    };
    linker.func_wrap("host", "say", say).expect("new name");
    let many = |mut caller: Caller<'_, Host>, a: i64, b: f32, c: f64| {
        let said = &mut caller.data_mut().said;
        said.extend([a, i64::from(b.to_bits()), c.to_bits().cast_signed()]);
        (a.wrapping_add(1), f32::from_bits(b.to_bits() ^ 1), -c)
    };
    linker.func_wrap("host", "many", many).expect("new name");
    linker
        .func_wrap("host", "nothing", || ())
        .expect("new name");
    let back = |mut caller: Caller<'_, Host>, value: i32| -> Result<i32, wasmi::Error> {
        let callback = caller
            .get_export("callback")
            .and_then(Extern::into_func)
            .ok_or_else(|| wasmi::Error::new("no callback"))?;
        let callback = callback.typed::<i32, i32>(&caller)?;
        callback.call(&mut caller, value)
    };
    linker.func_wrap("host", "back", back).expect("new name");
    let thing = |mut caller: Caller<'_, Host>| {
        Nullable::Val(wasmi::ExternRef::new(
            &mut caller,
            "something of the host's",
        ))
    };
    linker.func_wrap("host", "thing", thing).expect("new name");
    for import in module.imports().filter(|import| import.module() == "any") {
        if let ExternType::Func(ty) = import.ty() {
            // A module may import the same function twice.
            let _ = linker.func_new("any", import.name(), ty.clone(), any);
        }
    }
    linker
}

/// A function of any type: what it gives depends on its arguments and on all
/// that the host was told before.
fn any(
    mut caller: Caller<'_, Host>,
    args: &[Val],
    results: &mut [Val],
) -> Result<(), wasmi::Error> {
    caller.data_mut().said.extend(args.iter().map(values::told));
    let mut answer = caller.data_mut().answer();
    for result in results {
        let bits = answer.bits();
        *result = values::given(result, args, bits).unwrap_or_else(|| {
            Val::ExternRef(Nullable::Val(wasmi::ExternRef::new(&mut caller, bits)))
        });
    }
    Ok(())
}

impl Running {
    pub(crate) fn start(wasm: &[u8], host: Host, memories: &[CapturedMemory]) -> Self {
        match Self::try_start(wasm, host, memories) {
            Ok(running) => running,
            Err((_, error)) => panic!("it doesn't start: {error}"),
        }
    }

    /// Instantiates `wasm`; what its start function told the host and how it
    /// trapped, if it did.
    pub(crate) fn try_start(
        wasm: &[u8],
        host: Host,
        memories: &[CapturedMemory],
    ) -> Result<Self, (Host, String)> {
        let engine = engine();
        let module = Module::new(&engine, wasm).expect("a valid module");
        let mut store = Store::new(&engine, host);
        let mut linker = linker(&engine, &module);
        if let Some(cold) = custom_section(wasm, dormouse_snapshot::COLD) {
            let cold = Module::new(&engine, cold).expect("a valid module");
            let inner = linker.clone();
            let load = move |caller: Caller<'_, Host>| load(caller, &cold, &inner);
            linker
                .func_wrap("dormouse", "load", load)
                .expect("new name");
        }
        define(&mut linker, &mut store, &module, memories);
        match linker.instantiate_and_start(&mut store, &module) {
            Ok(instance) => Ok(Self { store, instance }),
            Err(error) => Err((store.into_data(), error.to_string())),
        }
    }

    pub(crate) fn call_shown(&mut self, name: &str) -> Result<Vec<String>, String> {
        shown(self.call(name))
    }

    /// What there is to see after `result`.
    pub(crate) fn observe(&self, result: Result<Vec<Val>, String>) -> Observed {
        Observed {
            host: self.store.data().clone(),
            results: shown(result),
            memories: self.memories(),
            globals: self.globals(&[]),
            tables: self.tables(&[]),
        }
    }

    pub(crate) fn host(&self) -> &Host {
        self.store.data()
    }
}

/// Defines the memories that an image imports.
pub(crate) fn define<T>(
    linker: &mut Linker<T>,
    store: &mut Store<T>,
    module: &Module,
    memories: &[CapturedMemory],
) {
    for (index, captured) in memories.iter().enumerate() {
        let name = format!("memory{index}");
        let import = module
            .imports()
            .find(|import| import.name() == name)
            .expect("an image imports its memories");
        let ExternType::Memory(ty) = import.ty() else {
            panic!("{name} is no memory");
        };
        let mut builder = wasmi::MemoryType::builder();
        builder
            .memory64(ty.is_64())
            .min(captured.pages)
            .max(ty.maximum());
        let ty = builder.build().expect("a valid type");
        let memory = Memory::new(&mut *store, ty).expect("enough memory");
        memory
            .write(&mut *store, 0, &captured.contents)
            .expect("as large as captured");
        linker.define("dormouse", &name, memory).expect("new name");
    }
}

impl<T> Running<T> {
    pub(crate) fn call(&mut self, name: &str) -> Result<Vec<Val>, String> {
        let func = self.instance.get_func(&self.store, name).expect(name);
        let ty = func.ty(&self.store);
        let params: Vec<Val> = ty.params().iter().map(|ty| argument(*ty)).collect();
        let mut results: Vec<Val> = ty
            .results()
            .iter()
            .map(|ty| Val::default_for_ty(*ty))
            .collect();
        func.call(&mut self.store, &params, &mut results)
            .map_err(|error| error.to_string())?;
        Ok(results)
    }

    /// What capturing sees of it.
    pub(crate) fn look(&self) -> &impl Guest {
        self
    }

    /// What the guest exports.
    fn exports(&self) -> impl Iterator<Item = wasmi::Export<'_>> {
        self.instance
            .exports(&self.store)
            .filter(|export| !export.name().starts_with("dormouse:"))
    }

    pub(crate) fn memories(&self) -> Vec<Contents> {
        self.exports()
            .filter_map(wasmi::Export::into_memory)
            .map(|memory| Contents(memory.data(&self.store).to_vec()))
            .collect()
    }

    /// Values of the exported globals; see [`names`](Self::names).
    pub(crate) fn globals(&self, hidden: &[String]) -> BTreeMap<String, String> {
        let names = self.names(hidden);
        self.exports()
            .filter_map(|export| {
                let name = export.name().to_owned();
                let value = export.into_global()?.get(&self.store);
                let value = match &value {
                    Val::FuncRef(reference) => name_of(&names, &function(reference)),
                    value => show(value),
                };
                Some((name, value))
            })
            .collect()
    }

    /// What the exported tables hold; see [`names`](Self::names).
    pub(crate) fn tables(&self, hidden: &[String]) -> Vec<Vec<String>> {
        let names = self.names(hidden);
        self.exports()
            .filter_map(|export| {
                Some(export.name().to_owned()).filter(|_| export.into_table().is_some())
            })
            .filter_map(|name| self.table(&name))
            .map(|table| {
                let table = table.iter();
                table.map(|reference| name_of(&names, reference)).collect()
            })
            .collect()
    }

    /// Functions by the names under which they are exported, but for those
    /// exported as one of `hidden`: these change as a run is restored.
    fn names(&self, hidden: &[String]) -> HashMap<String, String> {
        let mut names = HashMap::new();
        for export in self.exports() {
            let name = export.name().to_owned();
            if hidden.contains(&name) {
                continue;
            }
            if let Some(function) = export.into_func() {
                names.entry(format!("{function:?}")).or_insert(name);
            }
        }
        names
    }
}

/// Results, bit by bit.
pub(crate) fn shown(result: Result<Vec<Val>, String>) -> Result<Vec<String>, String> {
    result.map(|values| values.iter().map(show).collect())
}

pub(crate) fn custom_section<'a>(wasm: &'a [u8], name: &str) -> Option<&'a [u8]> {
    wasmparser::Parser::new(0)
        .parse_all(wasm)
        .find_map(|payload| match payload {
            Ok(wasmparser::Payload::CustomSection(section)) if section.name() == name => {
                Some(section.data())
            }
            _ => None,
        })
}

/// Loads the cold module beside the main one.
fn load(
    mut caller: Caller<'_, Host>,
    cold: &Module,
    linker: &Linker<Host>,
) -> Result<(), wasmi::Error> {
    let mut linker = linker.clone();
    for import in cold.imports() {
        let (module, name) = (import.module(), import.name());
        let found = if module == dormouse_snapshot::MAIN {
            caller.get_export(name)
        } else if module == dormouse_snapshot::LINKED {
            let index = name.parse().expect("a number");
            let table = caller
                .get_export(module)
                .and_then(Extern::into_table)
                .expect("the linked functions");
            match table.get(&caller, index) {
                Some(Ref::Func(Nullable::Val(func))) => Some(Extern::Func(func)),
                _ => None,
            }
        } else {
            continue;
        };
        let found = found.unwrap_or_else(|| panic!("no {module} {name}"));
        linker.define(module, name, found)?;
    }
    linker.instantiate_and_start(&mut caller, cold)?;
    Ok(())
}

impl<T> Guest for Running<T> {
    fn global(&self, name: &str) -> Option<Value> {
        let value = self
            .instance
            .get_global(&self.store, name)?
            .get(&self.store);
        Some(match value {
            Val::I32(value) => Value::I32(value),
            Val::I64(value) => Value::I64(value),
            Val::F32(value) => Value::F32(value.to_bits()),
            Val::F64(value) => Value::F64(value.to_bits()),
            Val::V128(value) => Value::V128(value.as_u128()),
            Val::FuncRef(reference) => Value::Reference(function(&reference)),
            Val::ExternRef(reference) if reference.is_null() => Value::Reference(Reference::Null),
            Val::ExternRef(_) => Value::Reference(Reference::Extern),
        })
    }

    fn memory(&self, name: &str) -> Option<&[u8]> {
        let memory = self.instance.get_memory(&self.store, name)?;
        Some(memory.data(&self.store))
    }

    fn table(&self, name: &str) -> Option<Vec<Reference>> {
        let table = self.instance.get_table(&self.store, name)?;
        (0..table.size(&self.store))
            .map(|index| {
                Some(match table.get(&self.store, index)? {
                    Ref::Func(reference) => function(&reference),
                    Ref::Extern(reference) if reference.is_null() => Reference::Null,
                    Ref::Extern(_) => Reference::Extern,
                })
            })
            .collect()
    }
}

fn function(reference: &Nullable<Func>) -> Reference {
    match reference {
        Nullable::Null => Reference::Null,
        // The engine's functions can't be compared, but are told apart by
        // what they print.
        Nullable::Val(function) => Reference::Function(format!("{function:?}")),
    }
}

/// A run that was stopped.
pub(crate) struct Stopped {
    pub(crate) host: Host,
    pub(crate) portable: Rewritten,
    pub(crate) image: Rewritten,
    pub(crate) frames: usize,
}

/// Runs `wasm` from the export `run` on to `point`; nothing, if it ends before.
pub(crate) fn stop(
    wasm: &[u8],
    point: &Point,
) -> Result<Option<Stopped>, dormouse_snapshot::Error> {
    stop_with(wasm, point, Host::default())
}

/// Likewise, with a host that has been told something already.
pub(crate) fn stop_with(
    wasm: &[u8],
    point: &Point,
    host: Host,
) -> Result<Option<Stopped>, dormouse_snapshot::Error> {
    let instrumented = Instrumented::new(wasm, point)?;
    let mut running = Running::start(instrumented.wasm(), host, &[]);
    let mut entry = None;
    if let Some(start) = instrumented.start() {
        let _ = running.call(start);
        entry = Some(Entry::Start);
    }
    if let Point::Init { export } = point {
        running.call(export).expect("it initializes");
    } else if !instrumented.reached(&running) {
        let _ = running.call("run");
        entry = Some(Entry::Export("run".to_owned()));
        if !instrumented.reached(&running) {
            return Ok(None);
        }
    }
    let state = instrumented.state(&running, entry)?;
    Ok(Some(Stopped {
        host: running.store.data().clone(),
        portable: state.rewrite(Form::Portable, &Hot::None)?,
        image: state.rewrite(Form::Image, &Hot::All)?,
        frames: state.frames(),
    }))
}

/// Goes on to the end.
pub(crate) fn go_on(stopped: &Rewritten, image: bool, host: Host) -> Observed {
    let memories: &[CapturedMemory] = if image { &stopped.memories } else { &[] };
    let mut running = Running::start(&stopped.module, host, memories);
    let result = running.call("run");
    running.observe(result)
}

/// Runs without a stop.
pub(crate) fn uninterrupted(wasm: &[u8]) -> Observed {
    let mut running = Running::start(wasm, Host::default(), &[]);
    let result = running.call("run");
    running.observe(result)
}
