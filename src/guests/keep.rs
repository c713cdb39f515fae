//! Guests that come by another way than the registry's.

use super::{GuestStore, fetch, pin::pin};
use crate::{Error, Language};

impl GuestStore {
    /// Keeps `wasm` if it is the pinned guest of `language`, so that nobody has
    /// to fetch it; whether it is.
    ///
    /// # Errors
    ///
    /// When the store is not usable.
    pub(crate) fn keep_pinned(&self, language: Language, wasm: &[u8]) -> Result<bool, Error> {
        let pin = pin(language);
        if fetch::verify(wasm, pin).is_err() {
            return Ok(false);
        }
        let path = self.path_of(&pin.sha256);
        if !path.exists() {
            self.prepare()?;
            self.place(&path, wasm)?;
        }
        Ok(true)
    }
}
