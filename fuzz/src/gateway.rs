//! `gateway`: whatever a module prints as its answer, whatever is requested of
//! it, whatever stands in `modules.toml`, in a module's own table or in a file of
//! variables,
//!
//! 1. what is passed on to the client is a header: names are tokens, values have
//!    no CR, LF or NUL, nothing is the connection's, the length is the body's;
//!    each of it is a line that the module printed; the body is what came after;
//! 2. a module's environment is one: names without `=`, no NUL that the gateway
//!    does not refuse, nothing that is hidden from modules, nothing of the CGI
//!    variables that a client could have set otherwise;
//! 3. routes match as they say;
//! 4. all of it takes memory in proportion to what was sent.

use crate::{allocated::within, input::Input};
use dormouse::internals::gateway::{self, Answer};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use std::collections::BTreeMap;

/// Bytes for each byte of the input, beside as many as in [`MOST`].
const FOR_EACH: usize = 4096;

/// Bytes for whatever is small.
const MOST: usize = 4 << 20;

/// Bytes of what a module prints up to its body.
const MAX_HEAD: usize = 64 << 10;

/// See the module.
pub fn gateway(bytes: &[u8]) {
    let mut input = Input(bytes);
    let kind = input.byte();
    within(MOST + FOR_EACH * bytes.len(), || match kind % 5 {
        0 => cgi(&mut input),
        1 => request(&mut input),
        2 => modules(input.0),
        3 => variables(input.0),
        _ => routes(&mut input),
    });
}

fn cgi(input: &mut Input<'_>) {
    let method = input.pick(&[Method::GET, Method::HEAD, Method::POST]);
    // One byte of text stands for many.
    let (byte, count) = (input.byte(), input.byte());
    let mut printed = input.0.to_vec();
    if count > 200 {
        let at = printed.len() / 2;
        let many = vec![byte; usize::from(count) << 9];
        printed.splice(at..at, many);
    }
    let answer = gateway::cgi(printed.clone(), &method);
    for line in &answer.said {
        assert!(!line.contains(['\n', '\r', '\0']), "a log's line: {line:?}");
    }
    let said = |name: &str| {
        answer
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    for (name, value) in &answer.headers {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert!(
            !name.as_str().is_empty() && name.as_str().bytes().all(is_token),
            "{name:?}"
        );
        assert!(
            !value.as_bytes().iter().any(|byte| b"\r\n\0".contains(byte)),
            "{name}: {value:?}"
        );
        let hidden = [
            "connection",
            "keep-alive",
            "proxy-connection",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
        ];
        assert!(
            !hidden.contains(&name.as_str()),
            "{name} is the connection's"
        );
    }
    assert!(
        answer.headers.len() <= 101,
        "{} headers",
        answer.headers.len()
    );
    if !answer.is_own {
        assert!(matches!(answer.status, 500 | 502), "{}", answer.status);
        return;
    }
    assert!((200..600).contains(&answer.status), "{}", answer.status);
    let (head, body) = split(&printed).expect("an answer has a header");
    check_lines(&answer, &head, method == Method::HEAD);
    let has_none = matches!(answer.status, 204 | 304);
    match (method == Method::HEAD, has_none) {
        (true, false) => {
            let length = said("content-length").expect("there is one");
            assert!(
                length.len() <= 20 && length.bytes().all(|byte| byte.is_ascii_digit()),
                "{length}"
            );
            assert!(answer.body.is_empty());
        }
        (false, false) => {
            assert_eq!(said("content-length"), None);
            assert_eq!(answer.body, body);
        }
        (_, true) => assert!(answer.body.is_empty() && said("content-length").is_none()),
    }
}

/// The header without any CR, and the body.
fn split(printed: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut head = Vec::new();
    for (at, byte) in printed.iter().enumerate().take(MAX_HEAD) {
        match byte {
            b'\r' => {}
            b'\n' if head.is_empty() || head.ends_with(b"\n") => {
                return Some((head, &printed[at + 1..]));
            }
            byte => head.push(*byte),
        }
    }
    None
}

/// Each field of `answer` is one line of `head`, and none was made twice.
fn check_lines(answer: &Answer, head: &[u8], is_head: bool) {
    let head = std::str::from_utf8(head).expect("a header is text");
    let mut lines: Vec<(String, &str)> = (head.split('\n'))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .collect();
    for (name, value) in &answer.headers {
        if is_head && name == "content-length" {
            continue;
        }
        let found = lines
            .iter()
            .position(|(of, text)| of == name.as_str() && text.as_bytes() == value.as_bytes());
        let found = found.unwrap_or_else(|| panic!("nobody printed {name}: {value:?}"));
        lines.swap_remove(found);
    }
}

fn request(input: &mut Input<'_>) {
    let routes = ["/...", "/a", "/a/...", "/a/b/", "/", "/%2e/..."];
    let route = match input.byte() {
        0xff => input.text(),
        other => routes[usize::from(other) % routes.len()].to_owned(),
    };
    let templates = [
        "",
        "${SCRIPT_NAME} ${ARGS}",
        "x ${ARGS}${ARGS}",
        "${ ${SCRIPT_NAME",
    ];
    let template = match input.byte() {
        0xff => Some(input.text()),
        0..0x40 => None,
        other => Some(templates[usize::from(other) % templates.len()].to_owned()),
    };
    let length = usize::from(input.u16());
    let Ok(uri) = Uri::try_from(input.bytes()) else {
        return;
    };
    let method = Method::from_bytes(input.bytes()).unwrap_or(Method::GET);
    let mut headers = HeaderMap::new();
    while !input.is_empty() && headers.len() < 64 {
        let name = match input.byte() % 10 {
            0 => HeaderName::from_bytes(input.bytes()),
            other => {
                let names = [
                    "host",
                    "proxy",
                    "authorization",
                    "connection",
                    "cookie",
                    "x-a",
                    "x_a",
                    "content-type",
                    "content-length",
                ];
                Ok(HeaderName::from_static(names[usize::from(other) - 1]))
            }
        };
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(input.bytes())) {
            headers.append(name, value);
        }
    }
    let mut request = Request::new(());
    *request.uri_mut() = uri.clone();
    *request.method_mut() = method.clone();
    *request.headers_mut() = headers.clone();
    *request.version_mut() = Version::HTTP_11;
    let given = [("GIVEN", "1"), ("PATH_INFO", "mine"), ("HTTP_X_A", "mine")];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let told = gateway::told(request, length, &route, template.as_deref(), &given);
    let matching = gateway::route(&route, &[uri.path()]);
    let Some(told) = told else {
        return assert_eq!(matching.and_then(|matching| matching[0]), None);
    };
    check_variables(&told.variables, &uri, &method, length, &headers);
    let get = |name: &str| told.variables[name].as_str();
    let base = route.strip_suffix("/...").unwrap_or(&route);
    assert_eq!(get("SCRIPT_NAME"), base);
    assert_eq!(get("X_MATCHED_ROUTE"), route);
    assert_eq!(format!("{base}{}", get("X_RAW_PATH_INFO")), uri.path());
    let query = uri.query().unwrap_or_default();
    match template {
        None => {
            assert_eq!(told.words[0], uri.path());
            let expected: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).collect();
            assert_eq!(told.words[1..], expected);
        }
        Some(template) => {
            let bytes: usize = told.words.iter().map(String::len).sum();
            let most =
                template.len() + template.matches("${").count() * (uri.path().len() + query.len());
            assert!(bytes <= most && told.words.iter().all(|word| !word.is_empty()));
        }
    }
}

fn check_variables(
    all: &BTreeMap<String, String>,
    uri: &Uri,
    method: &Method,
    length: usize,
    headers: &HeaderMap,
) {
    for (name, value) in all {
        assert!(!name.is_empty() && !name.contains(['=', '\0']), "{name:?}");
        // What is decoded may have one: then the request is refused.
        let is_decoded =
            ["PATH_INFO", "PATH_TRANSLATED", "X_RELATIVE_PATH"].contains(&name.as_str());
        assert!(is_decoded || !value.contains('\0'), "{name}");
        assert!(
            !value.contains(['\r', '\n']) || is_decoded,
            "{name}: {value:?}"
        );
    }
    for hidden in ["HTTP_PROXY", "HTTP_AUTHORIZATION", "HTTP_CONNECTION"] {
        assert!(!all.contains_key(hidden), "{hidden}");
    }
    let query = uri.query().unwrap_or_default();
    let length = length.to_string();
    for (name, value) in [
        ("GIVEN", "1"),
        ("QUERY_STRING", query),
        ("REQUEST_METHOD", method.as_str()),
        ("CONTENT_LENGTH", &length),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("AUTH_TYPE", ""),
        ("REMOTE_USER", ""),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
    ] {
        assert_eq!(all[name], value, "{name}");
    }
    // `x_a` doesn't stand for `x-a`.
    if let Some(value) = headers.get("x-a")
        && headers.get_all("x-a").iter().count() == 1
        && let Ok(text) = std::str::from_utf8(value.as_bytes())
    {
        assert_eq!(all["HTTP_X_A"], text);
    }
    let port: u16 = all["SERVER_PORT"].parse().expect("a port");
    let host = &all["SERVER_NAME"];
    assert!(
        !host.is_empty() && !host.contains(['/', '@', ' ', '?', '#']),
        "{host:?}"
    );
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    assert_eq!(all["X_FULL_URL"], format!("http://{host}:{port}{target}"));
}

fn modules(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (listed, lines, is_used) = gateway::modules(text);
    for line in &lines {
        assert!(
            line.starts_with("modules.toml") && !line.contains('\n'),
            "{line:?}"
        );
    }
    assert!(is_used || lines.iter().any(|line| line.contains(": error: ")));
    for module in &listed {
        assert!(gateway::route(&module.route, &[]).is_some(), "{module:?}");
        for (name, value) in &module.environment {
            assert!(
                !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0'),
                "{module:?}"
            );
        }
        for mount in &module.mounts {
            assert!(
                mount.guest.starts_with('/') && !mount.host.as_os_str().is_empty(),
                "{module:?}"
            );
        }
    }
    if is_used {
        assert!(!listed.is_empty());
        for (place, module) in listed.iter().enumerate() {
            let same = listed[..place]
                .iter()
                .any(|before| before.route == module.route);
            assert!(!same, "{} is listed twice", module.route);
        }
    }
}

fn variables(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match gateway::variables(text) {
        Err((line, _)) => assert!((1..=text.lines().count()).contains(&line)),
        Ok(variables) => {
            for (name, value) in variables {
                assert!(
                    !name.is_empty() && !name.contains(['=', '\0', '\n']),
                    "{name:?}"
                );
                assert!(!value.contains(['\0', '\n']), "{value:?}");
            }
        }
    }
}

fn routes(input: &mut Input<'_>) {
    let (one, other, path) = (input.text(), input.text(), input.text());
    let paths = [path.as_str(), &one, &other];
    let (Some(of_one), Some(of_other)) =
        (gateway::route(&one, &paths), gateway::route(&other, &paths))
    else {
        return;
    };
    for (route, found) in [(&one, &of_one), (&other, &of_other)] {
        for (path, rest) in paths.iter().zip(found) {
            let expected = match route.strip_suffix("/...") {
                None => (path == route).then_some(""),
                Some(base) => path
                    .strip_prefix(base)
                    .filter(|rest| rest.is_empty() || rest.starts_with('/')),
            };
            assert_eq!(*rest, expected, "{route} {path}");
        }
    }
    if gateway::covers(&one, &other) == Some(true) {
        for (place, path) in paths.iter().enumerate() {
            assert!(
                of_other[place].is_none() || of_one[place].is_some(),
                "{one} doesn't cover {other}: {path}"
            );
        }
    }
    let printed = input.0;
    if let Ok(table) = gateway::table(&one, printed) {
        let base = one.strip_suffix("/...").unwrap_or(&one);
        assert!((1..=1000).contains(&table.len()));
        for (route, entrypoint) in &table {
            assert!(
                route.starts_with(base) && gateway::route(route, &[]).is_some(),
                "{one} {route}"
            );
            assert!(!entrypoint.is_empty());
        }
    }
}
