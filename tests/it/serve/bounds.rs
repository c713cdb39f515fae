//! What clients can't make the server do: hold too much, wait too long, run too
//! many.

use super::{PATIENCE, Server};
use serde_json::json;
use std::{
    io::{Read, Write},
    time::Instant,
};

#[test]
fn a_body_over_the_cap_is_refused() {
    let server = Server::start(&["-l", "js"]);
    let fits = json!({"code": format!("console.log(1) //{}", "x".repeat(900 << 10))});
    assert_eq!(
        server.post("/execute", fits.to_string()).is(200)["output"],
        "1\n"
    );
    let large = json!({"code": format!("console.log(1) //{}", "x".repeat(2 << 20))}).to_string();
    for path in ["/execute", "/sessions", "/sessions/x/exec"] {
        server
            .post(path, &large)
            .refuses(413, "larger than 1048576 bytes");
    }
    // The same without saying how much will come.
    let mut stream = server.connect();
    let head = "POST /execute HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it is taken");
    for _ in 0..200 {
        stream.write_all(b"4000\r\n").expect("it is taken");
        stream.write_all(&[b'x'; 0x4000]).expect("it is taken");
        stream.write_all(b"\r\n").expect("it is taken");
    }
    stream.write_all(b"0\r\n\r\n").expect("it is taken");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn a_head_over_the_cap_is_refused() {
    let server = Server::start(&["-l", "js"]);
    let mut stream = server.connect();
    let _ = stream.write_all(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(80 << 10)).as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    assert_eq!(server.get("/health").text, "ok");
}

/// As many run as there are workers, as many wait as there is room for, and the
/// next is told to come again.
#[test]
fn a_full_queue_refuses() {
    let server = Server::start(&["-l", "js", "--workers", "1", "--queue", "1"]);
    let body = json!({"code": "for (;;) {}", "timeout": "3s"}).to_string();
    let count = |name: &str| {
        let metrics = server.get("/metrics").text;
        let line = metrics
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(|| server.post("/execute", &body).is(200));
        let started = Instant::now();
        while count("dormouse_guests_running") != Some(1) {
            assert!(started.elapsed() < PATIENCE, "it does not run");
        }
        let second = scope.spawn(|| server.post("/execute", "{\"code\": \"console.log(1)\"}"));
        while count("dormouse_guests_waiting") != Some(1) {
            assert!(started.elapsed() < PATIENCE, "it does not wait");
        }
        for (path, events) in [
            ("/execute", false),
            ("/execute", true),
            ("/sessions", false),
        ] {
            let headers = [("accept", if events { "text/event-stream" } else { "*/*" })];
            let body = if path == "/execute" {
                "{\"code\": \"1\"}"
            } else {
                "{}"
            };
            let reply = server.send("POST", path, &headers, body.as_bytes());
            reply.refuses(503, "the server is busy");
            assert_eq!(reply.header("retry-after"), "1");
        }
        assert_eq!(server.get("/health").text, "ok");
        assert_eq!(first.join().expect("it ends")["limit"], "deadline");
        assert_eq!(second.join().expect("it ends").is(200)["output"], "1\n");
    });
}

/// Guests that do wrong, in all ways, while others are answered.
#[test]
fn bad_guests_do_not_hold_up_good_ones() {
    let words = [
        "-l",
        "python",
        "--workers",
        "2",
        "--timeout",
        "2s",
        "--max-output",
        "64kb",
    ];
    let server = Server::start(&words);
    let bad = [
        ("while True: pass", "deadline"),
        ("while True: print('x' * 1000)", "output"),
        ("import time; time.sleep(60)", "deadline"),
        ("import os; os._exit(9)", ""),
        ("a = []\nwhile True: a.append(bytearray(1 << 20))", ""),
        ("def f(): return f()\nf()", ""),
    ];
    std::thread::scope(|scope| {
        for (code, limit) in bad {
            let server = &server;
            scope.spawn(move || {
                let answer = server.execute(code);
                assert_ne!(answer["exit_code"], 0, "{code}: {answer}");
                if !limit.is_empty() {
                    assert_eq!(answer["limit"], limit, "{code}: {answer}");
                }
            });
        }
        for number in 0..20 {
            let answer = server.execute(&format!("print({number} * 2)"));
            assert_eq!(answer["output"], format!("{}\n", number * 2));
        }
    });
    let metrics = server.get("/metrics").text;
    assert!(
        metrics.contains("dormouse_limits_total{limit=\"output\"} 1"),
        "{metrics}"
    );
}

/// Answers that clients do not read are held up to a bound; small ones are always
/// answered.
#[test]
fn answers_that_are_not_read_are_bounded() {
    let server = Server::start(&["-l", "js"]);
    // Six bytes each in JSON, and told twice.
    let body = json!({"code": "console.log('\\x01'.repeat(4e6))"}).to_string();
    let request = format!(
        "POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let ask = || {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).expect("it is taken");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        (String::from_utf8_lossy(&answer).into_owned(), stream)
    };
    let (answers, clients): (Vec<_>, Vec<_>) = (0..8).map(|_| ask()).unzip();
    // Clients that take too long are given up, and leave their places.
    let has = |status: &str| answers.iter().any(|answer| answer == status);
    assert!(has("HTTP/1.1 200") && has("HTTP/1.1 503"), "{answers:?}");
    assert_eq!(server.execute("console.log(1)")["output"], "1\n");
    drop(clients);
    let started = Instant::now();
    while ask().0 != "HTTP/1.1 200" {
        assert!(started.elapsed() < PATIENCE, "there is no place again");
    }
}

/// Many at a time, each with its own answer.
#[test]
fn answers_are_not_mixed_up() {
    let server = Server::start(&["-l", "js"]);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for number in 0..25 {
                    let code = format!("let x = '{thread}:{number}'; console.log(x)");
                    assert_eq!(
                        server.execute(&code)["output"],
                        format!("{thread}:{number}\n")
                    );
                }
            });
        }
    });
}

/// Metrics have what they are for, and routes as they are declared.
#[test]
fn metrics_count() {
    let server = Server::start(&["-l", "js"]);
    server.execute("console.log(1)");
    server.post("/execute", "{").refuses(400, "invalid");
    let session = server.session();
    server.exec(&session, "1").is(200);
    server.get("/nowhere/at/all").refuses(404, "nothing");
    let reply = server.get("/metrics");
    assert!(
        reply
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    for line in [
        "dormouse_requests_total{route=\"/execute\",status=\"200\"} 1",
        "dormouse_requests_total{route=\"/execute\",status=\"400\"} 1",
        "dormouse_requests_total{route=\"/sessions\",status=\"200\"} 1",
        "dormouse_requests_total{route=\"/sessions/{id}/exec\",status=\"200\"} 1",
        "dormouse_requests_total{route=\"none\",status=\"404\"} 1",
        "dormouse_request_duration_seconds_count{route=\"/execute\"} 2",
        "dormouse_guests_running 0",
        "dormouse_guests_waiting 0",
        "dormouse_sessions 1",
        "dormouse_limits_total{limit=\"memory\"} 0",
    ] {
        assert!(
            reply.text.lines().any(|there| there == line),
            "no {line} in {}",
            reply.text
        );
    }
    let memory = reply
        .text
        .lines()
        .find_map(|line| line.strip_prefix("dormouse_resident_bytes "));
    let memory: u64 = memory.expect("it is there").parse().expect("a number");
    assert!(memory > 1 << 20 || !cfg!(target_os = "linux"), "{memory}");
}
