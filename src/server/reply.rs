//! Answers that are ours, not a guest's.

use super::pool::Refused;
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => typed(status, "application/json", bytes),
        // Nothing that we answer has keys that are no strings.
        Err(error) => typed(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            error.to_string().into_bytes(),
        ),
    }
}

/// `body` as something of the media type `kind`.
pub(crate) fn typed(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// An answer that says what is wrong.
pub(crate) fn error(status: StatusCode, message: impl Into<String>) -> Response {
    let message: String = message.into();
    json(status, &serde_json::json!({ "error": message }))
}

/// The same, for who may try again.
pub(crate) fn error_for_now(status: StatusCode, message: impl Into<String>) -> Response {
    let mut response = error(status, message);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, RETRY_AFTER);
    response
}

/// Why a request is not served. Smaller than the answer that says so.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl Refusal {
    /// A request can't be understood.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        error(refusal.status, refusal.message)
    }
}

/// What is said where the pool did not run something.
pub(crate) fn why(refused: Refused) -> &'static str {
    match refused {
        Refused::Full => "the server is busy: as many requests wait as may; try again in a moment",
        Refused::Cut(_) => "the server is shutting down",
        Refused::Panicked => "the server made a mistake; its log says more, by the request's id",
    }
}

/// The answer where the pool did not run something.
pub(crate) fn refused(refused: Refused) -> Response {
    match refused {
        Refused::Panicked => error(StatusCode::INTERNAL_SERVER_ERROR, why(refused)),
        _ => error_for_now(StatusCode::SERVICE_UNAVAILABLE, why(refused)),
    }
}
