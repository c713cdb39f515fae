//! The one error type of the library.

use std::fmt;

/// A host-side failure: Dormouse could not do what was asked.
///
/// What a guest does wrong (a trap, a non-zero exit, a limit it ran into) is
/// not an error but an [`Outcome`](crate::Outcome).
///
/// ```
/// use dormouse::{ErrorKind, Image, Program, Sandbox};
/// let image = Image::wasm("empty.wat", b"(module)")?;
/// let error = Sandbox::new(&image)
///     .run(Program::invoke("add", ["1"]))
///     .expect_err("there is no such export");
/// assert_eq!(error.kind(), ErrorKind::Invoke);
/// assert!(error.to_string().contains("add"));
/// # Ok::<(), dormouse::Error>(())
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What an [`Error`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The module is malformed, uses an unsupported proposal, or imports what
    /// the host does not provide.
    Module,
    /// A grant cannot be given as asked (a mount's folder is missing, …).
    Grant,
    /// A language guest could not be found, fetched, verified or stored.
    Guest,
    /// A saved image is damaged, of another version, or no image at all.
    Image,
    /// An export was called wrongly: no such function, wrong arguments.
    Invoke,
    /// A function that the embedder gives to a module failed.
    Import,
    /// A memory or table was accessed outside of its bounds, or can't grow.
    Memory,
    /// The command line contradicts itself.
    Usage,
    /// A list of modules, or a file beside it, says what can't be.
    Config,
    /// A host file could not be read or written.
    Io,
    /// A [`Session`](crate::Session) has ended: it was closed, its program
    /// exited, or a limit stopped it.
    SessionClosed,
    /// A [`Session`](crate::Session) runs something already.
    SessionBusy,
    /// A run or call was stopped by its [`Stopper`](crate::Stopper).
    Stopped,
    /// The platform can't lock the process down as asked.
    Lockdown,
    /// The interpreter failed in a way that is not a trap.
    Engine,
}

impl Error {
    /// An error of `kind`; `message` says what was wrong, where, and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            source: None,
        }))
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The message and what is behind it, where that says more.
    #[cfg(feature = "cli")]
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        text
    }

    /// What this error is about.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[test]
fn error_is_one_word() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}
