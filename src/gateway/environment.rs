//! What a module is told of a request: its environment by CGI 1.1, and its
//! arguments.

use super::routes::Route;
use http::{HeaderMap, header, request::Parts, uri::Authority};
use percent_encoding::percent_decode_str;
use std::{collections::BTreeMap, net::IpAddr};

/// What the server is, to its modules.
pub(crate) const SERVER_SOFTWARE: &str = concat!("dormouse/", env!("CARGO_PKG_VERSION"));

/// A host, and perhaps a port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HostName {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
}

/// Of the connection that a request came by.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// Whether it is encrypted.
    pub(crate) secure: bool,
    /// `--hostname`: for requests that don't name the host.
    pub(crate) default_host: HostName,
}

/// A request that a route matched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matched<'a> {
    pub(crate) parts: &'a Parts,
    /// Bytes of the body.
    pub(crate) length: usize,
    pub(crate) client: &'a Client,
    pub(crate) route: &'a Route,
}

impl HostName {
    /// `HOST[:PORT]`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let host = authority.host();
        Some(Self {
            host: (!host.is_empty()).then(|| host.to_owned()),
            port: authority.port_u16(),
        })
    }

    /// This, with what is missing from `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            host: self.host.or(other.host),
            port: self.port.or(other.port),
        }
    }
}

impl Matched<'_> {
    /// The words that the module finds as its arguments, its name first.
    pub(crate) fn words(&self, template: Option<&str>) -> Vec<String> {
        let (path, query) = (self.path(), self.query());
        match template {
            None => {
                let parts = query.split('&').filter(|part| !part.is_empty());
                std::iter::once(path)
                    .chain(parts)
                    .map(str::to_owned)
                    .collect()
            }
            Some(template) => {
                let filled = fill(template, path, &query.replace('&', " "));
                filled.split_whitespace().map(str::to_owned).collect()
            }
        }
    }

    /// Its variables, over those of `given`.
    pub(crate) fn variables(&self, given: &[(String, String)]) -> BTreeMap<String, String> {
        let mut all: BTreeMap<String, String> = given.iter().cloned().collect();
        all.extend(header_variables(&self.parts.headers));
        let mut set = |name: &str, value: &str| {
            all.insert(name.to_owned(), value.to_owned());
        };
        let (path, query) = (self.path(), self.query());
        let rest = self.route.rest(path).unwrap_or_default();
        let decoded = percent_decode_str(rest).decode_utf8_lossy();
        let address = self.client.address.to_string();
        let content_type = self.parts.headers.get(header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let server = self.server();
        let host = server.host.as_deref().unwrap_or("localhost");
        let port = server.port.unwrap_or(80).to_string();
        for (name, value) in [
            ("AUTH_TYPE", ""),
            ("REMOTE_USER", ""),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SERVER_SOFTWARE", SERVER_SOFTWARE),
            ("SERVER_PROTOCOL", &format!("{:?}", self.parts.version)),
            ("REQUEST_METHOD", self.parts.method.as_str()),
            ("QUERY_STRING", query),
            ("CONTENT_LENGTH", &self.length.to_string()),
            ("CONTENT_TYPE", content_type.unwrap_or_default()),
            ("REMOTE_ADDR", &address),
            ("REMOTE_HOST", &address),
            ("SERVER_NAME", host),
            ("SERVER_PORT", &port),
            ("SCRIPT_NAME", self.route.base()),
            ("PATH_INFO", &decoded),
            ("PATH_TRANSLATED", &decoded),
            ("X_RELATIVE_PATH", &decoded),
            ("X_RAW_PATH_INFO", rest),
            ("X_MATCHED_ROUTE", self.route.as_str()),
            ("X_FULL_URL", &self.full_url(host, &port)),
        ] {
            set(name, value);
        }
        all
    }

    fn path(&self) -> &str {
        self.parts.uri.path()
    }

    fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    /// What the request was sent to, as far as anything says.
    fn server(&self) -> HostName {
        let headers = &self.parts.headers;
        let named = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let in_uri = self.parts.uri.authority().map(Authority::as_str);
        let parse = |text| HostName::parse(text).unwrap_or_default();
        named
            .map(parse)
            .unwrap_or_default()
            .or(self.client.default_host.clone())
            .or(in_uri.map(parse).unwrap_or_default())
    }

    fn full_url(&self, host: &str, port: &str) -> String {
        let scheme = if self.client.secure { "https" } else { "http" };
        let target = self.parts.uri.path_and_query();
        let target = target.map_or("/", |target| target.as_str());
        format!("{scheme}://{host}:{port}{target}")
    }
}

/// `template` with the path and the query's words in it, each in one pass: what
/// a client sends is never taken for a template.
fn fill(template: &str, path: &str, args: &str) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let known = [("${SCRIPT_NAME}", path), ("${ARGS}", args)];
        let found = known
            .iter()
            .find_map(|(name, value)| Some((from.strip_prefix(name)?, value)));
        let (after, value) = found.unwrap_or((&from[2..], &"${"));
        filled.push_str(value);
        rest = after;
    }
    filled + rest
}

/// Each header as `HTTP_NAME`. `Authorization` is not the module's to see, and
/// `Connection` is about the connection alone. `Proxy` would be `HTTP_PROXY`,
/// which many programs take for where their own requests are to go ("httpoxy").
fn header_variables(headers: &HeaderMap) -> BTreeMap<String, String> {
    let hidden = [
        header::AUTHORIZATION.as_str(),
        header::CONNECTION.as_str(),
        "proxy",
    ];
    let mut variables = BTreeMap::new();
    // `a_b` must not stand for `a-b`, which a proxy before us may have checked.
    let (plain, underscored): (Vec<_>, Vec<_>) = headers
        .keys()
        .partition(|name| !name.as_str().contains('_'));
    for name in underscored.into_iter().chain(plain) {
        if hidden.contains(&name.as_str()) {
            continue;
        }
        let text = |value: &http::HeaderValue| match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => text.to_owned(),
            Err(_) => "CORRUPT VALUE".to_owned(),
        };
        let values: Vec<String> = headers.get_all(name).iter().map(text).collect();
        let between = if *name == header::COOKIE { "; " } else { ", " };
        let variable = name.as_str().to_ascii_uppercase().replace('-', "_");
        variables.insert(format!("HTTP_{variable}"), values.join(between));
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    /// The variables of a request for `uri` at `route`, with `headers`.
    fn of(uri: &str, route: &str, headers: &[(&str, &[u8])]) -> BTreeMap<String, String> {
        with(uri, route, headers, |matched| {
            matched.variables(&[
                ("GIVEN".to_owned(), "1".to_owned()),
                ("REQUEST_METHOD".to_owned(), "mine".to_owned()),
            ])
        })
    }

    fn with<T>(
        uri: &str,
        route: &str,
        headers: &[(&str, &[u8])],
        run: impl FnOnce(Matched<'_>) -> T,
    ) -> T {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let client = Client {
            address: [10, 0, 0, 7].into(),
            secure: false,
            default_host: HostName::parse("default.test:3000").expect("a host"),
        };
        let route = Route::parse(route).expect("a route");
        run(Matched {
            parts: &parts,
            length: 3,
            client: &client,
            route: &route,
        })
    }

    fn words(uri: &str, template: Option<&str>) -> Vec<String> {
        with(uri, "/...", &[], |matched| matched.words(template))
    }

    #[test]
    fn e2_the_path_and_the_querys_parts_are_arguments() {
        assert_eq!(
            words("/a/b?x=1&y%20z&&w", None),
            ["/a/b", "x=1", "y%20z", "w"]
        );
        assert_eq!(words("/a", None), ["/a"]);
        assert_eq!(words("/a?", None), ["/a"]);
    }

    #[test]
    fn m5_a_template_of_arguments() {
        let template = Some("run ${SCRIPT_NAME} --  ${ARGS} ${OTHER} $x ${");
        let expected = ["run", "/a", "--", "x=1", "y", "${OTHER}", "$x", "${"];
        assert_eq!(words("/a?x=1&y", template), expected);
        // What is sent is no template.
        assert_eq!(
            words("/a?${SCRIPT_NAME}", Some("p ${ARGS}")),
            ["p", "${SCRIPT_NAME}"]
        );
        assert_eq!(
            words("/a", Some("python /code/hello.py")),
            ["python", "/code/hello.py"]
        );
    }

    #[test]
    fn e3_e4_cgi_variables_override_those_given() {
        let variables = of("/x?a=b&c", "/x", &[("content-type", b"text/x")]);
        for (name, value) in [
            ("GIVEN", "1"),
            ("AUTH_TYPE", ""),
            ("REMOTE_USER", ""),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REQUEST_METHOD", "POST"),
            ("QUERY_STRING", "a=b&c"),
            ("CONTENT_LENGTH", "3"),
            ("CONTENT_TYPE", "text/x"),
        ] {
            assert_eq!(variables[name], value, "{name}");
        }
        assert!(variables["SERVER_SOFTWARE"].starts_with("dormouse/"));
        let variables = of("/x", "/x", &[]);
        assert_eq!(
            (&*variables["QUERY_STRING"], &*variables["CONTENT_TYPE"]),
            ("", "")
        );
    }

    #[test]
    fn e5_the_client() {
        let variables = of("/x", "/x", &[]);
        assert_eq!(
            (&*variables["REMOTE_ADDR"], &*variables["REMOTE_HOST"]),
            ("10.0.0.7", "10.0.0.7")
        );
    }

    #[test]
    fn e6_the_server_from_host_header_default_and_uri() {
        for (uri, host, name, port) in [
            ("/", Some("example.com:81"), "example.com", "81"),
            ("/", Some("example.com"), "example.com", "3000"),
            ("/", Some("[::1]:82"), "[::1]", "82"),
            ("/", None, "default.test", "3000"),
            ("http://in.uri:83/", None, "default.test", "3000"),
            ("/", Some("not a host"), "default.test", "3000"),
            ("/", Some("user@example.com"), "default.test", "3000"),
        ] {
            let headers: Vec<(&str, &[u8])> =
                host.iter().map(|host| ("host", host.as_bytes())).collect();
            let variables = of(uri, "/...", &headers);
            assert_eq!(
                (&*variables["SERVER_NAME"], &*variables["SERVER_PORT"]),
                (name, port),
                "{uri} {host:?}"
            );
        }
        let nothing = HostName::default();
        let uri = HostName::parse("in.uri:83").expect("a host");
        assert_eq!(nothing.or(uri.clone()), uri);
    }

    #[test]
    fn e7_e8_the_route_and_the_rest() {
        for (uri, route, script, info, raw) in [
            ("/test", "/test/...", "/test", "", ""),
            ("/test/", "/test/...", "/test", "/", "/"),
            ("/test%3brun", "/...", "", "/test;run", "/test%3brun"),
            ("/test/a%20b/c", "/test/...", "/test", "/a b/c", "/a%20b/c"),
            ("/", "/", "/", "", ""),
            ("/x/%ff", "/x/...", "/x", "/\u{fffd}", "/%ff"),
        ] {
            let variables = of(uri, route, &[]);
            assert_eq!(variables["SCRIPT_NAME"], script, "{uri}");
            assert_eq!(variables["X_MATCHED_ROUTE"], route);
            for name in ["PATH_INFO", "PATH_TRANSLATED", "X_RELATIVE_PATH"] {
                assert_eq!(variables[name], info, "{uri} {name}");
            }
            assert_eq!(variables["X_RAW_PATH_INFO"], raw, "{uri}");
        }
    }

    #[test]
    fn e9_the_full_url_always_has_a_port() {
        let variables = of("/a%20b?c=d", "/...", &[("host", b"example.com")]);
        assert_eq!(variables["X_FULL_URL"], "http://example.com:3000/a%20b?c=d");
    }

    #[test]
    fn e10_headers() {
        let variables = of(
            "/",
            "/",
            &[
                ("X-One-Two", b"1"),
                ("X_One_Two", b"forged"),
                ("Accept", b"a"),
                ("Accept", b"b"),
                ("Cookie", b"c=1"),
                ("Cookie", b"d=2"),
                ("X-Bytes", b"\xff"),
                ("X-Text", "ä".as_bytes()),
                ("Authorization", b"secret"),
                ("Connection", b"close"),
                ("Proxy", b"http://evil.test"),
            ],
        );
        let http: Vec<(&str, &str)> = variables
            .iter()
            .filter(|(name, _)| name.starts_with("HTTP_"))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            http,
            [
                ("HTTP_ACCEPT", "a, b"),
                ("HTTP_COOKIE", "c=1; d=2"),
                ("HTTP_X_BYTES", "CORRUPT VALUE"),
                ("HTTP_X_ONE_TWO", "1"),
                ("HTTP_X_TEXT", "ä"),
            ]
        );
    }
}
