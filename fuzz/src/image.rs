//! To be written.

/// To be written.
pub fn image(_bytes: &[u8]) {}
