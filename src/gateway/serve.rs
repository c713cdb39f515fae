//! The gateway in the server.

use super::{
    answer::{self, Answer},
    environment::{Client, HostName},
    guest::Loader,
    handler::{Hit, Settings},
    report::{Report, Severity},
    request::{self, Ran},
    table::Table,
};
use crate::{
    Error, ErrorKind,
    server::{
        Gateway, GatewayAnswer, Host, body,
        cut::Cut,
        held::{self, Held},
        pool::Refused,
        reply::{error_for_now, refused},
        request::{Peer, RequestId},
    },
};
use axum::{body::Body, extract::Request, response::Response};
use http::{StatusCode, request::Parts};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

/// Bytes of a request's body, where nothing else is said: what most servers
/// take by default, more or less. It is held in memory, and once more in the
/// guest's.
pub(crate) const MAX_BODY: usize = 10 << 20;

/// Kibibytes of all bodies that are held at a time: there may be a thousand
/// connections, and a client may send slowly.
const BODIES: u32 = 256 << 10;

/// The same of all answers: a client may read slowly.
const ANSWERS: u32 = 512 << 10;

/// What is said where there is no place for an answer.
const NO_PLACE: &str =
    "the server holds as many answers as it may, for clients that read slowly; this one is lost";

/// What this server answers itself, whatever is listed.
const HEALTH: &str = "/healthz";

/// What a gateway is made of.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The `modules.toml`.
    pub(crate) file: PathBuf,
    pub(crate) settings: Settings,
    /// `--hostname`.
    pub(crate) host_name: HostName,
    /// Bytes that a request's body may have.
    pub(crate) max_body: usize,
    pub(crate) loader: Loader,
}

/// A gateway that answers.
pub(crate) struct Served {
    setup: Setup,
    table: RwLock<Arc<Table>>,
    bodies: Held,
    answers: Held,
    host: Host,
}

impl Served {
    /// Loads what `setup` says.
    ///
    /// # Errors
    ///
    /// When anything in the file can't be served.
    pub(crate) fn load(setup: Setup, host: Host) -> Result<Arc<Self>, Error> {
        let table = load(&setup)?;
        Ok(Arc::new(Self {
            setup,
            table: RwLock::new(Arc::new(table)),
            bodies: Held::new(BODIES),
            answers: Held::new(ANSWERS),
            host,
        }))
    }

    fn table(&self) -> Arc<Table> {
        // Nothing panics while it is held.
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&table)
    }

    async fn answered(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path();
        if path == HEALTH {
            return respond(answer::plain(StatusCode::OK, "OK"));
        }
        let Some(hit) = self.table().find(path) else {
            return respond(answer::plain(StatusCode::NOT_FOUND, ""));
        };
        let max = self.setup.max_body;
        let most = body::told(&parts.headers, &body).map_or(max, |told| told.min(max));
        // The body has it until the module has ended.
        let Some(_place) = self.bodies.patient_place(most).await else {
            return refused(Refused::Full);
        };
        match body::read(&parts.headers, body, max).await {
            Ok(body) => self.run(hit, parts, body).await,
            Err(refused) => refused,
        }
    }

    /// Runs the module on a thread for guests.
    async fn run(&self, hit: Hit, parts: Parts, body: Vec<u8>) -> Response {
        let client = self.client(&parts);
        let id = parts.extensions.get::<RequestId>().cloned();
        let name = id.as_ref().map_or("", RequestId::as_str);
        let cut = Cut::default();
        let (cut_by, route) = (cut.clone(), hit.route().clone());
        let work = move || {
            request::run(&hit, &parts, body, &client, |sandbox| {
                let stopper = sandbox.stopper();
                cut_by.when_cut(move |_| stopper.stop());
            })
        };
        let Ran {
            answer,
            problem,
            notes,
            limit,
        } = match self.host.pool.run(name, &cut, work).await {
            Ok(ran) => ran,
            Err(why) => return refused(why),
        };
        if let Some(limit) = limit {
            self.host.metrics.limit(limit);
        }
        for note in notes {
            tracing::warn!(%route, "{note}");
        }
        if let Some(problem) = problem {
            tracing::error!(%route, status = answer.status().as_u16(), "{problem}");
        }
        let (head, bytes) = answer.into_parts();
        match self.answers.place(bytes.len()) {
            Some(place) => {
                held::with_place(Response::from_parts(head, Body::empty()), bytes, place)
            }
            None => error_for_now(StatusCode::SERVICE_UNAVAILABLE, NO_PLACE),
        }
    }

    fn client(&self, parts: &Parts) -> Client {
        let peer = parts.extensions.get::<Peer>();
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        // Where the server can be reached, as far as it knows.
        let own = HostName {
            host: None,
            port: peer.map(|peer| peer.local.port()),
        };
        Client {
            address: peer.map_or(unknown, |peer| peer.remote.ip().to_canonical()),
            secure: peer.is_some_and(|peer| peer.is_tls),
            default_host: self.setup.host_name.clone().or(own),
        }
    }
}

impl Gateway for Served {
    fn answer(self: Arc<Self>, request: Request) -> GatewayAnswer {
        Box::pin(async move { self.answered(request).await })
    }

    fn reload(&self) -> Result<(), Error> {
        let table = Arc::new(load(&self.setup)?);
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        Ok(())
    }
}

/// All modules; each problem goes to the log.
fn load(setup: &Setup) -> Result<Table, Error> {
    let (table, report) = Table::load(&setup.file, &setup.loader, &setup.settings);
    for (severity, line) in report.lines() {
        match severity {
            Severity::Warning => tracing::warn!("{line}"),
            Severity::Error => tracing::error!("{line}"),
        }
    }
    let table = table.ok_or_else(|| unusable(&setup.file.display().to_string(), &report))?;
    for handler in table.handlers() {
        let log = handler.log().path().display();
        tracing::info!(route = %handler.route(), %log, "serving");
    }
    Ok(table)
}

/// Says in short why nothing is served; the log has it all.
fn unusable(file: &str, report: &Report) -> Error {
    let lines = report.lines().into_iter();
    let first = lines.filter(|(severity, _)| *severity == Severity::Error);
    let first = first.map(|(_, line)| line).next().unwrap_or_default();
    let message = match report.count(Severity::Error) {
        0 | 1 => first,
        count => format!("{first} (and {} more in the log)", count - 1),
    };
    Error::new(
        ErrorKind::Config,
        format!("{message}; `dormouse check {file}` says all that is wrong"),
    )
}

fn respond(answer: Answer) -> Response {
    answer.map(Body::from)
}
