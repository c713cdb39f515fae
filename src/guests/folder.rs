//! The folder that a store keeps guests in, for this user alone.

use super::{GuestStore, fetch, guest_error, pin::Pin};
use crate::Error;
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Folders of fetches that were killed are removed when they are this old.
const STALE: Duration = Duration::from_secs(3600);

impl GuestStore {
    pub(super) fn path_of(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }

    /// The pinned guest, if it is there and whole.
    pub(super) fn cached(&self, pin: &Pin) -> Option<Vec<u8>> {
        let wasm = fs::read(self.path_of(&pin.sha256)).ok()?;
        fetch::verify(&wasm, pin).ok().map(|()| wasm)
    }

    /// Writes a file whole: to another name, to the disk, then renamed.
    pub(super) fn place(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let partial = self.folder.join(format!("partial-{}", std::process::id()));
        let written = fs::File::create(&partial)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&partial, path));
        written.map_err(|error| {
            let _ = fs::remove_file(&partial);
            self.not_usable(&error)
        })
    }

    /// Makes the folder, for this user alone, and checks that it is so.
    pub(super) fn prepare(&self) -> Result<(), Error> {
        if !self.folder.exists() {
            create_private(&self.folder).map_err(|error| self.not_usable(&error))?;
        }
        self.check_private()
    }

    /// Nobody else may put guests here.
    #[cfg(unix)]
    pub(crate) fn check_private(&self) -> Result<(), Error> {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(&self.folder).map_err(|error| self.not_usable(&error))?;
        if !metadata.is_dir() {
            return Err(self.not_usable(&"it is not a folder"));
        }
        let user = rustix::process::geteuid().as_raw();
        if metadata.uid() != user {
            return Err(self.not_usable(&format!(
                "it belongs to user {}, not to you ({user})",
                metadata.uid()
            )));
        }
        if metadata.mode() & 0o022 != 0 {
            return Err(self.not_usable(&format!(
                "others may write there; run: chmod go-w {}",
                self.folder.display()
            )));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    pub(crate) fn check_private(&self) -> Result<(), Error> {
        match fs::metadata(&self.folder) {
            Ok(metadata) if metadata.is_dir() => Ok(()),
            Ok(_) => Err(self.not_usable(&"it is not a folder")),
            Err(error) => Err(self.not_usable(&error)),
        }
    }

    /// Removes what killed fetches left.
    pub(super) fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let age = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .ok()
                .and_then(|time| SystemTime::now().duration_since(time).ok())
                .unwrap_or_default();
            if age > STALE && name.starts_with("fetch-") {
                let _ = fs::remove_dir_all(entry.path());
            }
            if age > STALE && name.starts_with("partial-") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    pub(super) fn not_usable(&self, problem: &dyn std::fmt::Display) -> Error {
        guest_error(format!(
            "the guest cache {} is not usable: {problem}; mend that, or name another folder in \
             DORMOUSE_CACHE",
            self.folder.display()
        ))
    }
}

/// The platform's folder for things that can be fetched again.
pub(super) fn platform_cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if cfg!(windows) {
        return folder("LOCALAPPDATA").map(PathBuf::from);
    }
    if let Some(cache) = folder("XDG_CACHE_HOME").map(PathBuf::from)
        && cache.is_absolute()
    {
        return Some(cache);
    }
    let home = PathBuf::from(folder("HOME")?);
    Some(home.join(if cfg!(target_vendor = "apple") {
        "Library/Caches"
    } else {
        ".cache"
    }))
}

fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
