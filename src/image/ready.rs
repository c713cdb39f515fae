//! Languages that wait for a program: started once, kept, woken ever after.

use super::{
    Image,
    cache::{Draws, Images, Key},
    captured::Origin,
    manifest::Guest,
};
use crate::{
    Error, GuestStore, Language, Limits, Program, Progress, Sandbox,
    capture::{self, Request},
    language,
    wasi::{PREPARING, Secret},
};

/// The image of `language`, made first if it is not in the cache; `seeded`:
/// that for runs with a seed, in which nothing is this installation's own.
///
/// # Errors
///
/// When its guest can't be had, can't be captured, or the cache is not usable.
pub(crate) fn open_or_make(
    store: &GuestStore,
    language: Language,
    seeded: bool,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Image, Error> {
    let draws = if seeded || !language::draws_secrets(language) {
        Draws::Fixed
    } else {
        Draws::Secret
    };
    let (name, sha256) = store.identity(language)?;
    let key = Key::new(language, &sha256, language::fingerprint(language), draws)?;
    let images = Images::at(store.folder());
    let opened = images.open_or_make(&key, progress, |progress| {
        let secret = match draws {
            Draws::Secret => images.secret()?,
            Draws::Fixed => PREPARING,
        };
        let wasm = store.load(language, progress)?;
        progress(Progress::Capturing { language });
        make(language, wasm, Guest { name, sha256 }, secret)
    })?;
    Ok(Image::opened(opened)?.of_store(store.clone()))
}

fn make(language: Language, wasm: Vec<u8>, guest: Guest, secret: Secret) -> Result<Vec<u8>, Error> {
    let guest_image = Image::language(language, wasm)?;
    // It is our own code that runs, and it comes to its end.
    let sandbox = Sandbox::new(&guest_image)
        .drawing_from(secret)
        .limits(Limits {
            deadline: None,
            ..Limits::default()
        });
    let request = Request {
        point: None,
        portable: false,
    };
    let origin = Origin {
        guest,
        language: Some(language),
        ..Origin::default()
    };
    capture::capture(sandbox, &Program::code(""), &request)?.image(&origin)
}
