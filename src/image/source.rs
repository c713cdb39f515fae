//! Where an image's bytes lie.

use std::{fs::File, io, ops::Range};

pub(crate) use crate::engine::mapping::{Contents, Extent, MappedFile, Source};

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
