//! From a request to whoever answers it.

use super::run::{Phase, Phases};
use super::{
    gateway::Gateway,
    reply,
    request::{REQUEST_ID, RequestId},
};
use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::Response,
};
use std::{sync::Arc, time::Instant};
use tracing::Instrument;

/// All that the server answers: `api`, and the rest by the gateway.
pub(crate) fn router(
    api: Option<Router>,
    gateway: Option<Arc<dyn Gateway>>,
    phases: Phases,
) -> Router {
    let router = api.unwrap_or_default();
    let router = match gateway {
        Some(gateway) => router.fallback(move |request: Request| gateway.clone().answer(request)),
        None => router.fallback(async |request: Request| {
            reply::error(
                StatusCode::NOT_FOUND,
                format!("nothing is at {}", request.uri().path()),
            )
        }),
    };
    router.layer(middleware::from_fn(move |request, next| {
        around(request, next, phases.clone())
    }))
}

/// What is the same for every request: its id, a line in the log, and the end of
/// its connection once the server is to end.
async fn around(mut request: Request, next: Next, phases: Phases) -> Response {
    let id = RequestId::of(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", id = %id);
    request.extensions_mut().insert(id.clone());
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    response.headers_mut().insert(REQUEST_ID, id.header());
    if phases.has_reached(Phase::Ending) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    let duration = started.elapsed();
    span.in_scope(|| {
        tracing::info!(
            %method,
            path,
            status = response.status().as_u16(),
            duration_ms = duration.as_secs_f64() * 1e3,
            "answered"
        );
    });
    response
}

/// The route that `request` came by, as it was declared.
pub(crate) fn route_of(request: &Request) -> &str {
    request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str)
}
