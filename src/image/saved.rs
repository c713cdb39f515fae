//! Images that are written to files.

use super::{
    Image,
    cache::Images,
    folder::place,
    manifest::Guest,
    trust::{Trust, sha256},
};
use crate::{Error, ErrorKind};
use std::path::Path;

impl Image {
    /// Writes the image to the file at `path`, whole or not at all, for
    /// [`open`](Self::open) to read. Of a snapshot that this process made, or
    /// that was found to be this installation's, the cache folder that
    /// [`GuestStore::open_default`](crate::GuestStore::open_default) names
    /// remembers that: then it is mapped when it is opened. Where there is no
    /// such folder, it is checked in full each time.
    ///
    /// ```
    /// use dormouse::{Image, Point, Program, Sandbox};
    /// let module = b"(module (func (export \"prepare\")) (func (export \"_start\")))";
    /// let image = Sandbox::new(&Image::wasm("m.wat", module)?)
    ///     .snapshot(Program::start("m.wat"), &Point::init("prepare"))?;
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("m.dormouse");
    /// image.save(&path)?;
    /// assert_eq!(Image::open(&path)?.to_bytes(), image.to_bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        // All that comes of that is a slower start.
        self.write(path.as_ref()).map(|_not_remembered| ())
    }

    /// The same; also says why it won't be known as ours.
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub(crate) fn write(&self, path: &Path) -> Result<Result<(), Error>, Error> {
        let bytes: &[u8] = &self.0.wasm;
        let file = write(path, bytes, 0o644)?;
        // Whether it is valid, only those that are ours have shown.
        let is_own = |snapshot: &super::Snapshot| snapshot.trust == Trust::Own;
        Ok(match Images::open_default() {
            Some(images) if self.snapshot().is_some_and(is_own) => images.register(&file, bytes),
            _ => Ok(()),
        })
    }

    /// The image as [`save`](Self::save) writes it, for
    /// [`wasm`](Self::wasm) to read; of a module, its binary form.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.wasm.to_vec()
    }

    /// What an image of it is to remember.
    pub(crate) fn origin(&self) -> Guest {
        match (self.snapshot(), &self.0.guest) {
            (Some(snapshot), _) => snapshot.manifest.guest.clone(),
            (None, guest) if guest.sha256.is_empty() => Guest {
                name: guest.name.clone(),
                sha256: sha256(self.wasm_bytes()),
            },
            (None, guest) => guest.clone(),
        }
    }
}

/// The last part of a path, which may be only that.
pub(crate) fn file_name(path: &str) -> String {
    let name = Path::new(path).file_name();
    name.map_or_else(
        || path.to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Writes `bytes` to the file at `path`, whole or not at all.
///
/// # Errors
///
/// When it can't be written.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<std::fs::File, Error> {
    let failed = |problem: &dyn std::fmt::Display| {
        Error::new(
            ErrorKind::Io,
            format!("{} can't be written: {problem}", path.display()),
        )
    };
    let name = path
        .file_name()
        .filter(|_| !path.is_dir())
        .ok_or_else(|| failed(&"it is a folder"))?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    place(folder, name, bytes, mode).map_err(|error| failed(&error))
}
