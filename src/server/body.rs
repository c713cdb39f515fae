//! Reading what clients send.

use super::reply;
use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use hyper::body::Body as _;
use std::{future::poll_fn, pin::Pin, time::Duration};

/// How long a client may take to send a body.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Bytes of a body that is too large that are read all the same: a client that
/// still sends would not see our answer.
const DRAINED: usize = 16 << 20;

/// All of `body`.
///
/// # Errors
///
/// The answer for a client that sends more than `most` bytes, takes too long, or
/// breaks off.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    most: usize,
) -> Result<Vec<u8>, Response> {
    let told = told(headers, &body);
    let read = tokio::time::timeout(BODY_TIME, collect(&mut body, told, most)).await;
    match read {
        Err(_) => Err(reply::error(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not come within {} s", BODY_TIME.as_secs()),
        )),
        Ok(Err(error)) => Err(reply::error(
            StatusCode::BAD_REQUEST,
            format!("the body can't be read: {error}"),
        )),
        Ok(Ok(None)) => Err(reply::error(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is larger than {most} bytes"),
        )),
        Ok(Ok(Some(bytes))) => Ok(bytes),
    }
}

/// How many bytes `body` will have, if that was said.
pub(crate) fn told(headers: &HeaderMap, body: &Body) -> Option<usize> {
    if body.is_end_stream() {
        return Some(0);
    }
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// `None` for a body of more than `most` bytes; `told` is what its header says.
async fn collect(
    body: &mut Body,
    told: Option<usize>,
    most: usize,
) -> Result<Option<Vec<u8>>, axum::Error> {
    if told.is_some_and(|told| told > most.saturating_add(DRAINED)) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let mut seen = 0usize;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        seen = seen.saturating_add(data.len());
        if seen <= most {
            bytes.extend_from_slice(&data);
        } else if seen > most.saturating_add(DRAINED) {
            break;
        } else {
            bytes = Vec::new();
        }
    }
    Ok((seen <= most).then_some(bytes))
}
