//! Calls: values of each type, and what is called wrongly.

use super::{host_error, instance, module, refusal};
use dormouse::{CallError, Engine, ErrorKind, Instance, Module, Value};

const SAME: &str = r#"(module
    (func (export "i32") (param i32) (result i32) (local.get 0))
    (func (export "i64") (param i64) (result i64) (local.get 0))
    (func (export "f32") (param f32) (result f32) (local.get 0))
    (func (export "f64") (param f64) (result f64) (local.get 0))
    (func (export "v128") (param v128) (result v128) (local.get 0))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "swap") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0))
    (func (export "none"))
    (memory (export "memory") 1))"#;

#[test]
fn values_of_each_type_go_in_and_come_out() {
    let mut instance = instance(SAME);
    for value in [
        Value::I32(i32::MIN),
        Value::I32(i32::MAX),
        Value::I64(i64::MIN),
        Value::I64(i64::MAX),
        Value::F32(f32::MIN_POSITIVE),
        Value::F32(f32::NEG_INFINITY),
        Value::F64(-0.0),
        Value::F64(1e308),
        Value::V128(u128::MAX - 1),
    ] {
        let name = match value {
            Value::I32(_) => "i32",
            Value::I64(_) => "i64",
            Value::F32(_) => "f32",
            Value::F64(_) => "f64",
            _ => "v128",
        };
        assert_eq!(instance.call(name, &[value]).expect("it returns"), [value]);
    }
    let results = instance
        .call("f64", &[f64::NAN.into()])
        .expect("it returns");
    assert!(matches!(results[..], [Value::F64(nan)] if nan.is_nan()));
    let results = instance.call("f64", &[(-0.0_f64).into()]);
    let results = results.expect("it returns");
    assert!(matches!(results[..], [Value::F64(zero)] if zero.is_sign_negative()));
}

#[test]
fn several_results_come_in_order() {
    let mut instance = instance(SAME);
    let results = instance.call("swap", &[1.into(), 2.5.into()]);
    assert_eq!(results.expect("it returns"), [2.5.into(), 1.into()]);
    assert_eq!(instance.call("none", &[]).expect("it returns"), []);
}

#[test]
fn many_arguments_and_results() {
    let count = 40;
    let params = "i32 ".repeat(count);
    let gets: String = (0..count)
        .rev()
        .map(|n| format!("(local.get {n})"))
        .collect();
    let text =
        format!(r#"(module (func (export "turn") (param {params}) (result {params}) {gets}))"#);
    let mut instance = instance(&text);
    let args: Vec<Value> = (0..count as i32).map(Value::I32).collect();
    let mut results = instance.call("turn", &args).expect("it returns");
    results.reverse();
    assert_eq!(results, args);
}

#[test]
fn wrong_arguments_are_named_with_the_signature() {
    let mut instance = instance(SAME);
    for (args, given) in [
        (&[][..], "()"),
        (&[Value::I32(1)], "(i32)"),
        (&[Value::I32(1), Value::I64(2)], "(i32, i64)"),
        (
            &[Value::I32(1), Value::I32(2), Value::I32(3)],
            "(i32, i32, i32)",
        ),
        (&[Value::I32(1), Value::Null], "(i32, null)"),
    ] {
        let message = host_error(instance.call("add", args), ErrorKind::Invoke);
        let expected = format!("add takes (i32, i32) and gives (i32); it was given {given}");
        assert_eq!(message, expected);
    }
    let results = instance.call("add", &[1.into(), 2.into()]);
    assert_eq!(results.expect("it returns"), [3.into()]);
}

#[test]
fn what_is_not_exported_is_named_with_what_is() {
    let mut instance = instance(SAME);
    let message = host_error(instance.call("sub", &[]), ErrorKind::Invoke);
    assert!(message.contains("\"sub\""), "{message}");
    assert!(
        message.contains("add: function (i32, i32) -> (i32)"),
        "{message}"
    );
    let message = host_error(instance.call("memory", &[]), ErrorKind::Invoke);
    assert!(message.contains("a memory, not a function"), "{message}");
    let mut empty = super::instance("(module)");
    let message = host_error(empty.call("f", &[]), ErrorKind::Invoke);
    assert!(message.contains("exports no function"), "{message}");
}

#[test]
fn a_function_looked_up_once_is_called_into_places() {
    let mut instance = instance(SAME);
    let add = instance.function("add").expect("it is there");
    assert_eq!(add, instance.function("add").expect("it is there"));
    let ty = instance.function_type(add).expect("it is its own");
    assert_eq!(ty.to_string(), "(i32, i32) -> (i32)");
    let mut results = [Value::Null];
    for n in 0..1000 {
        let args = [Value::I32(n), Value::I32(-1)];
        instance
            .call_into(add, &args, &mut results)
            .expect("it returns");
        assert_eq!(results, [Value::I32(n - 1)]);
    }
    let args = [Value::I32(1), Value::I32(2)];
    for wrong in [0, 2] {
        let mut results = vec![Value::Null; wrong];
        let called = instance.call_into(add, &args, &mut results);
        let message = host_error(called, ErrorKind::Invoke);
        assert!(message.contains(&format!("room for {wrong}")), "{message}");
    }
}

#[test]
fn a_function_is_its_own_instances() {
    let module = module(SAME);
    let mut first = Instance::new(&module).expect("an instance");
    let mut second = Instance::new(&module).expect("an instance");
    let add = first.function("add").expect("it is there");
    let args = [1.into(), 2.into()];
    let message = host_error(second.call_function(add, &args), ErrorKind::Invoke);
    assert!(message.contains("another instance"), "{message}");
    refusal(second.function_type(add), ErrorKind::Invoke);
    drop(first);
    let mut third = Instance::new(&module).expect("an instance");
    host_error(third.call_function(add, &args), ErrorKind::Invoke);
}

#[test]
fn globals_are_read_and_set() {
    let mut instance = instance(
        r#"(module
        (global $n (export "n") (mut i64) (i64.const 5))
        (global (export "c") f32 (f32.const 1.5))
        (global (export "r") (mut externref) (ref.null extern))
        (func (export "n+1") (result i64) (i64.add (global.get $n) (i64.const 1))))"#,
    );
    assert_eq!(instance.global("n").expect("it is there"), 5_i64.into());
    instance.set_global("n", 7_i64.into()).expect("it can be");
    assert_eq!(
        instance.call("n+1", &[]).expect("it returns"),
        [8_i64.into()]
    );
    assert_eq!(instance.global("c").expect("it is there"), 1.5_f32.into());
    assert_eq!(instance.global("r").expect("it is there"), Value::Null);
    instance
        .set_global("r", Value::Extern(9))
        .expect("it can be");
    assert_eq!(instance.global("r").expect("it is there"), Value::Extern(9));

    let constant = refusal(instance.set_global("c", 2_f32.into()), ErrorKind::Invoke);
    assert!(constant.contains("constant"), "{constant}");
    let mismatch = refusal(instance.set_global("n", 2_i32.into()), ErrorKind::Invoke);
    assert!(
        mismatch.contains("i64") && mismatch.contains("(i32)"),
        "{mismatch}"
    );
    refusal(instance.global("nothing"), ErrorKind::Invoke);
    let other = refusal(instance.global("n+1"), ErrorKind::Invoke);
    assert!(other.contains("a function, not a global"), "{other}");
}

const TRAPS: &str = r#"(module
    (memory (export "memory") 1)
    (func $divide (export "div") (param i32 i32) (result i32)
        (i32.store (i32.const 0) (local.get 0))
        (i32.div_s (local.get 0) (local.get 1)))
    (func $deep (export "deep") (call $deep))
    (func (export "unreachable") (unreachable))
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#;

#[test]
fn an_instance_lives_on_after_a_trap() {
    let mut instance = instance(TRAPS);
    for (name, args, message) in [
        (
            "div",
            &[Value::I32(3), Value::I32(0)][..],
            "integer divide by zero",
        ),
        ("deep", &[], "call stack exhausted"),
        (
            "unreachable",
            &[],
            "wasm `unreachable` instruction executed",
        ),
        ("load", &[Value::I32(-1)], "out of bounds memory access"),
    ] {
        match instance.call(name, args) {
            Err(CallError::Trap(trap)) => assert_eq!(trap.message, message),
            other => panic!("{name}: {other:?}"),
        }
        let results = instance.call("div", &[6.into(), 2.into()]);
        assert_eq!(results.expect("it goes on"), [3.into()]);
    }
    // What a call did before its trap stays done.
    instance
        .call("div", &[77.into(), 0.into()])
        .expect_err("it traps");
    let stored = instance.call("load", &[0.into()]);
    assert_eq!(stored.expect("it goes on"), [77.into()]);
}

#[test]
fn a_traced_instance_names_the_function_that_trapped() {
    let module = module(TRAPS);
    let mut instance = module.instance().traced().start().expect("an instance");
    let error = instance
        .call("div", &[1.into(), 0.into()])
        .expect_err("it traps");
    let CallError::Trap(trap) = &error else {
        panic!("{error:?}");
    };
    let function = trap.function.as_ref().expect("it is known");
    assert_eq!(
        (function.index, function.name.as_deref()),
        (0, Some("divide"))
    );
    assert_eq!(
        error.to_string(),
        "trap: integer divide by zero in function 0 <divide>"
    );
    let error = instance.call("unreachable", &[]).expect_err("it traps");
    assert!(error.to_string().contains("function 2"), "{error}");
}

#[test]
fn a_deep_recursion_ends_where_the_engine_says() {
    let text = br#"(module
        (func $down (export "down") (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 0)))))"#;
    let engine = Engine::new().max_call_depth(100);
    let module = Module::new(&engine, "deep.wat", text).expect("a module");
    let mut instance = Instance::new(&module).expect("an instance");
    let results = instance.call("down", &[90.into()]);
    assert_eq!(results.expect("it is not too deep"), [90.into()]);
    let error = instance
        .call("down", &[110.into()])
        .expect_err("it is too deep");
    assert!(matches!(error, CallError::Trap(_)), "{error:?}");
}
