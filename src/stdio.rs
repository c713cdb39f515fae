//! Where a guest's standard streams lead.

use std::{
    fmt,
    io::{Read, Write},
};

/// What a guest reads from its stdin.
#[derive(Default)]
#[non_exhaustive]
pub enum Stdin {
    /// Nothing: the end is reached at once.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// This process's own stdin.
    Host,
    /// Whatever this gives. A deadline cannot interrupt its `read`.
    Reader(Box<dyn Read + Send>),
}

/// Where a guest's stdout or stderr goes.
#[derive(Default)]
#[non_exhaustive]
pub enum Output {
    /// Into the [`Outcome`](crate::Outcome).
    #[default]
    Capture,
    /// Nowhere.
    Discard,
    /// To this process's own stream, as it comes.
    Host,
    /// To this writer, as it comes, flushed after each write. A deadline
    /// cannot interrupt its `write`.
    Writer(Box<dyn Write + Send>),
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Bytes(_) => "Bytes",
            Self::Host => "Host",
            Self::Reader(_) => "Reader",
        })
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capture => "Capture",
            Self::Discard => "Discard",
            Self::Host => "Host",
            Self::Writer(_) => "Writer",
        })
    }
}
