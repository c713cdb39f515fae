//! Sessions over HTTP: H6 to H12, X7.

use super::{PATIENCE, Server};
use serde_json::json;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// H6, H8, H9.
#[test]
fn a_session_keeps_its_state_until_it_is_closed() {
    let server = Server::start(&["-l", "python"]);
    let session = server.session();
    assert_eq!(server.exec(&session, "x = 6").is(200)["output"], "");
    let answer = server.exec(&session, "print(x * 7)").is(200);
    assert_eq!(answer["output"], "42\n");
    assert_eq!(answer["ended"], false);
    let failed = server.exec(&session, "1 / 0").is(200);
    assert_eq!(failed["error"], "ZeroDivisionError: division by zero");
    assert_eq!(failed["exit_code"], 1);
    assert_eq!(server.exec(&session, "print(x)").is(200)["stdout"], "6\n");
    let other = server.session();
    let error = server.exec(&other, "x").is(200)["error"].clone();
    assert_eq!(error, "NameError: name 'x' is not defined");

    let listed = server.get("/sessions").is(200);
    let ids: Vec<_> = listed["sessions"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0]["session_id"], session["/sessions/".len()..]);
    assert_eq!(
        (&ids[0]["lang"], &ids[0]["busy"]),
        (&json!("python"), &json!(false))
    );

    let closed = server.send("DELETE", &session, &[], b"");
    assert_eq!((closed.status, &*closed.text), (204, ""));
    server
        .send("DELETE", &session, &[], b"")
        .refuses(404, "session not found");
    server.exec(&session, "1").refuses(404, "session not found");
    assert_eq!(server.exec(&other, "print(1)").is(200)["stdout"], "1\n");
}

#[test]
fn ids_are_hexadecimal_and_unique() {
    let server = Server::start(&["-l", "js"]);
    let ids: BTreeSet<String> = (0..20).map(|_| server.session()).collect();
    assert_eq!(ids.len(), 20);
    for id in &ids {
        let id = &id["/sessions/".len()..];
        assert_eq!(id.len(), 32);
        assert!(
            id.bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{id}"
        );
    }
}

/// H6, H7, H8, H10.
#[test]
fn what_is_wrong_is_refused() {
    let server = Server::start(&["-l", "js"]);
    let unknown = format!("/sessions/{}", "0".repeat(32));
    server.exec(&unknown, "1").refuses(404, "session not found");
    server
        .send("DELETE", &unknown, &[], b"")
        .refuses(404, "session not found");
    server.post("/sessions", "{").refuses(400, "invalid JSON");
    server
        .post("/sessions", "{\"lang\": \"ruby\"}")
        .refuses(400, "unknown language");
    server
        .post("/sessions", "{\"language\": \"js\"}")
        .refuses(400, "unknown field");
    for (method, path, allow) in [
        ("PUT", "/sessions", "GET,HEAD,POST"),
        ("GET", &*unknown, "DELETE"),
        ("GET", &*format!("{unknown}/exec"), "POST"),
    ] {
        let reply = server.send(method, path, &[], b"");
        reply.refuses(405, "method not allowed");
        assert_eq!(reply.header("allow"), allow, "{method} {path}");
    }
    server
        .post("/sessions/", "")
        .refuses(400, "session_id required");
    let session = server.session();
    server
        .post(&format!("{session}/exec"), "nonsense")
        .refuses(400, "invalid JSON");
    server.exec(&session, "").refuses(400, "code required");
    let body = json!({"code": "1", "timeout": "never"}).to_string();
    server
        .post(&format!("{session}/exec"), body)
        .refuses(400, "invalid timeout");
    let opened = server.post("/sessions", "{\"lang\": \"js\"}").is(200);
    assert!(opened["session_id"].is_string());
}

/// X7: a run that took too long ends its session, which says so, and whoever
/// comes after that is answered at once.
#[test]
fn a_session_whose_run_timed_out_is_over() {
    let server = Server::start(&["-l", "python", "--workers", "1"]);
    let session = server.session();
    let body = json!({"code": "while True: pass", "timeout": "200ms"}).to_string();
    let answer = server.post(&format!("{session}/exec"), body).is(200);
    assert_eq!(answer["limit"], "deadline");
    assert_eq!(answer["ended"], true);
    let expected = "stopped: deadline limit of 200ms reached; the session is over";
    assert_eq!(answer["error"], expected);
    server
        .exec(&session, "1")
        .refuses(410, "the deadline limit ended it");
    assert_eq!(server.get("/sessions").is(200)["sessions"], json!([]));
    server
        .send("DELETE", &session, &[], b"")
        .refuses(404, "session not found");
    assert_eq!(server.execute("print(1)")["stdout"], "1\n");
}

#[test]
fn a_program_may_end_its_session() {
    let server = Server::start(&["-l", "python"]);
    let session = server.session();
    let answer = server.exec(&session, "import sys; sys.exit(3)").is(200);
    assert_eq!(
        (&answer["exit_code"], &answer["ended"]),
        (&json!(3), &json!(true))
    );
    server
        .exec(&session, "1")
        .refuses(410, "its program exited with 3");
}

/// H11.
#[test]
fn idle_sessions_are_closed_and_used_ones_are_not() {
    let server = Server::start(&["-l", "js", "--idle", "1500ms"]);
    let (used, idle) = (server.session(), server.session());
    let started = Instant::now();
    let is_listed = |session: &str| server.get("/sessions").text.contains(&session[10..]);
    while is_listed(&idle) {
        assert!(started.elapsed() < PATIENCE, "it is kept");
        assert_eq!(server.exec(&used, "1").status, 200);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        started.elapsed() >= Duration::from_millis(1400),
        "too early"
    );
    server
        .exec(&idle, "1")
        .refuses(410, "it was not used for 1.5s");
    assert_eq!(
        server.exec(&used, "console.log(2)").is(200)["stdout"],
        "2\n"
    );
}

/// Not H12: grants are those of sessions too, and each has its own.
#[test]
fn sessions_have_their_own_host_functions() {
    let server = Server::start(&["-l", "python", "--kv"]);
    let (one, two) = (server.session(), server.session());
    let set = "import dormouse; dormouse.kv.set('k', 'v')";
    assert_eq!(server.exec(&one, set).is(200)["exit_code"], 0);
    let get = "import dormouse; print(dormouse.kv.get('k'))";
    assert_eq!(server.exec(&one, get).is(200)["output"], "v\n");
    assert_eq!(server.exec(&two, get).is(200)["output"], "None\n");
    assert_eq!(server.execute(get)["output"], "None\n");
}

#[test]
fn a_busy_session_says_so() {
    let server = Server::start(&["-l", "python", "--workers", "2"]);
    let session = server.session();
    std::thread::scope(|scope| {
        let long = scope.spawn(|| server.exec(&session, "import time; time.sleep(2); print(1)"));
        let started = Instant::now();
        loop {
            let listed = server.get("/sessions").is(200);
            if listed["sessions"][0]["busy"] == true {
                break;
            }
            assert!(started.elapsed() < PATIENCE, "{listed}");
        }
        server.exec(&session, "1").refuses(409, "session busy");
        assert_eq!(long.join().expect("it ends").is(200)["stdout"], "1\n");
    });
    assert_eq!(server.exec(&session, "print(2)").is(200)["stdout"], "2\n");
}

/// Closing a session ends what it runs.
#[test]
fn a_session_is_closed_while_it_runs() {
    let server = Server::start(&["-l", "js"]);
    let session = server.session();
    std::thread::scope(|scope| {
        let long = scope.spawn(|| server.exec(&session, "for (;;) {}"));
        while server.get("/sessions").is(200)["sessions"][0]["busy"] != true {}
        assert_eq!(server.send("DELETE", &session, &[], b"").status, 204);
        long.join().expect("it ends").refuses(410, "session closed");
    });
}

#[test]
fn there_are_only_so_many_sessions() {
    let server = Server::start(&["-l", "js", "--max-sessions", "2"]);
    let (one, _two) = (server.session(), server.session());
    let reply = server.post("/sessions", "");
    reply.refuses(429, "too many sessions");
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(server.send("DELETE", &one, &[], b"").status, 204);
    server.session();
}
