//! Several processes that fuzz the same target, and tell each other what they find,
//! through LibAFL's LLMP: each of them has a connection, over shared memory, to a
//! *broker*, which passes on what one of them sends to all others.
//!
//! The broker is the process that the user started; the others are started by it
//! from the same executable, so that none is a fork of a process with threads.
//! Brokers of several machines can be joined. They listen on the loopback interface
//! only: what they speak has no authentication. Between machines it goes through
//! a tunnel, such as `ssh -L`.

use super::executor::State;
use crate::{Error, ErrorKind};
use libafl::{
    events::{EventConfig, LlmpEventManager, LlmpEventManagerBuilder},
    inputs::BytesInput,
};
use libafl_bolts::{
    shmem::{ShMemProvider, StdShMem, StdShMemProvider},
};

/// A worker's connection.
pub(super) type Linked = LlmpEventManager<(), BytesInput, State, StdShMem, StdShMemProvider>;

/// Where a worker finds its broker.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) port: u16,
}

impl Link {
    pub(super) fn connect(&self) -> Result<Linked, Error> {
        let provider = StdShMemProvider::new().map_err(|error| failed(&error))?;
        LlmpEventManagerBuilder::new()
            .build_on_port(provider, self.port, EventConfig::AlwaysUnique)
            .map_err(|error| failed(&error))
    }
}

fn failed(error: &libafl::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        format!("the other processes of the campaign can't be reached: {error}"),
    )
}
