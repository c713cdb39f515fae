//! Several processes that fuzz the same target, and tell each other what they find,
//! through LibAFL's LLMP: each of them has a connection, over shared memory, to a
//! *broker*, which passes on what one of them sends to all others.
//!
//! The broker is the process that the user started; the others are started by it
//! from the same executable, so that none is a fork of a process with threads.
//! Brokers of several machines can be joined. They listen on the loopback interface
//! only: what they speak has no authentication. Between machines it goes through
//! a tunnel, such as `ssh -L`.
//!
//! Whoever joins goes to both brokers as one that listens elsewhere, and carries
//! over what each says. LibAFL's own way to join (`connect_b2b` of 0.16) numbers the
//! connection as it does the first worker, and both take what the other sends for
//! their own: nothing comes through.

use super::executor::State;
use crate::{Error, ErrorKind};
use libafl::{
    events::{EventConfig, LlmpEventManager, LlmpEventManagerBuilder, StdLlmpEventHook},
    inputs::BytesInput,
    monitors::NopMonitor,
};
use libafl_bolts::{
    llmp::{LlmpBroker, TcpRequest, TcpResponse, send_tcp_msg},
    shmem::{ShMemProvider, StdShMem, StdShMemProvider},
    tuples::{tuple_list, tuple_list_type},
};
use std::{
    io::{self, Read},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
    time::Duration,
};

/// How long a broker has for each part of its greeting.
const GREETING: Duration = Duration::from_secs(10);
/// Bytes of the longest part: names of a host and of shared memory.
const LONGEST_GREETING: u32 = 64 << 10;

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
    pub(crate) fn join(&self, address: &str) -> Result<(), Error> {
        let refused = |error: io::Error| {
            let message = format!("--join {address}: no campaign answers there: {error}");
            Error::new(ErrorKind::Io, message).with_source(error)
        };
        let there = TcpStream::connect(address).map_err(refused)?;
        greet(&there).map_err(refused)?;
        let here = TcpStream::connect(("127.0.0.1", self.port)).map_err(refused)?;
        greet(&here).map_err(refused)?;
        carry(&here, &there).map_err(refused)?;
        carry(&there, &here).map_err(refused)
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

/// Has a broker take who is at the other end of `stream` for another broker.
fn greet(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(GREETING))?;
    let TcpResponse::BrokerConnectHello { .. } = heard(stream)? else {
        return Err(unknown());
    };
    let hello = TcpRequest::RemoteBrokerHello {
        hostname: "dormouse".to_owned(),
    };
    send_tcp_msg(&mut stream.try_clone()?, &hello).map_err(io::Error::other)?;
    let TcpResponse::RemoteBrokerAccepted { .. } = heard(stream)? else {
        return Err(unknown());
    };
    stream.set_read_timeout(None)
}

/// The next part of a broker's greeting: its length as 32 bits, and so many bytes.
fn heard(mut stream: &TcpStream) -> io::Result<TcpResponse> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > LONGEST_GREETING {
        return Err(unknown());
    }
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes)?;
    TcpResponse::try_from(&bytes).map_err(|_| unknown())
}

fn unknown() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is something else")
}

/// Carries what `from` says over to `to`, until either ends.
fn carry(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
    thread::spawn(move || {
        // Each campaign goes on without the other.
        let _ = io::copy(&mut from, &mut to);
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
    Ok(())
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
