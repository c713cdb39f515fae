//! Why a module can't be rewritten.

use std::fmt;

/// A module that is malformed, at the offset that the message names.
#[derive(Debug)]
pub struct Error(Box<wasm_encoder::reencode::Error>);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the module can't be rewritten: {}", self.0)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

impl From<wasm_encoder::reencode::Error> for Error {
    fn from(error: wasm_encoder::reencode::Error) -> Self {
        Self(Box::new(error))
    }
}

impl From<wasmparser::BinaryReaderError> for Error {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self(Box::new(wasm_encoder::reencode::Error::ParseError(error)))
    }
}
