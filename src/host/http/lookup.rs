//! Looking up the addresses of a host, for as long as a request waits.

use std::{
    io,
    net::ToSocketAddrs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
};
use ureq::{
    Error,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::NextTimeout,
    },
};

/// Lookups of one run at a time, a thread each. The system's lookup can't be
/// given up: its thread stays when the request has ended, which a guest could
/// have at once, and a server of names can be the guest's.
const MAX_LOOKUPS: usize = 64;

/// Addresses of one host that are tried.
const MAX_ADDRESSES: usize = 16;

/// Looks up names by the host's means.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    running: Arc<AtomicUsize>,
}

/// One that runs.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn of(running: &Arc<AtomicUsize>) -> Option<Self> {
        let before = running.fetch_add(1, Ordering::Relaxed);
        let this = Self(Arc::clone(running));
        (before < MAX_LOOKUPS).then_some(this)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Resolver for Lookup {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let parts = uri.scheme().zip(uri.authority());
        let host = parts
            .and_then(|(scheme, authority)| DefaultResolver::host_and_port(scheme, authority))
            .ok_or(Error::HostNotFound)?;
        let mut found = self.empty();
        if let Ok(address) = host.parse() {
            found.push(address);
            return Ok(found);
        }
        let running = Running::of(&self.running)
            .ok_or_else(|| io::Error::other("too many names are being looked up"))?;
        let (done, answer) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("dormouse-lookup".to_owned())
            .spawn(move || {
                // Nobody may wait any more.
                let _ = done.send(host.to_socket_addrs());
                drop(running);
            })?;
        let addresses = match answer.recv_timeout(*timeout.after) {
            Ok(addresses) => addresses?,
            Err(RecvTimeoutError::Timeout) => return Err(Error::Timeout(timeout.reason)),
            Err(RecvTimeoutError::Disconnected) => return Err(Error::HostNotFound),
        };
        for address in addresses.take(MAX_ADDRESSES) {
            found.push(address);
        }
        if found.is_empty() {
            return Err(Error::HostNotFound);
        }
        Ok(found)
    }
}

#[test]
fn lookups_are_bounded() {
    let running = Arc::default();
    let all: Vec<_> = (0..MAX_LOOKUPS).map(|_| Running::of(&running)).collect();
    assert!(all.iter().all(Option::is_some));
    assert!(Running::of(&running).is_none());
    drop(all);
    assert!(Running::of(&running).is_some());
}
