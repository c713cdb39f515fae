//! What `tests/conformance` runs; no part of the library's interface.

use crate::{
    Error,
    engine::{self, MAX_RECURSION_DEPTH, Metering},
};

/// The interpreter, set up as for any program.
#[derive(Debug, Clone)]
pub struct Engine(engine::Engine);

impl Engine {
    /// Whether it counts fuel.
    pub fn new(metered: bool) -> Self {
        let metering = if metered { Metering::On } else { Metering::Off };
        Self(engine::Engine::new(metering, MAX_RECURSION_DEPTH))
    }

    /// What makes stores.
    pub fn inner(&self) -> &wasmi::Engine {
        self.0.inner()
    }

    /// Loads a module as it is done for any program. If that needs another
    /// engine, this becomes it.
    ///
    /// # Errors
    ///
    /// When `wasm` is no valid module, or needs what isn't supported.
    pub fn load(&mut self, wasm: &[u8]) -> Result<wasmi::Module, Error> {
        engine::load(&mut self.0, wasm)
    }
}
