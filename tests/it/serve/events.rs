//! Answers as server-sent events.

use super::{Reply, Server};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};

const EVENTS: [(&str, &str); 1] = [("accept", "text/event-stream")];

fn events(text: &str) -> Vec<(String, Value)> {
    let parts = text.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').expect("two lines");
        let name = name.strip_prefix("event: ").expect("its name");
        let data = data.strip_prefix("data: ").expect("its data");
        (name.to_owned(), serde_json::from_str(data).expect("JSON"))
    });
    parts.collect()
}

/// What a stream's events say together.
fn text_of(events: &[(String, Value)], stream: &str) -> String {
    let of_stream = events.iter().filter(|(name, _)| name == stream);
    of_stream
        .map(|(_, data)| data["text"].as_str().expect("text"))
        .collect()
}

fn streamed(reply: &Reply) -> Vec<(String, Value)> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.header("content-type"), "text/event-stream");
    events(&reply.text)
}

#[test]
fn output_and_then_the_result() {
    let server = Server::start(&["-l", "python", "-l", "js"]);
    let code =
        "import sys\nprint(1)\nprint(2, file=sys.stderr)\nprint('\u{e9}\u{1f600}')\nsys.exit(3)";
    let body = json!({ "code": code }).to_string();
    let all = streamed(&server.send("POST", "/execute", &EVENTS, body.as_bytes()));
    let names: Vec<&str> = all.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["stdout", "stderr", "stdout", "result"]);
    assert_eq!(text_of(&all, "stdout"), "1\n\u{e9}\u{1f600}\n");
    assert_eq!(text_of(&all, "stderr"), "2\n");
    let result = &all.last().expect("it is there").1;
    assert_eq!(
        (&result["exit_code"], &result["error"]),
        (&json!(3), &json!("exited with 3"))
    );
    assert_eq!(result.get("output"), None);

    let session = server.session();
    let path = format!("{session}/exec");
    server.exec(&session, "x = 5").is(200);
    let all = streamed(&server.send("POST", &path, &EVENTS, b"{\"code\": \"print(x)\"}"));
    assert_eq!(text_of(&all, "stdout"), "5\n");
    assert_eq!(all.last().expect("it is there").1["ended"], false);
    let body = json!({"code": "while 1: pass", "timeout": "200ms"}).to_string();
    let all = streamed(&server.send("POST", &path, &EVENTS, body.as_bytes()));
    assert_eq!(all.last().expect("it is there").1["ended"], true);
    // What is wrong before it runs is no stream.
    server
        .send("POST", &path, &EVENTS, b"{\"code\": \"1\"}")
        .refuses(410, "deadline");
    server
        .send("POST", "/execute", &EVENTS, b"{}")
        .refuses(400, "code required");
}

/// Characters that are written in parts come whole.
#[test]
fn characters_are_whole() {
    let server = Server::start(&["-l", "python"]);
    let code = "import os\nfor byte in 'a\u{1f600}\u{e9}'.encode() + b'\\xff\\xc3': os.write(1, bytes([byte]))";
    let body = json!({ "code": code }).to_string();
    let all = streamed(&server.send("POST", "/execute", &EVENTS, body.as_bytes()));
    assert_eq!(text_of(&all, "stdout"), "a\u{1f600}\u{e9}\u{fffd}\u{fffd}");
}

/// They come while the guest runs.
#[test]
fn events_come_as_they_happen() {
    let server = Server::start(&["-l", "python"]);
    let body = json!({"code": "print('first')\nwhile True: pass", "timeout": "30s"}).to_string();
    let mut lines = post(&server, "/execute", &body);
    let mut line = String::new();
    while !line.contains("first") {
        line.clear();
        assert!(
            lines.read_line(&mut line).expect("it comes") > 0,
            "it ended"
        );
    }
}

/// A client that reads nothing for a while: the guest waits, and its deadline goes
/// on. What was not read is not kept.
#[test]
fn a_slow_reader_holds_up_its_guest_alone() {
    let words = [
        "-l",
        "python",
        "--workers",
        "2",
        "--max-output",
        "1gb",
        "--timeout",
        "3s",
    ];
    let server = Server::start(&words);
    let memory = || {
        let text = server.get("/metrics").text;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("dormouse_resident_bytes "));
        line.expect("it is there").parse::<u64>().expect("a number")
    };
    server.execute("print('x' * 1000)");
    let before = memory();
    let body = json!({"code": "while True: print('x' * 10000)"}).to_string();
    let mut lines = post(&server, "/execute", &body);
    std::thread::sleep(std::time::Duration::from_secs(1));
    let after = memory();
    assert!(after < before + (32 << 20), "{before} {after}");
    assert_eq!(server.execute("print(1)")["output"], "1\n");
    let mut text = String::new();
    lines.read_to_string(&mut text).expect("it ends");
    let result = text.rsplit("event: result").next().expect("it is there");
    assert!(result.contains("\"limit\":\"deadline\""), "{result}");
}

/// A request of its own, on a connection that ends with it.
fn post(server: &Server, path: &str, body: &str) -> BufReader<std::net::TcpStream> {
    let mut stream = server.connect();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it is taken");
    BufReader::new(stream)
}
