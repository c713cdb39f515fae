//! Memories, up to each of their edges.

use super::{instance, module, refusal};
use dormouse::{ErrorKind, Limits, Value};

const PAGE: u64 = 65_536;

#[test]
fn memory_is_read_and_written() {
    let mut instance = instance(
        r#"(module (memory (export "memory") 1) (data (i32.const 10) "abc")
            (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#,
    );
    let mut memory = instance.memory("memory").expect("it is there");
    assert_eq!((memory.len(), memory.is_empty()), (PAGE, false));
    assert_eq!(memory.read_vec(10, 3).expect("inside"), b"abc");
    assert_eq!(memory.read_string(10, 3).expect("inside"), "abc");
    let mut bytes = [0xff; 5];
    memory.read(9, &mut bytes).expect("inside");
    assert_eq!(&bytes, b"\0abc\0");
    memory.write(11, b"xy").expect("inside");
    assert_eq!(&memory.bytes()[9..15], b"\0axy\0\0");
    memory.bytes_mut()[12] = b'z';
    let results = instance.call("load", &[12.into()]);
    assert_eq!(results.expect("it returns"), [Value::I32(b'z'.into())]);
}

#[test]
fn nothing_goes_past_an_edge() {
    let mut instance = instance(r#"(module (memory (export "memory") 1))"#);
    let mut memory = instance.memory("memory").expect("it is there");
    for (at, len) in [(0, PAGE), (PAGE - 1, 1), (PAGE, 0), (0, 0)] {
        let bytes = vec![7; len as usize];
        memory.write(at, &bytes).expect("inside");
        assert_eq!(memory.read_vec(at, len).expect("inside"), bytes);
    }
    for (at, len) in [
        (PAGE, 1),
        (PAGE - 1, 2),
        (0, PAGE + 1),
        (PAGE + 1, 0),
        (u64::MAX, 0),
        (u64::MAX, 1),
        (u64::MAX - 1, 2),
        (1 << 32, 1),
    ] {
        let message = refusal(memory.read_vec(at, len), ErrorKind::Memory);
        assert!(
            message.contains(&format!("{len} bytes at {at}")),
            "{message}"
        );
        assert!(message.contains(&format!("end at {PAGE}")), "{message}");
        let mut bytes = vec![9; len as usize];
        refusal(memory.read(at, &mut bytes), ErrorKind::Memory);
        assert_eq!(bytes, vec![9; len as usize]);
        refusal(memory.write(at, &bytes), ErrorKind::Memory);
    }
    // A length that no buffer has.
    refusal(memory.read_vec(0, u64::MAX), ErrorKind::Memory);
    refusal(memory.read_vec(1, u64::MAX), ErrorKind::Memory);
    assert!(memory.bytes().iter().all(|byte| *byte == 7));
}

#[test]
fn text_must_be_utf_8() {
    let mut instance = instance(r#"(module (memory (export "m") 1) (data (i32.const 0) "\ff"))"#);
    let memory = instance.memory("m").expect("it is there");
    let message = refusal(memory.read_string(0, 1), ErrorKind::Memory);
    assert!(message.contains("UTF-8"), "{message}");
}

#[test]
fn memory_grows_up_to_its_maximum() {
    let mut instance = instance(
        r#"(module (memory (export "memory") 1 3)
            (func (export "size") (result i32) (memory.size))
            (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))"#,
    );
    let mut memory = instance.memory("memory").expect("it is there");
    assert_eq!(memory.grow(1).expect("it may"), 1);
    assert_eq!(memory.len(), 2 * PAGE);
    memory.write(2 * PAGE - 1, &[1]).expect("inside");
    let message = refusal(memory.grow(2), ErrorKind::Memory);
    assert!(message.contains("maximum is 3"), "{message}");
    refusal(memory.grow(u64::MAX), ErrorKind::Memory);
    assert_eq!(instance.call("size", &[]).expect("it returns"), [2.into()]);
    let grown = instance.call("grow", &[1.into()]);
    assert_eq!(grown.expect("it returns"), [2.into()]);
    let memory = instance.memory("memory").expect("it is there");
    assert_eq!(memory.len(), 3 * PAGE);
    assert_eq!(memory.read_vec(2 * PAGE - 1, 2).expect("inside"), [1, 0]);
}

#[test]
fn all_memories_count_for_the_limit() {
    let module = module(
        r#"(module (memory (export "a") 1) (memory (export "b") 1)
            (func (export "grow") (param i32) (result i32) (memory.grow 0 (local.get 0))))"#,
    );
    let limits = Limits {
        memory: 4 * PAGE,
        ..Limits::default()
    };
    let mut instance = module.instance().limits(limits).start().expect("it fits");
    let mut first = instance.memory("a").expect("it is there");
    assert_eq!(first.grow(1).expect("it may"), 1);
    let mut second = instance.memory("b").expect("it is there");
    let message = refusal(second.grow(2), ErrorKind::Memory);
    assert!(message.contains("Limits::memory"), "{message}");
    assert_eq!(second.grow(1).expect("it may"), 1);
    // The guest may not, either, and copes.
    let grown = instance.call("grow", &[1.into()]);
    assert_eq!(grown.expect("it returns"), [Value::I32(-1)]);
}

#[test]
fn memories_are_found_by_name() {
    let mut instance =
        instance(r#"(module (memory (export "a") 1) (memory (export "b") 2) (func (export "f")))"#);
    assert_eq!(instance.memory("a").expect("it is there").len(), PAGE);
    assert_eq!(instance.memory("b").expect("it is there").len(), 2 * PAGE);
    let missing = refusal(instance.memory("c"), ErrorKind::Invoke);
    assert!(missing.contains("\"c\""), "{missing}");
    let function = refusal(instance.memory("f"), ErrorKind::Invoke);
    assert!(function.contains("a function, not a memory"), "{function}");
}

#[test]
fn a_memory_of_64_bits() {
    let mut instance = instance(r#"(module (memory (export "memory") i64 1))"#);
    let mut memory = instance.memory("memory").expect("it is there");
    memory.write(PAGE - 4, &[1; 4]).expect("inside");
    refusal(memory.write(PAGE - 3, &[1; 4]), ErrorKind::Memory);
    refusal(memory.read_vec(1 << 40, 1), ErrorKind::Memory);
    assert_eq!(memory.grow(1).expect("it may"), 1);
}
