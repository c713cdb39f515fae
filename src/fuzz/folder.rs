//! The folder that a campaign keeps what it finds in.
//!
//! ```text
//! queue/ID     inputs that took new edges
//! crashes/ID   inputs that ended in a crash, and in ID.txt what, where, how to replay
//! hangs/ID     inputs that did not end in time, and the same
//! stats.json   executions and the like
//! ```
//!
//! A name follows from what it stands for, and a file is there at once or not at
//! all: so several processes can keep what they find in one folder, and what is
//! found twice is kept once.

use crate::{Error, ErrorKind};
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Files of a corpus that are read.
const MAX_INPUTS: usize = 1_000_000;

/// Where a campaign keeps what it finds.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// When it can't be made.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        for part in ["queue", "crashes", "hangs"] {
            let path = path.join(part);
            fs::create_dir_all(&path).map_err(|error| {
                failed(
                    format!("the folder {} can't be made: {error}", path.display()),
                    error,
                )
            })?;
        }
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn path(&self, kind: &str, name: &str) -> PathBuf {
        self.0.join(kind).join(name)
    }

    /// What was kept of an earlier campaign, as inputs for the next one.
    pub(crate) fn queue(&self, most: usize) -> Result<Vec<Vec<u8>>, Error> {
        inputs(&self.0.join("queue"), most)
    }

    /// Files of a kind that are there.
    pub(crate) fn count(&self, kind: &str) -> usize {
        let Ok(files) = fs::read_dir(self.0.join(kind)) else {
            return 0;
        };
        let is_input = |path: &Path| !is_other(path);
        files
            .flatten()
            .filter(|file| is_input(&file.path()))
            .count()
    }

    /// Keeps `input` under `name`, and `text` beside it; whether it was not there.
    pub(super) fn keep(
        &self,
        kind: &str,
        name: &str,
        input: &[u8],
        text: Option<&str>,
    ) -> Result<bool, Error> {
        let path = self.path(kind, name);
        if path.exists() {
            return Ok(false);
        }
        if let Some(text) = text {
            replace(&path.with_extension("txt"), text.as_bytes())?;
        }
        replace(&path, input)?;
        Ok(true)
    }

    /// Keeps an input that took new edges.
    pub(super) fn keep_input(&self, input: &[u8]) -> Result<(), Error> {
        let mut short = [0; 8];
        let digest = Sha256::digest(input);
        short.copy_from_slice(&digest[..8]);
        self.keep("queue", &id(u64::from_be_bytes(short)), input, None)
            .map(drop)
    }

    /// Puts a file of ours into the folder.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        replace(&self.0.join(name), bytes)
    }
}

/// The files in `folder`, by name, each up to `most` bytes.
///
/// # Errors
///
/// When it can't be read.
pub(crate) fn inputs(folder: &Path, most: usize) -> Result<Vec<Vec<u8>>, Error> {
    let unreadable = |path: &Path, error: io::Error| {
        failed(format!("{} can't be read: {error}", path.display()), error)
    };
    let mut paths = Vec::new();
    for file in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = file.map_err(|error| unreadable(folder, error))?.path();
        if path.is_file() && !is_other(&path) {
            paths.push(path);
        }
    }
    if paths.len() > MAX_INPUTS {
        return Err(Error::new(
            ErrorKind::Io,
            format!("{} has more than {MAX_INPUTS} files", folder.display()),
        ));
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let file = fs::File::open(path)?;
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(file, most as u64), &mut bytes)?;
        Ok(bytes)
    };
    paths
        .iter()
        .map(|path| read(path).map_err(|error| unreadable(path, error)))
        .collect()
}

/// Whether a file is none of the inputs: notes beside them, hidden ones, parts.
fn is_other(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') || name.ends_with(".txt")
}

/// Puts a file in its place at once.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{name}.{}.{number}", std::process::id()));
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&part);
        failed(
            format!("{} can't be written: {error}", path.display()),
            error,
        )
    })
}

/// What stands for all `parts`.
pub(super) fn digest(parts: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut short = [0; 8];
    short.copy_from_slice(&hasher.finalize()[..8]);
    u64::from_be_bytes(short)
}

/// A file's name.
pub(super) fn id(number: u64) -> String {
    format!("{number:016x}")
}

fn failed(message: String, error: io::Error) -> Error {
    Error::new(ErrorKind::Io, message).with_source(error)
}
