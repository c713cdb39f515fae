//! What an image's code is arranged by.
//!
//! The engine's code that [`STARTS`] run at all, or [`STEADY`] runs at least
//! [`OFTEN`] times, is worth keeping together; the rest of the same functions
//! is better moved out of the way (see `dormouse_snapshot::outline`).

/// Programs that should start at once.
pub(crate) const STARTS: &[&str] = &[
    "console.log(1)",
    "console.log('hello')",
    "print(1 + 2)",
    "let x = 6; console.log(`${x * 7}`)",
    "const f = (a, b) => a + b; console.log(f(1, 2))",
];

/// A program that does again and again what programs do.
pub(crate) const STEADY: &str = include_str!("../../../runtimes/javascript/train.js");

/// How often something must run to be worth keeping at hand: a detour costs
/// some hundred nanoseconds, translating a hundred bytes of Wasm two thousand.
pub(crate) const OFTEN: u32 = 100;
