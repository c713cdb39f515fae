//! Read-only files that come with Dormouse.

use std::{
    borrow::Cow,
    io::SeekFrom,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use wasmi_wasi::wasi_common::{
    SystemTimeSpec,
    file::{FileType, Filestat},
};

use super::{
    errno::Errno,
    volume::{Handle, Node, OpenGuard, OpenHow, Volume, device_id, virtual_stat},
};

/// A read-only file that comes with Dormouse.
pub(crate) struct SystemFile {
    bytes: Arc<Cow<'static, [u8]>>,
    inode: u64,
}

impl SystemFile {
    pub(crate) fn new(bytes: Cow<'static, [u8]>, inode: u64) -> Self {
        Self {
            bytes: Arc::new(bytes),
            inode,
        }
    }
}

fn system_stat(inode: u64, bytes: &[u8]) -> Filestat {
    Filestat {
        size: bytes.len() as u64,
        ..virtual_stat(FileType::RegularFile, device_id::ROOT, inode)
    }
}

impl Volume for SystemFile {
    fn open(&self, path: &str, how: OpenHow, guard: OpenGuard) -> Result<Node, Errno> {
        match path {
            "." if how.create && how.exclusive => Err(Errno::Exist),
            "." if how.changes() => Err(Errno::Rofs),
            "." => Ok(Node::File(Box::new(SystemHandle {
                bytes: Arc::clone(&self.bytes),
                inode: self.inode,
                position: Mutex::new(0),
                append: AtomicBool::new(false),
                _open: guard,
            }))),
            _ => Err(Errno::Notdir),
        }
    }

    fn stat(&self, path: &str, _follow: bool) -> Result<Filestat, Errno> {
        match path {
            "." => Ok(system_stat(self.inode, &self.bytes)),
            _ => Err(Errno::Notdir),
        }
    }
}

/// An open system file.
struct SystemHandle {
    bytes: Arc<Cow<'static, [u8]>>,
    inode: u64,
    position: Mutex<u64>,
    append: AtomicBool,
    _open: OpenGuard,
}

impl Handle for SystemHandle {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.read_at(buffer, *position)?;
        *position += count as u64;
        Ok(count)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write(&self, _bytes: &[u8]) -> Result<usize, Errno> {
        Err(Errno::Badf)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> Result<usize, Errno> {
        Err(Errno::Badf)
    }

    fn seek(&self, to: SeekFrom) -> Result<u64, Errno> {
        let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(offset) => position.checked_add_signed(offset),
            SeekFrom::End(offset) => (self.bytes.len() as u64).checked_add_signed(offset),
        };
        *position = target
            .filter(|target| i64::try_from(*target).is_ok())
            .ok_or(Errno::Inval)?;
        Ok(*position)
    }

    fn stat(&self) -> Result<Filestat, Errno> {
        Ok(system_stat(self.inode, &self.bytes))
    }

    fn set_len(&self, _len: u64) -> Result<(), Errno> {
        Err(Errno::Inval)
    }

    fn set_times(
        &self,
        _atime: Option<SystemTimeSpec>,
        _mtime: Option<SystemTimeSpec>,
    ) -> Result<(), Errno> {
        Err(Errno::Rofs)
    }

    fn sync(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn is_append(&self) -> bool {
        self.append.load(Ordering::Relaxed)
    }

    fn set_append(&self, append: bool) {
        self.append.store(append, Ordering::Relaxed);
    }
}
