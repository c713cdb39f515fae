//! Where an image's bytes lie. Reads what a mapping would map.

use std::{fs::File, io, ops::Deref, ops::Range, sync::Arc};

/// Where the bytes of an image lie.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// In a file that nobody changes as long as an instance lives.
    File(Arc<File>),
    /// In memory.
    Bytes(Arc<[u8]>),
}

/// A run of a memory's bytes, and where in a [`Source`] it lies. All three are
/// multiples of 64 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) guest: u64,
    pub(crate) file: u64,
    pub(crate) len: u64,
}

/// One memory of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    /// How large it is, in Wasm pages.
    pub(crate) pages: u64,
    /// How large it may become.
    pub(crate) maximum: Option<u64>,
    /// What of it is not zero, in order, nothing twice.
    pub(crate) extents: Vec<Extent>,
}

/// Bytes of a file.
pub(crate) struct MappedFile(Vec<u8>);

impl MappedFile {
    /// The bytes `range` of `file`.
    ///
    /// # Errors
    ///
    /// When `range` is not inside the file, or can't be read.
    pub(crate) fn new(file: &File, range: Range<u64>) -> io::Result<Self> {
        read_range(file, range).map(Self)
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Reads the bytes `range` of `file`, which has at least as many.
pub(super) fn read_range(file: &File, range: Range<u64>) -> io::Result<Vec<u8>> {
    use io::{Read, Seek, SeekFrom};
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    // Before anything of that size is allocated.
    if range.start > range.end || range.end > file.metadata()?.len() {
        return Err(cut());
    }
    let len = range.end - range.start;
    let mut bytes = Vec::with_capacity(usize::try_from(len).map_err(|_| cut())?);
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(range.start))?;
    file.take(len).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == len {
        Ok(bytes)
    } else {
        Err(cut())
    }
}
