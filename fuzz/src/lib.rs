//! What is fuzzed. Each target holds arbitrary bytes to a property, and panics
//! where it fails; `fuzz_targets` has an executable of a few lines for each, and
//! `kept` the inputs that `cargo test` goes through. See `README.md`.

mod allocated;
mod gateway;
#[path = "../../snapshot/tests/support/host.rs"]
mod host;
mod host_call;
mod image;
mod input;
mod languages;
#[cfg(feature = "other-engine")]
mod restored_goes_on;
mod rewrite_validates;
mod same_result;
#[path = "../../snapshot/tests/support/smith.rs"]
mod smith;
#[path = "../../snapshot/tests/support/values.rs"]
mod values;
mod wasi_calls;
mod world;

pub use gateway::gateway;
pub use host_call::host_call;
pub use image::image;
pub use languages::{languages, prepare_languages};
#[cfg(feature = "other-engine")]
pub use restored_goes_on::{restored_goes_on, stops};
pub use rewrite_validates::rewrite_validates;
pub use same_result::same_result;
pub use wasi_calls::wasi_calls;

/// A target: its name, and its property.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("gateway", gateway),
    ("host_call", host_call),
    ("image", image),
    ("languages", languages),
    #[cfg(feature = "other-engine")]
    ("restored_goes_on", restored_goes_on),
    ("rewrite_validates", rewrite_validates),
    ("same_result", same_result),
    ("wasi_calls", wasi_calls),
];

/// Whether generated modules have tail calls.
const TAIL_CALLS: bool = true;

/// The module made from `bytes`.
pub fn module(bytes: &[u8]) -> Option<Vec<u8>> {
    smith::module(bytes)
}

/// Bytes that depend on `seed` alone.
pub fn bytes(seed: u64) -> Vec<u8> {
    smith::bytes(seed)
}
