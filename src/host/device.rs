//! `/dev/host`: the boundary as a file.
//!
//! A guest writes one request and a newline (JSON has none of its own), and
//! reads the answer, which also ends in a newline, before it writes the next.
//! What begins with a letter or `(`, which JSON doesn't, is a whole request in a
//! [shorter form](super::short).
//! The first channel of a run may have something to be read before that: what
//! the guest has to run. A guest that was captured waiting for it finds it
//! however it was woken, since nothing has to be written for it.

use super::{Exchange, Functions, exchange::REPLY, short};
use crate::engine::Pause;
use std::{
    any::Any,
    io::{IoSlice, IoSliceMut, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use wasmi_wasi::wasi_common::{
    Error,
    file::{FdFlags, FileType, WasiFile},
    snapshots::preview_1::types::Errno,
};

/// What it is called in the guest's files.
pub(crate) const DEVICE: &str = "/dev/host";

/// What is answered to who reads before he has asked all of a question.
const UNENDED: &[u8] =
    b"{\"error\":\"invalid call format: the line has no end\",\"kind\":\"invalid\"}\n";

/// An open `/dev/host`.
pub(crate) struct Device {
    functions: Arc<Functions>,
    /// Of a session.
    exchange: Option<Arc<Exchange>>,
    channel: Mutex<Channel>,
}

struct Channel {
    /// To be called before anything is read.
    begin: Option<Box<dyn FnOnce() + Send>>,
    request: Vec<u8>,
    answer: std::io::Cursor<Vec<u8>>,
}

impl Device {
    /// Opens a channel to `functions`.
    pub(crate) fn new(functions: Arc<Functions>) -> Self {
        let first = functions.take_first();
        let channel = Channel {
            begin: first.begin,
            request: Vec::new(),
            answer: std::io::Cursor::new(first.bytes),
        };
        Self {
            functions,
            exchange: first.exchange,
            channel: Mutex::new(channel),
        }
    }

    fn channel(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in part of a request, and answers it once it is whole; whether it
    /// was.
    fn accept(&self, channel: &mut Channel, bytes: &[u8]) -> Result<bool, Error> {
        if channel.request.len() + bytes.len() > self.functions.max_request() {
            channel.request = Vec::new();
            return Err(Errno::Fbig.into());
        }
        if channel.request.is_empty() && bytes.first().is_some_and(|byte| short::begins(*byte)) {
            channel.answer = std::io::Cursor::new(self.functions.answer_short(bytes));
            return Ok(true);
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        channel
            .request
            .extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
        match end {
            None => Ok(false),
            // One request at a time: there is one answer to read.
            Some(end) if end + 1 < bytes.len() => {
                channel.request.clear();
                Err(Errno::Inval.into())
            }
            Some(_) => {
                let request = std::mem::take(&mut channel.request);
                if let (Some(exchange), [REPLY, reply @ ..]) = (&self.exchange, &*request) {
                    return match exchange.reply(reply.to_vec()) {
                        true => Ok(true),
                        false => Err(Errno::Fbig.into()),
                    };
                }
                let mut answer = self.functions.answer(&request).to_string().into_bytes();
                answer.push(b'\n');
                channel.answer = std::io::Cursor::new(answer);
                Ok(true)
            }
        }
    }
}

#[async_trait::async_trait]
impl WasiFile for Device {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn get_filetype(&self) -> Result<FileType, Error> {
        Ok(FileType::CharacterDevice)
    }

    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        Ok(FdFlags::empty())
    }

    async fn read_vectored<'a>(&self, buffers: &mut [IoSliceMut<'a>]) -> Result<u64, Error> {
        let mut channel = self.channel();
        if let Some(begin) = channel.begin.take() {
            begin();
        }
        if !channel.request.is_empty() && channel.answer.get_ref().is_empty() {
            channel.request = Vec::new();
            channel.answer = std::io::Cursor::new(UNENDED.to_vec());
        }
        if let Some(exchange) = &self.exchange
            && channel.answer.get_ref().is_empty()
        {
            let Some(question) = exchange.take_question() else {
                return Err(Error::trap(anyhow::Error::new(Pause::Idle)));
            };
            channel.answer = std::io::Cursor::new(question);
        }
        let read = channel.answer.read_vectored(buffers)?;
        if channel.answer.position() >= channel.answer.get_ref().len() as u64 {
            channel.answer = std::io::Cursor::default();
        }
        Ok(read as u64)
    }

    async fn write_vectored<'a>(&self, buffers: &[IoSlice<'a>]) -> Result<u64, Error> {
        let mut channel = self.channel();
        let mut written = 0;
        for buffer in buffers {
            let answered = self.accept(&mut channel, buffer)?;
            written += buffer.len() as u64;
            if answered {
                // There is one answer to read, before which nothing more is asked.
                break;
            }
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostFunctions;
    use serde_json::Value;

    fn read(device: &Device) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let mut part = [0; 3];
            let read = device
                .channel()
                .answer
                .read(&mut part)
                .expect("it is in memory");
            if read == 0 {
                return all;
            }
            all.extend_from_slice(&part[..read]);
        }
    }

    #[test]
    fn the_first_channel_says_something_once() {
        let one = |_: serde_json::Map<String, Value>| Ok(1);
        let functions = Functions::from(HostFunctions::new().with("one", one));
        functions.say_first(b"start".to_vec(), || ());
        let functions = Arc::new(functions);
        let first = Device::new(Arc::clone(&functions));
        let second = Device::new(functions);
        assert_eq!(read(&second), b"");
        assert_eq!(read(&first), b"start");
        assert_eq!(read(&first), b"");
        first
            .accept(&mut first.channel(), b"{\"fn\":\"one\"}\n")
            .expect("a request");
        assert_eq!(read(&first), b"{\"data\":1}\n");
    }
}
