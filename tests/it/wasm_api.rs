//! The plain Wasm API: modules compiled once, instances with a state of their
//! own, calls with typed values, and what each of them refuses.

mod calls;
mod imports;
mod limits;
mod memory;
mod references;
mod wasi;

use dormouse::{
    CallContext, CallError, Engine, Error, ErrorKind, Func, Image, Instance, InstanceBuilder,
    MemoryView, Module, Point, Program, Sandbox, Value,
};

/// A module of `text`.
fn module(text: &str) -> Module {
    Module::new(&Engine::new(), "test.wat", text.as_bytes()).expect("a module")
}

/// An instance of `text` that is granted nothing.
fn instance(text: &str) -> Instance {
    Instance::new(&module(text)).expect("an instance")
}

/// The host's error that `result` is, and its message.
#[track_caller]
fn host_error<T: std::fmt::Debug>(result: Result<T, CallError>, kind: ErrorKind) -> String {
    match result {
        Err(CallError::Host(error)) => {
            assert_eq!(error.kind(), kind, "{error}");
            error.to_string()
        }
        other => panic!("not refused: {other:?}"),
    }
}

/// The same of what gives an [`Error`].
#[track_caller]
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>, kind: ErrorKind) -> String {
    host_error(result.map_err(CallError::Host), kind)
}

const COUNTER: &str = r#"(module
    (memory (export "memory") 1)
    (global $n (export "n") (mut i32) (i32.const 0))
    (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (i32.store (i32.const 0) (global.get $n))
        (i32.load (i32.const 0))))"#;

#[test]
fn instances_have_states_of_their_own() {
    let counter = module(COUNTER);
    let mut instances: Vec<Instance> = (0..5)
        .map(|_| Instance::new(&counter).expect("an instance"))
        .collect();
    for (index, instance) in instances.iter_mut().enumerate() {
        for n in 1..=index as i32 {
            assert_eq!(instance.call("next", &[]).expect("it returns"), [n.into()]);
        }
    }
    for (index, instance) in instances.iter_mut().enumerate() {
        assert_eq!(
            instance.global("n").expect("it is there"),
            Value::I32(index as i32)
        );
    }
}

#[test]
fn threads_run_instances_of_one_module() {
    let counter = module(COUNTER);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let counter = counter.clone();
            std::thread::spawn(move || {
                let mut instance = Instance::new(&counter).expect("an instance");
                for n in 1..=1000 {
                    let results = instance.call("next", &[]).expect("it returns");
                    assert_eq!(results, [Value::I32(n)]);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("every count was right");
    }
}

#[test]
fn an_instance_can_go_on_in_another_thread() {
    let mut instance = instance(COUNTER);
    instance.call("next", &[]).expect("it returns");
    let there = std::thread::spawn(move || {
        let results = instance.call("next", &[]).expect("it returns");
        assert_eq!(results, [Value::I32(2)]);
        instance
    });
    let mut instance = there.join().expect("it does not panic");
    let results = instance.call("next", &[]).expect("it returns");
    assert_eq!(results, [Value::I32(3)]);
}

#[test]
fn what_may_be_sent_and_shared_can_be() {
    fn sent<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    shared::<Engine>();
    shared::<Module>();
    shared::<Func>();
    shared::<Value>();
    shared::<CallError>();
    sent::<Instance>();
    sent::<InstanceBuilder>();
    sent::<MemoryView<'_>>();
    sent::<CallContext<'_>>();
}

#[test]
fn a_module_tells_what_it_imports_and_exports() {
    let module = module(
        r#"(module
        (import "env" "log" (func (param i32 i64 f32 f64 v128)))
        (import "env" "base" (global (mut externref)))
        (import "env" "memory" (memory 1 2))
        (import "env" "table" (table 3 funcref))
        (func (export "two") (result i32 i64) (i32.const 1) (i64.const 2))
        (global (export "pi") f64 (f64.const 3.14)))"#,
    );
    let imports: Vec<String> = module.imports().iter().map(ToString::to_string).collect();
    assert_eq!(
        imports,
        [
            "env.log: function (i32, i64, f32, f64, v128) -> ()",
            "env.table: table of at least 3 funcrefs",
            "env.memory: memory of 1 to 2 pages",
            "env.base: mutable global externref",
        ]
    );
    let mut exports: Vec<String> = module.exports().iter().map(ToString::to_string).collect();
    exports.sort();
    assert_eq!(
        exports,
        ["pi: global f64", "two: function () -> (i32, i64)"]
    );
    assert_eq!(module.name(), "test.wat");
}

#[test]
fn modules_come_from_bytes_text_and_files() {
    let engine = Engine::new();
    let text = r#"(module (func (export "f") (result i32) (i32.const 7)))"#;
    let binary = wat::parse_str(text).expect("valid text");
    let dir = crate::support::Dir::new();
    let paths = [dir.write("f.wat", text), dir.write("f.wasm", &binary)];
    let mut modules = vec![Module::new(&engine, "f", &binary).expect("a module")];
    modules.extend(
        paths
            .iter()
            .map(|path| Module::open(&engine, path).expect("a module")),
    );
    for module in modules {
        let mut instance = Instance::new(&module).expect("an instance");
        assert_eq!(instance.call("f", &[]).expect("it returns"), [7.into()]);
    }
}

#[test]
fn what_is_no_module_is_refused() {
    let engine = Engine::new();
    let refused =
        |source: &[u8]| refusal(Module::new(&engine, "x.wasm", source), ErrorKind::Module);
    assert!(refused(b"").contains("x.wasm"));
    assert!(refused(b"\x7fELF").contains("not a Wasm module"));
    assert!(refused(b"(module (func (result i32)))").contains("x.wasm"));
    assert!(refused(b"\0asm\x0d\0\x01\0").contains("component"));
    let gc = refused(b"(module (type (struct)) (func (param (ref null 0))))");
    assert!(gc.contains("proposal"), "{gc}");
    let missing = refusal(Module::open(&engine, "/nowhere/x.wasm"), ErrorKind::Io);
    assert!(missing.contains("/nowhere/x.wasm"), "{missing}");
}

#[test]
fn a_module_can_be_started_beforehand() {
    let text = r#"(module
        (memory (export "memory") 1)
        (func (export "prepare") (i32.store (i32.const 8) (i32.const 41)))
        (func (export "next") (result i32)
            (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (i32.const 1)))
            (i32.load (i32.const 8))))"#;
    let image = Image::wasm("test.wat", text.as_bytes()).expect("a module");
    let (program, point) = (|| Program::start("test.wat"), Point::init("prepare"));
    let prepared = Sandbox::new(&image).snapshot_portable(program(), &point);
    let prepared = prepared.expect("it comes so far");
    let module = Module::new(&Engine::new(), "prepared", &prepared).expect("a module");
    for _ in 0..2 {
        let mut instance = Instance::new(&module).expect("an instance");
        assert_eq!(instance.call("next", &[]).expect("it returns"), [42.into()]);
        let memory = instance.memory("memory").expect("it is there");
        assert_eq!(memory.read_vec(8, 1).expect("inside"), [42]);
    }
    // What only this project knows how to go on with is no plain module.
    let snapshot = Sandbox::new(&image).snapshot(program(), &point);
    let bytes = snapshot.expect("it comes so far").to_bytes();
    let message = refusal(
        Module::new(&Engine::new(), "snapshot", &bytes),
        ErrorKind::Module,
    );
    assert!(message.contains("is a snapshot"), "{message}");
}

#[test]
#[cfg(target_os = "linux")]
fn ten_thousand_instances_leave_nothing_behind() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/statm").expect("statm");
        let pages = status.split(' ').nth(1).and_then(|n| n.parse().ok());
        pages.map_or(0, |pages: usize| pages * rustix::param::page_size())
    };
    let text = r#"(module
        (import "env" "f" (func $f (param externref)))
        (memory (export "memory") 1) (table (export "table") 10 funcref) (elem (i32.const 0) $g)
        (func $g (export "g") (param externref)
            (i32.store (i32.const 0) (i32.const 1))
            (call $f (local.get 0))))"#;
    let kept = module(text);
    let run = |count: u64| {
        for n in 0..count {
            // Also modules, now and then: their code must go with them.
            let module = if n % 50 == 0 {
                module(text)
            } else {
                kept.clone()
            };
            let mut instance = module
                .instance()
                .import("env", "f", |_, _| Ok(Vec::new()))
                .start()
                .expect("an instance");
            instance.call("g", &[Value::Extern(n)]).expect("it returns");
            instance.table_get("table", 0).expect("it is there");
        }
    };
    run(1000);
    let before = resident();
    run(10_000);
    let grown = resident().saturating_sub(before);
    // Each of them has 64 KiB of memory and more.
    assert!(grown < 20 << 20, "grew by {grown} bytes");
}
