//! The image cache, and what it knows of files that lie elsewhere.

use crate::{
    Error, Language,
    image::{
        cache::{Draws, Images, Key, NO_SOURCES},
        opened::{self, Opened},
        saved,
        trust::Trust,
    },
};
use std::path::Path;

pub struct Cache(Images);

/// An image that was opened.
pub struct Found {
    pub bytes: Vec<u8>,
    /// Whether it would run unvalidated.
    pub is_own: bool,
}

impl From<Opened> for Found {
    fn from(opened: Opened) -> Self {
        Self {
            is_own: opened.trust == Trust::Own,
            bytes: opened.bytes.to_vec(),
        }
    }
}

fn key(guest: &str) -> Result<Key, Error> {
    Key::new(Language::Python, guest, NO_SOURCES, Draws::Fixed, false)
}

impl Cache {
    pub fn at(folder: &Path) -> Self {
        Self(Images::at(folder))
    }

    /// As `dormouse snapshot` does with what it made.
    pub fn save(&self, path: &Path, image: &[u8]) -> Result<(), Error> {
        self.0.register(&saved::write(path, image, 0o644)?, image)
    }

    /// As the command does with each file that it is given.
    pub fn open(&self, path: &Path) -> Result<Option<Found>, Error> {
        Ok(match opened::open(path, Some(&self.0))? {
            opened::Found::Image(image) => Some((*image).into()),
            opened::Found::Other(_) => None,
        })
    }

    pub fn map(&self, path: &Path) -> Result<Option<Found>, Error> {
        Ok(opened::map(path, Some(&self.0))?.map(Found::from))
    }

    /// Keeps `image` as a language's, unless one is kept.
    pub fn keep(&self, guest: &str, image: &[u8]) -> Result<Found, Error> {
        let kept = self
            .0
            .open_or_make(&key(guest)?, &mut |_| {}, |_| Ok(image.to_vec()));
        kept.map(Found::from)
    }

    /// The image that is kept so.
    pub fn kept(&self, guest: &str) -> Result<Option<Found>, Error> {
        Ok(self.0.find(&key(guest)?)?.map(Found::from))
    }

    /// What such an image is called, without `.dormouse` or `.record`.
    pub fn name(guest: &str) -> Result<String, Error> {
        Ok(key(guest)?.name().to_owned())
    }
}
