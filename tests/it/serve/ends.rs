//! The end of a server, in order.

use super::Server;
use rustix::process::Signal;
use serde_json::json;
use std::{net::TcpStream, time::Duration};

/// What runs comes to its end; nothing new is accepted.
#[test]
fn running_requests_are_answered() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&["-l", "python", "--workers", "1"]);
        let address = server.address;
        let code = "import time; time.sleep(1.5); print('done')";
        let body = json!({ "code": code }).to_string();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| server.post("/execute", &body));
            let waiting = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(300));
                server.execute("print('too')")
            });
            std::thread::sleep(Duration::from_millis(700));
            server.signal(signal);
            server.wait_for("shutting down");
            let reply = running.join().expect("it ends");
            assert_eq!(reply.is(200)["output"], "done\n");
            assert_eq!(reply.header("connection"), "close");
            assert_eq!(waiting.join().expect("it ends")["output"], "too\n");
        });
        assert_eq!(server.ended().code(), Some(0), "{}", server.log());
        assert!(TcpStream::connect(address).is_err(), "it listens on");
        assert!(!server.log().contains(" cut"), "{}", server.log());
    }
}

/// What takes longer than the grace period is cut, told so, and reported.
#[test]
fn what_takes_too_long_is_cut_and_reported() {
    let mut server = Server::start(&["-l", "python", "--grace", "500ms", "--workers", "2"]);
    let session = server.session();
    let path = format!("{session}/exec");
    let headers = [("x-request-id", "the-long-one")];
    let body = b"{\"code\": \"while True: pass\"}";
    std::thread::scope(|scope| {
        let plain = scope.spawn(|| server.send("POST", "/execute", &headers, body));
        let events =
            scope.spawn(|| server.send("POST", &path, &[("accept", "text/event-stream")], body));
        std::thread::sleep(Duration::from_millis(500));
        server.signal(Signal::TERM);
        plain
            .join()
            .expect("it ends")
            .refuses(503, "cut: the server is shutting down");
        let text = events.join().expect("it ends").text;
        assert!(
            text.contains("event: result") && text.contains("cut: the server"),
            "{text}"
        );
    });
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    server.wait_for("2 requests were cut");
    assert!(server.log().contains("the-long-one"), "{}", server.log());
}

/// A second signal does not wait.
#[test]
fn a_second_signal_cuts_at_once() {
    let mut server = Server::start(&["-l", "js", "--grace", "1h"]);
    std::thread::scope(|scope| {
        let long = scope.spawn(|| server.post("/execute", "{\"code\": \"for (;;) {}\"}"));
        std::thread::sleep(Duration::from_millis(500));
        server.signal(Signal::TERM);
        server.wait_for("shutting down");
        server.signal(Signal::TERM);
        long.join().expect("it ends").refuses(503, "cut");
    });
    assert_eq!(server.ended().code(), Some(0));
    server.wait_for("1 request was cut");
}

/// Nobody waits for those who only keep a connection.
#[test]
fn idle_connections_do_not_hold_it_up() {
    let mut server = Server::start(&["-l", "js", "--grace", "30s"]);
    let idle = server.connect();
    server.get("/health");
    let started = std::time::Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(15), "it waited");
    drop(idle);
}

/// Under load, every request whose connection was accepted is answered.
#[test]
fn no_accepted_request_is_lost() {
    let mut server = Server::start(&["-l", "js", "--workers", "2", "--queue", "1000"]);
    let server_ref = &server;
    let (sent, answered) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(move || {
                    let (mut sent, mut answered) = (0, 0);
                    // Each on a connection of its own, until there are no more.
                    while let Ok(stream) = TcpStream::connect(server_ref.address) {
                        sent += 1;
                        answered += u32::from(ask(stream));
                    }
                    (sent, answered)
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(700));
        server_ref.signal(Signal::TERM);
        clients
            .into_iter()
            .fold((0, 0), |(sent, answered), client| {
                let (more, more_answered) = client.join().expect("it ends");
                (sent + more, answered + more_answered)
            })
    });
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    assert!(sent > 16, "{sent}");
    // Who connects in the very moment in which it stops may still be refused.
    assert!(answered + 16 >= sent, "{answered} of {sent}");
    let ok = server.log().matches("status=200").count();
    assert_eq!(ok, answered as usize, "each one that was run was answered");
}

/// Whether a request on `stream` is answered as it should.
fn ask(mut stream: TcpStream) -> bool {
    use std::io::{Read, Write};
    let body = "{\"code\": \"console.log(6 * 7)\"}";
    let request = format!(
        "POST /execute HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut text = String::new();
    let done = stream
        .write_all(request.as_bytes())
        .and_then(|()| stream.read_to_string(&mut text));
    done.is_ok() && text.contains("\"output\":\"42\\n\"")
}

/// The same in a program of one's own.
#[test]
fn a_server_in_a_program() {
    use crate::support::Way;
    use dormouse::{
        Language,
        server::{Api, Config, Server},
    };
    let image = Way::Woken.image(Language::JavaScript);
    let mut config = Config::default();
    config.listen = "127.0.0.1:0".parse().expect("an address");
    config.api = Some(Api::new([(Language::JavaScript, image)]));
    config.grace = Duration::from_secs(5);
    let server = Server::bind(config.clone()).expect("it binds");
    let (address, handle) = (server.address(), server.handle());
    let running = std::thread::spawn(move || server.run());
    assert!(ask(TcpStream::connect(address).expect("it listens")));
    handle.shut_down();
    let report = running.join().expect("it ends").expect("it ran");
    assert!(report.cut.is_empty());
    assert!(TcpStream::connect(address).is_err());

    config.listen = "0.0.0.0:0".parse().expect("an address");
    let refused = Server::bind(config).expect_err("it has no token");
    assert!(refused.to_string().contains("token"), "{refused}");
}
