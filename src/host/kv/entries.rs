//! The entries of a store, and its limits.

use crate::host::{HostError, HostErrorKind};
use std::collections::BTreeMap;

/// Bytes of a key: a name, not content.
const MAX_KEY: usize = 256;

/// Bytes of a value's JSON: what is larger belongs in a file.
pub(super) const MAX_VALUE: usize = 64 << 10;

/// Entries of a store.
pub(super) const MAX_ENTRIES: usize = 1000;

/// Bytes of all keys and values: the host keeps them in memory.
pub(super) const MAX_TOTAL: usize = 10 << 20;

/// A value's JSON.
pub(super) type Text = Box<str>;

/// The entries of a store.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries {
    pub(super) by_key: BTreeMap<String, Text>,
    /// Bytes of keys and values.
    bytes: usize,
}

impl Entries {
    /// Sets `key` to `value`.
    pub(super) fn put(&mut self, key: String, value: Text) {
        self.bytes += key.len() + value.len();
        let len = key.len();
        if let Some(before) = self.by_key.insert(key, value) {
            self.bytes -= len + before.len();
        }
    }

    /// Takes `key` out; whether it was there.
    pub(super) fn remove(&mut self, key: &str) -> bool {
        match self.by_key.remove(key) {
            Some(value) => {
                self.bytes -= key.len() + value.len();
                true
            }
            None => false,
        }
    }

    /// `Ok` where `key` may be set to `value`.
    pub(super) fn check(&self, key: &str, value: &str) -> Result<(), HostError> {
        let before = self.by_key.get(key);
        let freed = before.map_or(0, |before| key.len() + before.len());
        let message = if key.len() > MAX_KEY {
            "key too large"
        } else if value.len() > MAX_VALUE {
            "value too large"
        } else if before.is_none() && self.by_key.len() >= MAX_ENTRIES {
            "too many entries"
        } else if self.bytes - freed + key.len() + value.len() > MAX_TOTAL {
            "kv store full"
        } else {
            return Ok(());
        };
        Err(HostError::new(HostErrorKind::TooLarge, message))
    }
}
