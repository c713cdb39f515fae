//! A portable runtime for untrusted Python, JavaScript and any WASI program.
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod engine;
mod error;
mod grants;
mod guests;
mod host;
mod image;
mod instance;
mod language;
mod limits;
mod locate;
mod outcome;
mod program;
mod sandbox;
mod stdio;
mod value;
mod wasi;
pub use error::{Error, ErrorKind};
pub use grants::{Grants, Mount, MountMode};
pub use guests::{GuestState, GuestStore, GuestSummary, Progress};
pub use image::Image;
pub use language::Language;
pub use limits::Limits;
pub use outcome::{Function, Limit, Outcome, Status, Trap};
pub use program::Program;
pub use sandbox::Sandbox;
pub use stdio::{Output, Stdin};
pub use value::Value;
