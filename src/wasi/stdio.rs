//! The guest's stdin, stdout and stderr.

use crate::{
    Limit,
    engine::{Meter, Stop},
    stdio::{Output, Stdin},
};
use std::{
    fs::File,
    io::{self, IsTerminal, Read, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// The three standard streams of one run.
#[derive(Clone)]
pub(crate) struct Stdio {
    pub(crate) input: Arc<Input>,
    pub(crate) out: Arc<Sink>,
    pub(crate) err: Arc<Sink>,
}

impl Stdio {
    /// # Errors
    ///
    /// When one of the host's own streams is asked for and closed.
    pub(crate) fn new(
        input: Stdin,
        out: Output,
        err: Output,
        meter: &Arc<Meter>,
    ) -> io::Result<Self> {
        Ok(Self {
            input: Arc::new(Input::new(input, Arc::clone(meter))?),
            out: Arc::new(Sink::new(out, Arc::clone(meter), host_stdout)?),
            err: Arc::new(Sink::new(err, Arc::clone(meter), host_stderr)?),
        })
    }

    /// Whether fd 0, 1 or 2 is a terminal.
    pub(crate) fn is_terminal(&self, fd: u32) -> bool {
        match fd {
            0 => self.input.terminal,
            1 => self.out.terminal,
            2 => self.err.terminal,
            _ => false,
        }
    }
}

/// Why a standard stream did not take or give bytes.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// A limit ends the run.
    Stop(Stop),
    /// The host's stream failed; the guest may see that.
    Io(io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Stop> for WriteError {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// The guest's stdin.
pub(crate) struct Input {
    source: Mutex<Source>,
    /// The host stream to wait on before reading it.
    host: Option<File>,
    terminal: bool,
    was_read: AtomicBool,
    meter: Arc<Meter>,
}

enum Source {
    Bytes(io::Cursor<Vec<u8>>),
    Host(File),
    Reader(Box<dyn Read + Send>),
}

impl Input {
    fn new(stdin: Stdin, meter: Arc<Meter>) -> io::Result<Self> {
        let (source, host, terminal) = match stdin {
            Stdin::Empty => (Source::Bytes(io::Cursor::default()), None, false),
            Stdin::Bytes(bytes) => (Source::Bytes(io::Cursor::new(bytes)), None, false),
            Stdin::Reader(reader) => (Source::Reader(reader), None, false),
            Stdin::Host => {
                let file = host_stdin()?;
                let terminal = file.is_terminal();
                (Source::Host(file.try_clone()?), Some(file), terminal)
            }
        };
        Ok(Self {
            source: Mutex::new(source),
            host,
            terminal,
            was_read: AtomicBool::new(false),
            meter,
        })
    }

    /// Reads at most `buffer`'s length; 0 at the end.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Result<usize, WriteError> {
        self.was_read.store(true, Ordering::Relaxed);
        if let Some(host) = &self.host {
            wait_readable(host, &self.meter)?;
        }
        let mut source = lock(&self.source);
        loop {
            let read = match &mut *source {
                Source::Bytes(bytes) => bytes.read(buffer),
                Source::Host(file) => file.read(buffer),
                Source::Reader(reader) => caught(|| reader.read(buffer)),
            };
            match read {
                // A reader may say so now and then, for whoever waits to come in.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => self.meter.check()?,
                read => {
                    if self.terminal {
                        // The user's own end of line is shown there too.
                        self.meter.note_line(true);
                    }
                    return Ok(read?);
                }
            }
        }
    }

    /// Whether the guest has ever asked for input.
    pub(crate) fn was_read(&self) -> bool {
        self.was_read.load(Ordering::Relaxed)
    }

    /// The host stream to wait on, where there is one that can block.
    #[cfg(unix)]
    pub(crate) fn host(&self) -> Option<&File> {
        self.host.as_ref()
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }
}

/// Waits until `file` can be read without blocking, but not past the
/// deadline. Without a deadline the read itself may block.
fn wait_readable(file: &File, meter: &Meter) -> Result<(), Stop> {
    #[cfg(unix)]
    while let Some(left) = meter.patience() {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        meter.check()?;
        let timeout = Timespec::try_from(left).ok();
        let mut fds = [PollFd::new(file, PollFlags::IN)];
        // An error here is one that the read will report.
        if !matches!(
            poll(&mut fds, timeout.as_ref()),
            Ok(0) | Err(rustix::io::Errno::INTR)
        ) {
            break;
        }
    }
    #[cfg(not(unix))]
    let _ = (file, meter);
    Ok(())
}

/// The guest's stdout or stderr.
pub(crate) struct Sink {
    target: Target,
    terminal: bool,
    meter: Arc<Meter>,
}

enum Target {
    Discard,
    Capture(Mutex<Vec<u8>>),
    Host(File),
    Writer(Mutex<Box<dyn Write + Send>>),
}

impl Sink {
    fn new(output: Output, meter: Arc<Meter>, host: fn() -> io::Result<File>) -> io::Result<Self> {
        let mut terminal = false;
        let target = match output {
            Output::Discard => Target::Discard,
            Output::Capture => Target::Capture(Mutex::default()),
            Output::Writer(writer) => Target::Writer(Mutex::new(writer)),
            Output::Host => {
                let file = host()?;
                terminal = file.is_terminal();
                Target::Host(file)
            }
        };
        Ok(Self {
            target,
            terminal,
            meter,
        })
    }

    /// Writes all of `bytes`, or as much as the output limit still allows.
    ///
    /// # Errors
    ///
    /// When the limit stops the guest, or the host's stream fails.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        let allowed = self.meter.take_output(bytes.len());
        if let Some(last) = bytes[..allowed].last() {
            self.meter.note_line(*last == b'\n');
        }
        self.write_through(&bytes[..allowed])?;
        if allowed < bytes.len() {
            return Err(WriteError::Stop(self.meter.hit(Limit::Output)));
        }
        Ok(())
    }

    fn write_through(&self, bytes: &[u8]) -> io::Result<()> {
        match &self.target {
            Target::Discard => Ok(()),
            Target::Capture(buffer) => {
                lock(buffer).extend_from_slice(bytes);
                Ok(())
            }
            Target::Host(file) => (&*file).write_all(bytes),
            Target::Writer(writer) => {
                let mut writer = lock(writer);
                caught(|| {
                    writer.write_all(bytes)?;
                    writer.flush()
                })
            }
        }
    }

    /// What was captured so far, leaving nothing.
    pub(crate) fn take(&self) -> Vec<u8> {
        match &self.target {
            Target::Capture(buffer) => std::mem::take(&mut *lock(buffer)),
            _ => Vec::new(),
        }
    }

    /// Bytes that are captured.
    pub(crate) fn captured(&self) -> usize {
        match &self.target {
            Target::Capture(buffer) => lock(buffer).len(),
            _ => 0,
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }
}

/// What an embedder's stream does; a panic of it is its failure.
fn caught<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(io::Error::other("the host's stream panicked")))
}

/// A lock whose holder panicked still guards plain bytes: go on with them.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unbuffered duplicates of the process's own streams: what the guest writes
/// must be visible at once, also if the process is ended by the watchdog.
#[cfg(unix)]
mod host {
    use std::{fs::File, io, os::fd::AsFd};

    pub(super) fn host_stdin() -> io::Result<File> {
        Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
    }

    pub(super) fn host_stdout() -> io::Result<File> {
        Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
    }

    pub(super) fn host_stderr() -> io::Result<File> {
        Ok(io::stderr().as_fd().try_clone_to_owned()?.into())
    }
}

#[cfg(windows)]
mod host {
    use std::{fs::File, io, os::windows::io::AsHandle};

    pub(super) fn host_stdin() -> io::Result<File> {
        Ok(io::stdin().as_handle().try_clone_to_owned()?.into())
    }

    pub(super) fn host_stdout() -> io::Result<File> {
        Ok(io::stdout().as_handle().try_clone_to_owned()?.into())
    }

    pub(super) fn host_stderr() -> io::Result<File> {
        Ok(io::stderr().as_handle().try_clone_to_owned()?.into())
    }
}

use host::{host_stderr, host_stdin, host_stdout};
