//! The sessions API: its routes, and what they share.

use super::{
    answer::Answer,
    auth::Access,
    body, config,
    cut::{Cut, Reason},
    events, execute,
    gateway::Host,
    held::{self, Held, Place},
    metrics::Metrics,
    openapi,
    pool::Refused,
    reply::{self, Refusal},
    request::RequestId,
    router::not_allowed,
    sessions::{self, Sessions},
    tap::Sink,
};
use crate::{Error, ErrorKind, HostFunctions, Image, Language, Limits, Outcome, Sandbox};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    middleware,
    response::Response,
    routing::{MethodFilter, any, delete, get, on, post},
};
use std::sync::Arc;
use tracing::Instrument;

/// Bytes of a request's body: code that people or programs write, many times
/// over; and every connection may hold so much at a time.
const MAX_BODY: usize = 1 << 20;

/// Kibibytes of all bodies that are held at a time: a client may send one slowly.
const BODIES: u32 = 128 << 10;

/// The same of all answers: a client may read one slowly.
const ANSWERS: u32 = 256 << 10;

/// What answers the API's requests.
pub(crate) struct Api {
    pub(crate) config: config::Api,
    pub(crate) served: Vec<Language>,
    pub(crate) host: Host,
    pub(crate) sessions: Sessions,
    bodies: Held,
    answers: Held,
}

impl Api {
    pub(crate) fn new(config: config::Api, host: Host) -> Arc<Self> {
        Arc::new(Self {
            served: config
                .languages
                .iter()
                .map(|(language, _)| *language)
                .collect(),
            sessions: Sessions::new(config.max_sessions, config.idle),
            bodies: Held::new(BODIES),
            answers: Held::new(ANSWERS),
            host,
            config,
        })
    }

    /// Its routes.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        let access = Access::new(self.config.token.as_deref());
        let guard = middleware::from_fn(move |request, next| access.clone().guard(request, next));
        let healthy = MethodFilter::GET
            .or(MethodFilter::HEAD)
            .or(MethodFilter::POST)
            .or(MethodFilter::PUT)
            .or(MethodFilter::PATCH)
            .or(MethodFilter::DELETE)
            .or(MethodFilter::OPTIONS);
        let guarded = Router::new()
            .route("/execute", post(execute::run))
            .route("/sessions", get(sessions::list).post(sessions::open))
            .route("/sessions/", any(sessions::nameless))
            .route("/sessions/{id}", delete(sessions::close))
            .route("/sessions/{id}/exec", post(sessions::run))
            .route("/metrics", get(metrics))
            .route("/openapi.json", get(openapi))
            .method_not_allowed_fallback(not_allowed)
            .route_layer(guard)
            .with_state(Arc::clone(self));
        Router::new()
            .route("/health", on(healthy, async || "ok"))
            .method_not_allowed_fallback(not_allowed)
            .merge(guarded)
    }

    /// A sandbox for `language`, with what every request has.
    pub(crate) fn sandbox(&self, language: Language, limits: Limits) -> Option<Sandbox> {
        let image = self.image(language)?;
        let functions: HostFunctions = self.config.functions.clone();
        Some(
            Sandbox::new(image)
                .grants(self.config.grants.clone())
                .limits(limits)
                .functions(functions),
        )
    }

    fn image(&self, language: Language) -> Option<&Image> {
        let all = self.config.languages.iter();
        all.filter(|(of, _)| *of == language)
            .map(|(_, image)| image)
            .next()
    }
}

/// A request that has been read.
pub(crate) struct Asked {
    pub(crate) id: RequestId,
    pub(crate) body: Vec<u8>,
    /// The body's, until it was seen to.
    _place: Place,
    wants_events: bool,
}

impl Asked {
    /// Reads `request`.
    ///
    /// # Errors
    ///
    /// The answer for one that can't be read.
    pub(crate) async fn read(api: &Api, request: Request) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let most = body::told(&parts.headers, &body).map_or(MAX_BODY, |told| told.min(MAX_BODY));
        let Some(place) = api.bodies.patient_place(most).await else {
            return Err(reply::refused(Refused::Full));
        };
        let id = parts.extensions.get::<RequestId>().cloned();
        Ok(Self {
            id: id.unwrap_or_else(|| RequestId::of(&HeaderMap::new())),
            wants_events: events::are_wanted(&parts.headers),
            body: body::read(&parts.headers, body, MAX_BODY).await?,
            _place: place,
        })
    }
}

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    /// Of a session: whether it is over.
    pub(crate) ended: Option<bool>,
}

impl Api {
    /// Runs `work` in the pool and answers with what came of it: at once where it
    /// is known, or piece by piece as `asked`. `work` is given what it may be cut
    /// by and where its output goes, and gives that back.
    pub(crate) async fn respond(
        self: &Arc<Self>,
        asked: &Asked,
        limits: Limits,
        work: impl FnOnce(&Cut, Sink) -> (Result<Ran, Error>, Sink) + Send + 'static,
    ) -> Response {
        let cut = Cut::default();
        let cuts = cut.clone();
        if asked.wants_events {
            return self.stream(asked, limits, cut, work);
        }
        let api = Arc::clone(self);
        let work = move || {
            let (ran, sink) = work(&cuts, Sink::Record(Default::default()));
            let record = match &sink {
                Sink::Record(record) => Some(record),
                _ => None,
            };
            // It may be large: those who speak with clients shall not make it.
            ran.map(|ran| {
                let answer = Answer::new(&ran.outcome, &limits, record);
                api.answered(&api.noted(answer, &ran))
            })
        };
        match self.host.pool.run(asked.id.as_str(), &cut, work).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => failed(&error, &cut),
            Err(refused) => reply::refused(refused),
        }
    }

    /// The answer in JSON, if there is a place for it.
    fn answered(&self, answer: &Answer) -> Response {
        let bytes = match serde_json::to_vec(answer) {
            Ok(bytes) => bytes,
            Err(error) => {
                return reply::error(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
            }
        };
        match self.answers.place(bytes.len()) {
            Some(place) => {
                let response = reply::typed(StatusCode::OK, "application/json", Body::empty());
                held::with_place(response, bytes, place)
            }
            None => reply::error_for_now(
                StatusCode::SERVICE_UNAVAILABLE,
                "the server holds as many answers as it may, for clients that read slowly; \
                 this one is lost",
            ),
        }
    }

    /// The same, answered by events.
    fn stream(
        self: &Arc<Self>,
        asked: &Asked,
        limits: Limits,
        cut: Cut,
        work: impl FnOnce(&Cut, Sink) -> (Result<Ran, Error>, Sink) + Send + 'static,
    ) -> Response {
        let (sender, response) = events::channel(&cut);
        let last = sender.twin();
        let (cuts, time) = (cut.clone(), limits.deadline);
        let started = self.host.pool.start(asked.id.as_str(), &cut, move || {
            work(&cuts, Sink::Send(sender.bounded(time)))
        });
        let done = match started {
            Ok(done) => done,
            Err(refused) => return reply::refused(refused),
        };
        let api = Arc::clone(self);
        let finish = async move {
            let (sender, answer) = match done.await {
                Ok((Ok(ran), Sink::Send(sender))) => {
                    let answer = Answer::new(&ran.outcome, &limits, None);
                    (sender, api.noted(answer, &ran))
                }
                Ok((Err(error), _)) => (last, Answer::failed(why(&error, &cut).1)),
                Ok(_) => return,
                Err(refused) => (last, Answer::failed(reply::why(refused))),
            };
            sender.finish(&answer).await;
        };
        tokio::spawn(finish.in_current_span());
        response
    }

    /// Counts what there is to count.
    fn noted(&self, answer: Answer, ran: &Ran) -> Answer {
        if let crate::Status::Limit(limit) = &ran.outcome.status {
            self.host.metrics.limit(*limit);
        }
        match ran.ended {
            Some(ended) => answer.of_session(ended),
            None => answer,
        }
    }
}

/// What is said where a run gave nothing.
fn why(error: &Error, cut: &Cut) -> (StatusCode, String) {
    let message = error.to_string();
    match error.kind() {
        _ if cut.reason() == Some(Reason::Shutdown) => {
            let message = "cut: the server is shutting down";
            (StatusCode::SERVICE_UNAVAILABLE, message.to_owned())
        }
        ErrorKind::SessionClosed => (StatusCode::GONE, message),
        ErrorKind::SessionBusy => (StatusCode::CONFLICT, message),
        _ => {
            let refusal = internal(error);
            (refusal.status, refusal.message)
        }
    }
}

/// What is said where the host could not do it: what it lacks is for the log, as it
/// may name what is the host's.
pub(crate) fn internal(error: &Error) -> Refusal {
    tracing::error!(%error, "what was asked could not be done");
    Refusal {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        message: "the server could not do it; its log says why, by the request's id".to_owned(),
    }
}

fn failed(error: &Error, cut: &Cut) -> Response {
    let (status, message) = why(error, cut);
    reply::error(status, message)
}

async fn metrics(State(api): State<Arc<Api>>) -> Response {
    let (running, waiting) = api.host.pool.load();
    let metrics: &Metrics = &api.host.metrics;
    metrics.gauges(running, waiting, api.sessions.len());
    reply::typed(StatusCode::OK, Metrics::TYPE, metrics.text())
}

async fn openapi(State(api): State<Arc<Api>>) -> Response {
    let described = openapi::describe(&api.served);
    reply::json(StatusCode::OK, &described)
}
