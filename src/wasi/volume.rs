//! What the virtual root routes paths to, and what comes back from it.

use std::{
    io::SeekFrom,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use wasmi_wasi::{
    WasiFile,
    wasi_common::{
        SystemTimeSpec,
        file::{FileType, Filestat},
    },
};

use super::errno::Errno;

/// Files and folders a run may have open at once: half of what a process may
/// by default, so that a guest can't use up the host's.
pub(crate) const OPEN_FILES: usize = 512;

/// Entries in one listing; a guest shall not make the host collect more.
pub(crate) const LISTING_ENTRIES: usize = 1_000_000;

/// Where timestamps come from.
pub(crate) type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// How to open a file, in POSIX' terms.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OpenHow {
    /// Allow reading. A file opened for nothing is opened for reading.
    pub(crate) read: bool,
    /// Allow writing.
    pub(crate) write: bool,
    /// Each write goes to the end; implies `write`.
    pub(crate) append: bool,
    /// Create the file if it's missing.
    pub(crate) create: bool,
    /// With `create`: fail if it's there.
    pub(crate) exclusive: bool,
    /// Cut the file to nothing.
    pub(crate) truncate: bool,
    /// Fail unless it's a folder.
    pub(crate) directory: bool,
    /// Follow a symbolic link in the path's last place.
    pub(crate) follow: bool,
}

impl OpenHow {
    /// Whether opening so changes the file or allows to.
    pub(crate) fn changes(&self) -> bool {
        self.write || self.append || self.truncate
    }
}

/// An entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name in its folder.
    pub(crate) name: String,
    /// What it is; symbolic links aren't followed.
    pub(crate) kind: FileType,
    /// Its number on its device.
    pub(crate) inode: u64,
}

/// An open regular file. Every operation is thread-safe.
pub(crate) trait Handle: Send + Sync {
    /// Reads at the handle's position and moves it; 0 is the end.
    fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno>;
    /// Reads at `offset`, leaving the position.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno>;
    /// Writes at the position, or at the end in append mode, and moves it.
    fn write(&self, bytes: &[u8]) -> Result<usize, Errno>;
    /// Writes at `offset`, also in append mode, leaving the position.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno>;
    /// Moves the position and says where it is now.
    fn seek(&self, to: SeekFrom) -> Result<u64, Errno>;
    /// What is known about the file.
    fn stat(&self) -> Result<Filestat, Errno>;
    /// Cuts or extends (by zeros) the file.
    fn set_len(&self, len: u64) -> Result<(), Errno>;
    /// Sets the times given.
    fn set_times(
        &self,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
    ) -> Result<(), Errno>;
    /// Waits until the file is on the host's disk.
    fn sync(&self) -> Result<(), Errno>;
    /// Whether writes go to the end.
    fn is_append(&self) -> bool;
    /// Turns append mode on or off.
    fn set_append(&self, append: bool);
    /// What it is: a regular file, except for devices.
    fn kind(&self) -> FileType {
        FileType::RegularFile
    }
}

/// What [`Root::open`](super::root::Root::open) found.
pub(crate) enum Opened {
    /// A file or a device.
    File(Box<dyn Handle>),
    /// A folder; list it by its path.
    Dir,
}

/// What a volume found at a path.
pub(crate) enum Node {
    File(Box<dyn Handle>),
    Device(Box<dyn WasiFile>),
    /// With the place it takes among the open files.
    Dir(OpenGuard),
}

/// A tree of files that stands at one guest path. Paths are relative to it,
/// `.` is its top; they may contain `..` but never lead above the top as text.
pub(crate) trait Volume: Send + Sync {
    fn open(&self, path: &str, how: OpenHow, guard: OpenGuard) -> Result<Node, Errno>;
    fn stat(&self, path: &str, follow: bool) -> Result<Filestat, Errno>;

    /// The entries of a folder in any order, without `.` and `..`.
    fn read_dir(&self, _path: &str) -> Result<Vec<Entry>, Errno> {
        Err(Errno::Notdir)
    }

    /// The path without symbolic links (except the last, unless `follow`),
    /// `None` where there are none.
    fn resolve(&self, _path: &str, _follow: bool) -> Result<Option<String>, Errno> {
        Ok(None)
    }

    fn create_dir(&self, _path: &str) -> Result<(), Errno> {
        Err(Errno::Notdir)
    }

    fn remove_dir(&self, _path: &str) -> Result<(), Errno> {
        Err(Errno::Notdir)
    }

    fn remove_file(&self, _path: &str) -> Result<(), Errno> {
        Err(Errno::Notdir)
    }

    /// Both paths are on this volume.
    fn rename(&self, _from: &str, _to: &str) -> Result<(), Errno> {
        Err(Errno::Notdir)
    }

    /// Both paths are on this volume.
    fn hard_link(&self, _from: &str, _to: &str) -> Result<(), Errno> {
        Err(Errno::Notdir)
    }

    fn symlink(&self, _target: &str, _path: &str) -> Result<(), Errno> {
        Err(Errno::Notdir)
    }

    fn read_link(&self, _path: &str) -> Result<String, Errno> {
        Err(Errno::Inval)
    }

    fn set_times(
        &self,
        _path: &str,
        _atime: Option<SystemTimeSpec>,
        _mtime: Option<SystemTimeSpec>,
        _follow: bool,
    ) -> Result<(), Errno> {
        Err(Errno::Rofs)
    }
}

/// The [`OPEN_FILES`] places of a run, each with the guest path of what is
/// open there.
#[derive(Debug, Clone, Default)]
pub(crate) struct OpenFiles(Arc<Mutex<Vec<Option<String>>>>);

impl OpenFiles {
    /// Takes a place for `path`.
    pub(crate) fn take(&self, path: &str) -> Result<OpenGuard, Errno> {
        let mut places = self.lock();
        let free = places.iter().position(Option::is_none);
        let place = free.unwrap_or(places.len());
        if place >= OPEN_FILES {
            return Err(Errno::Mfile);
        }
        if place == places.len() {
            places.push(None);
        }
        places[place] = Some(path.to_owned());
        let files = self.clone();
        Ok(OpenGuard { files, place })
    }

    /// What is open.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.lock().iter().flatten().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among a run's [`OPEN_FILES`]; whoever is open holds one.
#[derive(Debug)]
pub(crate) struct OpenGuard {
    files: OpenFiles,
    place: usize,
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        if let Some(place) = self.files.lock().get_mut(self.place) {
            *place = None;
        }
    }
}

/// A [`Filestat`] of something that isn't on the host's disk.
pub(crate) fn virtual_stat(kind: FileType, device_id: u64, inode: u64) -> Filestat {
    Filestat {
        device_id,
        inode,
        filetype: kind,
        nlink: 1,
        size: 0,
        atim: Some(SystemTime::UNIX_EPOCH),
        mtim: Some(SystemTime::UNIX_EPOCH),
        ctim: Some(SystemTime::UNIX_EPOCH),
    }
}

/// Device numbers of what isn't on the host's disk, above those of Linux'
/// real devices, so that (device, inode) stays unique.
pub(crate) mod device_id {
    /// Folders that exist only above mount points, and `/dev`'s and system
    /// files.
    pub(crate) const ROOT: u64 = 1 << 40;
    /// The private `/tmp`.
    pub(crate) const TMP: u64 = (1 << 40) + 1;
}
