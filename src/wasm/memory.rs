//! Linear memories, looked at from outside.

use crate::{Error, ErrorKind, instance::State};
use std::ops::Range;
use wasmi::{AsContextMut, Memory, StoreContextMut};

/// Bytes that a page of memory has.
const PAGE: u64 = 64 << 10;

/// A linear memory of an instance, while nothing runs in it: see
/// [`Instance::memory`](crate::Instance::memory) and
/// [`CallContext::memory`](crate::CallContext::memory).
///
/// ```
/// use dormouse::{Engine, ErrorKind, Instance, Module};
/// let module = Module::new(&Engine::new(), "memory.wat",
///     br#"(module (memory (export "memory") 1))"#)?;
/// let mut instance = Instance::new(&module)?;
/// let mut memory = instance.memory("memory")?;
/// memory.write(65_531, b"hello")?;
/// assert_eq!(memory.read_vec(65_531, 5)?, b"hello");
/// let error = memory.write(65_532, b"hello").expect_err("it ends before that");
/// assert_eq!(error.kind(), ErrorKind::Memory);
/// # Ok::<(), dormouse::CallError>(())
/// ```
pub struct MemoryView<'a> {
    store: StoreContextMut<'a, State>,
    memory: Memory,
}

impl<'a> MemoryView<'a> {
    pub(super) fn new(store: StoreContextMut<'a, State>, memory: Memory) -> Self {
        Self { store, memory }
    }

    /// How many bytes it has now.
    pub fn len(&self) -> u64 {
        self.memory.data_size(&self.store) as u64
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.memory.data(&self.store)
    }

    /// All of its bytes, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.data_mut(&mut self.store)
    }

    /// Copies what begins at the address `at` into all of `buffer`.
    ///
    /// # Errors
    ///
    /// When it goes past the memory's end; then nothing was copied.
    pub fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let range = self.range("reading", at, buffer.len() as u64)?;
        buffer.copy_from_slice(&self.bytes()[range]);
        Ok(())
    }

    /// The `len` bytes at the address `at`.
    ///
    /// # Errors
    ///
    /// When they go past the memory's end.
    pub fn read_vec(&self, at: u64, len: u64) -> Result<Vec<u8>, Error> {
        let range = self.range("reading", at, len)?;
        Ok(self.bytes()[range].to_vec())
    }

    /// The text of `len` bytes at the address `at`.
    ///
    /// # Errors
    ///
    /// When they go past the memory's end, or are not UTF-8.
    pub fn read_string(&self, at: u64, len: u64) -> Result<String, Error> {
        String::from_utf8(self.read_vec(at, len)?).map_err(|error| {
            let message = format!("the {len} bytes at {at} of the memory are not UTF-8: {error}");
            Error::new(ErrorKind::Memory, message).with_source(error)
        })
    }

    /// Copies `bytes` to the address `at`.
    ///
    /// # Errors
    ///
    /// When they go past the memory's end; then nothing was copied.
    pub fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), Error> {
        let range = self.range("writing", at, bytes.len() as u64)?;
        self.bytes_mut()[range].copy_from_slice(bytes);
        Ok(())
    }

    /// Adds `pages` pages of 64 KiB; how many there were before.
    ///
    /// # Errors
    ///
    /// When the memory's own maximum or the [limit](crate::Limits::memory) of the
    /// instance does not allow it.
    pub fn grow(&mut self, pages: u64) -> Result<u64, Error> {
        self.memory
            .grow(self.store.as_context_mut(), pages)
            .map_err(|error| {
                let has = self.len() / PAGE;
                let maximum = match self.memory.ty(&self.store).maximum() {
                    Some(maximum) => format!("its maximum is {maximum}"),
                    None => "it has no maximum of its own".to_owned(),
                };
                let message = format!(
                    "the memory of {has} pages can't grow by {pages}: {error}; {maximum}, and \
                     Limits::memory counts for all memories of the instance together"
                );
                Error::new(ErrorKind::Memory, message)
            })
    }

    /// `at..at + len`, where the memory has that.
    fn range(&self, doing: &str, at: u64, len: u64) -> Result<Range<usize>, Error> {
        let size = self.len();
        match at.checked_add(len) {
            // What the memory has fits the host.
            Some(end) if end <= size => Ok(at as usize..end as usize),
            _ => Err(Error::new(
                ErrorKind::Memory,
                format!("{doing} {len} bytes at {at} goes past the memory's end at {size}"),
            )),
        }
    }
}

impl std::fmt::Debug for MemoryView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryView")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
