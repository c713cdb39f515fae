//! Calls of an exported `add` from the host: the interpreter's own way beside
//! ours, which checks the types of the arguments, counts anew for each call, and
//! can be stopped.
//!
//! ```sh
//! cargo bench --bench wasm_calls
//! ```

use criterion::{Criterion, criterion_group, criterion_main};
use dormouse::{Engine, Limits, Module, Value};
use std::hint::black_box;

const MODULE: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))"#;

const IMPORTS: &str = r#"(module
    (import "env" "nothing" (func $nothing))
    (func (export "import") (call $nothing)))"#;

fn control(criterion: &mut Criterion) {
    let engine = wasmi::Engine::default();
    let mut store = wasmi::Store::new(&engine, ());
    let mut linker = wasmi::Linker::new(&engine);
    linker
        .func_wrap("env", "nothing", || ())
        .expect("a new name");
    let mut instance = |text| {
        let wasm = wat::parse_str(text).expect("valid text");
        let module = wasmi::Module::new(&engine, wasm).expect("a module");
        let instance = linker.instantiate_and_start(&mut store, &module);
        instance.expect("an instance")
    };
    let (instance, importing) = (instance(MODULE), instance(IMPORTS));
    let typed = instance
        .get_typed_func::<(i32, i32), i32>(&store, "add")
        .expect("it is exported");
    criterion.bench_function("add/control: wasmi, typed", |bencher| {
        bencher.iter(|| typed.call(&mut store, (black_box(5), black_box(7))));
    });
    let untyped = instance.get_func(&store, "add").expect("it is exported");
    let mut results = [wasmi::Val::I32(0)];
    criterion.bench_function("add/control: wasmi, untyped", |bencher| {
        bencher.iter(|| {
            let args = [wasmi::Val::I32(black_box(5)), wasmi::Val::I32(black_box(7))];
            untyped.call(&mut store, &args, &mut results)
        });
    });
    let import = importing
        .get_typed_func::<(), ()>(&store, "import")
        .expect("it is exported");
    criterion.bench_function("import/control: wasmi, typed", |bencher| {
        bencher.iter(|| import.call(&mut store, ()));
    });
}

fn ours(criterion: &mut Criterion) {
    let engine = Engine::new();
    let module = Module::new(&engine, "add.wat", MODULE.as_bytes()).expect("a module");
    let imports = Module::new(&engine, "imports.wat", IMPORTS.as_bytes()).expect("a module");
    let unlimited = Limits {
        deadline: None,
        ..Limits::default()
    };
    let fueled = Limits {
        fuel: Some(1_000_000),
        ..Limits::default()
    };
    for (name, limits) in [
        ("with a deadline", Limits::default()),
        ("with fuel", fueled),
        ("unmetered", unlimited),
    ] {
        let builder = module.instance().limits(limits.clone());
        let mut instance = builder.start().expect("an instance");
        let add = instance.function("add").expect("it is exported");
        let mut results = [Value::I32(0)];
        criterion.bench_function(&format!("add/call_into, {name}"), |bencher| {
            bencher.iter(|| {
                let args = [Value::I32(black_box(5)), Value::I32(black_box(7))];
                instance.call_into(add, &args, &mut results)
            });
        });
        criterion.bench_function(&format!("add/call by name, {name}"), |bencher| {
            bencher.iter(|| {
                let args = [Value::I32(black_box(5)), Value::I32(black_box(7))];
                instance.call("add", &args)
            });
        });
        let builder = imports.instance().limits(limits);
        let mut instance = builder
            .import("env", "nothing", |_, _| Ok(Vec::new()))
            .start()
            .expect("an instance");
        let import = instance.function("import").expect("it is exported");
        criterion.bench_function(&format!("import/{name}"), |bencher| {
            bencher.iter(|| instance.call_into(import, &[], &mut []));
        });
    }
    let mut instance = module.instance().start().expect("an instance");
    criterion.bench_function("memory/4 bytes", |bencher| {
        bencher.iter(|| {
            let mut bytes = [0; 4];
            let memory = instance.memory("memory").expect("it is exported");
            memory.read(black_box(1000), &mut bytes).expect("inside");
            bytes
        });
    });
}

fn instances(criterion: &mut Criterion) {
    let engine = Engine::new();
    let plain = Module::new(
        &engine,
        "plain.wat",
        b"(module (func (export \"f\")) (memory 1))",
    );
    let wasi = Module::new(
        &engine,
        "wasi.wat",
        br#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
            (func (export "f")) (memory 1))"#,
    );
    for (name, module) in [("plain", plain), ("of WASI", wasi)] {
        let module = module.expect("a module");
        criterion.bench_function(&format!("instance/{name}"), |bencher| {
            bencher.iter(|| module.instance().start().expect("an instance"));
        });
    }
}

criterion_group!(benches, control, ours, instances);
criterion_main!(benches);
