//! What is fuzzed. Each target holds arbitrary bytes to a property, and panics
//! where it fails; `fuzz_targets` has an executable of a few lines for each, and
//! `kept` the inputs that `cargo test` goes through. See `README.md`.

mod engine;
#[allow(dead_code, reason = "shared with the tests of the crate")]
#[path = "../../snapshot/tests/support/generated.rs"]
mod generated;
#[path = "../../snapshot/tests/support/host.rs"]
mod host;
mod image;
mod restored_goes_on;
mod rewrite_validates;
mod same_result;

pub use image::image;
pub use restored_goes_on::{restored_goes_on, stops};
pub use rewrite_validates::rewrite_validates;
pub use same_result::same_result;

use engine::{Contents, Running};
use host::Host;

/// A target: its name, and its property.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[
    ("image", image),
    ("restored_goes_on", restored_goes_on),
    ("rewrite_validates", rewrite_validates),
    ("same_result", same_result),
];

/// Whether generated modules have tail calls.
const TAIL_CALLS: bool = true;

/// The module made from `bytes`.
pub fn module(bytes: &[u8]) -> Option<Vec<u8>> {
    generated::module(bytes)
}

/// Bytes that depend on `seed` alone.
pub fn bytes(seed: u64) -> Vec<u8> {
    generated::bytes(seed)
}
