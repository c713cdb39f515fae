//! What modules print to stderr, kept in a file for each.

use super::routes::Route;
use crate::image::trust::sha256;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Bytes of a log before it is put aside as `module.stderr.1`, in place of the
/// one that was there: modules print what their clients send, without end.
const MAX_LOG: u64 = 64 << 20;

/// The log of one module.
#[derive(Debug, Clone)]
pub(crate) struct Log(PathBuf);

impl Log {
    /// That of the module at `route`, below `folder`.
    pub(crate) fn of(folder: &Path, route: &Route) -> Self {
        let name = sha256(route.as_str().as_bytes());
        Self(folder.join(name).join("module.stderr"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where one run prints to. The file is not made before something is printed.
    pub(crate) fn writer(&self) -> Writer {
        Writer {
            path: self.0.clone(),
            file: None,
        }
    }
}

/// Appends to a log. A guest never sees that it can't be written: that is not
/// its fault.
#[derive(Debug)]
pub(crate) struct Writer {
    path: PathBuf,
    file: Option<File>,
}

impl Writer {
    fn open(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => open(&self.path)?,
        };
        Ok(self.file.insert(file))
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.open().and_then(|file| file.write_all(bytes)) {
            tracing::warn!(path = %self.path.display(), %error, "a module's log can't be written");
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > MAX_LOG) {
        fs::rename(path, path.with_extension("stderr.1"))?;
    }
    OpenOptions::new().append(true).create(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a9_stderr_is_appended_below_the_digest_of_the_route() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Log::of(folder.path(), &Route::parse("/a/...").expect("a route"));
        // printf /a/... | sha256sum
        let digest = "df8c480579d1bfa04ed472671bd892569f9274fcb6eac6786b509587e32a1fef";
        assert!(log.path().ends_with(format!("{digest}/module.stderr")));
        drop(log.writer());
        assert!(!log.path().exists());
        for text in ["one\n", "two\n"] {
            log.writer()
                .write_all(text.as_bytes())
                .expect("it is written");
        }
        assert_eq!(fs::read_to_string(log.path()).expect("a log"), "one\ntwo\n");
        let file = OpenOptions::new()
            .write(true)
            .open(log.path())
            .expect("a log");
        file.set_len(MAX_LOG + 1).expect("it grows");
        log.writer().write_all(b"three").expect("it is written");
        assert_eq!(fs::read_to_string(log.path()).expect("a log"), "three");
        assert!(log.path().with_extension("stderr.1").exists());
    }

    #[test]
    fn a_log_that_cannot_be_written_is_not_the_guests_fault() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("a file");
        let log = Log::of(&file, &Route::parse("/").expect("a route"));
        assert_eq!(log.writer().write(b"x").expect("nobody sees"), 1);
    }
}
