//! What a module answers.

use super::{Gateway, module, plain, prints};
use crate::support::guest;
use sha2::{Digest, Sha256};

/// A gateway with a module for each text that one prints, at `/0`, `/1`, ….
fn printing(texts: &[&str]) -> Gateway {
    let files: Vec<(String, String)> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| (format!("{index}.wat"), prints(text, "")))
        .collect();
    let modules: String = (0..texts.len())
        .map(|index| module(&format!("/{index}"), &format!("{index}.wat"), ""))
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    Gateway::new(&modules, &files)
}

#[test]
fn a1_a3_a4_a6_headers_and_bodies() {
    let gateway = printing(&[
        "Content-Type: text/x\n\nbody\r\n\n",
        "Content-Type: text/x\r\nX-Two: 2\r\n\r\nbody",
        "STATUS: 404 Not Found\ncontent-type: text/x\n\nnone",
        "Location: /elsewhere\n\n",
        "Status: 301\nLocation: /elsewhere\n\n",
        "Content-Type: text/x\nSet-Cookie: a=1\nSet-Cookie: b=2\nSet-Cookie: c=3\n\n",
        "Content-Type: text/x\nno colon\nbad name: 1\nContent-Length: 1\nTransfer-Encoding: chunked\n\nwhole",
        "Status: 204\n\nnot sent",
    ]);
    let one = gateway.get("/0");
    one.is(200, "body\r\n\n");
    assert_eq!(one.header("content-type"), "text/x");
    let two = gateway.get("/1");
    two.is(200, "body");
    assert_eq!(two.header("x-two"), "2");
    gateway.get("/2").is(404, "none");
    let moved = gateway.get("/3");
    assert_eq!(
        (moved.status, moved.header("location")),
        (302, "/elsewhere")
    );
    let moved = gateway.get("/4");
    assert_eq!(
        (moved.status, moved.header("location")),
        (301, "/elsewhere")
    );
    let cookies = gateway.get("/5");
    let cookies = cookies
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    let cookies: Vec<&str> = cookies.map(|(_, value)| value.as_str()).collect();
    assert_eq!(cookies, ["a=1", "b=2", "c=3"]);
    let whole = gateway.get("/6");
    whole.is(200, "whole");
    assert_eq!(
        (
            whole.header("content-length"),
            whole.header("transfer-encoding")
        ),
        ("5", "")
    );
    for dropped in ["no colon", "bad name: 1", "Transfer-Encoding: chunked"] {
        gateway.logs(0, dropped);
    }
    gateway.get("/7").is(204, "");
}

#[test]
fn a2_a5_what_is_no_answer_is_a_500_with_its_reason_in_the_log() {
    let gateway = printing(&[
        "just text",
        "Content-Type: text/plain\nno empty line",
        "X-A: 1\n\nbody",
        "Status: no\n\n",
    ]);
    let neither = "Exactly one of 'location' or 'content-type' must be specified";
    for (path, reason) in [
        ("/0", "no empty line ends its headers"),
        ("/1", "no empty line ends its headers"),
        ("/2", "it has no Content-Type, Location or Status"),
    ] {
        let from = gateway.log().len();
        gateway.get(path).is(500, neither);
        gateway.logs(from, reason);
    }
    gateway.get("/3").is(502, "");
    gateway.logs(0, "its status is not usable");
}

#[test]
fn a7_traps_exit_codes_and_exit_zero() {
    let gateway = Gateway::new(
        &[
            module("/trap", "trap.wat", ""),
            module("/fail", "fail.wat", ""),
            module("/zero", "zero.wat", ""),
        ]
        .concat(),
        &[
            ("trap.wat", &prints(&plain("lost"), "unreachable")),
            (
                "fail.wat",
                &prints(&plain("lost"), "(call $proc_exit (i32.const 3))"),
            ),
            (
                "zero.wat",
                &prints(
                    &plain("kept"),
                    "(call $proc_exit (i32.const 0)) unreachable",
                ),
            ),
        ],
    );
    gateway.get("/trap").is(500, "");
    gateway.logs(0, "it trapped: ");
    gateway.get("/fail").is(500, "");
    gateway.logs(0, "it exited with 3");
    gateway.get("/zero").is(200, "kept");
}

#[test]
fn a9_stderr_is_kept_for_each_module() {
    let complains = guest(&format!(
        r#"(data (i32.const 1024) "{}") (data (i32.const 1100) "oh\0a")
        (func (export "_start")
            (call $print (i32.const 1024) (i32.const 27))
            (i32.store (i32.const 0) (i32.const 1100))
            (i32.store (i32.const 4) (i32.const 3))
            (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))))"#,
        super::escaped(&plain("x"))
    ));
    let gateway = Gateway::new(
        &[module("/a/...", "c.wat", ""), module("/b", "c.wat", "")].concat(),
        &[("c.wat", &complains)],
    );
    for path in ["/a", "/a/x", "/b"] {
        gateway.get(path).is(200, "x");
    }
    for (route, text) in [("/a/...", "oh\noh\n"), ("/b", "oh\n")] {
        let digest: String = Sha256::digest(route)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            gateway.dir.read(&format!("logs/{digest}/module.stderr")),
            text
        );
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    let gateway = printing(&["Content-Type: text/x\n\nfour"]);
    let head = gateway.curl(&["--head"], "/0");
    head.is(200, "");
    assert_eq!(
        (head.header("content-type"), head.header("content-length")),
        ("text/x", "4")
    );
}
