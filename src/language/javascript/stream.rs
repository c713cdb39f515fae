//! Open files of a program: the standard streams and what it opened.

use crate::{
    engine::Stop,
    wasi::{Errno, Handle, Input, Sink, Stdio, WriteError},
};
use std::{
    io::{self, SeekFrom},
    sync::Arc,
};

/// Files that a program may have open, the standard streams included. Each
/// costs the host a descriptor and two buffers.
const MAX_OPEN: usize = 256;

/// Bytes of a read-ahead or of writes not passed on yet.
const BUFFER: usize = 16 << 10;

/// Bytes that one read of a whole file, or of a line, may give: the host holds
/// them while the guest makes a string of them.
pub(super) const MAX_READ: usize = 64 << 20;

/// Why an operation on a file fails.
#[derive(Debug)]
pub(super) enum Fail {
    /// The program gets this error number.
    Errno(i32),
    /// The run ends.
    Stop(Stop),
}

impl Fail {
    pub(super) const BAD_FILE: Self = Self::Errno(Errno::Badf as i32);
}

impl From<Errno> for Fail {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno as i32)
    }
}

impl From<WriteError> for Fail {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stop(stop) => Self::Stop(stop),
            WriteError::Io(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Errno::Pipe.into()
            }
            WriteError::Io(_) => Errno::Io.into(),
        }
    }
}

/// A program's table of open files; 0, 1 and 2 are the standard streams.
#[derive(Default)]
pub(super) struct Streams {
    open: Vec<Option<Stream>>,
    /// A cell in the engine's memory for what it gives by address.
    scratch: i32,
}

impl Streams {
    pub(super) fn new(stdio: &Stdio, scratch: i32) -> Self {
        let standard = [
            Source::Input(Arc::clone(&stdio.input)),
            Source::Sink(Arc::clone(&stdio.out)),
            Source::Sink(Arc::clone(&stdio.err)),
        ];
        let open = standard
            .into_iter()
            .map(|source| Some(Stream::new(source)))
            .collect();
        Self { open, scratch }
    }

    pub(super) fn scratch(&self) -> i32 {
        self.scratch
    }

    /// Whether there are more than the standard ones.
    pub(super) fn has_files(&self) -> bool {
        self.open.iter().skip(3).any(Option::is_some)
    }

    pub(super) fn set_scratch(&mut self, scratch: i32) {
        self.scratch = scratch;
    }

    /// Puts a file at the lowest free number.
    pub(super) fn add(&mut self, file: Box<dyn Handle>) -> Result<usize, Fail> {
        let free = self
            .open
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.open.len());
        if free >= MAX_OPEN {
            return Err(Errno::Mfile.into());
        }
        if free == self.open.len() {
            self.open.push(None);
        }
        self.open[free] = Some(Stream::new(Source::File(file)));
        Ok(free)
    }

    pub(super) fn get(&mut self, fd: i64) -> Result<&mut Stream, Fail> {
        let fd = usize::try_from(fd).map_err(|_| Fail::BAD_FILE)?;
        self.open
            .get_mut(fd)
            .and_then(Option::as_mut)
            .ok_or(Fail::BAD_FILE)
    }

    /// Closes a file; a standard stream is only flushed.
    pub(super) fn close(&mut self, fd: i64) -> Result<(), Fail> {
        let flushed = self.get(fd)?.flush();
        if let Some(place) = usize::try_from(fd).ok().filter(|fd| *fd > 2) {
            self.open[place] = None;
        }
        flushed
    }

    /// Passes on what every file still holds.
    pub(super) fn flush(&mut self) -> Result<(), Stop> {
        for stream in self.open.iter_mut().flatten() {
            // What a file does not take at the very end is lost.
            if let Err(Fail::Stop(stop)) = stream.flush() {
                return Err(stop);
            }
        }
        Ok(())
    }
}

enum Source {
    Input(Arc<Input>),
    Sink(Arc<Sink>),
    File(Box<dyn Handle>),
}

/// An open file with its buffers. At most one of them holds anything.
pub(super) struct Stream {
    source: Source,
    ahead: Vec<u8>,
    /// How much of `ahead` the program has had.
    at: usize,
    behind: Vec<u8>,
    pub(super) eof: bool,
    pub(super) failed: bool,
}

impl Stream {
    fn new(source: Source) -> Self {
        Self {
            source,
            ahead: Vec::new(),
            at: 0,
            behind: Vec::new(),
            eof: false,
            failed: false,
        }
    }

    /// Reads at most `buffer`'s length; 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fail> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.at == self.ahead.len() {
            if buffer.len() >= BUFFER {
                return self.read_source(buffer);
            }
            self.fill()?;
        }
        let rest = &self.ahead[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }

    fn read_source(&mut self, buffer: &mut [u8]) -> Result<usize, Fail> {
        self.flush()?;
        let read = match &self.source {
            Source::Input(input) => input.read(buffer).map_err(Fail::from),
            Source::Sink(_) => Err(Fail::BAD_FILE),
            Source::File(file) => file.read(buffer).map_err(Fail::from),
        };
        match &read {
            Ok(count) => self.eof |= *count == 0,
            Err(_) => self.failed = true,
        }
        read
    }

    /// Reads ahead; nothing is there at the end of the file.
    fn fill(&mut self) -> Result<(), Fail> {
        let mut ahead = std::mem::take(&mut self.ahead);
        ahead.resize(BUFFER, 0);
        let read = self.read_source(&mut ahead);
        ahead.truncate(*read.as_ref().unwrap_or(&0));
        self.ahead = ahead;
        self.at = 0;
        read.map(|_| ())
    }

    /// The next line, without its end; `None` at the end of the file. A line
    /// longer than [`MAX_READ`] comes in pieces.
    pub(super) fn line(&mut self) -> Result<Option<Vec<u8>>, Fail> {
        let mut line = Vec::new();
        loop {
            if self.at == self.ahead.len() {
                self.fill()?;
                if self.ahead.is_empty() {
                    return Ok((!line.is_empty()).then_some(line));
                }
            }
            let rest = &self.ahead[self.at..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                line.extend_from_slice(&rest[..end]);
                self.at += end + 1;
                return Ok(Some(line));
            }
            line.extend_from_slice(rest);
            self.at = self.ahead.len();
            if line.len() >= MAX_READ {
                return Ok(Some(line));
            }
        }
    }

    /// Everything up to the end, or `limit` bytes.
    pub(super) fn rest(&mut self, limit: Option<usize>) -> Result<Vec<u8>, Fail> {
        let mut bytes = Vec::new();
        let mut chunk = [0; BUFFER];
        loop {
            let wanted = limit.map_or(BUFFER, |limit| (limit - bytes.len()).min(BUFFER));
            let count = self.read(&mut chunk[..wanted])?;
            if count == 0 {
                return Ok(bytes);
            }
            if bytes.len() + count > MAX_READ {
                return Err(Errno::Fbig.into());
            }
            bytes.extend_from_slice(&chunk[..count]);
        }
    }

    /// Takes all of `bytes`. Standard streams pass them on at once.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Fail> {
        let written = self.write_buffered(bytes);
        self.failed |= written.is_err();
        written
    }

    fn write_buffered(&mut self, bytes: &[u8]) -> Result<(), Fail> {
        self.forget_ahead()?;
        match &self.source {
            Source::Input(_) => return Err(Fail::BAD_FILE),
            Source::Sink(sink) => return Ok(sink.write(bytes)?),
            Source::File(_) => {}
        }
        if self.behind.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if let Source::File(file) = &self.source
            && bytes.len() > BUFFER
        {
            return write_all(file.as_ref(), bytes);
        }
        self.behind.extend_from_slice(bytes);
        Ok(())
    }

    /// Passes on what was written.
    pub(super) fn flush(&mut self) -> Result<(), Fail> {
        let behind = std::mem::take(&mut self.behind);
        match &self.source {
            Source::File(file) if !behind.is_empty() => write_all(file.as_ref(), &behind),
            _ => Ok(()),
        }
    }

    /// Goes back to where the program believes to be.
    fn forget_ahead(&mut self) -> Result<(), Fail> {
        let unread = self.ahead.len() - self.at;
        if let Source::File(file) = &self.source
            && unread > 0
        {
            file.seek(SeekFrom::Current(-(unread as i64)))?;
            self.ahead.clear();
            self.at = 0;
        }
        Ok(())
    }

    /// Moves, and says where it is then.
    pub(super) fn seek(&mut self, to: SeekFrom) -> Result<u64, Fail> {
        self.flush()?;
        self.forget_ahead()?;
        let Source::File(file) = &self.source else {
            return Err(Errno::Spipe.into());
        };
        let at = file.seek(to)?;
        self.eof = false;
        Ok(at)
    }

    /// Whether it is a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        match &self.source {
            Source::Input(input) => input.is_terminal(),
            Source::Sink(sink) => sink.is_terminal(),
            Source::File(_) => false,
        }
    }
}

fn write_all(file: &dyn Handle, mut bytes: &[u8]) -> Result<(), Fail> {
    while !bytes.is_empty() {
        match file.write(bytes)? {
            0 => return Err(Errno::Io.into()),
            count => bytes = bytes.get(count..).unwrap_or_default(),
        }
    }
    Ok(())
}
