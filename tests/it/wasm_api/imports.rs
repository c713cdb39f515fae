//! What an embedder gives to a module.

use super::{host_error, module};
use dormouse::{CallError, Error, ErrorKind, Instance, Value};
use std::sync::{Arc, Mutex};

const TWICE: &str = r#"(module
    (import "env" "f" (func $f (param i32) (result i32)))
    (memory (export "memory") 1)
    (global (export "g") (mut i32) (i32.const 1))
    (func (export "twice") (param i32) (result i32) (call $f (call $f (local.get 0))))
    (func (export "half") (param i32) (result i32) (i32.shr_u (local.get 0) (i32.const 1)))
    (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func (export "other") (result i32) (i32.const 5)))"#;

type Called = Result<Vec<Value>, Box<dyn std::error::Error + Send + Sync>>;

/// An instance of [`TWICE`] that calls `f`.
fn twice(
    f: impl Fn(&mut dormouse::CallContext<'_>, i32) -> Called + Send + Sync + 'static,
) -> Instance {
    module(TWICE)
        .instance()
        .import("env", "f", move |context, args| match args {
            [Value::I32(n)] => f(context, *n),
            _ => Err("other arguments".into()),
        })
        .start()
        .expect("an instance")
}

#[test]
fn functions_of_the_host_are_called_with_typed_values() {
    let mut instance = twice(|_, n| Ok(vec![(n * 10).into()]));
    let results = instance.call("twice", &[7.into()]);
    assert_eq!(results.expect("it returns"), [700.into()]);
}

#[test]
fn a_function_keeps_what_it_likes() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let mut instance = twice(move |_, n| {
        kept.lock().expect("nobody panicked").push(n);
        Ok(vec![(n + 1).into()])
    });
    instance.call("twice", &[5.into()]).expect("it returns");
    assert_eq!(*seen.lock().expect("nobody panicked"), [5, 6]);
    drop(instance);
    assert_eq!(Arc::strong_count(&seen), 1);
}

#[test]
fn a_function_reaches_its_callers_memory_and_globals() {
    let mut instance = twice(|context, n| {
        context.memory("memory")?.write(8, &n.to_le_bytes())?;
        let Value::I32(before) = context.global("g")? else {
            return Err("another type".into());
        };
        context.set_global("g", Value::I32(before + n))?;
        Ok(vec![0.into()])
    });
    instance.call("twice", &[3.into()]).expect("it returns");
    assert_eq!(instance.global("g").expect("it is there"), 4.into());
    let memory = instance.memory("memory").expect("it is there");
    assert_eq!(memory.read_vec(8, 4).expect("inside"), [0; 4]);
}

#[test]
fn bounds_hold_inside_of_a_call_too() {
    let mut instance = twice(|context, _| {
        context.memory("memory")?.write(65_533, &[0; 4])?;
        Ok(vec![0.into()])
    });
    let message = host_error(instance.call("twice", &[0.into()]), ErrorKind::Memory);
    assert!(message.contains("65533"), "{message}");
}

#[test]
fn a_function_calls_back() {
    let mut instance = twice(|context, n| {
        let mut results = context.call("half", &[n.into()])?;
        let Value::I32(half) = results.remove(0) else {
            return Err("another type".into());
        };
        Ok(vec![(half + 100).into()])
    });
    let results = instance.call("twice", &[8.into()]);
    assert_eq!(results.expect("it returns"), [152.into()]);
    let wrong = twice(|context, _| Ok(context.call("half", &[])?)).call("twice", &[1.into()]);
    let message = host_error(wrong, ErrorKind::Invoke);
    assert!(message.contains("half takes (i32)"), "{message}");
}

#[test]
fn a_trap_in_a_call_back_is_the_functions_to_take() {
    let mut takes = twice(|context, _| match context.call("divide", &[0.into()]) {
        Err(CallError::Trap(_)) => Ok(vec![42.into()]),
        other => Err(format!("{other:?}").into()),
    });
    let results = takes.call("twice", &[1.into()]);
    assert_eq!(results.expect("it returns"), [42.into()]);
    let mut passes = twice(|context, _| Ok(context.call("divide", &[0.into()])?));
    let error = passes.call("twice", &[1.into()]).expect_err("it traps");
    assert!(matches!(error, CallError::Trap(_)), "{error:?}");
    assert_eq!(passes.call("other", &[]).expect("it goes on"), [5.into()]);
}

#[test]
fn calls_back_end_somewhere() {
    let mut instance = twice(|context, n| Ok(context.call("twice", &[(n + 1).into()])?));
    let message = host_error(instance.call("twice", &[0.into()]), ErrorKind::Invoke);
    assert!(message.contains("inside of each other"), "{message}");
    // And begin anew.
    let message = host_error(instance.call("twice", &[0.into()]), ErrorKind::Invoke);
    assert!(message.contains("inside of each other"), "{message}");
}

#[test]
fn a_failure_of_a_function_is_the_callers() {
    #[derive(Debug)]
    struct Own(i32);
    impl std::fmt::Display for Own {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "own error {}", self.0)
        }
    }
    impl std::error::Error for Own {}
    let mut instance = twice(|_, n| Err(Box::new(Own(n))));
    let error = instance.call("twice", &[9.into()]).expect_err("it fails");
    let CallError::Host(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.kind(), ErrorKind::Import);
    assert_eq!(error.to_string(), "the import env.f failed: own error 9");
    let source = std::error::Error::source(&error).expect("it has one");
    assert_eq!(source.downcast_ref::<Own>().map(|own| own.0), Some(9));
    assert_eq!(instance.call("other", &[]).expect("it goes on"), [5.into()]);
}

#[test]
fn a_function_can_have_the_guest_exit() {
    let mut instance = twice(|_, n| Err(Box::new(CallError::Exit(n))));
    let error = instance.call("twice", &[3.into()]).expect_err("it exits");
    assert!(matches!(error, CallError::Exit(3)), "{error:?}");
    let message = host_error(instance.call("other", &[]), ErrorKind::Invoke);
    assert!(message.contains("exited with code 3"), "{message}");
}

#[test]
fn an_error_of_ours_stays_what_it_is() {
    let mut instance = twice(|_, _| Err(Box::new(Error::new(ErrorKind::Grant, "not that"))));
    let message = host_error(instance.call("twice", &[3.into()]), ErrorKind::Grant);
    assert_eq!(message, "not that");
}

#[test]
fn a_panic_is_an_error() {
    let mut instance = twice(|_, n| {
        assert!(n != 4, "it is meant to, at {n}");
        Ok(vec![n.into()])
    });
    let message = host_error(instance.call("twice", &[4.into()]), ErrorKind::Import);
    assert_eq!(message, "the import env.f panicked: it is meant to, at 4");
    let results = instance.call("twice", &[1.into()]);
    assert_eq!(results.expect("it goes on"), [1.into()]);
}

#[test]
fn wrong_results_are_refused() {
    for (results, given) in [
        (vec![], "()"),
        (vec![Value::I64(1)], "(i64)"),
        (vec![Value::I32(1), Value::I32(1)], "(i32, i32)"),
    ] {
        let mut instance = twice(move |_, _| Ok(results.clone()));
        let message = host_error(instance.call("twice", &[3.into()]), ErrorKind::Import);
        let expected =
            format!("the import env.f gave {given}; the module imports it to give (i32)");
        assert_eq!(message, expected);
    }
}

#[test]
fn missing_imports_are_all_named() {
    let module = module(
        r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
        (import "env" "log" (func (param i32 i32)))
        (import "env" "base" (global i32)))"#,
    );
    let message = host_error(Instance::new(&module), ErrorKind::Module);
    for part in [
        "env.log: function (i32, i32) -> ()",
        "env.base: global i32",
        "InstanceBuilder::import(\"env\", \"log\"",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("proc_exit"), "{message}");
    let with_log = module.instance().import("env", "log", |_, _| Ok(vec![]));
    let message = host_error(with_log.start(), ErrorKind::Module);
    assert!(
        message.contains("import_global(\"env\", \"base\""),
        "{message}"
    );
    assert!(!message.contains("env.log"), "{message}");
    let tabled = super::module(r#"(module (import "env" "t" (table 1 funcref)))"#);
    let message = host_error(Instance::new(&tabled), ErrorKind::Module);
    assert!(message.contains("tables can't be given"), "{message}");
}

#[test]
fn what_is_given_must_be_of_the_kind_that_is_imported() {
    let module =
        module(r#"(module (import "env" "g" (global i32)) (import "env" "m" (memory 1)))"#);
    let builder = || module.instance();
    let function = builder().import("env", "g", |_, _| Ok(vec![]));
    let message = host_error(function.start(), ErrorKind::Module);
    assert!(
        message.contains("env.g: global i32; it was given a function"),
        "{message}"
    );
    let global = builder().import_global("env", "g", 1_i64.into());
    let global = global.import_memory("env", "m");
    let message = host_error(global.start(), ErrorKind::Module);
    assert!(message.contains("given i64"), "{message}");
    let memory = builder().import_memory("env", "g");
    let message = host_error(memory.start(), ErrorKind::Module);
    assert!(message.contains("given a memory"), "{message}");
}

#[test]
fn globals_and_memories_are_given_to_each_instance() {
    let module = module(
        r#"(module (import "env" "n" (global $n (mut i32))) (import "env" "memory" (memory 1))
        (func (export "next") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (i32.store (i32.const 0) (global.get $n))
            (i32.load (i32.const 0))))"#,
    );
    let start = |n: i32| {
        let builder = module.instance().import_global("env", "n", n.into());
        let started = builder.import_memory("env", "memory").start();
        started.expect("an instance")
    };
    let (mut first, mut second) = (start(10), start(20));
    assert_eq!(first.call("next", &[]).expect("it returns"), [11.into()]);
    assert_eq!(second.call("next", &[]).expect("it returns"), [21.into()]);
    assert_eq!(first.call("next", &[]).expect("it returns"), [12.into()]);
    let memory = second.memory("memory").expect("it is there");
    assert_eq!(memory.read_vec(0, 1).expect("inside"), [21]);
}

#[test]
fn what_nobody_imports_is_not_used() {
    let builder = module("(module (func (export \"f\")))").instance();
    let builder = builder.import("env", "unused", |_, _| Ok(vec![]));
    let mut instance = builder.start().expect("an instance");
    instance.call("f", &[]).expect("it returns");
}

#[test]
fn an_import_can_stand_in_for_one_of_wasi() {
    let module = module(
        r#"(module (import "wasi_snapshot_preview1" "random_get"
            (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "f") (result i32) (call $random (i32.const 0) (i32.const 4))))"#,
    );
    let builder = module.instance();
    let builder = builder.import("wasi_snapshot_preview1", "random_get", |_, _| {
        Ok(vec![77.into()])
    });
    let mut instance = builder.start().expect("an instance");
    assert_eq!(instance.call("f", &[]).expect("it returns"), [77.into()]);
}

#[test]
fn an_import_that_is_exported_again_can_be_called() {
    let module = module(
        r#"(module (import "env" "f" (func $f (result i32))) (memory (export "memory") 1)
            (export "again" (func $f)))"#,
    );
    let builder = module.instance().import("env", "f", |context, _| {
        Ok(vec![Value::I32(context.memory("memory")?.len() as i32)])
    });
    let mut instance = builder.start().expect("an instance");
    let results = instance.call("again", &[]).expect("it returns");
    assert_eq!(results, [65_536.into()]);
}

#[test]
fn a_start_function_calls_imports() {
    let module = module(
        r#"(module (import "env" "f" (func $f)) (memory (export "memory") 1)
            (func $start (call $f)) (start $start))"#,
    );
    let builder = module.instance().import("env", "f", |context, _| {
        context.memory("memory")?.write(0, b"started")?;
        Ok(vec![])
    });
    let mut instance = builder.start().expect("an instance");
    let memory = instance.memory("memory").expect("it is there");
    assert_eq!(memory.read_string(0, 7).expect("inside"), "started");
    let failing = module
        .instance()
        .import("env", "f", |_, _| Err("not today".into()));
    let message = host_error(failing.start(), ErrorKind::Import);
    assert!(message.contains("not today"), "{message}");
}
