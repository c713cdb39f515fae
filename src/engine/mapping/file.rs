//! A file's bytes without reading them.

use std::{fs::File, io, ops::Deref, ops::Range};

/// Bytes of a file, mapped to be read. Where there is no `mmap`, a copy.
///
/// The file must not change while it is mapped: a change could show through,
/// and a shorter file would end the process at the next access. For a file of
/// our own cache nobody does that: it got its name by a rename when it was
/// whole, only this user may enter the folder, and we never write to it again.
pub(crate) struct MappedFile(Inner);

impl std::fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MappedFile")
            .field("len", &self.len())
            .finish()
    }
}

#[cfg(unix)]
type Inner = super::space::Region;
#[cfg(not(unix))]
type Inner = Vec<u8>;

impl MappedFile {
    /// Maps the bytes `range` of `file`; a range may begin and end anywhere.
    ///
    /// # Errors
    ///
    /// When `range` is not inside the file, or it can't be mapped.
    pub(crate) fn new(file: &File, range: Range<u64>) -> io::Result<Self> {
        let inside = range.start <= range.end && range.end <= file.metadata()?.len();
        let len = usize::try_from(range.end.wrapping_sub(range.start));
        let (true, Ok(len)) = (inside, len) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        Self::map(file, range.start, len).map(Self)
    }

    #[cfg(unix)]
    fn map(file: &File, start: u64, len: usize) -> io::Result<Inner> {
        Ok(Inner::read_only(file, start, len)?)
    }

    #[cfg(not(unix))]
    fn map(file: &File, start: u64, len: usize) -> io::Result<Inner> {
        use std::sync::Arc;
        let mut bytes = vec![0; len];
        super::Source::File(Arc::new(file.try_clone()?)).read(start, &mut bytes)?;
        Ok(bytes)
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
