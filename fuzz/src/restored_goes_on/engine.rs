//! Capturing and restoring on an engine other than Dormouse's own: a mistake
//! of one engine's is then not taken for one of the rewriter's.

use crate::host::{Contents, Host};
use dormouse_snapshot::{CapturedMemory, Guest, Reference, Value};
use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    sync::OnceLock,
};
use wasmtime::{
    Caller, Config, Engine, ExternRef, ExternType, Func, Instance, Linker, Memory,
    MemoryTypeBuilder, Module, OptLevel, Ref, Store, Trap, Val, ValType,
};

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        config
            .wasm_multi_memory(true)
            .wasm_memory64(true)
            .wasm_tail_call(true)
            .wasm_relaxed_simd(true)
            .relaxed_simd_deterministic(true)
            .wasm_extended_const(true)
            .cranelift_nan_canonicalization(true)
            .cranelift_opt_level(OptLevel::None)
            // Address space of its own for each memory would run out.
            .memory_reservation(1 << 20)
            .memory_guard_size(0);
        Engine::new(&config).expect("a valid configuration")
    })
}

pub(crate) struct Running {
    store: RefCell<Store<Host>>,
    instance: Instance,
}

impl Running {
    pub(crate) fn try_start(
        wasm: &[u8],
        host: Host,
        memories: &[CapturedMemory],
    ) -> Result<Self, (Host, String)> {
        let engine = engine();
        let module = Module::new(engine, wasm).expect("a valid module");
        let mut store = Store::new(engine, host);
        let mut linker = Linker::new(engine);
        linker.allow_shadowing(true);
        for import in module.imports() {
            match import.ty() {
                ExternType::Func(ty) => {
                    let results: Vec<ValType> = ty.results().collect();
                    linker
                        .func_new(
                            import.module(),
                            import.name(),
                            ty,
                            move |caller, args, to| any(caller, args, &results, to),
                        )
                        .expect("it may be shadowed");
                }
                ExternType::Memory(ty) => {
                    let index: usize = import.name()["memory".len()..].parse().expect("an index");
                    let captured = &memories[index];
                    let ty = MemoryTypeBuilder::new()
                        .memory64(ty.is_64())
                        .min(captured.pages)
                        .max(ty.maximum())
                        .build()
                        .expect("a valid type");
                    let memory = Memory::new(&mut store, ty).expect("enough memory");
                    memory
                        .write(&mut store, 0, &captured.contents)
                        .expect("as large as captured");
                    linker
                        .define(&store, import.module(), import.name(), memory)
                        .expect("it may be shadowed");
                }
                _ => panic!("only functions and memories are imported"),
            }
        }
        match linker.instantiate(&mut store, &module) {
            Ok(instance) => Ok(Self {
                store: RefCell::new(store),
                instance,
            }),
            Err(error) => Err((store.into_data(), trap(&error))),
        }
    }

    pub(crate) fn call_shown(&mut self, name: &str) -> Result<Vec<String>, String> {
        let store = self.store.get_mut();
        let func = self.instance.get_func(&mut *store, name).expect(name);
        let ty = func.ty(&*store);
        let params: Vec<Val> = ty.params().map(|ty| argument(&ty)).collect();
        let mut results = vec![Val::I32(0); ty.results().len()];
        func.call(&mut *store, &params, &mut results)
            .map_err(|error| trap(&error))?;
        Ok(results.iter().map(show).collect())
    }

    pub(crate) fn host(&self) -> Host {
        self.store.borrow().data().clone()
    }

    /// A copy of all that is exported.
    pub(crate) fn look(&self) -> Look {
        let store = &mut *self.store.borrow_mut();
        let mut look = Look::default();
        let exports: Vec<(String, wasmtime::Extern)> = self
            .instance
            .exports(&mut *store)
            .map(|export| (export.name().to_owned(), export.into_extern()))
            .collect();
        for (name, item) in exports {
            match item {
                wasmtime::Extern::Global(global) => {
                    let value = match global.get(&mut *store) {
                        Val::I32(value) => Value::I32(value),
                        Val::I64(value) => Value::I64(value),
                        Val::F32(bits) => Value::F32(bits),
                        Val::F64(bits) => Value::F64(bits),
                        Val::V128(value) => Value::V128(value.as_u128()),
                        Val::FuncRef(func) => Value::Reference(function(store, func)),
                        Val::ExternRef(None) => Value::Reference(Reference::Null),
                        _ => Value::Reference(Reference::Extern),
                    };
                    look.globals.insert(name, value);
                }
                wasmtime::Extern::Memory(memory) => {
                    look.memories.insert(name, memory.data(&*store).to_vec());
                }
                wasmtime::Extern::Table(table) => {
                    let size = table.size(&*store);
                    let references = (0..size)
                        .map(|index| match table.get(&mut *store, index) {
                            Some(Ref::Func(func)) => function(store, func),
                            Some(Ref::Extern(None)) => Reference::Null,
                            _ => Reference::Extern,
                        })
                        .collect();
                    look.tables.insert(name, references);
                }
                wasmtime::Extern::Func(func) => {
                    if let Reference::Function(id) = function(store, Some(func)) {
                        look.functions.push((name, id));
                    }
                }
                _ => {}
            }
        }
        look
    }

    pub(crate) fn memories(&self) -> Vec<Contents> {
        let look = self.look();
        let mut names: Vec<&String> = look.memories.keys().filter(|name| theirs(name)).collect();
        names.sort();
        names
            .into_iter()
            .map(|name| Contents(look.memories[name].clone()))
            .collect()
    }

    pub(crate) fn globals(&self, hidden: &[String]) -> BTreeMap<String, String> {
        let look = self.look();
        let globals = look.globals.iter().filter(|(name, _)| theirs(name));
        globals
            .map(|(name, value)| {
                let value = match value {
                    Value::Reference(reference) => look.name_of(reference, hidden),
                    value => format!("{value:?}"),
                };
                (name.clone(), value)
            })
            .collect()
    }

    pub(crate) fn tables(&self, hidden: &[String]) -> Vec<Vec<String>> {
        let look = self.look();
        let mut names: Vec<&String> = look.tables.keys().filter(|name| theirs(name)).collect();
        names.sort();
        names
            .into_iter()
            .map(|name| {
                let table = look.tables[name].iter();
                table.map(|entry| look.name_of(entry, hidden)).collect()
            })
            .collect()
    }
}

fn theirs(name: &str) -> bool {
    !name.starts_with("dormouse:")
}

/// An instance's exports, as they were.
#[derive(Default)]
pub(crate) struct Look {
    globals: HashMap<String, Value>,
    memories: HashMap<String, Vec<u8>>,
    tables: HashMap<String, Vec<Reference>>,
    functions: Vec<(String, String)>,
}

impl Look {
    fn name_of(&self, reference: &Reference, hidden: &[String]) -> String {
        match reference {
            Reference::Null => "null".to_owned(),
            Reference::Extern => "extern".to_owned(),
            Reference::Function(id) => self
                .functions
                .iter()
                .find(|(name, of)| of == id && theirs(name) && !hidden.contains(name))
                .map_or("?", |(name, _)| name)
                .to_owned(),
        }
    }
}

impl Guest for Look {
    fn global(&self, name: &str) -> Option<Value> {
        self.globals.get(name).cloned()
    }

    fn memory(&self, name: &str) -> Option<&[u8]> {
        self.memories.get(name).map(Vec::as_slice)
    }

    fn table(&self, name: &str) -> Option<Vec<Reference>> {
        self.tables.get(name).cloned()
    }
}

fn function(store: &mut Store<Host>, func: Option<Func>) -> Reference {
    match func {
        None => Reference::Null,
        Some(func) => Reference::Function(format!("{:?}", func.to_raw(store))),
    }
}

fn trap(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.to_string(),
    }
}

fn argument(ty: &ValType) -> Val {
    match ty {
        ValType::I32 => Val::I32(5),
        ValType::I64 => Val::I64(6),
        ValType::F32 => Val::from(7.5f32),
        ValType::F64 => Val::from(8.5f64),
        ValType::V128 => Val::from(0u128),
        ValType::Ref(ty) => Val::null_ref(ty.heap_type()),
    }
}

fn show(value: &Val) -> String {
    match value {
        Val::FuncRef(func) => format!("funcref, null: {}", func.is_none()),
        Val::ExternRef(reference) => format!("externref, null: {}", reference.is_none()),
        value => format!("{value:?}"),
    }
}

/// As in the tests of the crate: see there.
fn any(
    mut caller: Caller<'_, Host>,
    args: &[Val],
    types: &[ValType],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    for arg in args {
        let told = match arg {
            Val::I32(value) => i64::from(*value),
            Val::I64(value) => *value,
            Val::F32(bits) => i64::from(*bits),
            Val::F64(bits) => bits.cast_signed(),
            Val::V128(value) => (value.as_u128() ^ (value.as_u128() >> 64)) as i64,
            Val::FuncRef(reference) => i64::from(reference.is_none()),
            Val::ExternRef(reference) => i64::from(reference.is_none()),
            _ => 0,
        };
        caller.data_mut().said.push(told);
    }
    let mut answer = caller.data_mut().answer();
    for (result, ty) in results.iter_mut().zip(types) {
        let bits = answer.bits();
        *result = match ty {
            ValType::I32 => Val::I32(bits as i32),
            ValType::I64 => Val::I64(bits.cast_signed()),
            ValType::F32 => Val::F32(bits as u32),
            ValType::F64 => Val::F64(bits),
            ValType::V128 => Val::from(u128::from(bits) << 37),
            ty if ty.is_funcref() => args
                .iter()
                .find(|arg| matches!(arg, Val::FuncRef(_)))
                .cloned()
                .unwrap_or(Val::FuncRef(None)),
            _ if bits % 32 == 0 => Val::ExternRef(Some(ExternRef::new(&mut caller, bits)?)),
            _ => Val::ExternRef(None),
        };
    }
    Ok(())
}
