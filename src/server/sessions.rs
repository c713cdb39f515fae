//! `/sessions`: guests that keep their state from request to request.

mod entry;

use super::{
    api::{Api, Asked, internal},
    cut::Cut,
    execute::tapped,
    input,
    reply::{self, refused},
    request::random_hex,
    tap::Tap,
};
use crate::{Error, ErrorKind, Language};
use axum::{
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use entry::Entry;
pub(crate) use entry::{Found, Sessions};
use std::{sync::Arc, time::Duration};

/// `POST /sessions`.
pub(crate) async fn open(State(api): State<Arc<Api>>, request: Request) -> Response {
    opened(&api, request)
        .await
        .unwrap_or_else(|response| response)
}

async fn opened(api: &Arc<Api>, request: Request) -> Result<Response, Response> {
    let asked = Asked::read(api, request).await?;
    let opening = match asked.body.trim_ascii() {
        [] => input::Opening::default(),
        body => input::parse(body)?,
    };
    let language = input::language(opening.lang.as_deref(), &api.served)?;
    let Some(place) = api.sessions.place() else {
        return Err(reply::error_for_now(
            StatusCode::TOO_MANY_REQUESTS,
            "too many sessions: close one, or wait until one that is not used is closed",
        ));
    };
    let maker = Arc::clone(api);
    let work = move || entry(&maker, language);
    let cut = Cut::default();
    let made = api.host.pool.run(asked.id.as_str(), &cut, work);
    let made = made.await.map_err(refused)?;
    let entry = made.map_err(|error| internal(&error))?;
    let id = place.fill(entry);
    Ok(reply::json(
        StatusCode::OK,
        &serde_json::json!({ "session_id": id }),
    ))
}

/// A new session.
fn entry(api: &Api, language: Language) -> Result<Entry, Error> {
    // So many that nobody guesses one.
    let id = random_hex::<16>().map_err(|error| {
        Error::new(
            ErrorKind::Io,
            format!("the host has no randomness to give: {error}"),
        )
    })?;
    let missing = || Error::new(ErrorKind::Guest, format!("{language} is not served"));
    let sandbox = api
        .sandbox(language, api.config.limits.clone())
        .ok_or_else(missing)?;
    let tap = Tap::default();
    let session = tapped(sandbox, &tap).session()?;
    Ok(Entry::new(id, language, session, tap))
}

/// `GET /sessions`.
pub(crate) async fn list(State(api): State<Arc<Api>>) -> Response {
    let sessions = api.sessions.list();
    reply::json(StatusCode::OK, &serde_json::json!({ "sessions": sessions }))
}

/// `/sessions/`, whatever is asked of it.
pub(crate) async fn nameless() -> Response {
    reply::error(StatusCode::BAD_REQUEST, "session_id required: /sessions/ID")
}

/// `DELETE /sessions/ID`.
pub(crate) async fn close(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Response {
    match api.sessions.remove(&id) {
        Some(entry) => {
            // Its memory is given back, which may take a while.
            tokio::task::spawn_blocking(move || entry.close());
            StatusCode::NO_CONTENT.into_response()
        }
        None => not_found(),
    }
}

/// `POST /sessions/ID/exec`.
pub(crate) async fn run(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    ran(&api, &id, request)
        .await
        .unwrap_or_else(|response| response)
}

async fn ran(api: &Arc<Api>, id: &str, request: Request) -> Result<Response, Response> {
    let asked = Asked::read(api, request).await?;
    let piece: input::Piece = input::parse(&asked.body)?;
    input::check(&piece.code)?;
    let limits = input::limits(piece.timeout.as_deref(), &api.config.limits)?;
    let entry = match api.sessions.find(id) {
        Found::Open(entry) => entry,
        Found::Ended(why) => return Err(reply::error(StatusCode::GONE, why)),
        Found::Unknown => return Err(not_found()),
    };
    let Some(turn) = entry.turn() else {
        return Err(reply::error(
            StatusCode::CONFLICT,
            "session busy: it runs something; wait for its end",
        ));
    };
    let (sessions, bounds) = (Arc::clone(api), limits.clone());
    let runtime = tokio::runtime::Handle::current();
    let work = move |cut: &Cut, sink| {
        turn.entry().cut_by(cut, &runtime);
        let (ran, sink) = turn.entry().run(&piece.code, &bounds, sink);
        sessions.sessions.note(turn.entry());
        drop(turn);
        (ran, sink)
    };
    Ok(api.respond(&asked, limits, work).await)
}

fn not_found() -> Response {
    reply::error(StatusCode::NOT_FOUND, "session not found")
}

/// Closes sessions that are not used, for as long as there is an `api`.
pub(crate) async fn expire(api: std::sync::Weak<Api>) {
    /// A session lives at most so much longer than it may.
    const LATEST: Duration = Duration::from_secs(60);
    const SOONEST: Duration = Duration::from_millis(20);
    loop {
        let Some(idle) = api.upgrade().map(|api| api.sessions.idle()) else {
            return;
        };
        tokio::time::sleep((idle / 4).clamp(SOONEST, LATEST)).await;
        if let Some(api) = api.upgrade() {
            let expired = api.sessions.take_expired();
            if !expired.is_empty() {
                tracing::info!(sessions = expired.len(), "closed: not used");
                tokio::task::spawn_blocking(move || expired.iter().for_each(|entry| entry.close()));
            }
        }
    }
}
