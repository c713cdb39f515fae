//! Clients that go before they are answered.

use super::{PATIENCE, Server};
use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// Sends a request and does not wait for its answer.
fn ask(server: &Server, path: &str, headers: &str, code: &str) -> TcpStream {
    let body = json!({ "code": code }).to_string();
    let mut stream = server.connect();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it is taken");
    stream
}

/// Waits until this many guests run, and this many wait.
#[track_caller]
fn wait_for(server: &Server, running: u64, waiting: u64) {
    let started = Instant::now();
    let expected = [
        format!("dormouse_guests_running {running}"),
        format!("dormouse_guests_waiting {waiting}"),
    ];
    loop {
        let text = server.get("/metrics").text;
        if expected
            .iter()
            .all(|line| text.lines().any(|there| there == line))
        {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{expected:?}: {text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A guest that nobody waits for is stopped, though it has no deadline.
#[test]
fn what_runs_is_stopped() {
    let server = Server::start(&[
        "-l",
        "python",
        "-l",
        "js",
        "--timeout",
        "0",
        "--workers",
        "1",
    ]);
    for code in [
        "while True: pass",
        "import time; time.sleep(1000)",
        "while True: print(1)",
    ] {
        for headers in ["", "Accept: text/event-stream\r\n"] {
            let stream = ask(&server, "/execute", headers, code);
            wait_for(&server, 1, 0);
            drop(stream);
            wait_for(&server, 0, 0);
        }
    }
    assert_eq!(server.execute("print(1)")["output"], "1\n");
}

/// The same in a session, which goes on; unless the program does not let itself be
/// interrupted.
#[test]
fn what_runs_in_a_session_is_interrupted() {
    let server = Server::start(&["-l", "python", "--timeout", "0", "--workers", "1"]);
    let session = server.session();
    server.exec(&session, "x = 5").is(200);
    let path = format!("{session}/exec");
    drop(ask(&server, &path, "", "while True: pass"));
    wait_for(&server, 0, 0);
    let started = Instant::now();
    loop {
        let reply = server.exec(&session, "print(x)");
        if reply.status == 200 {
            assert_eq!(reply.is(200)["output"], "5\n");
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{reply:?}");
    }
    let stubborn = "while True:\n    try:\n        for i in range(10**9): x = i\n    except BaseException: pass";
    let stream = ask(&server, &path, "", stubborn);
    wait_for(&server, 1, 0);
    // It is where it catches everything by then.
    std::thread::sleep(Duration::from_millis(500));
    drop(stream);
    wait_for(&server, 0, 0);
    server.exec(&session, "1").refuses(410, "session closed");
}

/// What has not begun never does.
#[test]
fn what_waits_is_dropped() {
    let dir = crate::support::Dir::new();
    let mount = dir.mount("/data", "rwc");
    let server = Server::start(&["-l", "python", "--workers", "1", "--mount", &mount]);
    let long = ask(&server, "/execute", "", "while True: pass");
    wait_for(&server, 1, 0);
    let waiting: Vec<_> = (0..5)
        .map(|number| {
            ask(
                &server,
                "/execute",
                "",
                &format!("open('/data/{number}', 'w')"),
            )
        })
        .collect();
    wait_for(&server, 1, 5);
    drop(waiting);
    std::thread::sleep(Duration::from_millis(200));
    drop(long);
    wait_for(&server, 0, 0);
    assert_eq!(server.execute("print(1)")["output"], "1\n");
    assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 0);
}

/// Five hundred clients that go half-way, at any point, while others are
/// answered.
#[test]
fn many_hang_up() {
    let server = Server::start(&["-l", "js", "--workers", "2", "--queue", "1000"]);
    let body = json!({"code": "for (let i = 0; i < 1e5; i++) {}"}).to_string();
    let request = format!(
        "POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for number in 0..500 {
        let mut stream = server.connect();
        let sent = number * request.len() / 499;
        stream
            .write_all(&request.as_bytes()[..sent])
            .expect("it is taken");
        drop(stream);
        if number % 50 == 0 {
            assert_eq!(server.execute("console.log(1)")["output"], "1\n");
        }
    }
    wait_for(&server, 0, 0);
    assert_eq!(server.execute("console.log(1)")["output"], "1\n");
}

/// One connection, many requests, and all at once.
#[test]
fn requests_in_a_row_on_one_connection() {
    let server = Server::start(&["-l", "js"]);
    let mut stream = server.connect();
    let body = json!({"code": "console.log('hi')"}).to_string();
    let request = format!(
        "POST /execute HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let last = request.replace("Host: x", "Host: x\r\nConnection: close");
    let all = format!("{request}{request}{request}{last}");
    stream.write_all(all.as_bytes()).expect("it is taken");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it ends");
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 4, "{text}");
    assert_eq!(text.matches("\"stdout\":\"hi\\n\"").count(), 4, "{text}");
}
