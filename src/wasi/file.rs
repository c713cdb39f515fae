//! [`WasiFile`] for every [`Handle`].

use std::{
    any::Any,
    io::{IoSlice, IoSliceMut, SeekFrom},
};

use wasmi_wasi::{
    WasiFile,
    wasi_common::{
        Error, SystemTimeSpec,
        file::{Advice, FdFlags, FileType, Filestat},
    },
};

use super::{errno::Errno, volume::Handle};

/// An open regular file as WASI sees it.
pub(crate) struct File(Box<dyn Handle>);

impl File {
    /// Wraps a handle.
    pub(crate) fn new(handle: Box<dyn Handle>) -> Self {
        Self(handle)
    }
}

/// Refuses flags that promise what isn't kept: synchronized writes.
pub(crate) fn check_flags(flags: FdFlags) -> Result<(), Errno> {
    if flags.intersects(FdFlags::DSYNC | FdFlags::SYNC | FdFlags::RSYNC) {
        return Err(Errno::Notsup);
    }
    Ok(())
}

/// Writes one slice after another until one is cut short. An error after the
/// first bytes is left to the next call, as POSIX has it.
fn write_all(
    slices: &[IoSlice<'_>],
    mut write: impl FnMut(&[u8], u64) -> Result<usize, Errno>,
) -> Result<u64, Error> {
    let mut written = 0u64;
    for slice in slices.iter().filter(|slice| !slice.is_empty()) {
        match write(slice, written) {
            Ok(count) => {
                written += count as u64;
                if count < slice.len() {
                    break;
                }
            }
            Err(_) if written > 0 => break,
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(written)
}

#[async_trait::async_trait]
impl WasiFile for File {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn get_filetype(&self) -> Result<FileType, Error> {
        Ok(self.0.kind())
    }

    async fn datasync(&self) -> Result<(), Error> {
        Ok(self.0.sync()?)
    }

    async fn sync(&self) -> Result<(), Error> {
        Ok(self.0.sync()?)
    }

    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        Ok(if self.0.is_append() {
            FdFlags::APPEND
        } else {
            FdFlags::empty()
        })
    }

    async fn set_fdflags(&mut self, flags: FdFlags) -> Result<(), Error> {
        check_flags(flags)?;
        self.0.set_append(flags.contains(FdFlags::APPEND));
        Ok(())
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        Ok(self.0.stat()?)
    }

    async fn set_filestat_size(&self, size: u64) -> Result<(), Error> {
        Ok(self.0.set_len(size)?)
    }

    async fn advise(&self, _offset: u64, _len: u64, _advice: Advice) -> Result<(), Error> {
        Ok(())
    }

    async fn set_times(
        &self,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
    ) -> Result<(), Error> {
        Ok(self.0.set_times(atime, mtime)?)
    }

    async fn read_vectored<'a>(&self, slices: &mut [IoSliceMut<'a>]) -> Result<u64, Error> {
        match slices.iter_mut().find(|slice| !slice.is_empty()) {
            Some(slice) => Ok(self.0.read(slice)? as u64),
            None => Ok(0),
        }
    }

    async fn read_vectored_at<'a>(
        &self,
        slices: &mut [IoSliceMut<'a>],
        offset: u64,
    ) -> Result<u64, Error> {
        match slices.iter_mut().find(|slice| !slice.is_empty()) {
            Some(slice) => Ok(self.0.read_at(slice, offset)? as u64),
            None => Ok(0),
        }
    }

    async fn write_vectored<'a>(&self, slices: &[IoSlice<'a>]) -> Result<u64, Error> {
        write_all(slices, |bytes, _| self.0.write(bytes))
    }

    async fn write_vectored_at<'a>(
        &self,
        slices: &[IoSlice<'a>],
        offset: u64,
    ) -> Result<u64, Error> {
        write_all(slices, |bytes, written| {
            let offset = offset.checked_add(written).ok_or(Errno::Fbig)?;
            self.0.write_at(bytes, offset)
        })
    }

    async fn seek(&self, to: SeekFrom) -> Result<u64, Error> {
        Ok(self.0.seek(to)?)
    }

    async fn peek(&self, buffer: &mut [u8]) -> Result<u64, Error> {
        let position = self.0.seek(SeekFrom::Current(0))?;
        Ok(self.0.read_at(buffer, position)? as u64)
    }

    fn num_ready_bytes(&self) -> Result<u64, Error> {
        let position = self.0.seek(SeekFrom::Current(0))?;
        Ok(self.0.stat()?.size.saturating_sub(position))
    }

    async fn readable(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn writable(&self) -> Result<(), Error> {
        Ok(())
    }
}
