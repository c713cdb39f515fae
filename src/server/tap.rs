//! What a guest prints, on its way to the client.

use super::events::Sender;
use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One of a guest's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Where both streams of a guest lead: for a session, elsewhere with each piece.
#[derive(Clone, Default)]
pub(crate) struct Tap(Arc<Mutex<Sink>>);

/// Where they lead for now.
#[derive(Default)]
pub(crate) enum Sink {
    /// Nobody asked.
    #[default]
    Nowhere,
    /// Into one answer, at the end.
    Record(Record),
    /// To the client, as it comes.
    Send(Sender),
}

impl Tap {
    /// A stream that leads here.
    pub(crate) fn writer(&self, stream: Stream) -> Box<dyn Write + Send> {
        Box::new(Writer {
            tap: self.clone(),
            stream,
        })
    }

    /// Lets it lead to `sink` from now on; where it led until now.
    pub(crate) fn lead(&self, sink: Sink) -> Sink {
        std::mem::replace(&mut *self.lock(), sink)
    }

    fn lock(&self) -> MutexGuard<'_, Sink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Writer {
    tap: Tap,
    stream: Stream,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.tap.lock() {
            Sink::Nowhere => Ok(bytes.len()),
            Sink::Record(record) => {
                record.add(self.stream, bytes);
                Ok(bytes.len())
            }
            Sink::Send(sender) => sender.write(self.stream, bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All that was printed, in order. How much that is, the guest's limit bounds.
#[derive(Debug, Default)]
pub(crate) struct Record {
    bytes: Vec<u8>,
    /// Whose they are: where each run of one stream's bytes ends.
    runs: Vec<(Stream, usize)>,
}

impl Record {
    fn add(&mut self, stream: Stream, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let end = self.bytes.len();
        match self.runs.last_mut() {
            Some((last, last_end)) if *last == stream => *last_end = end,
            _ => self.runs.push((stream, end)),
        }
    }

    /// Both streams as they were printed.
    pub(crate) fn both(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// One of them.
    pub(crate) fn one(&self, stream: Stream) -> String {
        let mut start = 0;
        let mut bytes = Vec::new();
        for (of, end) in &self.runs {
            if *of == stream {
                bytes.extend_from_slice(self.bytes.get(start..*end).unwrap_or_default());
            }
            start = *end;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[test]
fn both_streams_and_each() {
    let tap = Tap::default();
    tap.lead(Sink::Record(Record::default()));
    let mut out = tap.writer(Stream::Stdout);
    let mut err = tap.writer(Stream::Stderr);
    for (writer, text) in [(&mut out, "a"), (&mut err, "b\n")] {
        writer.write_all(text.as_bytes()).expect("it is recorded");
    }
    out.write_all(b"c").expect("it is recorded");
    let Sink::Record(record) = tap.lead(Sink::Nowhere) else {
        panic!("it was recorded");
    };
    assert_eq!(record.both(), "ab\nc");
    assert_eq!(record.one(Stream::Stdout), "ac");
    assert_eq!(record.one(Stream::Stderr), "b\n");
}
