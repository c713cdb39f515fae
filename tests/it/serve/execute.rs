//! `POST /execute`: each request in an instance of its own.

use super::Server;
use crate::support::{Dir, command, run};
use serde_json::{Value, json};

/// H1: whatever the method.
#[test]
fn health_is_ok() {
    let server = Server::start(&["-l", "js"]);
    for method in ["GET", "POST", "DELETE"] {
        let reply = server.send(method, "/health", &[], b"");
        assert_eq!((reply.status, &*reply.text), (200, "ok"), "{method}");
    }
}

/// H2, and what there is beyond it.
#[test]
fn code_is_run_and_its_output_comes_in_order() {
    let server = Server::start(&["-l", "python", "-l", "js"]);
    let answer =
        server.execute("import sys\nprint(1)\nprint(2, file=sys.stderr)\nprint('drei\u{df}')");
    assert_eq!(answer["output"], "1\n2\ndrei\u{df}\n");
    assert_eq!(answer["stdout"], "1\ndrei\u{df}\n");
    assert_eq!(answer["stderr"], "2\n");
    assert_eq!(answer["exit_code"], 0);
    assert_eq!(answer["limit"], Value::Null);
    assert_eq!(answer["fuel_used"], Value::Null);
    assert!(answer["duration_ms"].is_u64(), "{answer}");
    assert_eq!(answer.get("error"), None);

    let failed = server.execute("print('so far'); 1/0");
    assert_eq!(failed["exit_code"], 1);
    assert_eq!(failed["error"], "exited with 1");
    assert_eq!(failed["stdout"], "so far\n");
    let stderr = failed["stderr"].as_str().expect("text");
    assert!(
        stderr.ends_with("ZeroDivisionError: division by zero\n"),
        "{stderr}"
    );
    assert_eq!(server.execute("import sys; sys.exit(7)")["exit_code"], 7);

    let body = json!({"code": "console.log('a'); console.error('b')", "lang": "javascript"});
    let answer = server.post("/execute", body.to_string()).is(200);
    assert_eq!(answer["output"], "a\nb\n");
    let body = json!({"code": "print(3)", "lang": "py", "timeout": null});
    assert_eq!(
        server.post("/execute", body.to_string()).is(200)["output"],
        "3\n"
    );
}

/// H3, H4, H13: each with an error in JSON.
#[test]
fn requests_that_are_wrong_are_refused() {
    let server = Server::start(&["-l", "js"]);
    for method in ["GET", "PUT", "DELETE"] {
        let reply = server.send(method, "/execute", &[], b"");
        reply.refuses(405, "method not allowed");
        assert_eq!(reply.header("allow"), "POST", "{method}");
    }
    for (body, part) in [
        (
            "{\"code\": }",
            "invalid JSON: expected value at line 1 column 10",
        ),
        ("{\n  \"code\": \"1\",\n}", "line 3 column 1"),
        ("", "invalid JSON"),
        ("[]", "invalid JSON"),
        ("{\"code\": 1}", "invalid JSON"),
        ("{\"code\": \"1\"} x", "invalid JSON"),
        (
            "{\"code\": \"1\", \"langg\": \"js\"}",
            "unknown field `langg`",
        ),
        ("{}", "code required"),
        ("{\"code\": \"\"}", "code required"),
        (
            "{\"code\": \"1\", \"lang\": \"ruby\"}",
            "unknown language \"ruby\"; there are: javascript",
        ),
        (
            "{\"code\": \"1\", \"lang\": \"python\"}",
            "unknown language \"python\"",
        ),
        (
            "{\"code\": \"1\", \"timeout\": \"soon\"}",
            "invalid timeout \"soon\"",
        ),
        ("{\"code\": \"1\", \"timeout\": \"1d\"}", "invalid timeout"),
        ("{\"code\": \"1\", \"timeout\": \"-1s\"}", "invalid timeout"),
        ("{\"code\": \"1\", \"timeout\": 1}", "invalid JSON"),
    ] {
        server.post("/execute", body).refuses(400, part);
    }
    server
        .get("/nowhere")
        .refuses(404, "nothing is at /nowhere");
    server
        .post("/execute", b"{\"code\": \"\xff\"}")
        .refuses(400, "invalid JSON");
}

/// H5: a timeout is a duration, and never more than the server's own.
#[test]
fn timeouts_stop_what_takes_longer() {
    let server = Server::start(&["-l", "js", "--timeout", "1s"]);
    for (timeout, limit) in [
        ("300ms", "300ms"),
        ("0.2s", "200ms"),
        ("1h", "1s"),
        ("0", "1s"),
    ] {
        let body = json!({"code": "console.log(1); for (;;) {}", "timeout": timeout});
        let answer = server.post("/execute", body.to_string()).is(200);
        assert_eq!(answer["limit"], "deadline", "{timeout}");
        assert_eq!(answer["exit_code"], 124);
        assert_eq!(answer["stdout"], "1\n");
        assert_eq!(
            answer["error"],
            format!("stopped: deadline limit of {limit} reached")
        );
    }
    assert_eq!(server.execute("console.log(2)")["stdout"], "2\n");
}

/// The other limits, each in its own words.
#[test]
fn limits_stop_a_guest_and_not_the_server() {
    let server = Server::start(&[
        "-l",
        "js",
        "--max-output",
        "1kb",
        "--memory",
        "32mb",
        "--fuel",
        "500000000",
    ]);
    let answer = server.execute("for (;;) console.log('x'.repeat(99))");
    assert_eq!(answer["limit"], "output");
    assert_eq!(answer["output"].as_str().expect("text").len(), 1024);
    let answer = server.execute("for (;;) {}");
    assert_eq!(answer["limit"], "fuel", "{answer}");
    assert!(
        answer["fuel_used"].as_u64() >= Some(499_000_000),
        "{answer}"
    );
    let answer = server.execute("console.log(1)");
    assert_eq!(answer["stdout"], "1\n");
    assert!(answer["fuel_used"].is_u64(), "{answer}");

    let server = Server::start(&["-l", "js", "--memory", "32mb"]);
    let answer = server.execute("let a = []; for (;;) a.push(new Uint8Array(1e6))");
    assert_ne!(answer["exit_code"], 0, "{answer}");
    let error = answer["error"].as_str().expect("text");
    assert!(error.contains("memory"), "{answer}");
    assert_eq!(server.execute("console.log(1)")["stdout"], "1\n");
}

/// H14: nothing of one request is left for another.
#[test]
fn requests_share_nothing() {
    let server = Server::start(&["-l", "python", "--kv", "--workers", "1"]);
    let first = "import dormouse, builtins, os
dormouse.kv.set('k', 'secret'); builtins.leaked = 1
open('/tmp/f', 'w').write('secret'); os.environ['LEAK'] = '1'
print(dormouse.kv.get('k'))";
    assert_eq!(server.execute(first)["output"], "secret\n");
    let second = "import dormouse, builtins, os
print(dormouse.kv.get('k'), hasattr(builtins, 'leaked'), os.path.exists('/tmp/f'), 'LEAK' in os.environ)";
    for _ in 0..3 {
        assert_eq!(server.execute(second)["output"], "None False False False\n");
    }
}

/// Grants are the server's, for every request.
#[test]
fn grants_are_those_of_the_command_line() {
    let dir = Dir::new();
    dir.write("a.txt", "hello");
    let mount = dir.mount("/data", "ro");
    let server = Server::start(&["-l", "python", "--mount", &mount, "--env", "A=b"]);
    let code = "import os; print(open('/data/a.txt').read(), os.environ['A'])";
    assert_eq!(server.execute(code)["output"], "hello b\n");
    assert_eq!(
        server.exec(&server.session(), code).is(200)["output"],
        "hello b\n"
    );
    let code = "open('/data/new', 'w')";
    assert_eq!(server.execute(code)["exit_code"], 1);
    assert!(!dir.exists("new"));
}

/// A grant that can't be given is found before anything is served.
#[test]
fn a_server_that_can_serve_nothing_does_not_start() {
    let ran = run(command().args(["serve", "--listen", "127.0.0.1:0"]));
    ran.exits(2).says(&["nothing to serve"]);
    let ran = run(command().args(["serve", "--listen", "nonsense", "-l", "js"]));
    ran.exits(2).says(&["HOST:PORT"]);
    let words = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "-l",
        "js",
        "--mount",
        "/a:/does/not/exist",
    ];
    let ran = run(command().args(words));
    ran.exits(1).says(&["/does/not/exist"]);
    let server = Server::start(&["-l", "js"]);
    let listen = server.address.to_string();
    let ran = run(command().args(["serve", "-l", "js", "--listen", &listen]));
    ran.exits(1).says(&["can't be listened on"]);
}

/// H6: what the host can't do is an error of its own, and the log's business.
#[test]
fn what_the_host_lacks_is_said_in_the_log() {
    let dir = Dir::new();
    let gone = dir.path().join("gone");
    std::fs::create_dir(&gone).expect("a folder");
    let mount = format!("/data:{}", gone.display());
    let server = Server::start(&["-l", "js", "--mount", &mount]);
    assert_eq!(server.execute("console.log(1)")["output"], "1\n");
    std::fs::remove_dir(&gone).expect("it is empty");
    let events = [("accept", "text/event-stream")];
    let streamed = server.send("POST", "/execute", &events, b"{\"code\": \"1\"}");
    for reply in [
        server.post("/execute", "{\"code\": \"1\"}"),
        server.post("/sessions", ""),
        streamed,
    ] {
        assert!(reply.text.contains("its log says why"), "{reply:?}");
        assert!(!reply.text.contains("gone"), "{reply:?}");
    }
    server.post("/sessions", "").refuses(500, "could not do it");
    server.wait_for(&gone.display().to_string());
}

/// The id that the answer has is that of the log.
#[test]
fn requests_have_an_id_in_answer_and_log() {
    let server = Server::start(&["-l", "js", "--log-format", "json"]);
    let reply = server.get("/health");
    let id = reply.header("x-request-id").to_owned();
    assert_eq!(id.len(), 16);
    server.wait_for(&id);
    let own = [("x-request-id", "mine-1")];
    let reply = server.send("GET", "/health", &own, b"");
    assert_eq!(reply.header("x-request-id"), "mine-1");
    let bad = [("x-request-id", "a b\"c")];
    let reply = server.send("GET", "/health", &bad, b"");
    assert_ne!(reply.header("x-request-id"), "a b\"c");
    server.wait_for("mine-1");
    let log = server.log();
    let line = log
        .lines()
        .find(|line| line.contains("mine-1"))
        .expect("it is there");
    let line: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(line["status"], 200);
    assert_eq!(line["path"], "/health");
    assert_eq!(line["span"]["id"], "mine-1");
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
}
