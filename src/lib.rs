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
//!
//! # From a script to a service
//!
//! 1. **Run code.** [`GuestStore::image`] gives a language's image: fetched,
//!    verified and captured once, woken in milliseconds ever after. One image
//!    serves all threads; each [`Sandbox`] of it is a run of its own.
//! 2. **Let it reach something.** [`Grants`] are plain data: folders, environment,
//!    values by key, hosts. [`HostFunctions`] are your own functions, typed by
//!    serde. What is not granted does not exist.
//! 3. **Bound it.** [`Limits`] have defaults; [`Stopper`] ends a run from another
//!    thread, [`Interrupter`] what a session runs.
//! 4. **Follow it.** [`Output::callback`] gets what is printed as it comes,
//!    [`Stdin::Reader`] feeds it.
//! 5. **Keep it.** [`Sandbox::session`] runs code piece by piece. [`Sandbox::snapshot`]
//!    stops a program at a [`Point`], say when its packages are imported, and
//!    gives an image that goes on from there; [`Image::save`] and [`Image::open`]
//!    keep it in a file.
//! 6. **Or only Wasm.** [`Engine`], [`Module`] and [`Instance`] call exports with
//!    typed values, give closures for imports, and look into memory.
//!
//! The repository's `examples/` have whole programs: `embed`, `functions`, a
//! `judge` of many untrusted programs in parallel, a `repl`, a host of `plugins`.
//!
//! # Threads
//!
//! A guest runs on the thread that calls [`Sandbox::run`]; only a batch of host
//! calls takes more, for as long as it lasts, and, where a processor is idle,
//! what prepares an image. [`Image`], [`Session`], [`GuestStore`],
//! [`HostFunctions`], [`Stopper`] and [`Interrupter`] are `Send` and `Sync`; a
//! [`Sandbox`] is `Send`. Nothing is shared between two runs but what they were
//! given to share, or name both: of a file of values by key, a process has one
//! view. The library changes nothing of the process: no signal handlers, no
//! current folder, no logger. Of the environment it reads `DORMOUSE_CACHE` and
//! what names the user's cache folder, for [`GuestStore::open_default`], and for
//! [`Image::open`] and [`Image::save`], which look there for what is our own.
//! Nothing panics but what you give it, and that is an error to the guest: a
//! [`HostFunctions`] closure or a stream.
//!
//! # Features
//!
//! All are on by default; each builds alone, and without any the library runs
//! WASI programs and Wasm modules.
//!
//! | Feature | Brings |
//! |---|---|
//! | `python`, `javascript` | that [`Language`], its sessions; for Python, packages |
//! | `http` | HTTP requests of guests, with TLS |
//! | `server` | `dormouse::server`: sandboxes and sessions over HTTP |
//! | `cli` | the command `dormouse` |
//! | `fuzz` | with `cli`, `dormouse fuzz` |
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
#[cfg(feature = "conformance")]
#[doc(hidden)]
pub mod conformance;
mod engine;
mod error;
mod files;
#[cfg(all(feature = "cli", feature = "fuzz"))]
mod fuzz;
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
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;
mod language;
mod limits;
mod locate;
#[cfg(feature = "cli")]
mod lockdown;
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
    Instance, InstanceBuilder, MemoryView, Module, PureFunction, Unfinished, ValueType,
};
