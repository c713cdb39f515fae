//! WASI: a guest's files, streams, clocks and randomness.

mod clock;
mod context;
mod preview0;
mod preview1;
mod random;
mod root;
mod sched;
mod stdio;
mod stdio_file;

pub(crate) use clock::Clock;
pub(crate) use context::{Context, link};
pub(crate) use random::Random;
pub(crate) use root::Root;
pub(crate) use stdio::{Stdio, WriteError};
