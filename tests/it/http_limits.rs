//! HTTP requests of guests: how large and how long they and their answers get.

use crate::{
    calls::answer,
    http::{asked, error},
    server::{Server, respond},
};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    thread::sleep,
    time::{Duration, Instant},
};

#[test]
fn bodies_are_bounded() {
    let server = Server::new(|_, stream| respond(stream, "200 OK", "", &vec![b'x'; (1 << 20) + 1]));
    let answer = asked(json!({"url": server.url()}));
    assert_eq!(answer["data"]["truncated"], true);
    assert_eq!(answer["data"]["body"].as_str().map(str::len), Some(1 << 20));
    let endless = Server::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b'y'; 4096]).is_ok() {}
    });
    let request = json!({"fn": "http_request", "args": {"url": endless.url()}});
    let flags = ["--allow-host", "127.0.0.1", "--http-max-body", "10"];
    let cut = self::answer(&flags, &request);
    assert_eq!(cut["data"]["body"], "yyyyyyyyyy");
    assert_eq!(cut["data"]["truncated"], true);
    let exact = Server::new(|_, stream| respond(stream, "200 OK", "", b"0123456789"));
    let request = json!({"fn": "http_request", "args": {"url": exact.url()}});
    assert_eq!(self::answer(&flags, &request)["data"]["truncated"], false);
}

#[test]
fn headers_are_bounded() {
    let long = Server::new(|_, stream| {
        respond(
            stream,
            "200 OK",
            &format!("X: {}\r\n", "x".repeat(70_000)),
            b"",
        )
    });
    let message = error(&asked(json!({"url": long.url()})), "too_large");
    assert!(message.contains("exceeds 65536 bytes"), "{message}");
    let endless = Server::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    error(&asked(json!({"url": endless.url()})), "too_large");
    let many = Server::new(|_, stream| respond(stream, "200 OK", &"X: y\r\n".repeat(500), b""));
    let message = error(&asked(json!({"url": many.url()})), "failed");
    assert!(message.contains("too many headers"), "{message}");
}

#[test]
fn servers_that_take_their_time_are_left() {
    let accepts_only = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("http://{}", accepts_only.local_addr().expect("it is bound"));
    let drips = |head: &'static [u8]| {
        Server::new(move |_, stream| {
            let _ = stream.write_all(head);
            while stream.write_all(b"x").is_ok() && stream.flush().is_ok() {
                sleep(Duration::from_millis(100));
            }
        })
    };
    let slow_header = drips(b"HTTP/1.1 200 OK\r\nX: ");
    let slow_body = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    let slow_chunk = drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n");
    let slow_redirects = Server::new(|_, stream| {
        sleep(Duration::from_millis(300));
        respond(stream, "302 Found", "Location: /\r\n", b"");
    });
    let urls = [
        silent,
        slow_header.url(),
        slow_body.url(),
        slow_chunk.url(),
        slow_redirects.url(),
    ];
    let batch: Value = urls
        .iter()
        .map(|url| json!({"fn": "http_request", "args": {"url": url}}))
        .collect();
    let began = Instant::now();
    let flags = ["--allow-host", "127.0.0.1", "--http-timeout", "1s"];
    let answers = answer(&flags, &batch);
    for (url, answer) in urls.iter().zip(answers.as_array().expect("a batch")) {
        let message = error(answer, "timeout");
        assert!(
            message.contains(url.as_str()) && message.contains("--http-timeout"),
            "{message}"
        );
    }
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    let began = Instant::now();
    error(
        &asked(json!({"url": slow_body.url(), "timeout": 0.5})),
        "timeout",
    );
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn the_deadline_comes_first() {
    let slow = Server::new(|_, _| sleep(Duration::from_secs(20)));
    let image = dormouse::Image::wasm("caller.wat", crate::calls::caller().as_bytes());
    let request = json!({"fn": "http_request", "args": {"url": slow.url()}});
    let began = Instant::now();
    let outcome = dormouse::Sandbox::new(&image.expect("it is Wasm"))
        .grants(dormouse::Grants {
            hosts: vec!["127.0.0.1".to_owned()],
            ..dormouse::Grants::default()
        })
        .limits(dormouse::Limits {
            deadline: Some(Duration::from_millis(500)),
            ..dormouse::Limits::default()
        })
        .stdin(dormouse::Stdin::Bytes(format!("{request}\n").into_bytes()))
        .run(dormouse::Program::start("caller"))
        .expect("it runs");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    // A guest that ends at once is not stopped any more.
    let limit = dormouse::Status::Limit(dormouse::Limit::Deadline);
    let text = String::from_utf8_lossy(&outcome.stdout);
    assert!(
        outcome.status == limit || text.contains("timeout"),
        "{text}"
    );
}
