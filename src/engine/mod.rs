//! The interpreter: how wasmi is configured, modules are loaded, and running
//! guests are stopped.

pub(crate) mod ahead;
mod config;
mod load;
#[allow(
    unsafe_code,
    reason = "memory is mapped under wasmi's, and trusted modules go unvalidated"
)]
pub(crate) mod mapping;
mod meter;
mod pause;
mod watch;

pub(crate) use config::{Engine, MAX_RECURSION_DEPTH, Metering};
pub(crate) use load::{binary, load};
pub(crate) use meter::Meter;
pub(crate) use pause::{Pause, arrived, carried};
pub(crate) use watch::Watched;

/// Why a guest does not go on: an exit, a trap or a limit, as wasmi carries
/// it up through the guest's frames.
pub(crate) type Stop = wasmi::Error;
