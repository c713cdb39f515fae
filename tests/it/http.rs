//! HTTP requests of guests: to which hosts, how large, how long, and what the
//! guest is told.

use crate::{
    calls::{answer, answer_with},
    server::{Server, echo, redirect, respond},
    support::{Dir, dormouse},
};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

/// What a guest that may ask `127.0.0.1` is told.
#[track_caller]
pub(crate) fn asked(args: Value) -> Value {
    let request = json!({"fn": "http_request", "args": args});
    answer(&["--allow-host", "127.0.0.1"], &request)
}

/// The error, which is of `kind`.
#[track_caller]
pub(crate) fn error(answer: &Value, kind: &str) -> String {
    assert_eq!(answer["kind"], kind, "{answer}");
    answer["error"].as_str().expect("an error").to_owned()
}

#[test]
fn a_request_and_its_response() {
    let server = Server::new(echo);
    let answer = asked(json!({
        "url": format!("{}/a%20b?c=d#e", server.url()),
        "method": "post",
        "headers": {"X-One": "1", "Host": "evil", "Content-Length": "999", "Connection": "upgrade"},
        "body": "hällo",
    }));
    let data = &answer["data"];
    assert_eq!(data["status"], 200, "{answer}");
    assert_eq!(data["reason"], "OK");
    assert_eq!(data["url"], format!("{}/a%20b?c=d", server.url()));
    assert_eq!(data["redirects"], 0);
    assert_eq!(data["truncated"], false);
    assert_eq!(data["body_base64"], Value::Null);
    assert_eq!(data["headers"]["content-type"], "text/plain");
    assert_eq!(data["headers"]["set-cookie"], "a=1");
    let cookies = data["header_list"].as_array().expect("a list").iter();
    let cookies: Vec<&Value> = cookies.filter(|pair| pair[0] == "set-cookie").collect();
    assert_eq!(
        cookies,
        [&json!(["set-cookie", "a=1"]), &json!(["set-cookie", "b=2"])]
    );
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        data["body"],
        format!(
            "POST /a%20b?c=d HTTP/1.1\naccept: */*\naccept-encoding: identity\nconnection: close\n\
             content-length: 6\nhost: {}\nuser-agent: dormouse/{version}\nx-one: 1\n\nhällo",
            server.address
        )
    );
}

#[test]
fn each_method() {
    let server = Server::new(echo);
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"] {
        for body in [None, Some("b")] {
            let answer = asked(json!({"url": server.url(), "method": method, "body": body}));
            assert_eq!(answer["data"]["status"], 200, "{method}: {answer}");
            let received = server.received().pop().expect("a request");
            assert_eq!(received.line, format!("{method} / HTTP/1.1"));
            let sent = body.filter(|_| method != "HEAD").unwrap_or_default();
            assert_eq!(received.body, sent.as_bytes(), "{method}");
            if method == "HEAD" {
                assert_eq!(answer["data"]["body"], "");
            }
        }
    }
    let answer = asked(json!({"url": server.url(), "method": "TRACE"}));
    assert_eq!(error(&answer, "invalid"), "unsupported method: TRACE");
}

#[test]
fn http_get_is_short() {
    let server = Server::new(|_, stream| respond(stream, "404 Not Found", "", b"none"));
    let request = json!({"fn": "http_get", "args": {"url": server.url()}});
    let answer = answer(&["--allow-host", "127.0.0.1"], &request);
    assert_eq!(answer, json!({"data": {"status": 404, "body": "none"}}));
}

#[test]
fn what_may_not_be_asked() {
    let answer = answer(
        &[],
        &json!({"fn": "http_get", "args": {"url": "http://x/"}}),
    );
    let message = "not granted: http_get; enable with --allow-host";
    assert_eq!(error(&answer, "not_granted"), message);
    for (url, kind, message) in [
        ("", "invalid", "url required"),
        ("http://", "invalid", "invalid url"),
        ("x", "invalid", "invalid url"),
        (
            "ftp://127.0.0.1/",
            "invalid",
            "scheme must be http or https",
        ),
        (
            "file:///etc/passwd",
            "invalid",
            "scheme must be http or https",
        ),
        (
            "http://localhost/",
            "not_granted",
            "host not allowed: localhost",
        ),
        (
            "http://127.0.0.1@evil.example/",
            "not_granted",
            "host not allowed: evil.example",
        ),
        (
            "http://127.0.0.1.evil.example/",
            "not_granted",
            "host not allowed: 127.0.0.1.evil.example",
        ),
        (
            "http://0.0.0.0/",
            "not_granted",
            "host not allowed: 0.0.0.0",
        ),
        ("http://[::1]/", "not_granted", "host not allowed: [::1]"),
    ] {
        assert_eq!(error(&asked(json!({"url": url})), kind), message, "{url}");
    }
    let long = format!("http://127.0.0.1/{}", "x".repeat(8192));
    let answer = asked(json!({"url": long}));
    assert_eq!(error(&answer, "too_large"), "url exceeds max length");
    let answer = asked(json!({"url": "http://127.0.0.1/", "body": "x".repeat((1 << 20) + 1)}));
    assert_eq!(error(&answer, "too_large"), "request body exceeds max size");
    for args in [
        json!({"url": "http://127.0.0.1/", "headers": {"a": "1\r\nb: 2"}}),
        json!({"url": "http://127.0.0.1/", "body": "a", "body_base64": "YQ=="}),
        json!({"url": "http://127.0.0.1/", "body_base64": "?"}),
        json!({"url": "http://127.0.0.1/", "timeout": -1}),
        json!({"url": 1}),
    ] {
        error(&asked(args), "invalid");
    }
}

#[test]
fn a_host_that_is_none_is_an_error_at_once() {
    for host in ["http://x/", "", "*", "*.example.com", "a b", "x:0"] {
        dormouse(["--allow-host", host, "-c", "print('started')"])
            .prints_nothing_and_exits(1)
            .says(&["the allowed host", &format!("{host:?}")]);
    }
}

#[test]
fn a_port_may_be_part_of_the_rule() {
    let server = Server::new(echo);
    let request = json!({"fn": "http_request", "args": {"url": server.url()}});
    let host = format!("127.0.0.1:{}", server.port());
    assert_eq!(
        answer(&["--allow-host", &host], &request)["data"]["status"],
        200
    );
    let refused = answer(&["--allow-host", "127.0.0.1:1"], &request);
    assert_eq!(
        error(&refused, "not_granted"),
        format!("host not allowed: {host}")
    );
}

#[test]
fn each_redirect_is_checked() {
    let server = Server::new(redirect);
    let (here, port) = (server.url(), server.port());
    let answer = asked(json!({"url": format!("{here}/to/302/{here}/end")}));
    assert_eq!(answer["data"]["url"], format!("{here}/end"), "{answer}");
    assert_eq!(answer["data"]["redirects"], 1);
    let answer = asked(json!({"url": format!("{here}/to/302//relative")}));
    assert_eq!(
        answer["data"]["url"],
        format!("{here}/relative"),
        "{answer}"
    );
    let before = server.received().len();
    let evil = format!("http://localhost:{port}/end");
    let answer = asked(json!({"url": format!("{here}/to/302/{evil}")}));
    let message = error(&answer, "not_granted");
    assert!(
        message.starts_with("host not allowed: localhost "),
        "{message}"
    );
    assert_eq!(server.received().len(), before + 1);
    let answer = asked(json!({"url": format!("{here}/to/302/file:///etc/passwd")}));
    assert!(error(&answer, "invalid").starts_with("scheme must be http or https"));
    let answer = asked(json!({"url": format!("{here}/to/302/{evil}"), "follow": false}));
    assert_eq!(answer["data"]["status"], 302, "{answer}");
    assert_eq!(answer["data"]["headers"]["location"], evil);
}

#[test]
fn redirects_end() {
    let server = Server::new(|_, stream| respond(stream, "302 Found", "Location: /\r\n", b""));
    let answer = asked(json!({"url": server.url()}));
    assert_eq!(error(&answer, "failed"), "too many redirects: more than 20");
    assert_eq!(server.received().len(), 21);
}

#[test]
fn redirects_change_methods_as_in_browsers() {
    let server = Server::new(redirect);
    for (status, method, then) in [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (303, "HEAD", "HEAD"),
    ] {
        let args = json!({
            "url": format!("{}/to/{status}//end", server.url()),
            "method": method,
            "body": "b",
            "headers": {"Content-Type": "x/y"},
        });
        assert_eq!(asked(args)["data"]["status"], 200);
        let last = server.received().pop().expect("a request");
        assert_eq!(last.line, format!("{then} /end HTTP/1.1"), "{status}");
        let keeps = matches!(then, "PUT" | "POST");
        assert_eq!(last.body == b"b", keeps, "{status} {method}");
        let has_type = last.headers.contains_key("content-type");
        assert_eq!(has_type, keeps || method == "HEAD", "{status} {method}");
    }
}

#[test]
fn credentials_stay_where_they_were_sent() {
    let server = Server::new(redirect);
    let other = Server::new(echo);
    let headers = json!({"Authorization": "secret", "Cookie": "secret", "X-Other": "kept"});
    for (target, keeps) in [(&server, true), (&other, false)] {
        let url = format!("{}/to/302/{}/end", server.url(), target.url());
        assert_eq!(
            asked(json!({"url": url, "headers": headers}))["data"]["status"],
            200
        );
        let last = target.received().pop().expect("a request");
        assert_eq!(last.headers.contains_key("authorization"), keeps);
        assert_eq!(last.headers.contains_key("cookie"), keeps);
        assert_eq!(last.headers["x-other"], "kept");
    }
    let url = server.url().replace("//", "//us%40er:pass@");
    let answer = asked(json!({"url": url}));
    assert_eq!(answer["data"]["url"], format!("{}/", server.url()));
    let last = server.received().pop().expect("a request");
    assert_eq!(last.headers["authorization"], "Basic dXNAZXI6cGFzcw==");
}

#[test]
fn nothing_of_the_environment_is_used() {
    let server = Server::new(echo);
    let proxy = Server::new(|_, stream| respond(stream, "200 OK", "", b"proxied"));
    let proxy = proxy.url().replace("//", "//user:secret@");
    let env: Vec<(&str, &str)> = [
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "HTTPS_PROXY",
    ]
    .into_iter()
    .map(|name| (name, proxy.as_str()))
    .collect();
    let request = json!({"fn": "http_request", "args": {"url": server.url()}});
    let answer = answer_with(&["--allow-host", "127.0.0.1"], &env, &request);
    let body = answer["data"]["body"].as_str().expect("a body");
    assert!(body.starts_with("GET / HTTP/1.1\n"), "{body}");
    assert!(!body.contains("uthorization"), "{body}");
}

#[test]
fn bodies_that_are_no_text() {
    let server = Server::new(|request, stream| {
        let charset = if request.line.contains("latin") {
            "iso-8859-1"
        } else {
            "utf-8"
        };
        let fields = format!("Content-Type: text/plain; charset={charset}\r\n");
        respond(stream, "200 OK", &fields, b"a\xe4\xff");
    });
    let answer = asked(json!({"url": server.url()}));
    assert_eq!(answer["data"]["body"], "a\u{fffd}\u{fffd}");
    assert_eq!(answer["data"]["body_base64"], "YeT/");
    let answer = asked(json!({"url": format!("{}/latin", server.url())}));
    assert_eq!(answer["data"]["body"], "aäÿ");
    assert_eq!(answer["data"]["body_base64"], "YeT/");
    let answer = asked(json!({"url": server.url(), "binary": true}));
    assert_eq!(answer["data"]["body"], Value::Null);
    assert_eq!(answer["data"]["body_base64"], "YeT/");
    let server = Server::new(echo);
    let args = json!({"url": server.url(), "method": "PUT", "body_base64": "AP8="});
    assert_eq!(asked(args)["data"]["status"], 200);
    assert_eq!(server.received().pop().expect("a request").body, [0, 255]);
}

#[test]
fn chunks_and_no_bodies() {
    let server = Server::new(|request, stream| {
        let response: &[u8] = match request.line.as_str() {
            "GET /chunked HTTP/1.1" => {
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
            }
            "GET /204 HTTP/1.1" => b"HTTP/1.1 204 No Content\r\n\r\n",
            "GET /304 HTTP/1.1" => b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            "GET /continue HTTP/1.1" => {
                b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
            }
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        };
        let _ = stream.write_all(response);
        // The end of the connection ends no body here.
        let _ = stream.flush();
        sleep(Duration::from_secs(10));
    });
    for (path, method, status, body) in [
        ("chunked", "GET", 200, "abcde"),
        ("204", "GET", 204, ""),
        ("304", "GET", 304, ""),
        ("continue", "GET", 200, "x"),
        ("head", "HEAD", 200, ""),
    ] {
        let url = format!("{}/{path}", server.url());
        let answer = asked(json!({"url": url, "method": method, "timeout": 8}));
        assert_eq!(answer["data"]["status"], status, "{path}: {answer}");
        assert_eq!(answer["data"]["body"], body, "{path}");
    }
}

#[test]
fn servers_that_are_not_there() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let refused = format!("http://{}", free.local_addr().expect("it is bound"));
    drop(free);
    let message = error(&asked(json!({"url": refused})), "connection");
    assert!(
        message.contains(&refused) && message.contains("refused"),
        "{message}"
    );
    let request = json!({"fn": "http_get", "args": {"url": "http://nowhere.invalid/"}});
    error(
        &answer(&["--allow-host", "nowhere.invalid"], &request),
        "connection",
    );
    let silent = Server::new(|_, _| ());
    error(&asked(json!({"url": silent.url()})), "connection");
    let half = Server::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    error(&asked(json!({"url": half.url()})), "connection");
    let half_a_chunk = Server::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf");
    });
    error(&asked(json!({"url": half_a_chunk.url()})), "connection");
    let nonsense = Server::new(|_, stream| {
        let _ = stream.write_all(b"hello there\r\n\r\n");
    });
    error(&asked(json!({"url": nonsense.url()})), "failed");
}

#[test]
fn a_batch_goes_out_at_once() {
    let server = Server::new(|request, stream| {
        sleep(Duration::from_millis(200));
        respond(stream, "200 OK", "", request.line.as_bytes());
    });
    let batch: Value = (0..10)
        .map(|i| {
            let url = format!("{}/{i}", server.url());
            json!({"fn": "http_request", "args": {"url": url}, "id": i.to_string()})
        })
        .collect();
    let began = Instant::now();
    let answers = answer(&["--allow-host", "127.0.0.1"], &batch);
    assert!(
        began.elapsed() < Duration::from_millis(1500),
        "{:?}",
        began.elapsed()
    );
    for (i, answer) in answers.as_array().expect("a batch").iter().enumerate() {
        assert_eq!(answer["id"], i.to_string());
        assert_eq!(
            answer["data"]["body"],
            format!("GET /{i} HTTP/1.1"),
            "{answer}"
        );
    }
}

#[test]
fn https_needs_a_certificate_that_is_trusted() {
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = rustls::pki_types::CertificateDer::from(key.cert.der().to_vec());
    let secret = rustls::pki_types::PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], secret.into())
        .expect("a key");
    let server = Server::with_tls(Arc::new(tls), echo);
    let dir = Dir::new();
    let ca = dir.write("ca.pem", key.cert.pem());
    let ca = ca.to_str().expect("Unicode");
    let request = |host: &str| {
        let url = format!("https://{host}:{}/", server.port());
        json!({"fn": "http_request", "args": {"url": url}})
    };
    let (name, address) = (request("localhost"), request("127.0.0.1"));
    let allowed = ["--allow-host", "localhost", "--allow-host", "127.0.0.1"];
    let trusting = [&allowed[..], &["--http-ca", ca]].concat();
    assert_eq!(answer(&trusting, &name)["data"]["status"], 200);
    // The certificate is for another name.
    let message = error(&answer(&trusting, &address), "connection");
    assert!(message.contains("certificate"), "{message}");
    let env = [("SSL_CERT_FILE", ca)];
    let message = error(&answer_with(&allowed, &env, &name), "connection");
    assert!(message.contains("certificate"), "{message}");
    for (file, problem) in [
        ("/nowhere.pem", "No such file"),
        ("/dev/null", "there is none"),
    ] {
        dormouse([
            "--allow-host",
            "localhost",
            "--http-ca",
            file,
            "-c",
            "print('started')",
        ])
        .prints_nothing_and_exits(1)
        .says(&["certificates", file, problem]);
    }
}
