//! What a host function answers when it can't do what was asked.

use std::fmt;

/// Why a host function failed. The guest gets it as an exception of the kind
/// that fits, and can catch it there.
///
/// ```
/// use dormouse::{HostError, HostErrorKind};
/// let error = HostError::new(HostErrorKind::NotFound, "there is no user 7");
/// assert_eq!(error.kind().word(), "not_found");
/// assert_eq!(HostError::from("it is late").kind(), HostErrorKind::Failed);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostError {
    kind: HostErrorKind,
    message: String,
}

/// What a [`HostError`] is about: which exception the guest gets. In Python all
/// of them are `dormouse.HostError` too, in JavaScript an `Error` whose `code`
/// is the kind's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostErrorKind {
    /// The run may not do this. Python: `PermissionError`.
    NotGranted,
    /// There is no such function.
    UnknownFunction,
    /// The arguments are wrong. Python: `ValueError`.
    Invalid,
    /// There is no such file or folder. Python: `FileNotFoundError`.
    NotFound,
    /// It is there already. Python: `FileExistsError`.
    Exists,
    /// A folder where a file is needed. Python: `IsADirectoryError`.
    IsDirectory,
    /// A file where a folder is needed. Python: `NotADirectoryError`.
    NotDirectory,
    /// More than a limit allows.
    TooLarge,
    /// It took too long. Python: `TimeoutError`.
    Timeout,
    /// The other side can't be reached, or hung up. Python: `ConnectionError`.
    Connection,
    /// Anything else.
    Failed,
}

impl HostErrorKind {
    /// The word that stands for it on the boundary.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotGranted => "not_granted",
            Self::UnknownFunction => "unknown_function",
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Exists => "exists",
            Self::IsDirectory => "is_directory",
            Self::NotDirectory => "not_directory",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Failed => "failed",
        }
    }
}

impl HostError {
    /// An error of `kind`; the guest's program, and whoever reads its traceback,
    /// is who `message` is for.
    pub fn new(kind: HostErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// What this error is about.
    pub fn kind(&self) -> HostErrorKind {
        self.kind
    }

    /// What the guest is told.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HostError {}

/// Of no kind in particular.
impl From<String> for HostError {
    fn from(message: String) -> Self {
        Self::new(HostErrorKind::Failed, message)
    }
}

/// Of no kind in particular.
impl From<&str> for HostError {
    fn from(message: &str) -> Self {
        Self::from(message.to_owned())
    }
}
