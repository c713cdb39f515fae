//! WASI Preview 1 for guests: files, streams, clocks, randomness.
//!
//! File descriptor 3 of every guest is the one folder `/`, a virtual root
//! ([`root`]) that routes each path to the [volume](volume) whose guest path
//! is its longest prefix: a folder or file of the host ([`mount`]), the private
//! `/tmp` ([`memory_fs`]), read-only system files ([`system`]) and devices
//! ([`device`]). [`dir`] and [`file`] are the adapters between that and
//! wasi-common; [`context`] puts them together with the rest.

mod beginning;
mod clock;
mod context;
mod device;
mod dir;
mod errno;
mod file;
mod flags;
mod host_file;
mod memory_file;
mod memory_fs;
mod mount;
mod operations;
mod path;
mod preview0;
mod preview1;
mod random;
mod root;
mod sched;
mod stdio;
mod stdio_file;
mod system;
mod table;
mod volume;

#[cfg(test)]
mod tests;

pub(crate) use beginning::Beginning;
pub(crate) use clock::Clock;
pub(crate) use context::{Context, link};
#[cfg(test)]
pub(crate) use device::block_on;
pub(crate) use errno::Errno;
pub(crate) use preview1::{INTERRUPTED, read_at_last};
pub(crate) use random::{PREPARING, Random, Secret};
pub(crate) use root::{Owner, Root, WeakRoot};
pub(crate) use stdio::{Input, Sink, Stdio, WriteError};
pub(crate) use volume::{Handle, OpenHow, Opened};
