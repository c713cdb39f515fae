//! What is fuzzed. A target in `fuzz_targets` is a few lines that call one of
//! these functions: `cargo fuzz run --features libfuzzer restored_goes_on`.
//! Without a fuzzer, `cargo run --release --bin seeds -- FROM TO` tries the
//! modules made from a range of seeds, and keeps those that fail.

mod engine;
#[allow(dead_code, reason = "shared with the tests of the crate")]
#[path = "../../snapshot/tests/support/generated.rs"]
mod generated;
#[path = "../../snapshot/tests/support/host.rs"]
mod host;

use engine::{Contents, Running};
use host::Host;

/// Whether generated modules have tail calls.
const TAIL_CALLS: bool = true;

/// Points at which a module made from `bytes` was stopped and restored, if a
/// module can be made; panics where that is to be seen.
pub fn restored_goes_on(bytes: &[u8]) -> Option<u64> {
    let wasm = generated::module(bytes)?;
    Some(generated::check(&wasm).stops)
}

/// The module made from `bytes`.
pub fn module(bytes: &[u8]) -> Option<Vec<u8>> {
    generated::module(bytes)
}

/// Bytes that depend on `seed` alone.
pub fn bytes(seed: u64) -> Vec<u8> {
    generated::bytes(seed)
}
