//! Modules that are not validated again.

use crate::{Error, ErrorKind, engine::Engine};

/// Bytes of a module that is known to be valid Wasm of the proposals that our
/// engine has.
pub(crate) struct Trusted<'a>(&'a [u8]);

impl<'a> Trusted<'a> {
    /// States that `wasm` is valid. To be called in one place only, after the
    /// check that this installation built the image, validated it, and that it
    /// is unchanged: found by digest in our own cache folder (mode 0700, ours).
    /// Translating anything else unvalidated is undefined behaviour.
    pub(crate) fn built_here(wasm: &'a [u8]) -> Self {
        Self(wasm)
    }
}

/// Parses and prepares a module without validating it.
///
/// # Errors
///
/// When its sections can't be read.
pub(crate) fn module_unchecked(
    engine: &Engine,
    wasm: &Trusted<'_>,
) -> Result<wasmi::Module, Error> {
    #[cfg(feature = "cli")]
    super::heap::expect_module(wasm.0.len());
    // SAFETY: `Trusted` promises that the bytes are valid; whoever called
    // `Trusted::built_here` keeps that promise. The configuration of every
    // `Engine` of ours allows the same proposals.
    let module = unsafe { wasmi::Module::new_unchecked(engine.inner(), wasm.0) };
    module.map_err(|error| {
        Error::new(
            ErrorKind::Module,
            format!("the image's module can't be loaded: {error}; build the image again"),
        )
    })
}
