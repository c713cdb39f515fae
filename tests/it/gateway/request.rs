//! What a module is told of a request.

use super::{Gateway, module, tells, told};

#[test]
fn e1_to_e10_the_environment_the_arguments_and_the_body() {
    let gateway = Gateway::new(
        &module("/tell/...", "tell.wat", ""),
        &[("tell.wat", &tells())],
    );
    let options = [
        "--data-binary",
        "one two",
        "--header",
        "Content-Type: text/x",
        "--header",
        "X-One: 1",
        "--header",
        "Authorization: Bearer secret",
        "--header",
        "Proxy: http://evil.test",
        "--header",
        "X-Twice: a",
        "--header",
        "X-Twice: b",
        "--user-agent",
        "tester",
    ];
    let told = told(&gateway.curl(&options, "/tell/a%3bb/c?x=1&y%20z"));
    assert_eq!(told.args, ["/tell/a%3bb/c", "x=1", "y%20z"]);
    assert_eq!(told.body, "one two");
    let (port, url) = (
        gateway.port(),
        format!("{}/tell/a%3bb/c?x=1&y%20z", gateway.url),
    );
    for (name, value) in [
        ("AUTH_TYPE", ""),
        ("REMOTE_USER", ""),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        (
            "SERVER_SOFTWARE",
            concat!("dormouse/", env!("CARGO_PKG_VERSION")),
        ),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_METHOD", "POST"),
        ("QUERY_STRING", "x=1&y%20z"),
        ("CONTENT_LENGTH", "7"),
        ("CONTENT_TYPE", "text/x"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("REMOTE_HOST", "127.0.0.1"),
        ("SERVER_NAME", "127.0.0.1"),
        ("SERVER_PORT", port),
        ("SCRIPT_NAME", "/tell"),
        ("PATH_INFO", "/a;b/c"),
        ("PATH_TRANSLATED", "/a;b/c"),
        ("X_RELATIVE_PATH", "/a;b/c"),
        ("X_RAW_PATH_INFO", "/a%3bb/c"),
        ("X_MATCHED_ROUTE", "/tell/..."),
        ("X_FULL_URL", &url),
        ("HTTP_HOST", &format!("127.0.0.1:{port}")),
        ("HTTP_USER_AGENT", "tester"),
        ("HTTP_X_ONE", "1"),
        ("HTTP_X_TWICE", "a, b"),
        ("HTTP_CONTENT_TYPE", "text/x"),
    ] {
        assert_eq!(told.variable(name), value, "{name}");
    }
    for name in ["HTTP_AUTHORIZATION", "HTTP_CONNECTION", "HTTP_PROXY"] {
        assert_eq!(told.find(name), None, "{name}");
    }
}

#[test]
fn e1_bodies_of_unknown_length_and_of_any_bytes() {
    let gateway = Gateway::new(&module("/", "tell.wat", ""), &[("tell.wat", &tells())]);
    let chunked = [
        "--header",
        "Transfer-Encoding: chunked",
        "--data-binary",
        "in chunks",
    ];
    let one = told(&gateway.curl(&chunked, "/"));
    assert_eq!(
        (&*one.body, one.variable("CONTENT_LENGTH")),
        ("in chunks", "9")
    );
    let none = told(&gateway.get("/"));
    assert_eq!((&*none.body, none.variable("CONTENT_LENGTH")), ("", "0"));
    assert_eq!(
        (none.variable("CONTENT_TYPE"), none.variable("QUERY_STRING")),
        ("", "")
    );
    let large: String = (0..300_000)
        .map(|n| char::from(b'a' + (n % 23) as u8))
        .collect();
    gateway.dir.write("large", &large);
    let file = format!("@{}", gateway.dir.path().join("large").display());
    assert!(told(&gateway.curl(&["--data-binary", &file], "/")).body == large);
}

#[test]
fn m5_arguments_by_a_template() {
    let gateway = Gateway::new(
        &module(
            "/...",
            "tell.wat",
            "argv = 'prog ${SCRIPT_NAME} -- ${ARGS} end'",
        ),
        &[("tell.wat", &tells())],
    );
    let told_of = |path| told(&gateway.get(path)).args;
    assert_eq!(
        told_of("/a/b?x=1&y"),
        ["prog", "/a/b", "--", "x=1", "y", "end"]
    );
    assert_eq!(told_of("/a"), ["prog", "/a", "--", "end"]);
}

#[test]
fn e3_variables_of_the_command_line_of_files_and_of_the_module() {
    let dir = crate::support::Dir::new();
    dir.write(
        "one.env",
        "A=file\nB=file\n# no\nexport C=\"file one\"\nREQUEST_METHOD=file\n",
    );
    dir.write("two.env", "C=file two\nD=file\n");
    dir.write("tell.wat", tells());
    dir.write(
        "modules.toml",
        module("/", "tell.wat", "environment = { D = 'module', E = 5 }"),
    );
    let options = [
        "--env-file",
        "one.env",
        "--env-file",
        "two.env",
        "--env",
        "B=line",
    ];
    let gateway = Gateway::start(dir, &options);
    let told = told(&gateway.get("/"));
    for (name, value) in [
        ("A", "file"),
        ("B", "line"),
        ("C", "file two"),
        ("D", "module"),
        ("E", "5"),
        ("REQUEST_METHOD", "GET"),
    ] {
        assert_eq!(told.variable(name), value, "{name}");
    }
    // Of the server's own environment nothing is there.
    assert_eq!(told.find("PATH"), None);
}

#[test]
fn e6_the_name_of_the_server() {
    let gateway = Gateway::with(
        &["--hostname", "pages.test:99"],
        &module("/", "tell.wat", ""),
        &[("tell.wat", &tells())],
    );
    for (host, name, port) in [
        ("Host: a.test:81", "a.test", "81"),
        ("Host: a.test", "a.test", "99"),
        ("Host: [::1]:82", "[::1]", "82"),
        // An empty one.
        ("Host;", "pages.test", "99"),
    ] {
        let told = told(&gateway.curl(&["--header", host], "/"));
        assert_eq!(
            (told.variable("SERVER_NAME"), told.variable("SERVER_PORT")),
            (name, port),
            "{host}"
        );
        assert_eq!(
            told.variable("X_FULL_URL"),
            format!("http://{name}:{port}/")
        );
    }
    let old = gateway.curl(&["--http1.0", "--header", "Host:"], "/");
    assert_eq!(told(&old).variable("SERVER_PROTOCOL"), "HTTP/1.0");
    assert_eq!(told(&old).find("HTTP_HOST"), None);
}

#[test]
fn a_path_with_a_nul_is_refused() {
    let gateway = Gateway::new(&module("/...", "tell.wat", ""), &[("tell.wat", &tells())]);
    assert_eq!(gateway.get("/a%00b").status, 400);
    assert_eq!(gateway.get("/a%01b").status, 200);
}

#[test]
fn r6_each_method_goes_to_the_module() {
    let gateway = Gateway::new(&module("/", "tell.wat", ""), &[("tell.wat", &tells())]);
    for method in [
        "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND",
    ] {
        let told = told(&gateway.curl(&["--request", method], "/"));
        assert_eq!(told.variable("REQUEST_METHOD"), method);
    }
    let head = gateway.curl(&["--head"], "/");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_ne!(head.header("content-length"), "0");
}
