//! What a server knows of each request beside what the client sent.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use cap_rand::{RngCore, rngs::OsRng};
use std::{fmt, net::SocketAddr, sync::Arc};

/// The header that a request's id is told in.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken over from a client: it goes into every line about
/// the request.
const MAX_ID: usize = 64;

/// What a request is called in the answer and in the log. An extension of every
/// request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestId(Arc<str>);

impl RequestId {
    /// The client's own, if it sent one that is plain; else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let own = headers
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| is_plain(id));
        Self(match own {
            Some(id) => id.into(),
            None => random_hex::<8>().unwrap_or_default().into(),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static(""))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(plain)
}

/// `N` bytes of the system's randomness, as two digits each.
///
/// # Errors
///
/// When the system has none.
pub(crate) fn random_hex<const N: usize>() -> Result<String, cap_rand::Error> {
    let mut bytes = [0; N];
    OsRng::default(cap_std::ambient_authority()).try_fill_bytes(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Both ends of a request's connection. An extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Where the request comes from.
    pub(crate) remote: SocketAddr,
    /// Where it came in.
    pub(crate) local: SocketAddr,
    /// Whether it came encrypted.
    pub(crate) is_tls: bool,
}
