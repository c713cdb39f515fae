//! Why a module can't be rewritten.

use std::fmt;

/// A module that is malformed, or one that can't be captured.
#[derive(Debug)]
pub struct Error(Reason);

#[derive(Debug)]
enum Reason {
    Malformed(Box<wasm_encoder::reencode::Error>),
    Refused(String),
}

impl Error {
    /// What can't be done, where, and what would help.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self(Reason::Refused(message.into()))
    }

    /// Whether the module is sound, but uses what can't be captured.
    pub fn is_refusal(&self) -> bool {
        matches!(self.0, Reason::Refused(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Malformed(error) => {
                let cause = match &**error {
                    wasm_encoder::reencode::Error::ParseError(cause) => cause as &dyn fmt::Display,
                    other => other,
                };
                write!(f, "the module can't be rewritten: {cause}")
            }
            Reason::Refused(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Reason::Malformed(error) => Some(&**error),
            Reason::Refused(_) => None,
        }
    }
}

impl From<wasm_encoder::reencode::Error> for Error {
    fn from(error: wasm_encoder::reencode::Error) -> Self {
        Self(Reason::Malformed(Box::new(error)))
    }
}

impl From<wasmparser::BinaryReaderError> for Error {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        wasm_encoder::reencode::Error::ParseError(error).into()
    }
}
