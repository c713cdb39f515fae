//! The standard streams as WASI files.

use super::{
    errno,
    stdio::{Input, Sink, WriteError},
};
use crate::engine::carried;
use std::{
    any::Any,
    io::{IoSlice, IoSliceMut},
    sync::Arc,
};
use wasmi_wasi::wasi_common::{
    Error,
    file::{FdFlags, FileType, WasiFile},
};

/// fd 0.
pub(super) struct InputFile(pub(super) Arc<Input>);

/// fd 1 and 2.
pub(super) struct SinkFile(pub(super) Arc<Sink>);

/// A stop goes up as a WASI trap; why is noted in the run's meter.
fn wasi_error(error: WriteError) -> Error {
    match error {
        WriteError::Stop(stop) => Error::trap(carried(&stop)),
        WriteError::Io(error) => errno::from_io(&error).into(),
    }
}

fn file_type(terminal: bool) -> FileType {
    if terminal {
        FileType::CharacterDevice
    } else {
        FileType::Pipe
    }
}

#[async_trait::async_trait]
impl WasiFile for InputFile {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn get_filetype(&self) -> Result<FileType, Error> {
        Ok(file_type(self.0.is_terminal()))
    }

    #[cfg(unix)]
    fn pollable(&self) -> Option<rustix::fd::BorrowedFd<'_>> {
        use rustix::fd::AsFd;
        self.0.host().map(AsFd::as_fd)
    }

    fn isatty(&self) -> bool {
        self.0.is_terminal()
    }

    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        Ok(FdFlags::empty())
    }

    async fn read_vectored<'a>(&self, buffers: &mut [IoSliceMut<'a>]) -> Result<u64, Error> {
        match buffers.iter_mut().find(|buffer| !buffer.is_empty()) {
            Some(buffer) => Ok(self.0.read(buffer).map_err(wasi_error)? as u64),
            None => Ok(0),
        }
    }
}

#[async_trait::async_trait]
impl WasiFile for SinkFile {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn get_filetype(&self) -> Result<FileType, Error> {
        Ok(file_type(self.0.is_terminal()))
    }

    fn isatty(&self) -> bool {
        self.0.is_terminal()
    }

    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        Ok(FdFlags::APPEND)
    }

    async fn write_vectored<'a>(&self, buffers: &[IoSlice<'a>]) -> Result<u64, Error> {
        let mut written = 0;
        for buffer in buffers {
            self.0.write(buffer).map_err(wasi_error)?;
            written += buffer.len() as u64;
        }
        Ok(written)
    }
}
