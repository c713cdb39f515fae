//! Devices: `/dev/null`, `/dev/zero`, sources of
//! random bytes, and what others bring as a [`WasiFile`].

use std::{
    any::Any,
    future::Future,
    io::{IoSlice, IoSliceMut, SeekFrom},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use wasmi_wasi::{
    WasiFile,
    wasi_common::{
        Error, SystemTimeSpec,
        file::{Advice, FdFlags, FileType, Filestat},
    },
};

use super::{
    errno::Errno,
    volume::{Handle, Node, OpenGuard, OpenHow, Volume, device_id, virtual_stat},
};

/// Runs a future that never waits, as those of wasi-common's files are here.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Errno> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result.map_err(|error| error.downcast().unwrap_or(Errno::Io)),
        Poll::Pending => Err(Errno::Again),
    }
}

/// How a device is opened.
pub(crate) type OpenDevice = Box<dyn Fn() -> Box<dyn WasiFile> + Send + Sync>;

/// A device at a guest path; each open makes a file of its own.
pub(crate) struct Device {
    open: OpenDevice,
    inode: u64,
}

impl Device {
    pub(crate) fn new(open: OpenDevice, inode: u64) -> Self {
        Self { open, inode }
    }
}

impl Volume for Device {
    fn open(&self, path: &str, how: OpenHow, guard: OpenGuard) -> Result<Node, Errno> {
        match path {
            "." if how.create && how.exclusive => Err(Errno::Exist),
            "." => Ok(Node::Device(Box::new(Counted {
                file: (self.open)(),
                inode: self.inode,
                _open: guard,
            }))),
            _ => Err(Errno::Notdir),
        }
    }

    fn stat(&self, path: &str, _follow: bool) -> Result<Filestat, Errno> {
        match path {
            "." => Ok(device_stat(self.inode)),
            _ => Err(Errno::Notdir),
        }
    }

    fn set_times(
        &self,
        _path: &str,
        _atime: Option<SystemTimeSpec>,
        _mtime: Option<SystemTimeSpec>,
        _follow: bool,
    ) -> Result<(), Errno> {
        Err(Errno::Acces)
    }
}

fn device_stat(inode: u64) -> Filestat {
    virtual_stat(FileType::CharacterDevice, device_id::ROOT, inode)
}

/// An open device that counts among the run's open files.
struct Counted {
    file: Box<dyn WasiFile>,
    inode: u64,
    _open: OpenGuard,
}

#[async_trait::async_trait]
impl WasiFile for Counted {
    fn as_any(&self) -> &dyn Any {
        self.file.as_any()
    }
    async fn get_filetype(&self) -> Result<FileType, Error> {
        self.file.get_filetype().await
    }
    #[cfg(unix)]
    fn pollable(&self) -> Option<rustix::fd::BorrowedFd<'_>> {
        self.file.pollable()
    }
    fn isatty(&self) -> bool {
        self.file.isatty()
    }
    async fn datasync(&self) -> Result<(), Error> {
        self.file.datasync().await
    }
    async fn sync(&self) -> Result<(), Error> {
        self.file.sync().await
    }
    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        self.file.get_fdflags().await
    }
    async fn set_fdflags(&mut self, flags: FdFlags) -> Result<(), Error> {
        self.file.set_fdflags(flags).await
    }
    async fn get_filestat(&self) -> Result<Filestat, Error> {
        Ok(device_stat(self.inode))
    }
    async fn set_filestat_size(&self, size: u64) -> Result<(), Error> {
        self.file.set_filestat_size(size).await
    }
    async fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<(), Error> {
        self.file.advise(offset, len, advice).await
    }
    async fn set_times(
        &self,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
    ) -> Result<(), Error> {
        self.file.set_times(atime, mtime).await
    }
    async fn read_vectored<'a>(&self, slices: &mut [IoSliceMut<'a>]) -> Result<u64, Error> {
        self.file.read_vectored(slices).await
    }
    async fn read_vectored_at<'a>(
        &self,
        slices: &mut [IoSliceMut<'a>],
        offset: u64,
    ) -> Result<u64, Error> {
        self.file.read_vectored_at(slices, offset).await
    }
    async fn write_vectored<'a>(&self, slices: &[IoSlice<'a>]) -> Result<u64, Error> {
        self.file.write_vectored(slices).await
    }
    async fn write_vectored_at<'a>(
        &self,
        slices: &[IoSlice<'a>],
        offset: u64,
    ) -> Result<u64, Error> {
        self.file.write_vectored_at(slices, offset).await
    }
    async fn seek(&self, to: SeekFrom) -> Result<u64, Error> {
        self.file.seek(to).await
    }
    async fn peek(&self, buffer: &mut [u8]) -> Result<u64, Error> {
        self.file.peek(buffer).await
    }
    fn num_ready_bytes(&self) -> Result<u64, Error> {
        self.file.num_ready_bytes()
    }
    async fn readable(&self) -> Result<(), Error> {
        self.file.readable().await
    }
    async fn writable(&self) -> Result<(), Error> {
        self.file.writable().await
    }
}

/// A device as the synchronous interface sees it.
pub(crate) struct DeviceHandle(pub(crate) Box<dyn WasiFile>);

impl Handle for DeviceHandle {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let count = block_on(self.0.read_vectored(&mut [IoSliceMut::new(buffer)]))?;
        usize::try_from(count).map_err(|_| Errno::Overflow)
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let count = block_on(
            self.0
                .read_vectored_at(&mut [IoSliceMut::new(buffer)], offset),
        )?;
        usize::try_from(count).map_err(|_| Errno::Overflow)
    }
    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        let count = block_on(self.0.write_vectored(&[IoSlice::new(bytes)]))?;
        usize::try_from(count).map_err(|_| Errno::Overflow)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        let count = block_on(self.0.write_vectored_at(&[IoSlice::new(bytes)], offset))?;
        usize::try_from(count).map_err(|_| Errno::Overflow)
    }
    fn seek(&self, to: SeekFrom) -> Result<u64, Errno> {
        block_on(self.0.seek(to))
    }
    fn stat(&self) -> Result<Filestat, Errno> {
        block_on(self.0.get_filestat())
    }
    fn set_len(&self, len: u64) -> Result<(), Errno> {
        block_on(self.0.set_filestat_size(len))
    }
    fn set_times(
        &self,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
    ) -> Result<(), Errno> {
        block_on(self.0.set_times(atime, mtime))
    }
    fn sync(&self) -> Result<(), Errno> {
        block_on(self.0.sync())
    }
    fn is_append(&self) -> bool {
        block_on(self.0.get_fdflags()).is_ok_and(|flags| flags.contains(FdFlags::APPEND))
    }
    fn set_append(&self, _append: bool) {}
    fn kind(&self) -> FileType {
        FileType::CharacterDevice
    }
}

/// Bytes that one read of an endless device gives at most, so that no call
/// keeps the host busy for long.
const DEVICE_READ: usize = 1 << 20;

/// What a simple device gives to a reader. It swallows what is written.
pub(crate) enum Simple {
    /// Nothing: at its end at once.
    Null,
    /// Zeros without end.
    Zero,
    /// Random bytes without end.
    Random(Random),
}

/// Fills a buffer with random bytes.
pub(crate) type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

impl Simple {
    fn fill(&self, slices: &mut [IoSliceMut<'_>]) -> u64 {
        let Some(slice) = slices.iter_mut().find(|slice| !slice.is_empty()) else {
            return 0;
        };
        let count = slice.len().min(DEVICE_READ);
        match self {
            Self::Null => return 0,
            Self::Zero => slice[..count].fill(0),
            Self::Random(fill) => fill(&mut slice[..count]),
        }
        count as u64
    }
}

fn total(slices: &[IoSlice<'_>]) -> u64 {
    slices.iter().map(|slice| slice.len() as u64).sum()
}

#[async_trait::async_trait]
impl WasiFile for Simple {
    fn as_any(&self) -> &dyn Any {
        self
    }
    async fn get_filetype(&self) -> Result<FileType, Error> {
        Ok(FileType::CharacterDevice)
    }
    async fn set_fdflags(&mut self, _flags: FdFlags) -> Result<(), Error> {
        Ok(())
    }
    async fn set_filestat_size(&self, _size: u64) -> Result<(), Error> {
        Err(Errno::Inval.into())
    }
    async fn read_vectored<'a>(&self, slices: &mut [IoSliceMut<'a>]) -> Result<u64, Error> {
        Ok(self.fill(slices))
    }
    async fn read_vectored_at<'a>(
        &self,
        slices: &mut [IoSliceMut<'a>],
        _offset: u64,
    ) -> Result<u64, Error> {
        Ok(self.fill(slices))
    }
    async fn write_vectored<'a>(&self, slices: &[IoSlice<'a>]) -> Result<u64, Error> {
        Ok(total(slices))
    }
    async fn write_vectored_at<'a>(
        &self,
        slices: &[IoSlice<'a>],
        _offset: u64,
    ) -> Result<u64, Error> {
        Ok(total(slices))
    }
    async fn seek(&self, _to: SeekFrom) -> Result<u64, Error> {
        Ok(0)
    }
    async fn advise(&self, _offset: u64, _len: u64, _advice: Advice) -> Result<(), Error> {
        Ok(())
    }
    async fn set_times(
        &self,
        _atime: Option<SystemTimeSpec>,
        _mtime: Option<SystemTimeSpec>,
    ) -> Result<(), Error> {
        Err(Errno::Acces.into())
    }
    async fn readable(&self) -> Result<(), Error> {
        Ok(())
    }
    async fn writable(&self) -> Result<(), Error> {
        Ok(())
    }
}
