//! Languages that wait for a program: started once, kept, woken ever after.

use super::{
    Image,
    cache::{Draws, Images, Key},
    captured::Origin,
};
use crate::{
    Error, GuestStore, Language, Limits, Program, Progress, Sandbox,
    capture::{self, Request},
    language,
    wasi::{PREPARING, Secret},
};

/// Which of a language's images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kind {
    /// That for runs with a seed, in which nothing is this installation's own.
    pub(crate) seeded: bool,
    /// That for runs with a deadline at which the process goes on: its code
    /// asks the host from time to time.
    pub(crate) bounded: bool,
}

/// The image of `language`, made first if it is not in the cache.
///
/// # Errors
///
/// When its guest can't be had, can't be captured, or the cache is not usable.
pub(crate) fn open_or_make(
    store: &GuestStore,
    language: Language,
    kind: Kind,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Image, Error> {
    let draws = draws(language, kind);
    let (_, sha256) = store.identity(language)?;
    let key = key(language, &sha256, kind)?;
    let images = Images::at(store.folder());
    let opened = images.open_or_make(&key, progress, |progress| {
        let secret = match draws {
            Draws::Secret => images.secret()?,
            Draws::Fixed => PREPARING,
        };
        let guest = store.plain_image(language, progress)?;
        progress(Progress::Capturing { language });
        make(&guest, secret, kind.bounded)
    })?;
    Ok(Image::opened(opened)?.of_store(store.clone(), kind))
}

/// Bytes of the image of `language`, if it is in the cache and nobody altered it.
///
/// # Errors
///
/// When the cache is not usable.
#[cfg(feature = "cli")]
pub(crate) fn kept(
    store: &GuestStore,
    language: Language,
    kind: Kind,
) -> Result<Option<usize>, Error> {
    let (_, sha256) = store.identity(language)?;
    let key = key(language, &sha256, kind)?;
    let found = Images::at(store.folder()).find(&key)?;
    Ok(found.map(|opened| opened.bytes.len()))
}

fn key(language: Language, sha256: &str, kind: Kind) -> Result<Key, Error> {
    let bootstrap = language::fingerprint(language);
    let draws = draws(language, kind);
    Key::new(language, sha256, bootstrap, draws, kind.bounded)
}

fn draws(language: Language, kind: Kind) -> Draws {
    match kind.seeded || !language::draws_secrets(language) {
        true => Draws::Fixed,
        false => Draws::Secret,
    }
}

fn make(guest: &Image, secret: Secret, bounded: bool) -> Result<Vec<u8>, Error> {
    // It is our own code that runs, and it comes to its end.
    let sandbox = Sandbox::new(guest).drawing_from(secret).limits(Limits {
        deadline: None,
        ..Limits::default()
    });
    let request = Request {
        point: None,
        portable: false,
        bounded,
    };
    let origin = Origin {
        guest: guest.origin(),
        language: guest.guest_language(),
        ..Origin::default()
    };
    capture::capture(sandbox, &Program::code(""), &request)?.image(&origin)
}
