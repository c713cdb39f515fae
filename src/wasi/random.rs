//! Where the guest's random numbers come from.

use cap_rand::{Error, RngCore};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::sync::{Arc, Mutex, PoisonError};

/// What a stream of random bytes comes from.
pub(crate) type Secret = [u8; 32];

/// What languages draw with a seed before their program begins: the same for
/// all seeds, since it may have been drawn when an image was made.
pub(crate) const PREPARING: Secret = *b"dormouse: before a program runs.";

/// A stream of random bytes, shared by everything in a run that draws some:
/// the host's own source where the run has no seed.
#[derive(Clone)]
pub(crate) struct Random(Arc<Mutex<ChaCha20Rng>>);

impl Random {
    /// # Errors
    ///
    /// When the host's source of randomness fails.
    pub(crate) fn new(seed: Option<u64>) -> Result<Self, crate::Error> {
        let rng = match seed {
            Some(seed) => ChaCha20Rng::seed_from_u64(seed),
            None => {
                ChaCha20Rng::from_rng(cap_rand::rngs::OsRng::default(cap_std::ambient_authority()))
                    .map_err(|error| {
                        crate::Error::new(
                            crate::ErrorKind::Engine,
                            format!("the host has no randomness to give: {error}"),
                        )
                    })?
            }
        };
        Ok(Self(Arc::new(Mutex::new(rng))))
    }

    /// The stream of `secret`.
    pub(crate) fn of(secret: Secret) -> Self {
        Self(Arc::new(Mutex::new(ChaCha20Rng::from_seed(secret))))
    }

    /// Goes on with the stream of `seed`, from its beginning.
    pub(super) fn restart(&self, seed: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ChaCha20Rng::seed_from_u64(seed);
    }

    pub(crate) fn fill(&self, bytes: &mut [u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(bytes);
    }
}

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.fill(bytes);
        Ok(())
    }
}
