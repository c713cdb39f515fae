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
        removed.map_err(|errno| explain(root, path, errno))
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
        // A mount stays where it is.
        Errno::Perm | Errno::Acces | Errno::Rofs | Errno::Busy => FileError::Denied,
        Errno::Nospc | Errno::Dquot => FileError::Other("no space left".to_owned()),
        Errno::Mfile | Errno::Nfile => FileError::Other("too many open files".to_owned()),
        Errno::Loop => FileError::Other("too many symbolic links".to_owned()),
        errno => FileError::Other(format!("{errno:?}").to_lowercase()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::Mount;

    /// A folder of three files at `/m`, and the root that keeps it.
    fn files(mode: MountMode) -> (tempfile::TempDir, Root, RunFiles) {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a", "b", "c"] {
            std::fs::write(folder.path().join(name), name.repeat(10)).expect("a file");
        }
        let mount = Mount {
            guest: "/m".to_owned(),
            host: folder.path().to_owned(),
            mode,
        };
        let root = Root::new(&[mount], 1 << 20).expect("a root");
        let files = RunFiles::default();
        files.show(&root);
        (folder, root, files)
    }

    #[test]
    fn limits_are_exact() {
        let (_folder, _root, files) = files(MountMode::ReadOnly);
        assert_eq!(files.read("/m/a", 10).as_deref(), Ok(&b"aaaaaaaaaa"[..]));
        assert_eq!(files.read("/m/a", 9), Err(FileError::TooLarge));
        let names = |limit| {
            let listed = files.list("/m", limit)?;
            Ok(listed.into_iter().map(|info| info.name).collect::<String>())
        };
        assert_eq!(names(3).as_deref(), Ok("abc"));
        assert_eq!(names(2), Err(FileError::TooLarge));
    }

    #[test]
    fn a_write_of_many_parts_is_whole() {
        let (folder, _root, files) = files(MountMode::ReadWriteCreate);
        let content = vec![7; 3 * CHUNK + 5];
        assert_eq!(files.write("/m/new", &content), Ok(()));
        assert_eq!(files.read("/m/new", u64::MAX), Ok(content.clone()));
        let kept = std::fs::read(folder.path().join("new"));
        assert_eq!(kept.expect("it is there"), content);
        // The private `/tmp` holds less.
        let full = files.write("/tmp/new", &vec![0; 2 << 20]);
        assert_eq!(full, Err(FileError::Other("no space left".to_owned())));
    }

    #[test]
    fn folders_are_made_from_the_top() {
        let (folder, _root, files) = files(MountMode::ReadWriteCreate);
        let deep = format!("/m{}", "/n".repeat(500));
        assert_eq!(files.make_folders(&deep), Ok(()));
        assert_eq!(files.make_folders(&deep), Ok(()));
        assert!(files.stat(&deep).is_ok_and(|info| info.is_folder));
        assert_eq!(files.make_folders("/m/a/b/c"), Err(FileError::NotFolder));
        assert_eq!(
            files.make_folders("/other/b"),
            Err(FileError::OutsideMounts)
        );
        std::os::unix::fs::symlink("nowhere/at/all", folder.path().join("link")).expect("a link");
        assert!(files.make_folders("/m/link").is_err());
        assert!(!folder.path().join("nowhere").exists());
    }

    #[test]
    fn nothing_is_there_once_the_run_is_over() {
        let (_folder, root, files) = files(MountMode::ReadOnly);
        assert!(files.stat("/m/a").is_ok());
        drop(root);
        assert!(matches!(files.stat("/m/a"), Err(FileError::Other(_))));
    }

    #[test]
    fn times_before_1970() {
        let time = UNIX_EPOCH - std::time::Duration::from_secs(5);
        assert_eq!((seconds(time), seconds(UNIX_EPOCH)), (-5, 0));
    }
}
