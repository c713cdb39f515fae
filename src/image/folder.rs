//! A folder that nobody but this user can look into, or write to.

use super::cache_error;
use crate::Error;
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

/// Bytes of a small file: a record has some 200.
const MAX_SMALL: u64 = 4096;

/// What a writer that was killed left is removed when it is this old.
const STALE: Duration = Duration::from_secs(3600);

/// First part of the name of a file that is being written.
const PARTIAL: &str = ".dormouse-partial-";

/// An open folder, checked to be private: what is found in it, this user put
/// there. It is kept open, so that its path may not come to mean another.
pub(super) struct Folder {
    path: PathBuf,
    #[cfg(unix)]
    handle: rustix::fd::OwnedFd,
}

impl Folder {
    /// The folder at `path`; nothing if there is none.
    ///
    /// # Errors
    ///
    /// When it is not private.
    #[cfg(unix)]
    pub(super) fn open(path: &Path) -> Result<Option<Self>, Error> {
        use rustix::fs::{Mode, OFlags};
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        let handle = match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(not_usable(path, &io::Error::from(error))),
        };
        let stat = rustix::fs::fstat(&handle)
            .map_err(|error| not_usable(path, &io::Error::from(error)))?;
        let user = rustix::process::geteuid().as_raw();
        if stat.st_uid != user {
            return Err(not_usable(
                path,
                &format!("it belongs to user {}, not to you ({user})", stat.st_uid),
            ));
        }
        if stat.st_mode & 0o077 != 0 {
            return Err(not_usable(
                path,
                &format!(
                    "others may look into it or write there; run: chmod 700 {}",
                    path.display()
                ),
            ));
        }
        Ok(Some(Self {
            path: path.to_owned(),
            handle,
        }))
    }

    #[cfg(not(unix))]
    pub(super) fn open(path: &Path) -> Result<Option<Self>, Error> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Ok(Some(Self {
                path: path.to_owned(),
            })),
            Ok(_) => Err(not_usable(path, &"it is not a folder")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(not_usable(path, &error)),
        }
    }

    /// The folder at `path`, made first if there is none.
    ///
    /// # Errors
    ///
    /// When it can't be made, or is not private.
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        if let Some(folder) = Self::open(path)? {
            return Ok(folder);
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(path)
            .map_err(|error| not_usable(path, &error))?;
        Self::open(path)?.ok_or_else(|| not_usable(path, &"it disappeared"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file called `name`, which must be no link.
    pub(super) fn file(&self, name: &str) -> io::Result<File> {
        #[cfg(unix)]
        {
            use rustix::fs::{Mode, OFlags};
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(&self.handle, name, flags, Mode::empty())?;
            Ok(File::from(file))
        }
        #[cfg(not(unix))]
        File::open(self.path.join(name))
    }

    /// Reads a file of a few lines.
    pub(super) fn read_small(&self, name: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(512);
        self.file(name)?.take(MAX_SMALL).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes a file whole: to another name, to the disk, then renamed.
    ///
    /// # Errors
    ///
    /// When it can't be written; nothing is left then.
    pub(super) fn place(&self, name: &str, bytes: &[u8]) -> Result<File, Error> {
        place(&self.path, name.as_ref(), bytes, 0o600)
            .map_err(|error| not_usable(&self.path, &error))
    }

    /// Removes the file called `name`, if it is there.
    pub(super) fn remove(&self, name: &str) {
        // What can't be removed is in nobody's way.
        let _ = fs::remove_file(self.path.join(name));
    }

    /// The files in it, newest first.
    pub(super) fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.path) else {
            return Vec::new();
        };
        let mut names: Vec<(SystemTime, String)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let time = entry.metadata().ok()?.modified().ok()?;
                Some((time, entry.file_name().into_string().ok()?))
            })
            .collect();
        names.sort_by(|a, b| b.cmp(a));
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// Removes what killed writers left.
    pub(super) fn sweep(&self) {
        let now = SystemTime::now();
        for name in self.names() {
            let old = || {
                let time = fs::metadata(self.path.join(&name)).ok()?.modified().ok()?;
                now.duration_since(time).ok()
            };
            if name.starts_with(PARTIAL) && old().is_some_and(|age| age > STALE) {
                self.remove(&name);
            }
        }
    }

    pub(super) fn not_usable(&self, problem: &dyn std::fmt::Display) -> Error {
        not_usable(&self.path, problem)
    }
}

/// Writes the file `name` in `folder` whole or not at all. What had that name
/// stays as it was for whoever has it open.
///
/// # Errors
///
/// When it can't be written.
pub(crate) fn place(
    folder: &Path,
    name: &std::ffi::OsStr,
    bytes: &[u8],
    mode: u32,
) -> io::Result<File> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let partial = folder.join(format!("{PARTIAL}{}-{number}", std::process::id()));
    // Left by a process of the same number.
    let _ = fs::remove_file(&partial);
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = || {
        let mut file = options.open(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&partial, folder.join(name))?;
        Ok(file)
    };
    let file = written();
    if file.is_err() {
        let _ = fs::remove_file(&partial);
    }
    file
}

fn not_usable(path: &Path, problem: &dyn std::fmt::Display) -> Error {
    cache_error(format!(
        "the image cache {} is not usable: {problem}; mend that, or name another folder in \
         DORMOUSE_CACHE",
        path.display()
    ))
}
