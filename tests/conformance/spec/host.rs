//! What modules of a script import from the host.

use super::world::Log;
use dormouse_snapshot::{COLD, CapturedMemory, LINKED, MAIN};
use std::collections::HashMap;
use wasmi::{
    Caller, Extern, F32, F64, Func, Global, Instance, Memory, MemoryType, Module, Mutability,
    Nullable, Ref, RefType, Store, Table, TableType, Val,
};
use wasmparser::{Parser, Payload};

/// The module that every script may import from.
pub(super) fn spectest(store: &mut Store<Log>) -> HashMap<&'static str, Extern> {
    let mut all = HashMap::new();
    let mut constant = |name, value| {
        let global = Global::new(&mut *store, value, Mutability::Const);
        all.insert(name, Extern::Global(global));
    };
    constant("global_i32", Val::I32(666));
    constant("global_i64", Val::I64(666));
    constant("global_f32", Val::F32(F32::from_bits(0x4426_a666)));
    constant(
        "global_f64",
        Val::F64(F64::from_bits(0x4084_d4cc_cccc_cccd)),
    );
    let memory = Memory::new(&mut *store, MemoryType::new(1, Some(2))).expect("it is small");
    all.insert("memory", memory.into());
    let null = Ref::default_for_ty(RefType::Func);
    for (name, ty) in [
        ("table", TableType::new(RefType::Func, 10, Some(20))),
        ("table64", TableType::new64(RefType::Func, 10, Some(20))),
    ] {
        let table = Table::new(&mut *store, ty, null).expect("it is small");
        all.insert(name, table.into());
    }
    let mut print = |name, func| all.insert(name, Extern::Func(func));
    print(
        "print",
        Func::wrap(&mut *store, |c: Caller<'_, Log>| note(c, &[])),
    );
    print(
        "print_i32",
        Func::wrap(&mut *store, |c: Caller<'_, Log>, a: i32| {
            note(c, &[Val::I32(a)])
        }),
    );
    print(
        "print_i64",
        Func::wrap(&mut *store, |c: Caller<'_, Log>, a: i64| {
            note(c, &[Val::I64(a)])
        }),
    );
    print(
        "print_f32",
        Func::wrap(&mut *store, |c: Caller<'_, Log>, a: F32| {
            note(c, &[Val::F32(a)])
        }),
    );
    print(
        "print_f64",
        Func::wrap(&mut *store, |c: Caller<'_, Log>, a: F64| {
            note(c, &[Val::F64(a)])
        }),
    );
    print(
        "print_i32_f32",
        Func::wrap(&mut *store, |c: Caller<'_, Log>, a: i32, b: F32| {
            note(c, &[Val::I32(a), Val::F32(b)]);
        }),
    );
    print(
        "print_f64_f64",
        Func::wrap(&mut *store, |c: Caller<'_, Log>, a: F64, b: F64| {
            note(c, &[Val::F64(a), Val::F64(b)]);
        }),
    );
    all
}

fn note(mut caller: Caller<'_, Log>, values: &[Val]) {
    let values = format!("{values:?}");
    caller.data_mut().push(values);
}

/// The memory of that name and type, which an image has.
pub(super) fn memory(
    store: &mut Store<Log>,
    name: &str,
    ty: MemoryType,
    memories: &[CapturedMemory],
) -> Option<Extern> {
    let index: usize = name.strip_prefix("memory")?.parse().ok()?;
    let captured = memories.get(index)?;
    let mut builder = MemoryType::builder();
    builder
        .memory64(ty.is_64())
        .min(captured.pages)
        .max(ty.maximum());
    let ty = builder.build().expect("it was one before");
    let memory = Memory::new(&mut *store, ty).expect("it was there before");
    memory
        .write(&mut *store, 0, &captured.contents)
        .expect("it is as large as it was");
    Some(memory.into())
}

/// The function by which a module that was split asks for `cold`, its other
/// part, which imports `imports` as it does.
pub(super) fn loader(
    store: &mut Store<Log>,
    cold: Module,
    imports: super::world::Imports,
) -> Extern {
    let load = move |mut caller: Caller<'_, Log>| -> Result<(), wasmi::Error> {
        let mut externs = Vec::new();
        for import in cold.imports() {
            let (module, name) = (import.module(), import.name());
            let found = match module {
                MAIN => caller.get_export(name),
                LINKED => linked(&caller, name),
                _ => imports.get(&(module.to_owned(), name.to_owned())).copied(),
            };
            externs.push(found.ok_or_else(|| {
                wasmi::Error::new(format!("the cold module imports {module}.{name}"))
            })?);
        }
        Instance::new(&mut caller, &cold, &externs)?;
        Ok(())
    };
    Func::wrap(store, load).into()
}

fn linked(caller: &Caller<'_, Log>, name: &str) -> Option<Extern> {
    let table = caller.get_export(LINKED)?.into_table()?;
    match table.get(caller, name.parse().ok()?)? {
        Ref::Func(Nullable::Val(func)) => Some(Extern::Func(func)),
        _ => None,
    }
}

/// The other part of a module that was split.
pub(super) fn cold(wasm: &[u8]) -> Option<&[u8]> {
    Parser::new(0)
        .parse_all(wasm)
        .find_map(|payload| match payload {
            Ok(Payload::CustomSection(section)) if section.name() == COLD => Some(section.data()),
            _ => None,
        })
}
