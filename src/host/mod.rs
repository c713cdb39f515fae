//! The host-call boundary: name and JSON arguments in, JSON result or error
//! out. WASI and this are the only ways from a guest to the host.
//!
//! [`HostFunctions`] are functions by name, of the embedder or [built
//! in](builtin) where a grant brings them; [`Functions`] is the set that one run
//! has, which answers its requests, single or in batches. Guests reach it
//! through `/dev/host`, a [`Device`], or through an import of their engine's.

mod batch;
mod builtin;
mod device;
mod error;
mod exchange;
mod fs;
mod functions;
#[cfg(feature = "http")]
mod http;
#[cfg(not(feature = "http"))]
#[path = "http/without.rs"]
mod http;
mod known;
mod kv;
mod marshal;
#[cfg(feature = "python")]
mod packages;
#[cfg(not(feature = "python"))]
#[path = "packages/without.rs"]
mod packages;
mod registry;
mod short;
mod weight;

pub(crate) use builtin::{Setting, functions};
pub(crate) use device::{DEVICE, Device};
pub use error::{HostError, HostErrorKind};
pub(crate) use exchange::Exchange;
pub(crate) use fs::{FileError, FileInfo, Files, Fs};
pub(crate) use functions::{Functions, failed};
pub(crate) use http::Http;
pub(crate) use known::known;
pub(crate) use kv::Kv;
pub(crate) use packages::Packages;
pub use registry::HostFunctions;
