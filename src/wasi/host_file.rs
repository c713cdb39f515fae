//! An open file of the host, and a mount of a single one.

use std::{
    fs::{File, FileTimes},
    io::{Read, Seek, SeekFrom, Write},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use cap_fs_ext::{FileTypeExt, MetadataExt};
use wasmi_wasi::wasi_common::{
    SystemTimeSpec,
    file::{FileType, Filestat},
};

use super::{
    errno::{Errno, from_io},
    mount::HostFolder,
    volume::{Handle, Node, OpenGuard, OpenHow, Volume},
};

/// An open regular file of the host.
pub(crate) struct HostHandle {
    file: File,
    read: bool,
    write: bool,
    /// Whether the mount's mode allows changes; times may change through a
    /// file that is only read.
    changeable: bool,
    append: AtomicBool,
    _open: OpenGuard,
}

impl HostHandle {
    pub(crate) fn new(file: File, how: OpenHow, changeable: bool, open: OpenGuard) -> Self {
        let write = how.write || how.append;
        Self {
            file,
            read: how.read || !write,
            write,
            changeable,
            append: AtomicBool::new(how.append),
            _open: open,
        }
    }

    fn readable(&self) -> Result<(), Errno> {
        if self.read { Ok(()) } else { Err(Errno::Badf) }
    }

    fn writable(&self) -> Result<(), Errno> {
        if self.write { Ok(()) } else { Err(Errno::Badf) }
    }

    /// Appends in one step, so that other programs' appends aren't lost. The
    /// file isn't opened with `O_APPEND` since Linux then ignores the offset
    /// of a positioned write too, against POSIX and WASI.
    #[cfg(target_os = "linux")]
    fn append(&self, bytes: &[u8]) -> std::io::Result<usize> {
        use rustix::io::{ReadWriteFlags, pwritev2};
        let slices = [std::io::IoSlice::new(bytes)];
        // The offset -1 stands for the file's position, which moves.
        match pwritev2(&self.file, &slices, u64::MAX, ReadWriteFlags::APPEND) {
            Ok(count) => Ok(count),
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
                self.append_in_steps(bytes)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn append(&self, bytes: &[u8]) -> std::io::Result<usize> {
        self.append_in_steps(bytes)
    }

    fn append_in_steps(&self, bytes: &[u8]) -> std::io::Result<usize> {
        (&self.file).seek(SeekFrom::End(0))?;
        (&self.file).write(bytes)
    }
}

impl Handle for HostHandle {
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.readable()?;
        (&self.file).read(buffer).map_err(|error| from_io(&error))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        self.readable()?;
        positioned::read(&self.file, buffer, offset).map_err(|error| from_io(&error))
    }

    fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        self.writable()?;
        let result = if self.is_append() {
            self.append(bytes)
        } else {
            (&self.file).write(bytes)
        };
        result.map_err(|error| from_io(&error))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        self.writable()?;
        positioned::write(&self.file, bytes, offset).map_err(|error| from_io(&error))
    }

    fn seek(&self, to: SeekFrom) -> Result<u64, Errno> {
        (&self.file).seek(to).map_err(|error| from_io(&error))
    }

    fn stat(&self) -> Result<Filestat, Errno> {
        cap_std::fs::Metadata::from_file(&self.file)
            .map(|metadata| filestat(&metadata))
            .map_err(|error| from_io(&error))
    }

    fn set_len(&self, len: u64) -> Result<(), Errno> {
        if !self.write {
            return Err(Errno::Inval);
        }
        self.file.set_len(len).map_err(|error| from_io(&error))
    }

    fn set_times(
        &self,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
    ) -> Result<(), Errno> {
        if !self.changeable {
            return Err(Errno::Rofs);
        }
        self.file
            .set_times(file_times(atime, mtime))
            .map_err(|error| from_io(&error))
    }

    fn sync(&self) -> Result<(), Errno> {
        self.file.sync_all().map_err(|error| from_io(&error))
    }

    fn is_append(&self) -> bool {
        self.append.load(Ordering::Relaxed)
    }

    fn set_append(&self, append: bool) {
        self.append.store(append, Ordering::Relaxed);
    }
}

/// A single regular file of the host at a guest path.
pub(crate) struct HostFile {
    /// The folder the file is in; nothing else of it is reachable.
    folder: HostFolder,
    name: PathBuf,
}

impl HostFile {
    /// Gives the file `name` of `folder`.
    pub(crate) fn new(folder: HostFolder, name: PathBuf) -> Self {
        Self { folder, name }
    }

    /// Only the top itself exists, which is the file.
    fn top(&self, path: &str) -> Result<&PathBuf, Errno> {
        if path == "." {
            Ok(&self.name)
        } else {
            Err(Errno::Notdir)
        }
    }
}

/// Never follows a link: the file was found when the mount was made, a link in
/// its place is somebody's trick.
impl Volume for HostFile {
    fn open(&self, path: &str, how: OpenHow, guard: OpenGuard) -> Result<Node, Errno> {
        let how = OpenHow {
            follow: false,
            ..how
        };
        match self.folder.open_path(self.top(path)?, how, guard) {
            Ok(Node::Dir(_)) | Err(Errno::Loop) => Err(Errno::Acces),
            other => other,
        }
    }

    fn stat(&self, path: &str, _follow: bool) -> Result<Filestat, Errno> {
        let stat = self.folder.stat_path(self.top(path)?, false)?;
        match stat.filetype {
            FileType::RegularFile => Ok(stat),
            _ => Err(Errno::Acces),
        }
    }

    fn set_times(
        &self,
        path: &str,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
        _follow: bool,
    ) -> Result<(), Errno> {
        self.folder
            .set_times_of(self.top(path)?, atime, mtime, false)
    }
}

/// The times to set, in the standard library's words.
pub(crate) fn file_times(
    atime: Option<SystemTimeSpec>,
    mtime: Option<SystemTimeSpec>,
) -> FileTimes {
    let time = |time| match time {
        SystemTimeSpec::SymbolicNow => SystemTime::now(),
        SystemTimeSpec::Absolute(time) => time.into_std(),
    };
    let mut times = FileTimes::new();
    if let Some(atime) = atime {
        times = times.set_accessed(time(atime));
    }
    if let Some(mtime) = mtime {
        times = times.set_modified(time(mtime));
    }
    times
}

/// What WASI says about a file with this host metadata.
pub(crate) fn filestat(metadata: &cap_std::fs::Metadata) -> Filestat {
    // WASI counts time from 1970 without a sign, and wasi-common panics on
    // what is earlier.
    let time = |time: std::io::Result<cap_std::time::SystemTime>| {
        time.ok()
            .map(|time| time.into_std().max(SystemTime::UNIX_EPOCH))
    };
    Filestat {
        device_id: metadata.dev(),
        inode: metadata.ino(),
        filetype: kind_of(&metadata.file_type()),
        nlink: metadata.nlink(),
        size: metadata.len(),
        atim: time(metadata.accessed()),
        mtim: time(metadata.modified()),
        ctim: changed(metadata),
    }
}

#[cfg(unix)]
fn changed(metadata: &cap_std::fs::Metadata) -> Option<SystemTime> {
    use std::time::Duration;
    let seconds = cap_fs_ext::OsMetadataExt::ctime(metadata);
    let nanos = cap_fs_ext::OsMetadataExt::ctime_nsec(metadata);
    let since = Duration::new(seconds.try_into().ok()?, nanos.try_into().ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since)
}

#[cfg(not(unix))]
fn changed(metadata: &cap_std::fs::Metadata) -> Option<SystemTime> {
    let created = metadata.created().ok()?;
    Some(created.into_std().max(SystemTime::UNIX_EPOCH))
}

/// WASI's name for a host file type.
pub(crate) fn kind_of(kind: &cap_std::fs::FileType) -> FileType {
    if kind.is_dir() {
        FileType::Directory
    } else if kind.is_symlink() {
        FileType::SymbolicLink
    } else if kind.is_file() {
        FileType::RegularFile
    } else if kind.is_socket() {
        FileType::SocketStream
    } else if kind.is_block_device() {
        FileType::BlockDevice
    } else if kind.is_char_device() {
        FileType::CharacterDevice
    } else {
        FileType::Unknown
    }
}

/// Positioned access, which leaves the file's own position.
#[cfg(unix)]
mod positioned {
    use std::{fs::File, io, os::unix::fs::FileExt};

    pub(super) fn read(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }

    pub(super) fn write(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }
}

/// Positioned access; Windows moves the position, so it is put back.
#[cfg(windows)]
mod positioned {
    use std::{
        fs::File,
        io::{self, Seek, SeekFrom},
        os::windows::fs::FileExt,
    };

    pub(super) fn read(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let position = file.stream_position()?;
        let result = file.seek_read(buffer, offset);
        file.seek(SeekFrom::Start(position))?;
        result
    }

    pub(super) fn write(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let position = file.stream_position()?;
        let result = file.seek_write(bytes, offset);
        file.seek(SeekFrom::Start(position))?;
        result
    }
}
