//! The word that has a bounded guest ask its host.

use super::PAGE;
#[cfg(unix)]
use super::space::Space;
use crate::{Error, ErrorKind};
use std::sync::atomic::{AtomicU32, Ordering};
use wasmi::{Memory, MemoryType, Store};

/// A memory of one page, of which the guest looks at the first word. It may outlive the
/// store that has it.
pub(crate) struct StopWord {
    /// Where the page is, which is not a reference: wasmi has one.
    word: *mut u32,
    #[cfg(unix)]
    _space: Space,
}

// SAFETY: the page belongs to this value, not to a thread, and is written to by atomic
// operations.
unsafe impl Send for StopWord {}
// SAFETY: the same.
unsafe impl Sync for StopWord {}

impl StopWord {
    /// A word, zero, and the memory in `store` that begins with it.
    ///
    /// # Errors
    ///
    /// When there is no address space for it, or the store's limiter refuses.
    #[cfg(unix)]
    pub(super) fn in_store<T>(store: &mut Store<T>) -> Result<(Self, Memory), Error> {
        let unmapped = |error: rustix::io::Errno| failed(error.into());
        let len = PAGE as usize;
        let mut space = Space::reserve(len).map_err(unmapped)?;
        // What is filled with zeros is given back: one page of the system's is used.
        super::zeros::underlay(&mut space, len);
        super::zeros::make_ready(&mut space, 0..len);
        // SAFETY: the store that gets the slice is dropped before this value, as
        // `MappedStore` does, and nobody else gets one.
        let bytes = unsafe { space.bytes() };
        let word = bytes.as_mut_ptr().cast();
        let memory = Memory::new_static(store, page(), bytes).map_err(|e| failed(e.into()))?;
        // SAFETY: nobody looks at it before this function returns.
        unsafe { space.put_zeros(0..len) }.map_err(unmapped)?;
        Ok((
            Self {
                word,
                _space: space,
            },
            memory,
        ))
    }

    /// The same, in memory that is never given back.
    #[cfg(not(unix))]
    pub(super) fn in_store<T>(store: &mut Store<T>) -> Result<(Self, Memory), Error> {
        let words = vec![0_u64; PAGE as usize / 8].leak();
        let word: *mut u32 = words.as_mut_ptr().cast();
        // SAFETY: all bytes of a word may be anything, and nobody else has the slice.
        let bytes = unsafe { std::slice::from_raw_parts_mut(word.cast(), PAGE as usize) };
        let memory = Memory::new_static(store, page(), bytes).map_err(|e| failed(e.into()))?;
        Ok((Self { word }, memory))
    }

    /// Has the guest ask its host.
    pub(crate) fn set(&self) {
        // SAFETY: the page is mapped as long as `self` lives, and begins on a page, so
        // it is aligned. The interpreter reads its first byte by plain loads, one for
        // each time that the guest does, and a guest's store to it may come at the same
        // time: each is one instruction on what we run on, and either value is a right
        // one. That is not a guarantee of Rust's, but what it
        // gives for memory that another process shares.
        unsafe { AtomicU32::from_ptr(self.word) }.store(u32::MAX, Ordering::Relaxed);
    }
}

fn page() -> MemoryType {
    MemoryType::new(1, Some(1))
}

fn failed(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::new(
        ErrorKind::Engine,
        format!("there is no memory for the word that stops a guest: {source}"),
    )
}
