//! What sandboxes are made from.

#[allow(dead_code, reason = "capturing is to come")]
mod file;
#[allow(dead_code, reason = "capturing is to come")]
mod manifest;
mod section;
#[cfg(test)]
mod tests;

use crate::{
    Error, ErrorKind, Language,
    engine::{self, Metering},
    instance::Prepared,
    language,
};
use std::sync::{Arc, OnceLock};

/// Bytes of a page of Wasm memory.
const PAGE: u64 = 64 << 10;

/// A run of a memory's bytes, and where in a file it lies. All three are
/// multiples of [`PAGE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) guest: u64,
    pub(crate) file: u64,
    pub(crate) len: u64,
}

fn image_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Image, message)
}

/// An image is not what was written.
fn damaged(what: impl std::fmt::Display) -> Error {
    image_error(format!(
        "the image is damaged: {what}; make it again with `dormouse snapshot`"
    ))
}

/// A guest, loaded and checked, from which any number of sandboxes start.
/// Cloning is cheap and shares all of it.
///
/// ```
/// let image = dormouse::Image::wasm("add.wat", br#"
///     (module (func (export "add") (param i32 i32) (result i32)
///         local.get 0 local.get 1 i32.add))
/// "#)?;
/// let outcome = dormouse::Sandbox::new(&image)
///     .run(dormouse::Program::invoke("add", ["5", "7"]))?;
/// assert_eq!(outcome.values, [dormouse::Value::I32(12)]);
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Clone)]
pub struct Image(Arc<Inner>);

struct Inner {
    wasm: Vec<u8>,
    language: Option<Language>,
    unmetered: OnceLock<Prepared>,
    metered: OnceLock<Prepared>,
}

impl Image {
    /// A WASI program or any other core Wasm module, binary or text; `name`
    /// is what errors call it.
    ///
    /// # Errors
    ///
    /// When `source` is not Wasm. What it imports and which proposals it uses
    /// is looked at when it first runs.
    pub fn wasm(name: &str, source: &[u8]) -> Result<Self, Error> {
        Ok(Self::new(engine::binary(name, source)?.into_owned(), None))
    }

    /// The guest of `language`, as [`GuestStore::load`](crate::GuestStore::load)
    /// gives it.
    ///
    /// # Errors
    ///
    /// When `wasm` is not Wasm.
    pub fn language(language: Language, wasm: Vec<u8>) -> Result<Self, Error> {
        engine::binary(language.name(), &wasm)?;
        let wasm = language::adapt(language, wasm);
        Ok(Self::new(wasm, Some(language)))
    }

    fn new(wasm: Vec<u8>, language: Option<Language>) -> Self {
        Self(Arc::new(Inner {
            wasm,
            language,
            unmetered: OnceLock::new(),
            metered: OnceLock::new(),
        }))
    }

    /// The same guest with other code.
    pub(crate) fn rewritten(&self, wasm: Vec<u8>) -> Self {
        Self::new(wasm, self.0.language)
    }

    pub(crate) fn wasm_bytes(&self) -> &[u8] {
        &self.0.wasm
    }

    pub(crate) fn guest_language(&self) -> Option<Language> {
        self.0.language
    }

    /// The module, translated for an engine with or without metering.
    pub(crate) fn prepared(&self, metering: Metering) -> Result<&Prepared, Error> {
        let cell = match metering {
            Metering::Off => &self.0.unmetered,
            Metering::On => &self.0.metered,
        };
        if let Some(prepared) = cell.get() {
            return Ok(prepared);
        }
        let extend = language::link(self.0.language);
        let frames = language::frames(self.0.language);
        let prepared = Prepared::new(&self.0.wasm, metering, frames, extend)?;
        Ok(cell.get_or_init(|| prepared))
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("language", &self.0.language)
            .field("bytes", &self.0.wasm.len())
            .finish_non_exhaustive()
    }
}
