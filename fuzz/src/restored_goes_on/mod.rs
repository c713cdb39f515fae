//! A run that is captured and restored goes on as if nothing had been, on an
//! engine other than Dormouse's own.

mod engine;
#[allow(dead_code, reason = "shared with the tests of the crate")]
#[path = "../../../snapshot/tests/support/generated.rs"]
mod generated;

use crate::{
    host::{Contents, Host},
    smith,
};
use engine::Running;

/// Stops the module made from `bytes` at each of its host's functions, and
/// restores it; panics where that is to be seen.
pub fn restored_goes_on(bytes: &[u8]) {
    stops(bytes);
}

/// Points at which a module made from `bytes` was stopped and restored, if a
/// module can be made; panics as `restored_goes_on` does.
pub fn stops(bytes: &[u8]) -> Option<u64> {
    let wasm = smith::module(bytes)?;
    Some(generated::check(&wasm).stops)
}
