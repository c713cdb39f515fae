//! Languages that wait for a program: started once, kept, woken ever after.

use super::{
    Image,
    cache::{Images, Key},
    captured::Origin,
    manifest::Guest,
};
use crate::{
    Error, GuestStore, Language, Limits, Program, Progress, Sandbox,
    capture::{self, Request},
    language,
};

/// The image of `language`, made first if it is not in the cache.
///
/// # Errors
///
/// When its guest can't be had, can't be captured, or the cache is not usable.
pub(crate) fn open_or_make(
    store: &GuestStore,
    language: Language,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Image, Error> {
    let (name, sha256) = store.identity(language)?;
    let key = Key::new(language, &sha256, language::fingerprint(language))?;
    let opened = Images::at(store.folder()).open_or_make(&key, progress, |progress| {
        let wasm = store.load(language, progress)?;
        progress(Progress::Capturing { language });
        make(language, wasm, Guest { name, sha256 })
    })?;
    Image::opened(opened)
}

fn make(language: Language, wasm: Vec<u8>, guest: Guest) -> Result<Vec<u8>, Error> {
    let guest_image = Image::language(language, wasm)?;
    // It is our own code that runs, and it comes to its end.
    let sandbox = Sandbox::new(&guest_image).limits(Limits {
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
