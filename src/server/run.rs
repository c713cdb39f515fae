//! A server from its beginning to its end.

use super::{
    Config,
    api::Api,
    config, connections,
    cut::Reason,
    gateway::{Gateway, Host},
    metrics::Metrics,
    pool::Pool,
    router, sessions,
    signals::{Signals, Wish},
    tls::Tls,
};
use crate::{Error, ErrorKind, Program, Sandbox, Status};
use std::{net::SocketAddr, sync::Arc, thread::JoinHandle, time::Duration};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::{Notify, watch},
};

/// Threads that speak with clients: they only pass on what guests on other
/// threads make.
const SPEAKERS: usize = 2;

/// How long what was cut at the end of the grace period may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A server that listens.
pub struct Server {
    config: Config,
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    pool: Pool,
    threads: Vec<JoinHandle<()>>,
    metrics: Arc<Metrics>,
    gateway: Option<Arc<dyn Gateway>>,
    tls: Option<Tls>,
    handle: Handle,
    signals: Option<std::io::Result<Signals>>,
}

/// Says from another thread what a server is to do.
#[derive(Debug, Clone)]
pub struct Handle(Arc<Wishes>);

#[derive(Debug, Default)]
struct Wishes {
    end: Notify,
    reload: Notify,
}

impl Handle {
    /// Ends the server in order: it accepts nothing more, lets what runs come to
    /// its end within [`Config::grace`], and cuts the rest.
    pub fn shut_down(&self) {
        self.0.end.notify_one();
    }

    /// Has the server look anew at its files.
    pub fn reload(&self) {
        self.0.reload.notify_one();
    }
}

/// How a server ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The ids of the requests that were cut because the grace period was over.
    pub cut: Vec<String>,
}

impl Server {
    /// Listens as `config` says. Connections are accepted from then on, and
    /// served once the server [runs](Self::run).
    ///
    /// # Errors
    ///
    /// When the address can't be listened on, is not this machine's alone while no
    /// token is asked for, or the threads are not to be had.
    pub fn bind(config: Config) -> Result<Self, Error> {
        check(&config)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(SPEAKERS)
            .thread_name("speaker")
            .enable_all()
            .build()
            .map_err(|error| failed("no threads are to be had", &error))?;
        let listener = runtime
            .block_on(TcpListener::bind(config.listen))
            .map_err(|error| {
                let what = format!("{} can't be listened on", config.listen);
                failed(&what, &error)
            })?;
        let address = listener
            .local_addr()
            .map_err(|error| failed("the address is not known", &error))?;
        if let Some(api) = &config.api {
            warm(api)?;
        }
        let (pool, threads) = Pool::new(config.workers, config.queue)?;
        Ok(Self {
            config,
            runtime,
            listener,
            address,
            pool,
            threads,
            metrics: Arc::new(Metrics::new()?),
            gateway: None,
            tls: None,
            handle: Handle(Arc::default()),
            signals: None,
        })
    }

    /// Has it speak with its clients by way of `tls`.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Where it listens, as a client writes it.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What tells it from another thread what to do.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Has it obey the signals of the process: SIGTERM and SIGINT end it, a second
    /// one at once; SIGHUP has it look anew at its files.
    #[must_use]
    pub fn obey_signals(mut self) -> Self {
        // At once: one that comes before the server runs is not lost, nor the end
        // of the process.
        self.signals = Some(self.runtime.block_on(async { Signals::listen() }));
        self
    }

    /// What it has for a gateway.
    pub(crate) fn host(&self) -> Host {
        Host {
            pool: self.pool.clone(),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// Has `gateway` answer what is not the API's.
    #[must_use]
    pub(crate) fn gateway(mut self, gateway: Arc<dyn Gateway>) -> Self {
        self.gateway = Some(gateway);
        self
    }

    /// Serves until it is told to end.
    ///
    /// # Errors
    ///
    /// When the signals of the process are not to be had.
    pub fn run(self) -> Result<Report, Error> {
        let host = self.host();
        let Self {
            config,
            runtime,
            listener,
            pool,
            threads,
            gateway,
            tls,
            handle,
            signals,
            ..
        } = self;
        let report = runtime.block_on(async {
            let mut wishes = Source {
                signals: signals.transpose().map_err(|error| {
                    failed("the signals of the process are not to be had", &error)
                })?,
                handle,
            };
            let (phase, phases) = watch::channel(Phase::Serving);
            let phases = Phases(phases);
            let api = config.api.map(|config| Api::new(config, host.clone()));
            if let Some(api) = &api {
                tokio::spawn(sessions::expire(Arc::downgrade(api)));
            }
            let routes = api.as_ref().map(Api::router);
            let router = router::router(routes, gateway.clone(), phases.clone(), host.metrics);
            let most = config.connections.get();
            let serving = tokio::spawn(connections::serve(listener, tls, router, most, phases));
            wishes.until_end(gateway.as_ref()).await;
            tracing::info!(grace_ms = config.grace.as_millis(), "shutting down");
            let _ = phase.send(Phase::Ending);
            Ok::<_, Error>(end(serving, &mut wishes, &phase, &pool, config.grace).await)
        })?;
        pool.close();
        // What does not end is left to the end of the process.
        runtime.shutdown_timeout(Duration::ZERO);
        if report.cut.is_empty() {
            for thread in threads {
                // A thread of the pool catches what its work panics with.
                let _ = thread.join();
            }
        }
        Ok(report)
    }
}

/// Waits for what runs, as long as it may; cuts the rest.
async fn end(
    mut serving: tokio::task::JoinHandle<()>,
    wishes: &mut Source,
    phase: &watch::Sender<Phase>,
    pool: &Pool,
    grace: Duration,
) -> Report {
    tokio::select! {
        _ = &mut serving => return Report::default(),
        () = tokio::time::sleep(grace) => {}
        () = wishes.end() => {}
    }
    let cut = pool.cut_all(Reason::Shutdown);
    for id in &cut {
        tracing::warn!(id, "cut: the grace period is over");
    }
    if tokio::time::timeout(LAST_WORDS, &mut serving)
        .await
        .is_err()
    {
        let _ = phase.send(Phase::Over);
        let _ = serving.await;
    }
    Report { cut }
}

/// How far a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// It accepts no connections, and no second request on those it has.
    Ending,
    /// What still runs is left alone.
    Over,
}

/// Tells how far a server is.
#[derive(Debug, Clone)]
pub(crate) struct Phases(watch::Receiver<Phase>);

impl Phases {
    /// Waits until the server has come to `phase`.
    pub(crate) async fn reach(&mut self, phase: Phase) {
        // Without a sender it has come to its end.
        let _ = self.0.wait_for(|now| *now >= phase).await;
    }

    /// Whether the server has come to `phase`.
    pub(crate) fn has_reached(&self, phase: Phase) -> bool {
        *self.0.borrow() >= phase
    }
}

/// Where wishes come from.
struct Source {
    signals: Option<Signals>,
    handle: Handle,
}

impl Source {
    async fn next(&mut self) -> Wish {
        let signal = async {
            match &mut self.signals {
                Some(signals) => signals.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            wish = signal => wish,
            () = self.handle.0.end.notified() => Wish::End,
            () = self.handle.0.reload.notified() => Wish::Reload,
        }
    }

    async fn end(&mut self) {
        while self.next().await != Wish::End {}
    }

    /// Sees to all wishes until one is to end.
    async fn until_end(&mut self, gateway: Option<&Arc<dyn Gateway>>) {
        while self.next().await == Wish::Reload {
            let Some(gateway) = gateway.cloned() else {
                continue;
            };
            match tokio::task::spawn_blocking(move || gateway.reload()).await {
                Ok(Ok(())) => tracing::info!("reloaded"),
                Ok(Err(error)) => tracing::error!(%error, "not reloaded: all goes on as it was"),
                Err(error) => tracing::error!(%error, "not reloaded"),
            }
        }
    }
}

/// Runs nothing in each language, so that what is made once is made before the
/// first request, and grants that can't be given are found now.
fn warm(api: &config::Api) -> Result<(), Error> {
    for (language, image) in &api.languages {
        let mut sandbox = Sandbox::new(image)
            .grants(api.grants.clone())
            .limits(api.limits.clone());
        // What may be stopped runs from another image than what may not.
        let _ = sandbox.stopper();
        let outcome = sandbox.run(Program::code(""))?;
        if outcome.status != Status::Exit(0) {
            return Err(Error::new(
                ErrorKind::Guest,
                format!(
                    "{language} can't run under these grants and limits: {:?} {}",
                    outcome.status,
                    String::from_utf8_lossy(&outcome.stderr)
                ),
            ));
        }
    }
    Ok(())
}

/// What must hold before anything is listened on.
fn check(config: &Config) -> Result<(), Error> {
    let Some(api) = &config.api else {
        return Ok(());
    };
    if config.listen.ip().is_loopback() || api.token.is_some() || api.insecure {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Usage,
        format!(
            "{} can be reached from other machines, and whoever comes may run code: ask for a \
             token with --token-file, or say --insecure",
            config.listen
        ),
    ))
}

fn failed(what: &str, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{what}: {error}"))
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
