//! From a request to whoever answers it.

use super::run::{Phase, Phases};
use super::{
    gateway::Gateway,
    metrics::Metrics,
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

/// Characters of a path that are logged: a client may send many.
const LOGGED: usize = 256;

/// All that the server answers: `api`, and the rest by the gateway.
pub(crate) fn router(
    api: Option<Router>,
    gateway: Option<Arc<dyn Gateway>>,
    phases: Phases,
    metrics: Arc<Metrics>,
) -> Router {
    let has_gateway = gateway.is_some();
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
        let around = Around {
            metrics: Arc::clone(&metrics),
            phases: phases.clone(),
            other: if has_gateway { "gateway" } else { "none" },
        };
        around.go(request, next)
    }))
}

/// What is the same for every request: its id, a line in the log, a count, and the
/// end of its connection once the server is to end.
struct Around {
    metrics: Arc<Metrics>,
    phases: Phases,
    /// What the route is called of a request that is not the API's.
    other: &'static str,
}

impl Around {
    async fn go(self, mut request: Request, next: Next) -> Response {
        let id = RequestId::of(request.headers());
        let method = request.method().clone();
        let path: String = request.uri().path().chars().take(LOGGED).collect();
        let matched = request.extensions().get::<MatchedPath>().cloned();
        let route = matched.as_ref().map_or(self.other, MatchedPath::as_str);
        let span = tracing::info_span!("request", id = %id);
        request.extensions_mut().insert(id.clone());
        let started = Instant::now();
        let mut response = next.run(request).instrument(span.clone()).await;
        response.headers_mut().insert(REQUEST_ID, id.header());
        if self.phases.has_reached(Phase::Ending) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        let duration = started.elapsed();
        let status = response.status().as_u16();
        self.metrics.request(route, status, duration);
        let duration_ms = (duration.as_secs_f64() * 1e6).round() / 1e3;
        span.in_scope(|| tracing::info!(%method, path, status, duration_ms, "answered"));
        response
    }
}

/// What is said of a method that a route does not have.
pub(crate) async fn not_allowed(request: Request) -> Response {
    reply::error(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("method not allowed: {}", request.method()),
    )
}
