//! `dormouse serve`: the built command as a server, and clients that talk to it
//! over loopback.

mod access;
mod bounds;
mod described;
mod ends;
mod events;
mod execute;
mod gone;
mod sessions;

use crate::support::command;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    process::{Child, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How long something may take that comes in any case.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. It goes with the test.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    log: Arc<Mutex<String>>,
    /// What reads the log.
    reader: JoinHandle<()>,
}

impl Server {
    /// `dormouse serve` with `words`, on a port of its own.
    pub(crate) fn start(words: &[&str]) -> Self {
        let mut child = command()
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut lines = BufReader::new(child.stderr.take().expect("it is piped"));
        let log = Arc::new(Mutex::new(String::new()));
        let mut address = None;
        let mut line = String::new();
        while address.is_none() {
            line.clear();
            let read = lines.read_line(&mut line).expect("text");
            assert!(
                read > 0,
                "the server did not start: {}",
                log.lock().expect("it")
            );
            address = line.split_once("listening on http://").map(|(_, text)| {
                let end = text.find(['"', '\n']).unwrap_or(text.len());
                text[..end].parse().expect("an address")
            });
            log.lock().expect("it").push_str(&line);
        }
        let shared = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut log = shared.lock().expect("nobody panics with it");
                log.push_str(&line);
                log.push('\n');
            }
        });
        Self {
            child,
            address: address.expect("it was said"),
            log,
            reader,
        }
    }

    /// The id of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A bare connection to it.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("it can be set");
        stream
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panics with it").clone()
    }

    /// Waits until its log has `text`.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let started = Instant::now();
        while !self.log().contains(text) {
            assert!(
                started.elapsed() < PATIENCE,
                "no {text:?} in {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.id()).expect("ids are small");
        let id = rustix::process::Pid::from_raw(id).expect("it is not 0");
        rustix::process::kill_process(id, signal).expect("it runs");
    }

    /// Waits for its end, and that of its log.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            let ended = self.child.try_wait().expect("it can be waited for");
            if let Some(status) = ended.filter(|_| self.reader.is_finished()) {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it runs on: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends `body` to `path`.
    pub(crate) fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.send("POST", path, &[], body.as_ref())
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    /// Sends a request with these headers.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(PATIENCE))
            .build();
        let agent = ureq::Agent::new_with_config(config);
        let answered = match body {
            [] => agent.run(request.body(()).expect("a request")),
            body => agent.run(request.body(body).expect("a request")),
        };
        let mut response = answered.expect("it answers");
        let text = response.body_mut().read_to_string().expect("text");
        Reply {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text,
        }
    }

    /// Runs `code` in the first language served.
    pub(crate) fn execute(&self, code: &str) -> Value {
        let body = serde_json::json!({ "code": code }).to_string();
        self.post("/execute", body).is(200)
    }

    /// Opens a session; the path that it is found at.
    pub(crate) fn session(&self) -> String {
        let opened = self.post("/sessions", "").is(200);
        let id = opened["session_id"].as_str().expect("a text");
        format!("/sessions/{id}")
    }

    /// Runs `code` in the session at `path`.
    pub(crate) fn exec(&self, path: &str, code: &str) -> Reply {
        let body = serde_json::json!({ "code": code }).to_string();
        self.post(&format!("{path}/exec"), body)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    /// It has this status; what it says in JSON.
    #[track_caller]
    pub(crate) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_str(&self.text).expect("JSON")
    }

    /// It has this status, and its error says `part`.
    #[track_caller]
    pub(crate) fn refuses(&self, status: u16, part: &str) {
        let error = self.is(status)["error"].clone();
        let error = error.as_str().expect("a text");
        assert!(error.contains(part), "no {part:?} in {error:?}");
    }

    /// The value of a header; empty without one.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }
}
