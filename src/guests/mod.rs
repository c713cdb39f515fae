//! Language guests: which, from where, and where they are kept.

mod fetch;
mod lock;
mod pin;
mod store;

pub use store::{GuestState, GuestStore, GuestSummary};

/// What fetching a guest is doing, for whoever wants to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// Another process is fetching; waiting for it.
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
    /// The guest is in the cache.
    Done,
}
