//! A plugin host: two plugins in Wasm, each compiled once, that get text from
//! the host, call it back, and give text; one of them misbehaves.
//!
//! ```sh
//! cargo run --release --example plugins
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use dormouse::{CallContext, CallError, Engine, Instance, Limits, Module, Value};
use std::time::Duration;

/// Turns letters into capitals. Plugins here export `memory`, `alloc`, which
/// makes room for a text, and `apply`, which gets a text and gives one: its
/// address in the upper half of the result, its length in the lower.
const SHOUT: &str = r#"(module
    (import "host" "log" (func $log (param i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "shouting")
    (global $top (mut i32) (i32.const 1024))
    (func (export "alloc") (param $len i32) (result i32)
        (global.get $top)
        (global.set $top (i32.add (global.get $top) (local.get $len))))
    (func (export "apply") (param $at i32) (param $len i32) (result i64)
        (local $n i32) (local $char i32)
        (call $log (i32.const 16) (i32.const 8))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $n) (local.get $len)))
            (local.set $char (i32.load8_u (i32.add (local.get $at) (local.get $n))))
            (if (i32.lt_u (i32.sub (local.get $char) (i32.const 97)) (i32.const 26))
                (then (i32.store8 (i32.add (local.get $at) (local.get $n))
                    (i32.sub (local.get $char) (i32.const 32)))))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br $next)))
        (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32))
            (i64.extend_i32_u (local.get $len)))))"#;

/// Asks the host for a greeting, and never comes back from texts of over 20
/// bytes.
const GREET: &str = r#"(module
    (import "host" "greeting" (func $greeting (result i64)))
    (memory (export "memory") 1)
    (global $top (mut i32) (i32.const 1024))
    (func $alloc (export "alloc") (param $len i32) (result i32)
        (global.get $top)
        (global.set $top (i32.add (global.get $top) (local.get $len))))
    (func (export "apply") (param $at i32) (param $len i32) (result i64)
        (local $greeting i64) (local $size i32) (local $to i32)
        (if (i32.gt_u (local.get $len) (i32.const 20)) (then (loop $ever (br $ever))))
        (local.set $greeting (call $greeting))
        (local.set $size (i32.wrap_i64 (local.get $greeting)))
        (local.set $to (call $alloc (i32.add (local.get $size) (local.get $len))))
        (memory.copy (local.get $to)
            (i32.wrap_i64 (i64.shr_u (local.get $greeting) (i64.const 32)))
            (local.get $size))
        (memory.copy (i32.add (local.get $to) (local.get $size))
            (local.get $at) (local.get $len))
        (i64.or (i64.shl (i64.extend_i32_u (local.get $to)) (i64.const 32))
            (i64.extend_i32_u (i32.add (local.get $size) (local.get $len))))))"#;

/// A plugin, ready to be used.
struct Plugin {
    name: &'static str,
    instance: Instance,
}

impl Plugin {
    fn new(engine: &Engine, name: &'static str, source: &str) -> Result<Self, CallError> {
        let module = Module::new(engine, name, source.as_bytes())?;
        let limits = Limits {
            deadline: Some(Duration::from_millis(100)),
            memory: 1 << 20,
            ..Limits::default()
        };
        // What a plugin does not import, it does not get.
        let instance = module
            .instance()
            .limits(limits)
            .import("host", "log", move |context, args| {
                let [Value::I32(at), Value::I32(len)] = *args else {
                    return Err("log takes an address and a length".into());
                };
                let text = context
                    .memory("memory")?
                    .read_string(address(at), address(len))?;
                println!("  {name} says: {text}");
                Ok(vec![])
            })
            .import("host", "greeting", |context, _| {
                Ok(vec![place(context, "hello, ")?])
            })
            .start()?;
        Ok(Self { name, instance })
    }

    /// What the plugin makes of `text`.
    fn apply(&mut self, text: &str) -> Result<String, CallError> {
        let length = Value::I32(text.len() as i32);
        let room = self.instance.call("alloc", &[length])?;
        let at = i32_of(&room)?;
        let mut memory = self.instance.memory("memory")?;
        memory.write(address(at), text.as_bytes())?;
        let answer = self.instance.call("apply", &[Value::I32(at), length])?;
        let [Value::I64(answer)] = answer[..] else {
            return Err(unexpected());
        };
        let (at, len) = (answer as u64 >> 32, answer as u64 & 0xffff_ffff);
        Ok(self.instance.memory("memory")?.read_string(at, len)?)
    }
}

/// Puts `text` where the plugin has room for it; where that is.
fn place(context: &mut CallContext<'_>, text: &str) -> Result<Value, CallError> {
    let room = context.call("alloc", &[Value::I32(text.len() as i32)])?;
    let at = i32_of(&room)?;
    context
        .memory("memory")?
        .write(address(at), text.as_bytes())?;
    Ok(Value::I64((i64::from(at) << 32) | text.len() as i64))
}

/// Wasm has no signs of its own: addresses have none.
fn address(value: i32) -> u64 {
    u64::from(value as u32)
}

fn i32_of(values: &[Value]) -> Result<i32, CallError> {
    match values {
        [Value::I32(value)] => Ok(*value),
        _ => Err(unexpected()),
    }
}

fn unexpected() -> CallError {
    let message = "the plugin's functions are of another type";
    CallError::Host(dormouse::Error::new(dormouse::ErrorKind::Invoke, message))
}

fn main() -> Result<(), CallError> {
    let engine = Engine::new();
    let mut plugins = [
        Plugin::new(&engine, "shout", SHOUT)?,
        Plugin::new(&engine, "greet", GREET)?,
    ];
    for text in ["world", "a text that is too long for one"] {
        for plugin in &mut plugins {
            match plugin.apply(text) {
                Ok(made) => println!("{}: {text:?} becomes {made:?}", plugin.name),
                Err(error) => println!("{}: {text:?}: {error}", plugin.name),
            }
        }
    }
    // Both go on, whatever one of them did.
    assert_eq!(plugins[0].apply("again")?, "AGAIN");
    assert_eq!(plugins[1].apply("again")?, "hello, again");
    Ok(())
}
