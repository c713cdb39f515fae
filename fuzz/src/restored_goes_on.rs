//! A run that is captured and restored goes on as if nothing had been, on an
//! engine other than Dormouse's own.

use crate::generated;

/// Stops the module made from `bytes` at each of its host's functions, and
/// restores it; panics where that is to be seen.
pub fn restored_goes_on(bytes: &[u8]) {
    stops(bytes);
}

/// Points at which a module made from `bytes` was stopped and restored, if a
/// module can be made; panics as `restored_goes_on` does.
pub fn stops(bytes: &[u8]) -> Option<u64> {
    let wasm = generated::module(bytes)?;
    Some(generated::check(&wasm).stops)
}
