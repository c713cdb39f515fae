//! Lines of a stdin that is no terminal, which the prompt and the guest share:
//! what one of them has read is not for the other, so neither may read ahead.

use super::statement;
use crate::{Error, ErrorKind};
use std::{
    io::{self, BufRead, Read},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    time::Duration,
};

/// How long the guest waits for a line before it is asked whether it may.
const PATIENCE: Duration = Duration::from_millis(50);

/// This process's stdin, line by line.
#[derive(Clone)]
pub(super) struct Lines(Arc<Mutex<Shared>>);

struct Shared {
    coming: Receiver<io::Result<Vec<u8>>>,
    /// What the guest has left of a line.
    rest: Vec<u8>,
}

impl Lines {
    pub(super) fn new() -> Self {
        let (sender, coming) = mpsc::sync_channel(0);
        std::thread::spawn(move || send(&sender));
        Self(Arc::new(Mutex::new(Shared {
            coming,
            rest: Vec::new(),
        })))
    }

    /// A lock whose holder panicked still guards plain bytes: go on with them.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads stdin to its end.
fn send(lines: &SyncSender<io::Result<Vec<u8>>>) {
    let mut stdin = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = match stdin.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => lines.send(Ok(line)),
            Err(error) => {
                let _ = lines.send(Err(error));
                return;
            }
        };
        if read.is_err() {
            return;
        }
    }
}

impl statement::Lines for Lines {
    fn next(&mut self, _: bool) -> Result<statement::Line, Error> {
        let mut shared = self.lock();
        let line = match std::mem::take(&mut shared.rest) {
            rest if !rest.is_empty() => Ok(rest),
            _ => match shared.coming.recv() {
                Ok(line) => line,
                Err(_) => return Ok(statement::Line::End),
            },
        };
        let failed = |problem: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Io, format!("stdin can't be read: {problem}"))
        };
        let line = line.map_err(|error| failed(&error))?;
        let mut line = String::from_utf8(line).map_err(|error| failed(&error.utf8_error()))?;
        if line.ends_with('\n') {
            line.pop();
            if line.ends_with('\r') {
                line.pop();
            }
        }
        Ok(statement::Line::Text(line))
    }

    fn remember(&mut self, _: &str) {}
}

/// What the guest reads: at most a line at a time.
impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut shared = self.lock();
        if shared.rest.is_empty() {
            shared.rest = match shared.coming.recv_timeout(PATIENCE) {
                Ok(line) => line?,
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::Interrupted.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            };
        }
        let length = buffer.len().min(shared.rest.len());
        buffer[..length].copy_from_slice(&shared.rest[..length]);
        shared.rest.drain(..length);
        Ok(length)
    }
}
