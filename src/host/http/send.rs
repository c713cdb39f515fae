//! One request and its response, over a connection of their own.

use super::{HostError, HostErrorKind, Request, Response, lookup::Lookup};
use crate::{Error, ErrorKind};
use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use ureq::{
    Agent, Body,
    http::{self, HeaderValue, header},
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
    unversioned::transport::DefaultConnector,
};

/// Bytes of a response's header; its fields are at most 128. Browsers take
/// more, but no server needs that.
const MAX_HEADER: usize = 64 << 10;

/// Bytes of a file of certificates: a system's whole bundle has a quarter of
/// a megabyte.
const MAX_CERTIFICATES: u64 = 16 << 20;

/// Sends the requests of a run.
pub(super) struct Client {
    agent: Agent,
}

impl Client {
    /// One that trusts the certificates in `files`, or, where there are none,
    /// those that Mozilla's browsers trust.
    pub(super) fn new(files: &[PathBuf]) -> Result<Self, Error> {
        let mut certificates = Vec::new();
        for file in files {
            certificates.extend(certificates_of(file)?);
        }
        let roots = if files.is_empty() {
            RootCerts::WebPki
        } else {
            RootCerts::Specific(Arc::new(certificates))
        };
        let config = Agent::config_builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            // It would be read from the environment otherwise.
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_response_header_size(MAX_HEADER)
            .max_idle_connections(0)
            .user_agent(concat!("dormouse/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build();
        Ok(Self {
            agent: Agent::with_parts(config, DefaultConnector::default(), Lookup::default()),
        })
    }

    /// Sends `request`; of the response's body, the first `max_body` bytes.
    pub(super) fn send(&self, request: &Request, max_body: u64) -> Result<Response, HostError> {
        let describe = |error| describe(error, request);
        let left = match request.until {
            None => None,
            Some(until) => {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(timed_out(request));
                }
                Some(left)
            }
        };
        let answer = self.exchange(request, left).map_err(describe)?;
        let (head, body) = answer.into_parts();
        let (body, truncated) = read(body, max_body).map_err(describe)?;
        let headers = head.headers.iter();
        Ok(Response {
            status: head.status.as_u16(),
            reason: head.status.canonical_reason().unwrap_or_default(),
            headers: headers
                .map(|(name, value)| (name.as_str().to_owned(), text(value)))
                .collect(),
            body,
            truncated,
        })
    }

    fn exchange(
        &self,
        request: &Request,
        left: Option<Duration>,
    ) -> Result<http::Response<Body>, ureq::Error> {
        let mut head = http::Request::builder()
            .method(request.method)
            .uri(request.url.as_str())
            .header(header::CONNECTION, "close");
        for (name, value) in request.headers.iter() {
            head = head.header(name, value.as_bytes());
        }
        // Where the method tells a server to wait for a body, an empty one.
        let takes_body = matches!(request.method, "POST" | "PUT" | "PATCH");
        match &request.body {
            Some(body) => self.run(head.body(body.as_slice())?, left),
            None if takes_body => self.run(head.body([].as_slice())?, left),
            None => self.run(head.body(())?, left),
        }
    }

    fn run(
        &self,
        request: http::Request<impl ureq::AsSendBody>,
        left: Option<Duration>,
    ) -> Result<http::Response<Body>, ureq::Error> {
        #[cfg(feature = "internals")]
        if let Some(network) = crate::internals::boundary::network() {
            return crate::internals::boundary::pretended(&*network, request.into_parts().0);
        }
        let request = self.agent.configure_request(request);
        self.agent.run(request.timeout_global(left).build())
    }
}

/// At most `max` bytes of `body`, and whether there are more.
fn read(body: Body, max: u64) -> Result<(Vec<u8>, bool), ureq::Error> {
    let mut bytes = Vec::new();
    body.into_reader()
        .take(max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    let truncated = bytes.len() as u64 > max;
    if truncated {
        bytes.pop();
    }
    Ok((bytes, truncated))
}

/// A header's value, of which only ASCII is certain.
fn text(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn timed_out(request: &Request) -> HostError {
    HostError::new(
        HostErrorKind::Timeout,
        format!(
            "the request to {} took too long; --http-timeout, the request's own timeout or the \
             run's bounds it",
            request.url
        ),
    )
}

fn describe(error: ureq::Error, request: &Request) -> HostError {
    let url = &request.url;
    let (kind, message) = match error {
        ureq::Error::Timeout(_) => return timed_out(request),
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            return timed_out(request);
        }
        ureq::Error::LargeResponseHeader(_, max) => (
            HostErrorKind::TooLarge,
            format!("the header of the response from {url} exceeds {max} bytes"),
        ),
        // Also what is wrong with a certificate.
        ureq::Error::Io(error) => (
            HostErrorKind::Connection,
            format!("the connection to {url} failed: {error}"),
        ),
        error @ (ureq::Error::HostNotFound | ureq::Error::ConnectionFailed) => (
            HostErrorKind::Connection,
            format!("the connection to {url} failed: {error}"),
        ),
        error => (
            HostErrorKind::Failed,
            format!("the request to {url} failed: {error}"),
        ),
    };
    HostError::new(kind, message)
}

/// The certificates in a file of PEM.
fn certificates_of(file: &Path) -> Result<Vec<Certificate<'static>>, Error> {
    let failed = |problem: String| {
        let message = format!(
            "the certificates in {} can't be used: {problem}",
            file.display()
        );
        Error::new(ErrorKind::Grant, message)
    };
    let mut pem = Vec::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(MAX_CERTIFICATES).read_to_end(&mut pem))
        .map_err(|error| failed(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        let item = item.map_err(|error| failed(error.to_string()))?;
        if let PemItem::Certificate(certificate) = item {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(failed("there is none in PEM form".to_owned()));
    }
    Ok(certificates)
}
