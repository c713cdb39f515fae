//! Where a guest's standard streams lead.

use std::{
    fmt,
    io::{self, Read, Write},
};

/// What a guest reads from its stdin. `Send`, not `Sync`.
///
/// ```
/// use dormouse::Stdin;
/// let fixed = Stdin::Bytes(b"1 2 3\n".to_vec());
/// let file = Stdin::Reader(Box::new(std::io::Cursor::new("4 5")));
/// ```
#[derive(Default)]
#[non_exhaustive]
pub enum Stdin {
    /// Nothing: the end is reached at once.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Vec<u8>),
    /// This process's own stdin.
    Host,
    /// Whatever this gives. A deadline cannot interrupt its `read`; where that
    /// panics, the guest finds that its own failed.
    Reader(Box<dyn Read + Send>),
}

/// Where a guest's stdout or stderr goes. `Send`, not `Sync`.
#[derive(Default)]
#[non_exhaustive]
pub enum Output {
    /// Into the [`Outcome`](crate::Outcome).
    #[default]
    Capture,
    /// Nowhere.
    Discard,
    /// To this process's own stream, as it comes.
    Host,
    /// To this writer, as it comes, flushed after each write. A deadline
    /// cannot interrupt its `write`; where that panics, the guest finds that its
    /// own failed. See [`callback`](Self::callback).
    Writer(Box<dyn Write + Send>),
}

impl Output {
    /// To `callback`, as it comes, on the thread that runs the guest: which
    /// waits for it, and no deadline interrupts it. Where it panics, the guest
    /// finds that its write failed.
    ///
    /// ```
    /// use dormouse::{Image, Output, Program, Sandbox};
    /// use std::sync::mpsc;
    /// # let image = Image::wasm("hello.wat", br#"(module
    /// #     (import "wasi_snapshot_preview1" "fd_write"
    /// #         (func $write (param i32 i32 i32 i32) (result i32)))
    /// #     (memory (export "memory") 1)
    /// #     (data (i32.const 0) "\08\00\00\00\05\00\00\00hello")
    /// #     (func (export "_start")
    /// #         (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#)?;
    /// let (send, received) = mpsc::channel();
    /// let outcome = Sandbox::new(&image)
    ///     .stdout(Output::callback(move |bytes| drop(send.send(bytes.to_vec()))))
    ///     .run(Program::start("hello"))?;
    /// assert_eq!(received.iter().collect::<Vec<_>>().concat(), b"hello");
    /// assert!(outcome.stdout.is_empty());
    /// # Ok::<(), dormouse::Error>(())
    /// ```
    pub fn callback(callback: impl FnMut(&[u8]) + Send + 'static) -> Self {
        Self::Writer(Box::new(Callback(callback)))
    }
}

/// A writer that hands on what is written.
struct Callback<F>(F);

impl<F: FnMut(&[u8])> Write for Callback<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (self.0)(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Bytes(_) => "Bytes",
            Self::Host => "Host",
            Self::Reader(_) => "Reader",
        })
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Capture => "Capture",
            Self::Discard => "Discard",
            Self::Host => "Host",
            Self::Writer(_) => "Writer",
        })
    }
}
