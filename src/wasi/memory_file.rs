//! The content of a file in `/tmp`, and an open one.

use std::{
    io::SeekFrom,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use wasmi_wasi::wasi_common::{SystemTimeSpec, file::Filestat};

use super::{
    errno::Errno,
    memory_fs::{MemoryFs, State},
    volume::{Handle, OpenGuard, OpenHow},
};

/// Most that a file's memory may be ahead of its length, so that writing in
/// small pieces isn't quadratic and the quota still bounds the host's memory.
const SPARE: usize = 1 << 20;

/// What a file of `len` bytes may have to spare: a part of its length, so that
/// many short files that were long once hold no more than the quota has.
fn spare(len: usize) -> usize {
    (len / 8).min(SPARE)
}

/// A file's bytes.
#[derive(Clone, Default)]
pub(super) struct Content(Vec<u8>);

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> usize {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.0.get(start..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        count
    }

    /// Cuts or extends by zeros; `false` where the host has no memory.
    fn resize(&mut self, len: usize) -> bool {
        if len > self.0.capacity() {
            let wanted = (len - self.0.len()).max(spare(len));
            if self.0.try_reserve_exact(wanted).is_err() {
                return false;
            }
        }
        self.0.resize(len, 0);
        if self.0.capacity() - len > spare(len) {
            self.0.shrink_to(len);
        }
        true
    }
}

impl State {
    /// Cuts or extends the file within the quota.
    pub(super) fn resize(&mut self, inode: u64, len: u64) -> Result<(), Errno> {
        let (now, used, quota) = (self.now(), self.used, self.quota);
        let node = self.node(inode)?;
        let content = node.file()?;
        let others = used.saturating_sub(content.len());
        let used = others.checked_add(len).filter(|used| *used <= quota);
        let used = used.ok_or(Errno::Nospc)?;
        let len = usize::try_from(len).map_err(|_| Errno::Fbig)?;
        if !content.resize(len) {
            return Err(Errno::Nospc);
        }
        node.touch(now);
        self.used = used;
        Ok(())
    }

    /// Writes what the quota has room for.
    fn write_at(&mut self, inode: u64, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        let (now, free) = (self.now(), self.quota.saturating_sub(self.used));
        let len = self.node(inode)?.file()?.len();
        let room = len.saturating_add(free).saturating_sub(offset);
        let count = usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
        if count == 0 {
            return if bytes.is_empty() {
                Ok(0)
            } else {
                Err(Errno::Nospc)
            };
        }
        let end = offset.checked_add(count as u64).ok_or(Errno::Fbig)?;
        if end > len {
            self.resize(inode, end)?;
        }
        let node = self.node(inode)?;
        let start = usize::try_from(offset).map_err(|_| Errno::Fbig)?;
        node.file()?.0[start..start + count].copy_from_slice(&bytes[..count]);
        node.touch(now);
        Ok(count)
    }
}

/// An open file of `/tmp`.
pub(super) struct MemoryHandle {
    fs: MemoryFs,
    inode: u64,
    position: Mutex<u64>,
    read: bool,
    write: bool,
    append: AtomicBool,
    _open: OpenGuard,
}

impl MemoryHandle {
    /// The caller has counted the handle as open in the node.
    pub(super) fn new(fs: MemoryFs, inode: u64, how: OpenHow, open: OpenGuard) -> Self {
        let write = how.write || how.append;
        Self {
            fs,
            inode,
            position: Mutex::new(0),
            read: how.read || !write,
            write,
            append: AtomicBool::new(how.append),
            _open: open,
        }
    }

    /// Always taken before the file system's own lock.
    fn position(&self) -> MutexGuard<'_, u64> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for MemoryHandle {
    fn drop(&mut self) {
        self.fs.lock().close(self.inode);
    }
}

impl Handle for MemoryHandle {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut position = self.position();
        let count = self.read_at(buffer, *position)?;
        *position += count as u64;
        Ok(count)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        if !self.read {
            return Err(Errno::Badf);
        }
        let mut state = self.fs.lock();
        let now = state.now();
        let node = state.node(self.inode)?;
        node.touch_read(now);
        Ok(node.file()?.read_at(buffer, offset))
    }

    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        if !self.write {
            return Err(Errno::Badf);
        }
        let mut position = self.position();
        let mut state = self.fs.lock();
        if self.is_append() {
            *position = state.node(self.inode)?.file()?.len();
        }
        let count = state.write_at(self.inode, bytes, *position)?;
        *position += count as u64;
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        if !self.write {
            return Err(Errno::Badf);
        }
        self.fs.lock().write_at(self.inode, bytes, offset)
    }

    fn seek(&self, to: SeekFrom) -> Result<u64, Errno> {
        let mut position = self.position();
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(offset) => position.checked_add_signed(offset),
            SeekFrom::End(offset) => {
                let len = self.fs.lock().node(self.inode)?.file()?.len();
                len.checked_add_signed(offset)
            }
        };
        // The guest's offsets are signed.
        *position = target
            .filter(|target| i64::try_from(*target).is_ok())
            .ok_or(Errno::Inval)?;
        Ok(*position)
    }

    fn stat(&self) -> Result<Filestat, Errno> {
        Ok(self.fs.lock().node(self.inode)?.stat(self.inode))
    }

    fn set_len(&self, len: u64) -> Result<(), Errno> {
        if !self.write {
            return Err(Errno::Inval);
        }
        self.fs.lock().resize(self.inode, len)
    }

    fn set_times(
        &self,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
    ) -> Result<(), Errno> {
        let mut state = self.fs.lock();
        let now = state.now();
        state.node(self.inode)?.set_times(atime, mtime, now);
        Ok(())
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
