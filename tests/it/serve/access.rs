//! Who is answered: tokens, other machines, pages in browsers.

use super::Server;
use crate::support::{Dir, command, run};

#[test]
fn without_the_token_nothing_is_answered_but_health() {
    let dir = Dir::new();
    let file = dir.write("token", "s3cret-Token\n");
    let file = file.to_str().expect("a plain path");
    let server = Server::start(&["-l", "js", "--token-file", file]);
    let body = b"{\"code\": \"console.log(1)\"}";
    for given in [
        None,
        Some("Bearer s3cret-Toke"),
        Some("Bearer s3cret-Token1"),
        Some("Bearer "),
        Some("Basic s3cret-Token"),
        Some("s3cret-Token"),
    ] {
        let headers: Vec<_> = given
            .map(|value| ("authorization", value))
            .into_iter()
            .collect();
        for (method, path) in [
            ("POST", "/execute"),
            ("POST", "/sessions"),
            ("GET", "/sessions"),
            ("GET", "/metrics"),
            ("GET", "/openapi.json"),
            ("DELETE", "/sessions/00000000000000000000000000000000"),
            ("POST", "/sessions/00000000000000000000000000000000/exec"),
        ] {
            let reply = server.send(method, path, &headers, body);
            reply.refuses(401, "a token is required");
            assert_eq!(reply.header("www-authenticate"), "Bearer");
        }
        assert_eq!(server.send("GET", "/health", &headers, b"").text, "ok");
    }
    for value in ["Bearer s3cret-Token", "bearer s3cret-Token"] {
        let headers = [("authorization", value), ("origin", "http://a.example")];
        let answer = server.send("POST", "/execute", &headers, body).is(200);
        assert_eq!(answer["output"], "1\n");
    }
    assert!(!server.log().contains("s3cret"), "{}", server.log());
}

#[test]
fn a_token_file_must_hold_one() {
    let dir = Dir::new();
    for (name, content) in [("empty", " \n"), ("two", "a b"), ("odd", "\u{e9}")] {
        let file = dir.write(name, content);
        let words = [
            "serve",
            "-l",
            "js",
            "--listen",
            "127.0.0.1:0",
            "--token-file",
        ];
        let ran = run(command().args(words).arg(file));
        ran.exits(1).says(&["token file", "one word"]);
    }
    let words = [
        "serve",
        "-l",
        "js",
        "--listen",
        "127.0.0.1:0",
        "--token-file",
        "/none",
    ];
    run(command().args(words)).exits(1).says(&["/none"]);
}

/// Nothing is listened on: it is refused before.
#[test]
fn other_machines_need_a_token() {
    for listen in ["0.0.0.0:0", ":0", "[::]:0"] {
        let ran = run(command().args(["serve", "-l", "js", "--listen", listen]));
        ran.exits(2).says(&["--token-file", "--insecure"]);
    }
}

/// A page could come from anywhere, and its requests come from this machine.
#[test]
fn pages_in_browsers_are_not_answered_without_a_token() {
    let server = Server::start(&["-l", "js"]);
    let headers = [
        ("origin", "http://a.example"),
        ("content-type", "text/plain"),
    ];
    let reply = server.send("POST", "/execute", &headers, b"{\"code\": \"1\"}");
    reply.refuses(403, "pages in a browser");
}
