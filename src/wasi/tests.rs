//! The virtual root as a whole, through its synchronous interface and through
//! the folder that wasi-common sees.

mod hostile;
mod modes;
mod routing;
mod tmp;
mod wasi;

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Errno, Handle, OpenHow, Opened, Root};
use crate::{Mount, MountMode};

/// Plenty.
const QUOTA: u64 = 1 << 20;

/// A temporary host folder.
struct Host(tempfile::TempDir);

impl Host {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    /// With a file, its folders made.
    fn file(self, path: &str, text: &str) -> Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, text).expect("a file");
        self
    }

    fn dir(self, path: &str) -> Self {
        fs::create_dir_all(self.path(path)).expect("folders");
        self
    }

    fn link(self, target: impl AsRef<Path>, path: &str) -> Self {
        std::os::unix::fs::symlink(target, self.path(path)).expect("a link");
        self
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("a file")
    }

    fn mount(&self, guest: &str, mode: MountMode) -> Mount {
        mount(guest, self.0.path(), mode)
    }

    /// A root with this folder at `/m`.
    fn root(&self, mode: MountMode) -> Root {
        root(&[self.mount("/m", mode)])
    }
}

fn mount(guest: &str, host: impl Into<PathBuf>, mode: MountMode) -> Mount {
    Mount {
        guest: guest.to_owned(),
        host: host.into(),
        mode,
    }
}

fn root(mounts: &[Mount]) -> Root {
    Root::new(mounts, QUOTA).expect("a root")
}

/// For reading, following links.
fn reading() -> OpenHow {
    OpenHow {
        read: true,
        follow: true,
        ..OpenHow::default()
    }
}

/// For writing, following links.
fn writing() -> OpenHow {
    OpenHow {
        write: true,
        follow: true,
        ..OpenHow::default()
    }
}

/// As `open(path, "w+")`.
fn creating() -> OpenHow {
    OpenHow {
        read: true,
        create: true,
        truncate: true,
        ..writing()
    }
}

fn open(root: &Root, path: &str, how: OpenHow) -> Result<Box<dyn Handle>, Errno> {
    match root.open(path, how)? {
        Opened::File(handle) => Ok(handle),
        Opened::Dir => panic!("{path} is a folder"),
    }
}

fn open_error(root: &Root, path: &str, how: OpenHow) -> Option<Errno> {
    root.open(path, how).err()
}

fn read(root: &Root, path: &str) -> Result<String, Errno> {
    let handle = open(root, path, reading())?;
    let mut bytes = vec![0; 1000];
    let count = handle.read(&mut bytes)?;
    bytes.truncate(count);
    Ok(String::from_utf8(bytes).expect("text"))
}

fn write(root: &Root, path: &str, text: &str) -> Result<(), Errno> {
    let count = open(root, path, creating())?.write(text.as_bytes())?;
    assert_eq!(count, text.len());
    Ok(())
}

fn list(root: &Root, path: &str) -> Result<Vec<String>, Errno> {
    let entries = root.read_dir(path)?;
    Ok(entries.into_iter().map(|entry| entry.name).collect())
}
