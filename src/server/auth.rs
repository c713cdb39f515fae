//! Who may use the API.

use super::reply::Refusal;
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Whom the API answers.
#[derive(Clone)]
pub(crate) enum Access {
    /// Who brings the token of this digest. Digests are of one length, so that
    /// comparing them says nothing of the token's either.
    Token([u8; 32]),
    /// Everybody but pages in a browser: those could come from anywhere, and would
    /// come from this machine.
    Open,
}

impl Access {
    pub(crate) fn new(token: Option<&str>) -> Self {
        match token {
            Some(token) => Self::Token(Sha256::digest(token).into()),
            None => Self::Open,
        }
    }

    /// Whether `headers` are of somebody whom the API answers.
    ///
    /// # Errors
    ///
    /// The refusal of others.
    fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match self {
            Self::Open if headers.contains_key(header::ORIGIN) => Err(Refusal {
                status: StatusCode::FORBIDDEN,
                message: "pages in a browser are only answered where the server asks for a token"
                    .to_owned(),
            }),
            Self::Open => Ok(()),
            Self::Token(expected) => {
                let given: [u8; 32] = Sha256::digest(bearer(headers).unwrap_or_default()).into();
                if bool::from(given.ct_eq(expected)) {
                    return Ok(());
                }
                Err(Refusal {
                    status: StatusCode::UNAUTHORIZED,
                    message: "a token is required: Authorization: Bearer TOKEN".to_owned(),
                })
            }
        }
    }

    /// Goes on to `next` with a request of somebody whom the API answers.
    pub(crate) async fn guard(self, request: Request, next: Next) -> Response {
        match self.check(request.headers()) {
            Ok(()) => next.run(request).await,
            Err(refusal) => {
                let mut response = Response::from(refusal);
                if response.status() == StatusCode::UNAUTHORIZED {
                    let scheme = HeaderValue::from_static("Bearer");
                    let headers = response.headers_mut();
                    headers.insert(header::WWW_AUTHENTICATE, scheme);
                }
                response
            }
        }
    }
}

/// The token that a request brings.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme
        .eq_ignore_ascii_case(b"bearer ")
        .then(|| token.trim_ascii())
}
