//! Wasm-to-Wasm rewriting behind Dormouse.
#![forbid(unsafe_code)]

mod analysis;
mod error;
mod guest;
mod helpers;
mod instrument;
mod names;
mod point;
mod resume;
mod rewrite;
mod source;
mod state;
mod trace;
mod types;

pub use error::Error;
pub use guest::{Guest, Reference, Value};
pub use instrument::Instrumented;
pub use names::function_name;
pub use point::Point;
pub use rewrite::{CapturedMemory, Form, Rewritten};
pub use state::{Entry, State};
pub use trace::{CURRENT_FUNCTION, trace};
