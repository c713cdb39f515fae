//! Language guests: which, from where, and where they are kept.

mod added;
#[cfg(any(feature = "javascript", feature = "python"))]
mod fetch;
#[cfg(not(any(feature = "javascript", feature = "python")))]
#[path = "without.rs"]
mod fetch;
mod folder;
#[cfg(all(feature = "cli", feature = "server"))]
mod keep;
mod lock;
mod pin;
mod store;

pub(crate) use lock::Lock;
pub(crate) use pin::recognize;
pub use store::{GuestState, GuestStore, GuestSummary};

/// What bringing a guest here or making its image is doing, for whoever wants
/// to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Another process is doing the same; waiting for it.
    Waiting,
    /// The registry's client is fetching this package.
    Fetching {
        /// The package's name.
        package: &'a str,
        /// Its version.
        version: &'a str,
    },
    /// Checking digests and unpacking.
    Verifying,
    /// Starting the language's interpreter once, to keep it as an image.
    Capturing {
        /// The language.
        language: crate::Language,
    },
    /// The guest, or its image, is in the cache.
    Done,
}

fn guest_error(message: impl Into<String>) -> crate::Error {
    crate::Error::new(crate::ErrorKind::Guest, message)
}
