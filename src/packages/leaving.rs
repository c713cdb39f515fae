//! What has to be ended and removed when the process ends before a run does.

use std::{
    path::{Path, PathBuf},
    process::Child,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tempfile::TempDir;

/// What there is now. The process's: it is only for the process's end.
static LEFT: Mutex<Left> = Mutex::new(Left {
    children: Vec::new(),
    folders: Vec::new(),
});

struct Left {
    children: Vec<Arc<Mutex<Child>>>,
    folders: Vec<PathBuf>,
}

fn left() -> MutexGuard<'static, Left> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A child of ours, which ends when this is dropped.
pub(super) struct Running(Arc<Mutex<Child>>);

impl Running {
    pub(super) fn new(child: Child) -> Self {
        let child = Arc::new(Mutex::new(child));
        left().children.push(Arc::clone(&child));
        Self(child)
    }

    pub(super) fn child(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        end(&self.0);
        left().children.retain(|other| !Arc::ptr_eq(other, &self.0));
    }
}

fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // One that has ended can't be.
    let _ = child.kill();
    let _ = child.wait();
}

/// A folder that goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Temporary(TempDir);

impl Temporary {
    /// One in `parent`, or where temporary files belong.
    pub(crate) fn new(parent: Option<&Path>) -> std::io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".dormouse-");
        let folder = match parent {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        }?;
        left().folders.push(folder.path().to_owned());
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        left().folders.retain(|other| other != self.0.path());
    }
}

/// Ends the children of this process and removes its temporary folders: it
/// is about to end.
#[cfg(feature = "cli")]
pub(crate) fn leave() {
    let mut left = left();
    for child in left.children.drain(..) {
        end(&child);
    }
    for folder in left.folders.drain(..) {
        // Nobody is left to be told.
        let _ = std::fs::remove_dir_all(folder);
    }
}
