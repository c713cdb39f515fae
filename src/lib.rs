//! A portable runtime for untrusted Python, JavaScript and any WASI program
//! that never generates code.
//!
//! - An [`Image`] is a guest, loaded and checked: a Wasm module, or the
//!   interpreter of a [`Language`] from a [`GuestStore`].
//! - A [`Sandbox`] is one run in the making: an image, the [`Grants`] that say
//!   what it may reach (nothing, by default), and the [`Limits`] that bound it.
//! - A [`Session`] is a live guest that runs code piece by piece.
//! - A [`Program`] says what to run; an [`Outcome`] how that ended.
//! - A [`Module`] is plain Wasm, of which each [`Instance`] has functions to call
//!   with typed values, and memories to read and write.
//!
//! ```
//! use dormouse::{Image, Program, Sandbox, Status};
//!
//! let image = Image::wasm("exit.wat", br#"(module
//!     (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
//!     (func (export "_start") (call $exit (i32.const 7))))"#)?;
//! let outcome = Sandbox::new(&image).run(Program::start("exit"))?;
//! assert_eq!(outcome.status, Status::Exit(7));
//! # Ok::<(), dormouse::Error>(())
//! ```
//!
//! What a guest does wrong (a trap, an exit code, a limit) is an [`Outcome`];
//! an [`Error`] is about what the host could not do.
#![deny(unsafe_code)]
#![cfg_attr(
    not(all(feature = "javascript", feature = "python")),
    allow(
        dead_code,
        unreachable_code,
        unused_imports,
        unused_variables,
        reason = "what only a language uses is there for it"
    )
)]

mod arrange;
mod capture;
#[cfg(feature = "bench")]
#[doc(hidden)]
pub use instance::bench;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod engine;
mod error;
mod files;
#[cfg(all(feature = "cli", feature = "server"))]
mod gateway;
mod grants;
mod guests;
mod host;
#[cfg_attr(
    not(feature = "cli"),
    allow(dead_code, reason = "only the command makes and keeps images")
)]
mod image;
mod instance;
mod language;
mod limits;
mod locate;
mod outcome;
#[cfg(feature = "python")]
mod packages;
mod point;
mod program;
mod sandbox;
#[cfg(feature = "server")]
#[cfg_attr(
    not(feature = "cli"),
    allow(
        dead_code,
        unused_imports,
        reason = "only the command has a log and a gateway"
    )
)]
pub mod server;
mod session;
mod stdio;
#[cfg(any(feature = "cli", feature = "server"))]
mod units;
mod value;
mod wasi;
mod wasm;

pub use error::{Error, ErrorKind};
pub use grants::{Grants, Kv, Mount, MountMode, Packages};
pub use guests::{GuestState, GuestStore, GuestSummary, Progress};
pub use host::{HostError, HostErrorKind, HostFunctions};
pub use image::Image;
pub use language::Language;
pub use limits::Limits;
pub use outcome::{Function, GuestError, Limit, Outcome, Status, Trap};
pub use point::Point;
pub use program::Program;
pub use sandbox::{Sandbox, Stopper};
pub use session::{Interrupter, Session};
pub use stdio::{Output, Stdin};
pub use value::Value;
pub use wasm::{
    CallContext, CallError, Engine, ExportType, ExternType, Func, FunctionType, ImportType,
    Instance, InstanceBuilder, MemoryView, Module, ValueType,
};
