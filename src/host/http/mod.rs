//! `http_request` and `http_get`: requests to hosts that are allowed.
//!
//! The client follows no redirect of its own: each is a request like the
//! first, to be checked like it. Nothing of the host's environment goes into a
//! request: no proxies, cookies or credentials.

mod allow;
mod body;
mod headers;
mod lookup;
mod places;
mod send;

use self::{allow::Allowlist, headers::Fields, places::Places};
use super::{HostError, HostErrorKind, HostFunctions};
use crate::{Error, Grants, Limits, engine::Meter};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use url::Url;

/// Redirects that one request follows, as many as browsers.
const MAX_REDIRECTS: usize = 20;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];

/// What a run's requests may be.
pub(crate) struct Http {
    allowed: Allowlist,
    max_body: u64,
    max_url: usize,
    timeout: Duration,
    places: Option<Places>,
    meter: Arc<Meter>,
    client: send::Client,
}

/// What a guest asks for.
#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    url: String,
    method: Option<String>,
    headers: Option<Value>,
    body: Option<String>,
    body_base64: Option<String>,
    /// Whether to answer with the body's bytes rather than its text.
    #[serde(default)]
    binary: bool,
    /// Whether redirects are followed; they are, by default.
    follow: Option<bool>,
    /// Seconds that it may take, if that is less than the run allows.
    timeout: Option<f64>,
}

#[derive(Deserialize)]
struct AskedGet {
    #[serde(default)]
    url: String,
}

/// One message to one server.
struct Request {
    url: Url,
    method: &'static str,
    headers: Fields,
    body: Option<Vec<u8>>,
    /// When it must be over.
    until: Option<Instant>,
}

/// What a server answered.
struct Response {
    status: u16,
    reason: &'static str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    truncated: bool,
}

/// What the guest is told of it.
#[derive(Serialize)]
struct Answered {
    status: u16,
    reason: &'static str,
    /// Where it came from at last.
    url: String,
    /// How many redirects that was away.
    redirects: usize,
    /// The first value of each name.
    headers: BTreeMap<String, String>,
    /// All of them.
    header_list: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// The bytes, where the text is not exactly them.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// Whether the body went on beyond what the run allows.
    truncated: bool,
}

#[derive(Serialize)]
struct AnsweredGet {
    status: u16,
    body: String,
}

impl Http {
    /// What `grants` allow, if they allow any host.
    ///
    /// # Errors
    ///
    /// When an allowed host is none, or a certificate can't be read.
    pub(crate) fn granted(
        grants: &Grants,
        limits: &Limits,
        meter: &Arc<Meter>,
    ) -> Result<Option<Arc<Self>>, Error> {
        if grants.hosts.is_empty() {
            return Ok(None);
        }
        let client = send::Client::new(&grants.http_ca)?;
        Ok(Some(Arc::new(Self {
            allowed: Allowlist::parse(&grants.hosts)?,
            max_body: limits.http_body,
            max_url: limits.http_url,
            timeout: limits.http_timeout,
            places: limits.http_concurrency.map(Places::new),
            meter: Arc::clone(meter),
            client,
        })))
    }

    /// Adds the functions to `functions`.
    pub(super) fn add_to(self: &Arc<Self>, functions: HostFunctions) -> HostFunctions {
        let (request, get) = (Arc::clone(self), Arc::clone(self));
        functions
            .with("http_request", move |asked| request.request(asked))
            .with("http_get", move |asked: AskedGet| {
                let answered = get.request(Asked {
                    url: asked.url,
                    method: None,
                    headers: None,
                    body: None,
                    body_base64: None,
                    binary: false,
                    follow: None,
                    timeout: None,
                })?;
                Ok(AnsweredGet {
                    status: answered.status,
                    body: answered.body.unwrap_or_default(),
                })
            })
    }

    fn request(&self, asked: Asked) -> Result<Answered, HostError> {
        let (binary, follow) = (asked.binary, asked.follow.unwrap_or(true));
        let mut request = self.read(asked)?;
        let mut redirects = 0;
        let _place = self.places.as_ref().map(Places::take);
        loop {
            let response = self.client.send(&request, self.max_body)?;
            let Some(target) = target(&request, &response).filter(|_| follow) else {
                return Ok(answered(&request, response, redirects, binary));
            };
            if redirects == MAX_REDIRECTS {
                return Err(HostError::from(format!(
                    "too many redirects: more than {MAX_REDIRECTS}"
                )));
            }
            redirects += 1;
            self.redirect(&mut request, response.status, &target)?;
        }
    }

    /// The first message, if all that is asked for is allowed.
    fn read(&self, asked: Asked) -> Result<Request, HostError> {
        let mut url = self.url(&asked.url, None)?;
        let mut headers = Fields::of(asked.headers.as_ref())?;
        if let Some(credentials) = credentials(&url) {
            headers.add_unless_there("authorization", credentials);
        }
        bare(&mut url);
        let method = asked.method.as_deref().unwrap_or("GET");
        let method = METHODS
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(method))
            .ok_or_else(|| invalid(format!("unsupported method: {method}")))?;
        let body = match (asked.body, asked.body_base64) {
            (Some(_), Some(_)) => return Err(invalid("either body or body_base64, not both")),
            (Some(text), None) => Some(text.into_bytes()),
            (None, Some(text)) => Some(
                BASE64
                    .decode(text)
                    .map_err(|error| invalid(format!("body_base64 is not Base64: {error}")))?,
            ),
            (None, None) => None,
        };
        if body
            .as_ref()
            .is_some_and(|body| body.len() as u64 > self.max_body)
        {
            return Err(too_large("request body exceeds max size"));
        }
        Ok(Request {
            url,
            method,
            headers,
            // Nothing would be sent of it, but its length.
            body: body.filter(|_| method != "HEAD"),
            until: self.until(asked.timeout)?,
        })
    }

    /// Reads a URL, one that may stand below `base`; its host is allowed.
    fn url(&self, text: &str, base: Option<&Url>) -> Result<Url, HostError> {
        if text.is_empty() && base.is_none() {
            return Err(invalid("url required"));
        }
        if text.len() > self.max_url {
            return Err(too_large("url exceeds max length"));
        }
        let mut url = Url::options()
            .base_url(base)
            .parse(text)
            .map_err(|_| invalid("invalid url"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("scheme must be http or https"));
        }
        self.allowed.check(&url)?;
        url.set_fragment(None);
        Ok(url)
    }

    /// When a request that begins now must be over.
    fn until(&self, asked: Option<f64>) -> Result<Option<Instant>, HostError> {
        let asked = match asked.map(Duration::try_from_secs_f64) {
            Some(Err(_)) => return Err(invalid("timeout must be a number of seconds")),
            Some(Ok(timeout)) => timeout,
            None => Duration::MAX,
        };
        let left = self.meter.time_left().unwrap_or(Duration::MAX);
        Ok(Instant::now().checked_add(self.timeout.min(asked).min(left)))
    }

    /// Has `request` go on to `target`, as browsers have it.
    fn redirect(&self, request: &mut Request, status: u16, target: &str) -> Result<(), HostError> {
        let mut url = self.url(target, Some(&request.url)).map_err(|error| {
            let message = format!(
                "{} (redirected there from {})",
                error.message(),
                request.url
            );
            HostError::new(error.kind(), message)
        })?;
        let becomes_get = match status {
            301 | 302 => request.method == "POST",
            303 => !matches!(request.method, "GET" | "HEAD"),
            _ => false,
        };
        if becomes_get {
            request.method = "GET";
            request.body = None;
            request.headers.drop_body();
        }
        // Also one from https to http on the same host: others may listen.
        if url.origin() != request.url.origin() {
            request.headers.drop_secrets();
        }
        bare(&mut url);
        request.url = url;
        Ok(())
    }
}

/// The header field that the name and password in a URL stand for.
fn credentials(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let name = percent_decode_str(url.username());
    let password = percent_decode_str(url.password().unwrap_or_default());
    let both: Vec<u8> = name.chain(Some(b':')).chain(password).collect();
    Some(format!("Basic {}", BASE64.encode(both)))
}

/// Takes name and password from a URL: servers don't get them there.
fn bare(url: &mut Url) {
    // Both only fail for a URL without a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

/// Where a response redirects to.
fn target(request: &Request, response: &Response) -> Option<String> {
    let (_, location) = response
        .headers
        .iter()
        .find(|(name, _)| name == "location")?;
    let is_redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
    // A page's answer to a preflight is no way to another.
    (is_redirect && request.method != "OPTIONS").then(|| location.clone())
}

fn answered(request: &Request, response: Response, redirects: usize, binary: bool) -> Answered {
    let mut headers = BTreeMap::new();
    for (name, value) in &response.headers {
        headers.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let (body, bytes) = if binary {
        (None, Err(response.body))
    } else {
        let content_type = headers.get("content-type").map(String::as_str);
        let (text, bytes) = body::text(response.body, content_type);
        (Some(text), bytes)
    };
    Answered {
        status: response.status,
        reason: response.reason,
        url: request.url.to_string(),
        redirects,
        headers,
        header_list: response.headers,
        body,
        body_base64: bytes.err().map(|bytes| BASE64.encode(bytes)),
        truncated: response.truncated,
    }
}

fn invalid(message: impl Into<String>) -> HostError {
    HostError::new(HostErrorKind::Invalid, message)
}

fn too_large(message: impl Into<String>) -> HostError {
    HostError::new(HostErrorKind::TooLarge, message)
}
