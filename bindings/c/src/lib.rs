//! A C ABI over the library `dormouse`: what `include/dormouse.h` declares, which
//! is made from the entry points here.
//!
//! - Handles are boxes: C has a pointer to what it owns, `*_free` takes it back.
//!   An argument that C may leave out, or forget, is an `Option`.
//! - Each entry point that can fail goes through [`error::catch`], so that no
//!   panic unwinds into C.
//! - What C passes as pointer and length becomes a slice in [`raw`], the one
//!   module with unsafe code. Elsewhere the word stands only in
//!   `#[unsafe(no_mangle)]`, without which C can't find a function; a test holds
//!   the crate to that.

pub mod config;
pub mod error;
pub mod function;
pub mod image;
pub mod import;
pub mod instance;
mod memory;
pub mod module;
pub mod outcome;
pub mod output;
pub mod program;
mod raw;
pub mod run;
pub mod session;
pub mod value;
pub mod version;
