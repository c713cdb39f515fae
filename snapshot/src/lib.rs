//! Wasm-to-Wasm rewriting behind Dormouse.
//!
//! This crate knows Wasm and nothing else: no engine, no language, no command
//! line. Each pass takes a core module's bytes and gives another's, by
//! appending, so that no index of the original shifts.
//!
//! - [`trace`](fn@trace) makes a module keep note of the function it is in,
//!   to say where it trapped.
//! - [`function_name`] reads what a module calls one of its functions.
#![forbid(unsafe_code)]

mod error;
mod names;
mod trace;

pub use error::Error;
pub use names::function_name;
pub use trace::{CURRENT_FUNCTION, trace};
