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

/// A file in memory with these bytes, which nobody can change any more; where
/// the system has such files.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn file_of(bytes: &[u8]) -> Option<File> {
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    use std::io::Write;
    let (name, flags) = ("dormouse-image", MemfdFlags::CLOEXEC);
    let file = memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL)
        // Kernels before 6.3 don't know that it is never executed.
        .or_else(|_| memfd_create(name, flags | MemfdFlags::ALLOW_SEALING))
        .ok()?;
    let mut file = File::from(file);
    file.write_all(bytes).ok()?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fcntl_add_seals(&file, seals).ok()?;
    Some(file)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn file_of(_: &[u8]) -> Option<File> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_in_memory_stays_as_it_was() {
        let mut file = file_of(b"bytes").expect("Linux has such files");
        assert!(file.write_all(b"more").is_err());
        assert!(file.set_len(0).is_err());
        assert_eq!(read_range(&file, 0..5).expect("there"), b"bytes");
    }
}
