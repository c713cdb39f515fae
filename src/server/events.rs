//! Answers that come piece by piece, as server-sent events.
//!
//! ```text
//! event: stdout
//! data: {"text":"1\n"}
//!
//! event: result
//! data: {"exit_code":0, …}
//! ```
//!
//! What a client does not take is not kept: the guest waits where it prints, and
//! its deadline goes on.

use super::{
    answer::Answer,
    connections::STALL_TIME,
    cut::{Cut, Guard, Reason},
    reply,
    tap::Stream,
};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use hyper::body::{Body as HttpBody, Frame};
use serde::Serialize;
use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, error::TrySendError},
};

/// Events that wait to be sent: enough that a guest and its client need not take
/// turns.
const WAITING: usize = 16;

/// Bytes of a guest's output in one event.
const PIECE: usize = 16 << 10;

/// How late it may be noticed, by a guest that waits for its client, that it need
/// wait no longer.
const STEP: Duration = Duration::from_millis(50);

/// Whether the client wants events.
pub(crate) fn are_wanted(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("text/event-stream")
        })
}

/// An answer of events, and its other end. `cut` is cut when the client goes.
pub(crate) fn channel(cut: &Cut) -> (Sender, Response) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let body = Events {
        receiver,
        guard: Some(cut.when_dropped()),
    };
    let mut response = reply::typed(StatusCode::OK, "text/event-stream", Body::new(body));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let sender = Sender {
        events: sender,
        runtime: Handle::current(),
        cut: cut.clone(),
        deadline: None,
        rest: Default::default(),
    };
    (sender, response)
}

/// The body of such an answer.
struct Events {
    receiver: mpsc::Receiver<Bytes>,
    /// Kept until all was taken.
    guard: Option<Guard>,
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let polled = self.receiver.poll_recv(context);
        if matches!(polled, Poll::Ready(None))
            && let Some(guard) = self.guard.take()
        {
            guard.keep();
        }
        polled.map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

/// What makes events.
pub(crate) struct Sender {
    events: mpsc::Sender<Bytes>,
    runtime: Handle,
    cut: Cut,
    /// When the guest must have ended.
    deadline: Option<Instant>,
    /// Of each stream, the beginning of a character whose end is still to come.
    rest: [Vec<u8>; 2],
}

#[derive(Serialize)]
struct Text<'a> {
    text: &'a str,
}

impl Sender {
    /// Another one for the same client, which has nothing unfinished.
    pub(crate) fn twin(&self) -> Self {
        Self {
            events: self.events.clone(),
            runtime: self.runtime.clone(),
            cut: self.cut.clone(),
            deadline: None,
            rest: Default::default(),
        }
    }

    /// The guest has `time` from now on.
    pub(crate) fn bounded(mut self, time: Option<Duration>) -> Self {
        self.deadline = time.and_then(|time| Instant::now().checked_add(time));
        self
    }

    /// Sends some of `bytes`; how many. Called by the guest's thread.
    ///
    /// # Errors
    ///
    /// When the client is gone, or the guest's time is over.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) -> io::Result<usize> {
        let taken = &bytes[..bytes.len().min(PIECE)];
        let rest = &mut self.rest[stream as usize];
        rest.extend_from_slice(taken);
        let whole = rest.len() - unfinished(rest);
        let piece: Vec<u8> = rest.drain(..whole).collect();
        self.send_text(stream, &piece)?;
        Ok(taken.len())
    }

    fn send_text(&self, stream: Stream, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let name = match stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        };
        let text = &*String::from_utf8_lossy(bytes);
        self.send(event(name, &Text { text }))
    }

    /// Waits until there is room for `event`.
    fn send(&self, event: Bytes) -> io::Result<()> {
        let event = match self.events.try_send(event) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
            Err(TrySendError::Full(event)) => event,
        };
        let stalled = Instant::now() + STALL_TIME;
        loop {
            let step = async { tokio::time::timeout(STEP, self.events.reserve()).await };
            match self.runtime.block_on(step) {
                Ok(Ok(place)) => {
                    place.send(event);
                    return Ok(());
                }
                Ok(Err(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(_) => {}
            }
            let now = Instant::now();
            if now > stalled {
                self.cut.cut(Reason::Gone);
            }
            let is_late = self.deadline.is_some_and(|deadline| now > deadline);
            if is_late || self.cut.reason().is_some() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }

    /// Sends what is left, and how it all ended.
    pub(crate) async fn finish(mut self, answer: &Answer) {
        let mut last = Vec::new();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(&mut self.rest[stream as usize]);
            if !rest.is_empty() {
                let text = &*String::from_utf8_lossy(&rest);
                let name = match stream {
                    Stream::Stdout => "stdout",
                    Stream::Stderr => "stderr",
                };
                last.push(event(name, &Text { text }));
            }
        }
        last.push(event("result", answer));
        for event in last {
            // A client that takes nothing is gone.
            let sent = tokio::time::timeout(STALL_TIME, self.events.send(event)).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    }
}

/// Bytes at the end of `bytes` that begin a character and do not end it.
fn unfinished(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    // Only the last character can be cut.
    for start in (tail..bytes.len()).rev() {
        if bytes[start] & 0xc0 == 0x80 {
            continue;
        }
        return match std::str::from_utf8(&bytes[start..]) {
            Err(error) if error.error_len().is_none() => bytes.len() - start,
            _ => 0,
        };
    }
    0
}

/// One event.
fn event(name: &str, data: &impl Serialize) -> Bytes {
    // Text with numbers and names always has a form in JSON, on one line.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}

#[test]
fn characters_are_not_cut() {
    assert_eq!(unfinished("aé".as_bytes()), 0);
    assert_eq!(unfinished(&"aé".as_bytes()[..2]), 1);
    assert_eq!(unfinished(&"😀".as_bytes()[..3]), 3);
    assert_eq!(unfinished(b"a\xff"), 0);
    assert_eq!(unfinished(b"\x80\x80\x80\x80"), 0);
    assert_eq!(unfinished(b""), 0);
}
