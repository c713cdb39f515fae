//! The host-call boundary, as guests reach it, without a guest.

use crate::{
    Error, Grants, Image, Limits, Program, Sandbox,
    host::{Device, Functions, known},
    instance::State,
};
use serde_json::{Map, Value};
use std::{
    io::{IoSlice, IoSliceMut},
    pin::pin,
    sync::{Arc, OnceLock, PoisonError, RwLock},
    task::{Context, Poll, Waker},
    time::Instant,
};
use wasmi_wasi::wasi_common::{self, file::WasiFile};

/// The host's side of one run, and its `/dev/host`.
pub struct Boundary {
    /// Keeps what the functions reach.
    _state: State,
    functions: Arc<Functions>,
    device: Device,
}

impl Boundary {
    /// That of a run under `grants` and `limits`.
    ///
    /// # Errors
    ///
    /// As of a run.
    pub fn new(grants: Grants, limits: Limits) -> Result<Self, Error> {
        static IMAGE: OnceLock<Image> = OnceLock::new();
        let image = match IMAGE.get() {
            Some(image) => image,
            None => {
                let image = Image::wasm("none.wat", b"(module (func (export \"_start\")))")?;
                IMAGE.get_or_init(|| image)
            }
        };
        let mut sandbox = Sandbox::new(image).grants(grants).limits(limits);
        let state = sandbox.state(Instant::now(), &Program::start("none"))?;
        let functions = Arc::clone(&state.functions);
        Ok(Self {
            device: Device::new(Arc::clone(&functions)),
            functions,
            _state: state,
        })
    }

    /// A write on `/dev/host`; the errno's name where it fails.
    ///
    /// # Errors
    ///
    /// As a guest gets them.
    pub fn write(&self, pieces: &[&[u8]]) -> Result<u64, String> {
        let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        at_once(self.device.write_vectored(&slices))
    }

    /// A read from it.
    ///
    /// # Errors
    ///
    /// As a guest gets them.
    pub fn read(&self, buffer: &mut [u8]) -> Result<u64, String> {
        at_once(self.device.read_vectored(&mut [IoSliceMut::new(buffer)]))
    }

    /// What JavaScript's `host_call` answers to JSON.
    pub fn answer(&self, request: &[u8]) -> String {
        self.functions.answer(request).to_string()
    }

    /// What its shorter form answers: of the function at `place`, where there is
    /// one; an error is a kind and a message.
    pub fn ask(&self, place: usize, values: Vec<Value>) -> Option<Asked> {
        let (name, params) = known(place)?;
        let named = params.iter().map(|param| (*param).to_owned());
        let args: Map<String, Value> = named.zip(values).collect();
        let answer = self.functions.call_named(name, args);
        let answer = answer.map_err(|error| (error.kind().word(), error.message().to_owned()));
        Some(Asked { name, answer })
    }
}

/// An answer to a function that was called by its place.
pub struct Asked {
    /// Which one that is.
    pub name: &'static str,
    /// What it gave.
    pub answer: Result<Value, (&'static str, String)>,
}

fn at_once<T>(future: impl Future<Output = Result<T, wasi_common::Error>>) -> Result<T, String> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.map_err(|error| error.to_string()),
        Poll::Pending => Err("it waits".to_owned()),
    }
}

/// A request that was to be sent.
#[derive(Debug)]
pub struct Sent {
    /// In capitals.
    pub method: String,
    /// With the host that would be connected to.
    pub url: String,
    /// As they would be sent.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// What a server would have answered.
#[derive(Debug)]
pub struct Got {
    /// Its status.
    pub status: u16,
    /// Its header.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// Stands for all servers.
pub type Network = dyn Fn(Sent) -> Got + Send + Sync;

static NETWORK: RwLock<Option<Arc<Network>>> = RwLock::new(None);

/// Has `network` answer every request of the process, of which none is sent then.
pub fn set_network(network: Option<Arc<Network>>) {
    *NETWORK.write().unwrap_or_else(PoisonError::into_inner) = network;
}

pub(crate) fn network() -> Option<Arc<Network>> {
    let network = NETWORK.read().unwrap_or_else(PoisonError::into_inner);
    network.clone()
}

/// What `network` answers to a request, as the client gives it.
#[cfg(feature = "http")]
pub(crate) fn pretended(
    network: &Network,
    request: ureq::http::request::Parts,
) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let headers = request.headers.iter();
    let got = network(Sent {
        method: request.method.to_string(),
        url: request.uri.to_string(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect(),
    });
    let mut answer = ureq::http::Response::builder().status(got.status);
    for (name, value) in got.headers {
        answer = answer.header(name, value);
    }
    Ok(answer.body(ureq::Body::builder().data(got.body))?)
}

/// Hears each request that guests make.
pub type Hearer = dyn Fn(&[u8]) + Send + Sync;

static HEARER: RwLock<Option<Arc<Hearer>>> = RwLock::new(None);

/// Has `hearer` hear every request of the process.
pub fn set_hearer(hearer: Option<Arc<Hearer>>) {
    *HEARER.write().unwrap_or_else(PoisonError::into_inner) = hearer;
}

pub(crate) fn heard(request: &[u8]) {
    let hearer = HEARER.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(hearer) = &*hearer {
        hearer(request);
    }
}
