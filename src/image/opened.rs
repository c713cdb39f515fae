//! An image that has been opened, and how far it can be relied on.

use super::{
    bundle,
    cache::Images,
    file::{self, Parts},
    source::{self, Contents, Extent, MappedFile, Source, read_range},
    trust::Trust,
};
use crate::{Error, ErrorKind};
use std::{
    fs::File,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

/// An image: its bytes, and what they mean.
pub(crate) struct Opened {
    pub(crate) bytes: Bytes,
    pub(crate) parts: Parts,
    pub(crate) trust: Trust,
    /// Where its pages lie.
    pub(crate) source: Source,
    /// What is to be added to the parts' offsets to have the source's.
    base: u64,
}

/// All bytes of an image, mapped or in memory.
pub(crate) enum Bytes {
    Mapped(MappedFile),
    Shared(Arc<[u8]>),
    Owned(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(bytes) => bytes,
            Self::Shared(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Opened {
    /// Maps the image that is the bytes `range` of `file`, reading no more
    /// than its manifest. Whoever calls this says that the file is what it was
    /// when the image was checked, and stays so.
    ///
    /// # Errors
    ///
    /// When it can't be mapped, or its manifest shows that it is no image that
    /// this version can run.
    pub(super) fn mapped(file: Arc<File>, range: Range<u64>, trust: Trust) -> Result<Self, Error> {
        let base = range.start;
        let bytes = MappedFile::new(&file, range).map_err(|error| unreadable(&error))?;
        let parts = file::open(&bytes, bytes.len() as u64)?;
        Ok(Self {
            bytes: Bytes::Mapped(bytes),
            parts,
            trust,
            source: Source::File(file),
            base,
        })
    }

    /// Maps the image that is all of `file`, and checks it to its last byte.
    /// Whoever calls this says that nobody changes the file.
    ///
    /// # Errors
    ///
    /// As [`mapped`](Self::mapped), and when it is truncated or altered.
    fn mapped_checked(file: Arc<File>, length: u64) -> Result<Self, Error> {
        let opened = Self::mapped(file, 0..length, Trust::Foreign)?;
        file::read(&opened.bytes)?;
        Ok(opened)
    }

    /// An image in memory, checked to its last byte. What is checked is what
    /// runs: a file could change after it was looked at.
    ///
    /// # Errors
    ///
    /// When it is truncated, altered, of another version, or no image.
    pub(crate) fn checked(bytes: Vec<u8>, trust: Trust) -> Result<Self, Error> {
        let parts = file::read(&bytes)?;
        // So that instances share the pages that they don't write to.
        if let Some(file) = source::file_of(&bytes)
            && let Ok(bytes) = MappedFile::new(&file, 0..bytes.len() as u64)
        {
            return Ok(Self {
                bytes: Bytes::Mapped(bytes),
                parts,
                trust,
                source: Source::File(Arc::new(file)),
                base: 0,
            });
        }
        let bytes: Arc<[u8]> = bytes.into();
        Ok(Self {
            bytes: Bytes::Shared(Arc::clone(&bytes)),
            parts,
            trust,
            source: Source::Bytes(bytes),
            base: 0,
        })
    }

    /// What the memories hold, and where in [`source`](Self::source).
    pub(crate) fn contents(&self) -> Vec<Contents> {
        let memories = self.parts.manifest.memories.iter();
        memories
            .zip(&self.parts.memories)
            .map(|(memory, extents)| Contents {
                pages: memory.pages,
                maximum: memory.maximum,
                extents: extents
                    .iter()
                    .map(|extent| Extent {
                        file: extent.file + self.base,
                        ..*extent
                    })
                    .collect(),
            })
            .collect()
    }
}

/// What a file turned out to be.
pub(crate) enum Found {
    Image(Box<Opened>),
    /// Something else.
    Other(Unread),
}

/// A file that is no image.
pub(crate) struct Unread {
    path: PathBuf,
    content: Content,
}

enum Content {
    /// Still in the file, which has so many bytes.
    File(File, u64),
    Read(Vec<u8>),
}

impl Unread {
    /// All of it.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    pub(crate) fn read(self) -> Result<Vec<u8>, Error> {
        match self.content {
            Content::Read(bytes) => Ok(bytes),
            Content::File(file, length) => {
                read_range(&file, 0..length).map_err(|error| plain(&self.path, error))
            }
        }
    }
}

/// Opens `path`: an image that `images` knows to be our own is mapped, any
/// other is checked in full. Also finds the image in a bundle.
///
/// # Errors
///
/// When the file can't be read, or is an image that is not whole.
pub(crate) fn open(path: &Path, images: Option<&Images>) -> Result<Found, Error> {
    let named = |error: Error| Error::new(error.kind(), format!("{}: {error}", path.display()));
    let plain = |error| plain(path, error);
    let other = |content| Unread {
        path: path.to_owned(),
        content,
    };
    let mut file = File::open(path).map_err(plain)?;
    let metadata = file.metadata().map_err(plain)?;
    if !metadata.is_file() {
        // A pipe or the like: it has no size, and is read but once.
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes).map_err(plain)?;
        if !file::is_image(&bytes) {
            return Ok(Found::Other(other(Content::Read(bytes))));
        }
        let opened = Opened::checked(bytes, Trust::Foreign).map_err(named)?;
        return Ok(Found::Image(Box::new(opened)));
    }
    let length = metadata.len();
    let start = read_range(&file, 0..length.min(file::START as u64)).map_err(plain)?;
    if !file::is_image(&start) {
        let Some(bundle) = bundle::find(&file, length).map_err(named)? else {
            return Ok(Found::Other(other(Content::File(file, length))));
        };
        let bytes = read_range(&file, bundle.image).map_err(plain)?;
        let opened = Opened::checked(bytes, Trust::Foreign).map_err(named)?;
        return Ok(Found::Image(Box::new(opened)));
    }
    if images.is_some_and(|images| images.knows_file(path, &metadata)) {
        let opened = Opened::mapped(Arc::new(file), 0..length, Trust::Own).map_err(named)?;
        return Ok(Found::Image(Box::new(opened)));
    }
    let bytes = read_range(&file, 0..length).map_err(plain)?;
    let mut opened = Opened::checked(bytes, Trust::Foreign).map_err(named)?;
    if images.is_some_and(|images| images.knows_bytes(&opened.bytes, &metadata)) {
        opened.trust = Trust::Own;
    }
    Ok(Found::Image(Box::new(opened)))
}

/// Maps the image at `path`, which nobody changes, and checks it in full; nothing
/// where that is no image, or one that `images` knows, and [`open`] maps.
///
/// # Errors
///
/// As [`open`].
pub(crate) fn map(path: &Path, images: Option<&Images>) -> Result<Option<Opened>, Error> {
    let plain = |error| plain(path, error);
    let file = File::open(path).map_err(plain)?;
    let metadata = file.metadata().map_err(plain)?;
    if !metadata.is_file() || images.is_some_and(|images| images.knows_file(path, &metadata)) {
        return Ok(None);
    }
    let length = metadata.len();
    let start = read_range(&file, 0..length.min(file::START as u64)).map_err(plain)?;
    if !file::is_image(&start) {
        return Ok(None);
    }
    Opened::mapped_checked(Arc::new(file), length)
        .map(Some)
        .map_err(|error| Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// What keeps the file at `path` from being read, without the system's code.
fn plain(path: &Path, error: io::Error) -> Error {
    let about = |problem: &dyn std::fmt::Display| {
        Error::new(ErrorKind::Io, format!("{}: {problem}", path.display()))
    };
    match error.kind() {
        io::ErrorKind::NotFound => about(&"no such file"),
        io::ErrorKind::PermissionDenied => about(&"permission denied"),
        io::ErrorKind::IsADirectory => about(&"is a folder, not a file"),
        _ => about(&error).with_source(error),
    }
}

fn unreadable(error: &io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("the image can't be read: {error}"))
}
