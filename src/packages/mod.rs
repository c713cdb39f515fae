//! Python packages: installed by the host's installer, from wheels without
//! native code, into a folder that guests read.
//!
//! Nothing of a package runs on the host: wheels are unpacked, not built.

mod explain;
mod folder;
mod leaving;
mod pip;
mod requirement;

#[cfg(feature = "cli")]
pub(crate) use folder::remove;
pub(crate) use folder::{Package, list};
pub(crate) use leaving::Temporary;
#[cfg(feature = "cli")]
pub(crate) use leaving::leave;
pub(crate) use pip::Says;
pub(crate) use requirement::Requirement;

use explain::explain;
use pip::Pip;
use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::Instant,
};

/// Bytes that one installation may bring: far above any set of packages
/// without native code, and bounded where a guest asks for it.
const MAX_INSTALLED: u64 = 512 << 20;

/// Why packages could not be installed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// There is neither pip nor uv.
    NoInstaller,
    /// It took longer than it may.
    TimedOut,
    /// What was asked for can't be had; why.
    Unavailable(String),
    /// The installer failed otherwise; what it said at the end.
    Failed(String),
    /// A package has native code in it.
    Native(PathBuf),
    /// More than it may be.
    TooLarge,
    /// Files could not be written, or the installer not be run.
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoInstaller => f.write_str(
                "there is no pip to install packages with: install Python 3 with pip, or uv, and \
                 have it on your PATH",
            ),
            Self::TimedOut => f.write_str("installing took too long, and was ended"),
            Self::Unavailable(why) => f.write_str(why),
            Self::Failed(said) => write!(f, "pip failed: {said}"),
            Self::Native(file) => write!(
                f,
                "{} is native code, which does not run in the sandbox; nothing was installed",
                file.display()
            ),
            Self::TooLarge => write!(
                f,
                "the packages exceed {} MiB; nothing was installed",
                MAX_INSTALLED >> 20
            ),
            Self::Io(error) => write!(f, "packages could not be installed: {error}"),
        }
    }
}

/// An installation.
pub(crate) struct Installation<'a> {
    /// Where to. It is made if there is none.
    pub(crate) folder: &'a Path,
    pub(crate) requirements: &'a [Requirement],
    /// When it must be done.
    pub(crate) until: Option<Instant>,
    /// Hears what the installer says.
    pub(crate) says: Says,
}

impl Installation<'_> {
    /// Does it; what was installed, also for what was asked for. When it fails,
    /// the folder is what it was.
    pub(crate) fn run(&self) -> Result<Vec<Package>, Trouble> {
        let is_there = self.folder.is_dir();
        std::fs::create_dir_all(self.folder)?;
        let result = self.run_beside();
        if result.is_err() && !is_there {
            // Nothing is in it.
            let _ = std::fs::remove_dir(self.folder);
        }
        result
    }

    /// Installs into a folder beside, so that files can be moved from there.
    fn run_beside(&self) -> Result<Vec<Package>, Trouble> {
        let folder = self.folder.canonicalize()?;
        let beside = Temporary::new(Some(folder.parent().unwrap_or(&folder)))?;
        let [new, empty, trash] = ["new", "empty", "trash"].map(|name| beside.path().join(name));
        for folder in [&new, &empty, &trash] {
            std::fs::create_dir(folder)?;
        }
        let pip = Pip::find(&empty, self.until)?;
        let ended = pip.install(self.requirements, &new, &self.says)?;
        if !ended.success {
            return Err(explain(&pip, self.requirements, &ended.output));
        }
        drop_scripts(&new)?;
        check(&new)?;
        let packages = list(&new)?;
        folder::move_in(&folder, &new, &trash)?;
        Ok(packages)
    }
}

/// Removes commands that a package brings: no guest can call them, and they
/// are recorded to lie elsewhere.
fn drop_scripts(new: &Path) -> io::Result<()> {
    let bin = new.join("bin");
    if bin.is_dir() && !bin.join("__init__.py").exists() {
        std::fs::remove_dir_all(bin)?;
    }
    Ok(())
}

/// Refuses native code, links, and too much.
fn check(new: &Path) -> Result<(), Trouble> {
    let mut left = MAX_INSTALLED;
    for file in folder::all_files(new)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        let ends = [".so", ".pyd", ".dylib", ".dll"];
        let metadata = new.join(&file).symlink_metadata()?;
        if ends.iter().any(|end| name.ends_with(end))
            || name.contains(".so.")
            || !metadata.is_file()
        {
            return Err(Trouble::Native(file));
        }
        left = left.checked_sub(metadata.len()).ok_or(Trouble::TooLarge)?;
    }
    Ok(())
}
