//! What the targets in `fuzz` look at; no part of the library's interface.
#![allow(missing_docs, reason = "each target says what it uses")]
#![allow(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "each target says what it uses"
)]

pub mod boundary;
pub mod cache;
mod guest;

#[cfg(all(feature = "cli", feature = "server"))]
pub use crate::gateway::internals as gateway;
pub use guest::{Answer, Code, Guest, Host, Memory};
