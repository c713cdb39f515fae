//! A folder or file of the host, given to the guest under a mode.
//!
//! cap-std resolves every path below the folder's descriptor and refuses what
//! leads outside, also by symbolic links and while something swaps them; no
//! path of the guest ever reaches an ambient host call.

use std::path::Path;

use cap_fs_ext::{
    DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt,
};
use cap_std::fs::{Dir, OpenOptions};
use wasmi_wasi::wasi_common::{
    SystemTimeSpec,
    file::{FileType, Filestat},
};

use super::{
    dir::LISTING_BYTES,
    errno::{Errno, from_io},
    host_file::{HostHandle, file_times, filestat, kind_of},
    path,
    volume::{Entry, LISTING_ENTRIES, Node, OpenGuard, OpenHow, Volume},
};
use crate::MountMode;

/// Symbolic links followed in one path, as on Linux.
const LINKS: usize = 40;

/// Names looked at in one path, those of its links included: each takes calls of the system.
const NAMES: usize = 4096;

/// Entries looked at when a folder moves up, in search of links that would
/// then lead outside; a larger folder has to be copied.
const MOVED_ENTRIES: usize = 100_000;

/// A host folder at a guest path.
pub(crate) struct HostFolder {
    dir: Dir,
    mode: MountMode,
}

impl HostFolder {
    /// Gives `dir` under `mode`.
    pub(crate) fn new(dir: Dir, mode: MountMode) -> Self {
        Self { dir, mode }
    }

    /// `Ok` where the mode lets the guest change what exists.
    fn may_change(&self) -> Result<(), Errno> {
        match self.mode {
            MountMode::ReadOnly => Err(Errno::Rofs),
            MountMode::ReadWrite | MountMode::ReadWriteCreate => Ok(()),
        }
    }

    /// `Ok` where the mode lets the guest create.
    fn may_create(&self) -> Result<(), Errno> {
        match self.mode {
            MountMode::ReadOnly => Err(Errno::Rofs),
            MountMode::ReadWrite => Err(Errno::Acces),
            MountMode::ReadWriteCreate => Ok(()),
        }
    }

    /// `Ok` where something new may appear at `path`; `EEXIST` goes before the
    /// mode's refusal, since `mkdir -p` and its like ask for it.
    fn may_appear(&self, path: &Path) -> Result<(), Errno> {
        match self.may_create() {
            Err(_) if self.dir.symlink_metadata(path).is_ok() => Err(Errno::Exist),
            other => other,
        }
    }

    /// Takes `create` out of `how` where the mode forbids it, if the file is
    /// there to be opened; otherwise says what the guest gets.
    fn without_forbidden(&self, path: &Path, mut how: OpenHow) -> Result<OpenHow, Errno> {
        let follow = how.follow && !how.exclusive;
        if let (true, Err(refusal)) = (how.create, self.may_create()) {
            match self.metadata(path, follow) {
                Ok(_) if how.exclusive => return Err(Errno::Exist),
                Ok(_) => how.create = false,
                Err(Errno::Noent) => return Err(refusal),
                Err(errno) => return Err(errno),
            }
        }
        if let (true, Err(refusal)) = (how.changes(), self.may_change()) {
            let is_folder = self.metadata(path, follow)?.filetype == FileType::Directory;
            return Err(if is_folder { Errno::Isdir } else { refusal });
        }
        Ok(how)
    }

    fn metadata(&self, path: &Path, follow: bool) -> Result<Filestat, Errno> {
        let metadata = if follow {
            self.dir.metadata(path)
        } else {
            self.dir.symlink_metadata(path)
        };
        metadata
            .map(|metadata| filestat(&metadata))
            .map_err(|error| from_io(&error))
    }

    pub(crate) fn open_path(
        &self,
        path: &Path,
        how: OpenHow,
        guard: OpenGuard,
    ) -> Result<Node, Errno> {
        let how = self.without_forbidden(path, how)?;
        let file = self.open_now(path, how)?;
        let metadata = file.metadata().map_err(|error| from_io(&error))?;
        if metadata.is_dir() {
            return Ok(Node::Dir(guard));
        }
        if !metadata.is_file() {
            return Err(Errno::Acces);
        }
        Ok(Node::File(Box::new(HostHandle::new(
            file.into_std(),
            how,
            self.may_change().is_ok(),
            guard,
        ))))
    }

    fn open_now(&self, path: &Path, how: OpenHow) -> Result<cap_std::fs::File, Errno> {
        let mut options = options(how.follow);
        let write = how.changes();
        options.read(how.read || !write).write(write);
        options.truncate(how.truncate && !how.exclusive);
        if how.create && how.exclusive {
            options.write(true).create_new(true);
        } else if how.create && write {
            options.create(true);
        } else if how.create {
            // Creating asks for write access, which an existing file that is
            // only read need not give.
            match self.dir.open_with(path, &options) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                result => return result.map_err(|error| open_errno(&error)),
            }
            options.write(true).create(true);
        }
        self.dir
            .open_with(path, &options)
            .map_err(|error| open_errno(&error))
    }

    pub(crate) fn set_times_of(
        &self,
        path: &Path,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
        follow: bool,
    ) -> Result<(), Errno> {
        let kind = self.metadata(path, follow)?.filetype;
        self.may_change()?;
        match kind {
            FileType::SymbolicLink => self
                .dir
                .set_symlink_times(path, cap_time(atime), cap_time(mtime))
                .map_err(|error| from_io(&error)),
            FileType::RegularFile | FileType::Directory => {
                let how = OpenHow {
                    follow,
                    ..OpenHow::default()
                };
                let file = self.open_now(path, how).or_else(|errno| match errno {
                    Errno::Acces => self.open_now(path, OpenHow { write: true, ..how }),
                    errno => Err(errno),
                })?;
                file.into_std()
                    .set_times(file_times(atime, mtime))
                    .map_err(|error| from_io(&error))
            }
            _ => Err(Errno::Acces),
        }
    }

    pub(crate) fn stat_path(&self, path: &Path, follow: bool) -> Result<Filestat, Errno> {
        self.metadata(path, follow)
    }

    /// Levels below the top at which `path`'s folder really is.
    fn depth_of_parent(&self, path: &str) -> Result<usize, Errno> {
        let resolved = self.resolve(path, false)?.ok_or(Errno::Io)?;
        Ok(path::names(&resolved).count().saturating_sub(1))
    }

    /// Refuses to move or link `from` to `to` where a symbolic link in it
    /// would then lead out of the mount.
    fn links_stay_inside(&self, from: &str, to: &str) -> Result<(), Errno> {
        let kind = self.metadata(Path::new(from), false)?.filetype;
        if !matches!(kind, FileType::SymbolicLink | FileType::Directory) {
            return Ok(());
        }
        let depth = self.depth_of_parent(to)?;
        if kind == FileType::SymbolicLink {
            return self.link_stays_inside(Path::new(from), depth);
        }
        if depth >= self.depth_of_parent(from)? {
            return Ok(());
        }
        let mut folders = vec![(Path::new(from).to_owned(), depth + 1)];
        let mut seen = 0;
        while let Some((folder, depth)) = folders.pop() {
            for entry in self
                .dir
                .read_dir(&folder)
                .map_err(|error| from_io(&error))?
            {
                let entry = entry.map_err(|error| from_io(&error))?;
                seen += 1;
                if seen > MOVED_ENTRIES {
                    return Err(Errno::Xdev);
                }
                let path = folder.join(entry.file_name());
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push((path, depth + 1)),
                    Ok(kind) if kind.is_symlink() => self.link_stays_inside(&path, depth)?,
                    Ok(_) => {}
                    Err(error) => return Err(from_io(&error)),
                }
            }
        }
        Ok(())
    }

    fn link_stays_inside(&self, link: &Path, depth: usize) -> Result<(), Errno> {
        let target = self
            .dir
            .read_link_contents(link)
            .map_err(|error| from_io(&error))?;
        match target.to_str() {
            Some(target) if path::link_stays_inside(target, depth) => Ok(()),
            _ => Err(Errno::Perm),
        }
    }
}

impl Volume for HostFolder {
    fn open(&self, path: &str, how: OpenHow, guard: OpenGuard) -> Result<Node, Errno> {
        self.open_path(Path::new(path), how, guard)
    }

    fn stat(&self, path: &str, follow: bool) -> Result<Filestat, Errno> {
        self.metadata(Path::new(path), follow)
    }

    fn read_dir(&self, path: &str) -> Result<Vec<Entry>, Errno> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        for entry in self.dir.read_dir(path).map_err(|error| from_io(&error))? {
            let entry = entry.map_err(|error| from_io(&error))?;
            // WASI's paths are UTF-8, so that other names can't be given back.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            bytes += size_of::<Entry>() + name.len();
            if entries.len() == LISTING_ENTRIES || bytes > LISTING_BYTES {
                return Err(Errno::Overflow);
            }
            entries.push(Entry {
                name,
                // An entry may vanish while it's looked at.
                kind: entry
                    .file_type()
                    .map_or(FileType::Unknown, |kind| kind_of(&kind)),
                inode: inode_of(&entry),
            });
        }
        Ok(entries)
    }

    fn resolve(&self, path: &str, follow: bool) -> Result<Option<String>, Errno> {
        let mut walk = Walk::new(self);
        // What is left, its next name last.
        let mut left: Vec<String> = path::names(path).rev().map(str::to_owned).collect();
        let (mut links, mut looked) = (0, 0);
        while let Some(name) = left.pop() {
            looked += 1;
            if looked > NAMES {
                return Err(Errno::Nametoolong);
            }
            if name == ".." {
                walk.up()?;
                continue;
            }
            let is_last = left.is_empty();
            let metadata = match walk.folder().symlink_metadata(&name) {
                Ok(metadata) => metadata,
                Err(_) if is_last => {
                    walk.names.push(name);
                    break;
                }
                Err(error) => return Err(from_io(&error)),
            };
            if metadata.is_symlink() && (follow || !is_last) {
                links += 1;
                if links > LINKS {
                    return Err(Errno::Loop);
                }
                let target = walk.folder().read_link_contents(&name);
                let target = target.map_err(|error| from_io(&error))?;
                let target = target.to_str().ok_or(Errno::Ilseq)?;
                if target.starts_with('/') {
                    return Err(Errno::Perm);
                }
                left.extend(path::names(target).rev().map(str::to_owned));
            } else if is_last {
                walk.names.push(name);
            } else {
                walk.down(name)?;
            }
        }
        Ok(Some(walk.path()))
    }

    fn create_dir(&self, path: &str) -> Result<(), Errno> {
        self.may_appear(Path::new(path))?;
        self.dir.create_dir(path).map_err(|error| from_io(&error))
    }

    fn remove_dir(&self, path: &str) -> Result<(), Errno> {
        let kind = self.metadata(Path::new(path), false)?.filetype;
        self.may_change()?;
        if kind != FileType::Directory {
            return Err(Errno::Notdir);
        }
        self.dir.remove_dir(path).map_err(|error| from_io(&error))
    }

    fn remove_file(&self, path: &str) -> Result<(), Errno> {
        let kind = self.metadata(Path::new(path), false)?.filetype;
        self.may_change()?;
        if kind == FileType::Directory {
            return Err(Errno::Isdir);
        }
        self.dir
            .remove_file_or_symlink(path)
            .map_err(|error| from_io(&error))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        self.may_create()?;
        self.links_stay_inside(from, to)?;
        self.dir
            .rename(from, &self.dir, to)
            .map_err(|error| from_io(&error))
    }

    fn hard_link(&self, from: &str, to: &str) -> Result<(), Errno> {
        self.may_appear(Path::new(to))?;
        self.links_stay_inside(from, to)?;
        self.dir
            .hard_link(from, &self.dir, to)
            .map_err(|error| from_io(&error))
    }

    fn symlink(&self, target: &str, path: &str) -> Result<(), Errno> {
        self.may_appear(Path::new(path))?;
        // A program of the host that reads this folder must not be lured out
        // of it by a guest's link.
        if !path::link_stays_inside(target, self.depth_of_parent(path)?) {
            return Err(Errno::Perm);
        }
        DirExt::symlink(&self.dir, target, path).map_err(|error| from_io(&error))
    }

    fn read_link(&self, path: &str) -> Result<String, Errno> {
        let target = self
            .dir
            .read_link_contents(path)
            .map_err(|error| from_io(&error))?;
        let target = target.to_str().ok_or(Errno::Ilseq)?;
        // Where the host keeps its files is none of the guest's business.
        let depth = self.depth_of_parent(path)?;
        let ups = path::names(target).take_while(|name| *name == "..").count();
        if Path::new(target).has_root() || ups > depth {
            return Err(Errno::Perm);
        }
        Ok(target.to_owned())
    }

    fn set_times(
        &self,
        path: &str,
        atime: Option<SystemTimeSpec>,
        mtime: Option<SystemTimeSpec>,
        follow: bool,
    ) -> Result<(), Errno> {
        self.set_times_of(Path::new(path), atime, mtime, follow)
    }
}

/// A walk along folders, without opening anything else: cap-std's own way to a path
/// without links opens what it leads to, and waits for ever for a FIFO's writer, where
/// the system has no `openat2` (before Linux 5.6) or no `/proc`.
struct Walk<'a> {
    top: &'a Dir,
    /// The folder that it is in, but for the top.
    folder: Option<Dir>,
    /// That folder's path.
    names: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(mount: &'a HostFolder) -> Self {
        Self {
            top: &mount.dir,
            folder: None,
            names: Vec::new(),
        }
    }

    fn folder(&self) -> &Dir {
        self.folder.as_ref().unwrap_or(self.top)
    }

    fn path(&self) -> String {
        match self.names.as_slice() {
            [] => ".".to_owned(),
            names => names.join("/"),
        }
    }

    /// Goes into a folder that is no link.
    fn down(&mut self, name: String) -> Result<(), Errno> {
        let folder = self.folder().open_dir_nofollow(&name);
        self.folder = Some(folder.map_err(|error| from_io(&error))?);
        self.names.push(name);
        Ok(())
    }

    fn up(&mut self) -> Result<(), Errno> {
        self.names.pop().ok_or(Errno::Perm)?;
        self.folder = match self.names.is_empty() {
            true => None,
            false => {
                let folder = self.top.open_dir(self.path());
                Some(folder.map_err(|error| from_io(&error))?)
            }
        };
        Ok(())
    }
}

/// Options that never wait: a FIFO without a writer would hold us for ever,
/// and looking first leaves time to swap one in.
fn options(follow: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.maybe_dir(true).nonblock(true);
    options.follow(if follow {
        FollowSymlinks::Yes
    } else {
        FollowSymlinks::No
    });
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        // A terminal must not become the host process's own.
        options.custom_flags(rustix::fs::OFlags::NOCTTY.bits().cast_signed());
    }
    options
}

/// `ENXIO` is what sockets and FIFOs without a reader answer to an open.
fn open_errno(error: &std::io::Error) -> Errno {
    match from_io(error) {
        Errno::Nxio | Errno::Nodev => Errno::Acces,
        errno => errno,
    }
}

fn cap_time(time: Option<SystemTimeSpec>) -> Option<cap_fs_ext::SystemTimeSpec> {
    time.map(|time| match time {
        SystemTimeSpec::SymbolicNow => cap_fs_ext::SystemTimeSpec::SymbolicNow,
        SystemTimeSpec::Absolute(time) => cap_fs_ext::SystemTimeSpec::Absolute(time),
    })
}

#[cfg(unix)]
fn inode_of(entry: &cap_std::fs::DirEntry) -> u64 {
    std::os::unix::fs::DirEntryExt::ino(entry)
}

#[cfg(not(unix))]
fn inode_of(entry: &cap_std::fs::DirEntry) -> u64 {
    use cap_fs_ext::{DirEntryExt, MetadataExt};
    entry.full_metadata().map_or(0, |metadata| metadata.ino())
}
