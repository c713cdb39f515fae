//! What a server is made of, as plain data.

use crate::{Grants, HostFunctions, Image, Language, Limits};
use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZero,
    time::Duration,
};

/// How a server listens and what it does at a time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen; port 0 for one that is free.
    pub listen: SocketAddr,
    /// The sessions API, if it is served.
    pub api: Option<Api>,
    /// Guests that run at a time.
    pub workers: NonZero<usize>,
    /// Requests that may wait for one of them to end.
    pub queue: usize,
    /// Connections held at a time; more wait to be accepted.
    pub connections: NonZero<usize>,
    /// How long running guests may take once the server is to end.
    pub grace: Duration,
}

impl Config {
    /// For each worker: what waits longer than this many others is refused.
    pub const QUEUE_PER_WORKER: usize = 32;
    /// 1,024 connections: each holds a few buffers and a file descriptor.
    pub const CONNECTIONS: NonZero<usize> = NonZero::new(1024).expect("it is not zero");
    /// 10 seconds: what most supervisors wait before they kill.
    pub const GRACE: Duration = Duration::from_secs(10);
}

impl Default for Config {
    fn default() -> Self {
        let workers = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            api: None,
            workers,
            queue: workers.get().saturating_mul(Self::QUEUE_PER_WORKER),
            connections: Self::CONNECTIONS,
            grace: Self::GRACE,
        }
    }
}

/// The sessions API: which languages, under which grants and limits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Api {
    /// The languages served; the first is that of requests that name none.
    pub languages: Vec<(Language, Image)>,
    /// What each request and each session may reach. Nothing of it is shared,
    /// but for files: mounts, and a [kv file](crate::Kv::File).
    pub grants: Grants,
    /// What bounds each request; a request may only take less time.
    pub limits: Limits,
    /// Functions of the host that every guest may call.
    pub functions: HostFunctions,
    /// Sessions that there may be at a time.
    pub max_sessions: usize,
    /// How long a session is kept that is not used.
    pub idle: Duration,
    /// What requests must bring as their bearer token; `None` for nothing.
    pub token: Option<String>,
    /// Whether other machines may come without a token.
    pub insecure: bool,
}

impl Api {
    /// 100 sessions: idle ones of Python hold some 3 MiB each, and each may come
    /// to hold what [`Limits::memory`] says.
    pub const MAX_SESSIONS: usize = 100;
    /// 15 minutes.
    pub const IDLE: Duration = Duration::from_secs(15 * 60);
    /// 4 MiB: an answer is held in memory until it is sent, as are those of all
    /// others that run.
    pub const OUTPUT: u64 = 4 << 20;

    /// These languages, under no grants and the default limits, but for
    /// [`OUTPUT`](Self::OUTPUT).
    pub fn new(languages: impl IntoIterator<Item = (Language, Image)>) -> Self {
        Self {
            languages: languages.into_iter().collect(),
            grants: Grants::default(),
            limits: Limits {
                output: Some(Self::OUTPUT),
                ..Limits::default()
            },
            functions: HostFunctions::default(),
            max_sessions: Self::MAX_SESSIONS,
            idle: Self::IDLE,
            token: None,
            insecure: false,
        }
    }
}
