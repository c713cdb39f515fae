//! `fs` functions: the run's files, by guest path, as text.
//!
//! They show the tree that WASI shows, through the same volumes and with the
//! same rights, but only mounts and the private `/tmp` of it.

use super::{HostError, HostErrorKind, HostFunctions};
use crate::Limits;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Entries of one listing: all of it is one answer, which the host holds, at 1.5 KiB
/// an entry while it is made. Through WASI a guest lists folders of any size.
const MAX_LISTING: usize = 50_000;

/// The files of a run. Paths are absolute guest paths; a relative one starts at
/// `/`.
pub(crate) trait Files: Send + Sync {
    /// The content of a file of at most `limit` bytes.
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, FileError>;
    /// Makes `content` what the file holds.
    fn write(&self, path: &str, content: &[u8]) -> Result<(), FileError>;
    /// The entries of a folder of at most `limit`, sorted by name.
    fn list(&self, path: &str, limit: usize) -> Result<Vec<FileInfo>, FileError>;
    /// What is at `path`, symbolic links followed.
    fn stat(&self, path: &str) -> Result<FileInfo, FileError>;
    /// Makes a folder and those above it; one that is there will do.
    fn make_folders(&self, path: &str) -> Result<(), FileError>;
    /// Removes a file, a symbolic link or an empty folder.
    fn remove(&self, path: &str) -> Result<(), FileError>;
}

/// A file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileInfo {
    pub(crate) name: String,
    pub(crate) is_folder: bool,
    pub(crate) size: u64,
    /// Seconds since 1970.
    pub(crate) modified: i64,
}

/// Why something can't be done with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileError {
    /// It is neither in a mount nor in `/tmp`.
    OutsideMounts,
    ReadOnlyMount,
    /// The mount lets nothing be created.
    NoCreating,
    NoCreatingFolders,
    /// A symbolic link leads out of the mount.
    Escape,
    /// Anything else that is forbidden.
    Denied,
    NotFound,
    /// The folder that it would be in.
    NoFolder(String),
    IsFolder,
    NotFolder,
    NotEmpty,
    Exists,
    TooLarge,
    PathTooLong,
    /// No file has such a path.
    InvalidPath,
    Other(String),
}

/// What is done with a file, where messages depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Reading,
    Writing,
    Listing,
    Other,
}

impl FileError {
    fn into_host_error(self, path: &str, doing: Doing) -> HostError {
        use HostErrorKind as Kind;
        let not_a_folder = || format!("not a directory: {path}");
        let (kind, message) = match self {
            Self::OutsideMounts => (Kind::NotGranted, denied("path not in any mount")),
            Self::ReadOnlyMount => (Kind::NotGranted, denied("read-only mount")),
            Self::NoCreating => (Kind::NotGranted, denied("cannot create new files")),
            Self::NoCreatingFolders => (Kind::NotGranted, denied("cannot create directories")),
            Self::Escape => (Kind::NotGranted, denied("symlink escape attempt")),
            Self::Denied => (Kind::NotGranted, denied(path)),
            Self::NotFound if doing == Doing::Listing => {
                (Kind::NotFound, format!("directory not found: {path}"))
            }
            Self::NotFound => (Kind::NotFound, format!("file not found: {path}")),
            Self::NoFolder(folder) => (Kind::NotFound, format!("directory not found: {folder}")),
            Self::IsFolder if doing == Doing::Reading => {
                (Kind::IsDirectory, format!("cannot read directory: {path}"))
            }
            Self::IsFolder if doing == Doing::Writing => {
                (Kind::IsDirectory, format!("cannot write directory: {path}"))
            }
            Self::IsFolder => (Kind::IsDirectory, format!("is a directory: {path}")),
            Self::NotFolder => (Kind::NotDirectory, not_a_folder()),
            Self::NotEmpty => (Kind::Failed, format!("directory not empty: {path}")),
            Self::Exists => (Kind::Exists, format!("file exists: {path}")),
            Self::TooLarge if doing == Doing::Listing => {
                (Kind::TooLarge, format!("directory too large: {path}"))
            }
            Self::TooLarge => (Kind::TooLarge, "file too large".to_owned()),
            Self::PathTooLong => (Kind::TooLarge, "path too long".to_owned()),
            Self::InvalidPath => (Kind::Invalid, format!("invalid path: {path:?}")),
            Self::Other(what) => (Kind::Failed, format!("{what}: {path}")),
        };
        HostError::new(kind, message)
    }
}

fn denied(what: &str) -> String {
    format!("permission denied: {what}")
}

/// The files and what bounds their use.
pub(crate) struct Fs {
    files: Box<dyn Files>,
    max_file: u64,
    max_write: u64,
    max_path: usize,
}

impl Fs {
    /// `files` within `limits`.
    pub(crate) fn new(files: Box<dyn Files>, limits: &Limits) -> Self {
        Self {
            files,
            max_file: limits.fs_file,
            max_write: limits.fs_write,
            max_path: limits.fs_path,
        }
    }

    fn path<'a>(&self, args: &'a Args) -> Result<&'a str, HostError> {
        match text(args, "path") {
            Some("") | None => Err(HostError::new(HostErrorKind::Invalid, "path required")),
            Some(path) if path.len() > self.max_path => {
                Err(FileError::PathTooLong.into_host_error("", Doing::Other))
            }
            Some(path) => Ok(path),
        }
    }

    fn read(&self, args: &Args) -> Result<String, HostError> {
        let path = self.path(args)?;
        let content = self.files.read(path, self.max_file);
        let content = content.map_err(|error| error.into_host_error(path, Doing::Reading))?;
        String::from_utf8(content)
            .map_err(|_| HostError::new(HostErrorKind::Invalid, format!("not UTF-8 text: {path}")))
    }

    fn write(&self, args: &Args) -> Answer {
        let path = self.path(args)?;
        let Some(content) = text(args, "content") else {
            return Err(HostError::new(HostErrorKind::Invalid, "content required"));
        };
        if content.len() as u64 > self.max_write {
            return Err(HostError::new(HostErrorKind::TooLarge, "content too large"));
        }
        let written = self.files.write(path, content.as_bytes());
        done(written, path, Doing::Writing)
    }

    fn list(&self, args: &Args) -> Result<Vec<Listed>, HostError> {
        let path = self.path(args)?;
        let entries = self.files.list(path, MAX_LISTING);
        let entries = entries.map_err(|error| error.into_host_error(path, Doing::Listing))?;
        Ok(entries.into_iter().map(Listed::from).collect())
    }

    fn exists(&self, args: &Args) -> Result<bool, HostError> {
        Ok(self.files.stat(self.path(args)?).is_ok())
    }

    fn stat(&self, args: &Args) -> Result<Stat, HostError> {
        let path = self.path(args)?;
        let info = self.files.stat(path);
        let info = info.map_err(|error| error.into_host_error(path, Doing::Other))?;
        Ok(Stat {
            mod_time: info.modified,
            listed: Listed::from(info),
        })
    }

    fn make_folders(&self, args: &Args) -> Answer {
        let path = self.path(args)?;
        done(self.files.make_folders(path), path, Doing::Other)
    }

    fn remove(&self, args: &Args) -> Answer {
        let path = self.path(args)?;
        done(self.files.remove(path), path, Doing::Other)
    }
}

/// An entry, as a guest gets it.
struct Listed {
    name: String,
    is_dir: bool,
    size: u64,
}

impl From<FileInfo> for Listed {
    fn from(info: FileInfo) -> Self {
        Self {
            name: info.name,
            is_dir: info.is_folder,
            size: info.size,
        }
    }
}

impl Listed {
    fn into_map(self) -> Args {
        let mut map = Args::new();
        map.insert("name".to_owned(), Value::from(self.name));
        map.insert("is_dir".to_owned(), Value::from(self.is_dir));
        map.insert("size".to_owned(), Value::from(self.size));
        map
    }

    fn into_value(self) -> Value {
        Value::Object(self.into_map())
    }
}

struct Stat {
    listed: Listed,
    mod_time: i64,
}

impl Stat {
    fn into_value(self) -> Value {
        let mut map = self.listed.into_map();
        map.insert("mod_time".to_owned(), Value::from(self.mod_time));
        Value::Object(map)
    }
}

type Args = Map<String, Value>;
type Answer = Result<&'static str, HostError>;

fn done(result: Result<(), FileError>, path: &str, doing: Doing) -> Answer {
    match result {
        Ok(()) => Ok("ok"),
        Err(error) => Err(error.into_host_error(path, doing)),
    }
}

fn text<'a>(args: &'a Args, name: &str) -> Option<&'a str> {
    args.get(name).and_then(Value::as_str)
}

/// The functions that reach `fs`. They are made one after the other, also in a
/// batch, whose answers are counted as they come: those of several at a time
/// could be as large as many.
pub(super) fn add(functions: HostFunctions, fs: &Arc<Fs>) -> HostFunctions {
    let [read, write, list, exists, stat, mkdir, remove] = std::array::from_fn(|_| Arc::clone(fs));
    functions
        .quick("fs_read", move |args| read.read(&args).map(Value::from))
        .quick("fs_write", move |args| done_as(write.write(&args)))
        .quick("fs_list", move |args| {
            let listed = list.list(&args)?;
            Ok(listed.into_iter().map(Listed::into_value).collect())
        })
        .quick("fs_exists", move |args| {
            exists.exists(&args).map(Value::from)
        })
        .quick("fs_stat", move |args| {
            stat.stat(&args).map(Stat::into_value)
        })
        .quick("fs_mkdir", move |args| done_as(mkdir.make_folders(&args)))
        .quick("fs_remove", move |args| done_as(remove.remove(&args)))
}

fn done_as(answer: Answer) -> Result<Value, HostError> {
    answer.map(Value::from)
}
