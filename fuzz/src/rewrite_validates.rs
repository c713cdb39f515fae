//! To be written.

/// To be written.
pub fn rewrite_validates(_bytes: &[u8]) {}
