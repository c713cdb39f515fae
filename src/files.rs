//! The run's files for its `fs` functions: host calls that reach the tree that
//! WASI shows.

use crate::{
    MountMode,
    host::{FileError, FileInfo, Files},
    wasi::{Errno, Handle, OpenHow, Opened, Owner, Root, WeakRoot},
};
use std::{
    sync::{Arc, OnceLock},
    time::{SystemTime, UNIX_EPOCH},
};
use wasmi_wasi::wasi_common::file::{FileType, Filestat};

/// Bytes read at a time.
const CHUNK: usize = 64 << 10;

/// The files of a run, for functions that are made before its root is whole:
/// a device of that root leads to them.
#[derive(Clone, Default)]
pub(crate) struct RunFiles(Arc<OnceLock<WeakRoot>>);

impl RunFiles {
    /// From now on they are those of `root`, for as long as that is kept.
    pub(crate) fn show(&self, root: &Root) {
        // Set once for each run.
        let _ = self.0.set(root.downgrade());
    }

    fn root(&self) -> Result<Root, FileError> {
        let root = self.0.get().and_then(WeakRoot::upgrade);
        root.ok_or_else(|| FileError::Other("the run is over".to_owned()))
    }
}

impl Files for RunFiles {
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, FileError> {
        let root = &self.root()?;
        reach(root, path, true)?;
        let how = OpenHow {
            read: true,
            follow: true,
            ..OpenHow::default()
        };
        match root.open(path, how) {
            Ok(Opened::File(handle)) => read_all(&*handle, limit, root, path),
            Ok(Opened::Dir) => Err(FileError::IsFolder),
            Err(errno) => Err(explain(root, path, errno)),
        }
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<(), FileError> {
        let root = &self.root()?;
        let mode = reach(root, path, true)?;
        if mode == MountMode::ReadOnly {
            return Err(FileError::ReadOnlyMount);
        }
        let how = OpenHow {
            write: true,
            create: true,
            truncate: true,
            follow: true,
            ..OpenHow::default()
        };
        let handle = match root.open(path, how) {
            Ok(Opened::File(handle)) => handle,
            Ok(Opened::Dir) => return Err(FileError::IsFolder),
            Err(Errno::Noent) => return Err(FileError::NoFolder(parent(path).to_owned())),
            Err(Errno::Acces) if mode == MountMode::ReadWrite && is_missing(root, path) => {
                return Err(FileError::NoCreating);
            }
            Err(errno) => return Err(explain(root, path, errno)),
        };
        let mut rest = content;
        while !rest.is_empty() {
            let written = handle.write(rest);
            match written.map_err(|errno| explain(root, path, errno))? {
                0 => return Err(FileError::Other("nothing more can be written".to_owned())),
                count => rest = &rest[count.min(rest.len())..],
            }
        }
        Ok(())
    }

    fn list(&self, path: &str, limit: usize) -> Result<Vec<FileInfo>, FileError> {
        let root = &self.root()?;
        reach(root, path, true)?;
        let entries = root.read_dir(path);
        let entries = entries.map_err(|errno| match errno {
            Errno::Overflow => FileError::TooLarge,
            errno => explain(root, path, errno),
        })?;
        if entries.len() > limit {
            return Err(FileError::TooLarge);
        }
        let entries = entries.into_iter().filter_map(|entry| {
            let inside = format!("{path}/{}", entry.name);
            reach(root, &inside, false).ok()?;
            // A link that leads nowhere, or out of the mount, is only a name.
            let stat = root.stat(&inside, true).ok();
            Some(info(entry.name, stat.as_ref()))
        });
        Ok(entries.collect())
    }

    fn stat(&self, path: &str) -> Result<FileInfo, FileError> {
        let root = &self.root()?;
        reach(root, path, true)?;
        let stat = root.stat(path, true);
        let stat = stat.map_err(|errno| explain(root, path, errno))?;
        let name = path.trim_end_matches('/').rsplit('/').next();
        let name = name.filter(|name| !name.is_empty()).unwrap_or("/");
        Ok(info(name.to_owned(), Some(&stat)))
    }

    fn make_folders(&self, path: &str) -> Result<(), FileError> {
        let root = &self.root()?;
        if reach(root, path, true)? != MountMode::ReadWriteCreate {
            return Err(FileError::NoCreatingFolders);
        }
        let mut missing = Vec::new();
        let mut at = path;
        loop {
            match make_folder(root, at) {
                Err(FileError::NotFound) if !parent(at).is_empty() => missing.push(at),
                Err(error) => return Err(error),
                Ok(()) => break,
            }
            at = parent(at);
        }
        let mut missing = missing.iter().rev();
        missing.try_for_each(|path| make_folder(root, path))
    }

    fn remove(&self, path: &str) -> Result<(), FileError> {
        let root = &self.root()?;
        if reach(root, path, false)? == MountMode::ReadOnly {
            return Err(FileError::ReadOnlyMount);
        }
        let removed = match root.stat(path, false) {
            Ok(stat) if stat.filetype == FileType::Directory => root.remove_dir(path),
            Ok(_) => root.remove_file(path),
            Err(errno) => Err(errno),
        };
        removed.map_err(|errno| match errno {
            Errno::Busy => FileError::Other("permission denied: a mount stays".to_owned()),
            errno => explain(root, path, errno),
        })
    }
}

/// What may be done at `path`, if it is in a mount or in `/tmp`.
fn reach(root: &Root, path: &str, follow: bool) -> Result<MountMode, FileError> {
    match root.owner(path, follow) {
        Ok(Owner::Mount(mode)) => Ok(mode),
        Ok(Owner::Tmp) => Ok(MountMode::ReadWriteCreate),
        Ok(Owner::System) => Err(FileError::OutsideMounts),
        Err(errno) => Err(explain(root, path, errno)),
    }
}

fn read_all(
    handle: &dyn Handle,
    limit: u64,
    root: &Root,
    path: &str,
) -> Result<Vec<u8>, FileError> {
    let failed = |errno| explain(root, path, errno);
    if handle.stat().map_err(failed)?.size > limit {
        return Err(FileError::TooLarge);
    }
    let mut content = Vec::new();
    loop {
        let len = content.len();
        content.resize(len + CHUNK, 0);
        let count = handle.read(&mut content[len..]).map_err(failed)?;
        content.truncate(len + count);
        // It may have grown since.
        if content.len() as u64 > limit {
            return Err(FileError::TooLarge);
        }
        if count == 0 {
            return Ok(content);
        }
    }
}

/// Makes a folder whose parent is there, unless it is there too.
fn make_folder(root: &Root, path: &str) -> Result<(), FileError> {
    match root.create_dir(path) {
        Err(Errno::Exist) => match root.stat(path, true) {
            Ok(stat) if stat.filetype == FileType::Directory => Ok(()),
            Ok(_) => Err(FileError::Exists),
            Err(errno) => Err(explain(root, path, errno)),
        },
        made => made.map_err(|errno| explain(root, path, errno)),
    }
}

fn is_missing(root: &Root, path: &str) -> bool {
    root.stat(path, true).err() == Some(Errno::Noent)
}

/// The path without its last name, as text.
fn parent(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn info(name: String, stat: Option<&Filestat>) -> FileInfo {
    FileInfo {
        name,
        is_folder: stat.is_some_and(|stat| stat.filetype == FileType::Directory),
        size: stat.map_or(0, |stat| stat.size),
        modified: stat.and_then(|stat| stat.mtim).map_or(0, seconds),
    }
}

/// Seconds since 1970, negative before that.
fn seconds(time: SystemTime) -> i64 {
    let whole = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => whole(since.as_secs()),
        Err(before) => -whole(before.duration().as_secs()),
    }
}

fn explain(root: &Root, path: &str, errno: Errno) -> FileError {
    match errno {
        Errno::Noent => FileError::NotFound,
        Errno::Isdir => FileError::IsFolder,
        Errno::Notdir => FileError::NotFolder,
        Errno::Notempty => FileError::NotEmpty,
        Errno::Exist => FileError::Exists,
        Errno::Nametoolong => FileError::PathTooLong,
        Errno::Inval | Errno::Ilseq => FileError::InvalidPath,
        Errno::Perm if root.leads_out(path) => FileError::Escape,
        Errno::Perm | Errno::Acces | Errno::Rofs => FileError::Denied,
        Errno::Nospc | Errno::Dquot => FileError::Other("no space left".to_owned()),
        Errno::Mfile | Errno::Nfile => FileError::Other("too many open files".to_owned()),
        Errno::Loop => FileError::Other("too many symbolic links".to_owned()),
        errno => FileError::Other(format!("{errno:?}").to_lowercase()),
    }
}
