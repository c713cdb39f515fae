//! A host program that runs an untrusted Wasm module under its own limits.
//!
//! ```sh
//! cargo run --release --example embed
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use dormouse::{Image, Limit, Limits, Program, Sandbox, Status, Value};
use std::time::Duration;

const MODULE: &[u8] = br#"(module
    (func $fib (export "fib") (param i64) (result i64)
        (if (result i64) (i64.lt_s (local.get 0) (i64.const 2))
            (then (local.get 0))
            (else (i64.add
                (call $fib (i64.sub (local.get 0) (i64.const 1)))
                (call $fib (i64.sub (local.get 0) (i64.const 2))))))))"#;

fn main() -> Result<(), dormouse::Error> {
    let image = Image::wasm("fib.wat", MODULE)?;

    let outcome = Sandbox::new(&image).run(Program::invoke("fib", ["25"]))?;
    assert_eq!(outcome.values, [Value::I64(75025)]);
    println!("fib(25) = {} in {:?}", outcome.values[0], outcome.duration);

    let limits = Limits {
        deadline: Some(Duration::from_millis(100)),
        ..Limits::default()
    };
    let outcome = Sandbox::new(&image)
        .limits(limits)
        .run(Program::invoke("fib", ["90"]))?;
    assert_eq!(outcome.status, Status::Limit(Limit::Deadline));
    println!("fib(90) was stopped after {:?}", outcome.duration);
    Ok(())
}
