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
    events::{EventConfig, LlmpEventManager, LlmpEventManagerBuilder, StdLlmpEventHook},
    inputs::BytesInput,
    monitors::NopMonitor,
};
use libafl_bolts::{
    llmp::LlmpBroker,
    shmem::{ShMemProvider, StdShMem, StdShMemProvider},
    tuples::{tuple_list, tuple_list_type},
};
use std::net::TcpListener;

/// A worker's connection.
pub(super) type Linked = LlmpEventManager<(), BytesInput, State, StdShMem, StdShMemProvider>;

/// Where a worker finds its broker.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) port: u16,
}

impl Link {
    pub(super) fn connect(&self) -> Result<Linked, Error> {
        LlmpEventManagerBuilder::new()
            .build_on_port(provider()?, self.port, EventConfig::AlwaysUnique)
            .map_err(|error| failed(&error))
    }
}

/// What passes on what workers find.
pub(crate) struct Broker {
    inner: LlmpBroker<
        tuple_list_type!(StdLlmpEventHook<BytesInput, NopMonitor>),
        StdShMem,
        StdShMemProvider,
    >,
    pub(crate) port: u16,
}

impl Broker {
    /// A broker at `port` of the loopback interface, or at one that is free.
    ///
    /// # Errors
    ///
    /// When the port is taken, or there is no shared memory.
    pub(crate) fn open(port: Option<u16>) -> Result<Self, Error> {
        let port = match port {
            Some(port) => port,
            None => free_port()?,
        };
        let hook = StdLlmpEventHook::new(NopMonitor::new()).map_err(|error| failed(&error))?;
        let inner = LlmpBroker::create_attach_to_tcp(provider()?, tuple_list!(hook), port)
            .map_err(|error| failed(&error))?;
        Ok(Self { inner, port })
    }

    /// Shares what is found with the broker at `address`.
    ///
    /// # Errors
    ///
    /// When none answers there.
    pub(crate) fn join(&mut self, address: &str) -> Result<(), Error> {
        let joined = self.inner.inner_mut().connect_b2b(address);
        joined.map_err(|error| {
            let message = format!("--join {address}: no campaign answers there: {error}");
            Error::new(ErrorKind::Io, message)
        })
    }

    /// Passes on what there is; whether there was anything.
    ///
    /// # Errors
    ///
    /// When shared memory is not what it was.
    pub(crate) fn pass_on(&mut self) -> Result<bool, Error> {
        self.inner.broker_once().map_err(|error| failed(&error))
    }
}

fn provider() -> Result<StdShMemProvider, Error> {
    StdShMemProvider::new().map_err(|error| failed(&error))
}

/// A port that nobody listened at just now.
fn free_port() -> Result<u16, Error> {
    let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    port.map(|address| address.port()).map_err(|error| {
        let message = format!("no port can be had for the campaign's processes: {error}");
        Error::new(ErrorKind::Io, message)
    })
}

fn failed(error: &libafl::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        format!("the campaign's processes can't reach each other: {error}"),
    )
}
