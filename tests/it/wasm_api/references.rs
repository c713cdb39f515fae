//! References: functions of the guest, and things of the host's.

use super::{host_error, instance, module, refusal};
use dormouse::{ErrorKind, Instance, Value};

const REFERENCES: &str = r#"(module
    (type $op (func (param i32) (result i32)))
    (table (export "table") 4 funcref)
    (table (export "things") 2 externref)
    (elem (i32.const 0) $double $square)
    (func $double (export "double") (param i32) (result i32)
        (i32.mul (local.get 0) (i32.const 2)))
    (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
    (func (export "pick") (param i32) (result funcref) (table.get 0 (local.get 0)))
    (func (export "put") (param i32 funcref) (table.set 0 (local.get 0) (local.get 1)))
    (func (export "apply") (param i32 i32) (result i32)
        (call_indirect (type $op) (local.get 1) (local.get 0)))
    (func (export "keep") (param i32 externref) (table.set 1 (local.get 0) (local.get 1)))
    (func (export "kept") (param i32) (result externref) (table.get 1 (local.get 0)))
    (func (export "same") (param externref) (result externref) (local.get 0)))"#;

#[test]
fn functions_that_a_guest_gives_out_can_be_called_and_passed_back() {
    let mut instance = instance(REFERENCES);
    let results = instance.call("pick", &[1.into()]).expect("it returns");
    let [Value::Func(square)] = results[..] else {
        panic!("{results:?}");
    };
    let results = instance.call_function(square, &[9.into()]);
    assert_eq!(results.expect("it returns"), [81.into()]);
    instance
        .call("put", &[3.into(), square.into()])
        .expect("it returns");
    let results = instance.call("apply", &[3.into(), 5.into()]);
    assert_eq!(results.expect("it returns"), [25.into()]);
    // The same function is the same handle, wherever it comes from.
    let twice = instance.call("pick", &[3.into()]).expect("it returns");
    assert_eq!(twice, [Value::Func(square)]);
    let double = instance.function("double").expect("it is there");
    let results = instance.call("pick", &[0.into()]).expect("it returns");
    assert_eq!(results, [Value::Func(double)]);
    assert_ne!(square, double);
}

#[test]
fn null_is_null() {
    let mut instance = instance(REFERENCES);
    let results = instance.call("pick", &[2.into()]);
    assert_eq!(results.expect("it returns"), [Value::Null]);
    instance
        .call("put", &[0.into(), Value::Null])
        .expect("it returns");
    instance
        .call("apply", &[0.into(), 1.into()])
        .expect_err("nothing is there any more");
    assert_eq!(
        instance.call("same", &[Value::Null]).expect("it returns"),
        [Value::Null]
    );
}

#[test]
fn things_of_the_host_come_back_as_they_went() {
    let mut instance = instance(REFERENCES);
    for id in [0, 1, u64::MAX] {
        let thing = Value::Extern(id);
        assert_eq!(
            instance.call("same", &[thing]).expect("it returns"),
            [thing]
        );
    }
    let kept = Value::Extern(12);
    instance
        .call("keep", &[1.into(), kept])
        .expect("it returns");
    let results = instance.call("kept", &[1.into()]);
    assert_eq!(results.expect("it returns"), [kept]);
    assert_eq!(instance.table_get("things", 1).expect("inside"), kept);
    let wrong = instance.call("same", &[Value::I64(1)]);
    let message = host_error(wrong, ErrorKind::Invoke);
    assert!(message.contains("externref"), "{message}");
}

#[test]
fn tables_are_looked_at() {
    let mut instance = instance(REFERENCES);
    assert_eq!(instance.table_len("table").expect("it is there"), 4);
    assert_eq!(instance.table_get("table", 3).expect("inside"), Value::Null);
    let element = instance.table_get("table", 0).expect("inside");
    let double = instance.function("double").expect("it is there");
    assert_eq!(element, Value::Func(double));
    for index in [4, u64::MAX] {
        let message = refusal(instance.table_get("table", index), ErrorKind::Memory);
        assert!(message.contains("4 elements"), "{message}");
    }
    refusal(instance.table_len("nothing"), ErrorKind::Invoke);
    let message = refusal(instance.table_len("double"), ErrorKind::Invoke);
    assert!(message.contains("a function, not a table"), "{message}");
}

#[test]
fn a_function_of_another_instance_is_no_argument() {
    let module = module(REFERENCES);
    let mut first = Instance::new(&module).expect("an instance");
    let mut second = Instance::new(&module).expect("an instance");
    let double = first.function("double").expect("it is there");
    let called = second.call("put", &[0.into(), double.into()]);
    let message = host_error(called, ErrorKind::Invoke);
    assert!(message.contains("another instance"), "{message}");
}

#[test]
fn functions_of_the_host_get_and_give_references() {
    let module = module(
        r#"(module
        (import "env" "call" (func $call (param funcref externref) (result externref)))
        (elem declare func $seven)
        (func $seven (result i32) (i32.const 7))
        (func (export "f") (param externref) (result externref)
            (call $call (ref.func $seven) (local.get 0))))"#,
    );
    let builder = module.instance().import("env", "call", |context, args| {
        let [Value::Func(func), Value::Extern(id)] = *args else {
            return Err(format!("{args:?}").into());
        };
        let results = context.call_function(func, &[])?;
        let [Value::I32(n)] = results[..] else {
            return Err(format!("{results:?}").into());
        };
        Ok(vec![Value::Extern(id + n as u64)])
    });
    let mut instance = builder.start().expect("an instance");
    let results = instance.call("f", &[Value::Extern(100)]);
    assert_eq!(results.expect("it returns"), [Value::Extern(107)]);
}
