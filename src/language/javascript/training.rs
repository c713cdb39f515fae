//! What an image's code is arranged by.

use crate::arrange::Training;

/// Short programs, and one that does again and again what programs do. A
/// detour costs some hundred nanoseconds, translating a hundred bytes of Wasm
/// two thousand.
pub(crate) const TRAINING: Training = Training {
    starts: &[
        "console.log(1)",
        "console.log('hello')",
        "print(1 + 2)",
        "let x = 6; console.log(`${x * 7}`)",
        "const f = (a, b) => a + b; console.log(f(1, 2))",
    ],
    steady: include_str!("../../../runtimes/javascript/train.js"),
    often: 20,
};
