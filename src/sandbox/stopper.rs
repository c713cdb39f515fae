//! What ends a run from outside of it.

use crate::engine::Meter;
use std::sync::Arc;

/// Ends a run or a call from any thread, whatever the guest does: see
/// [`Sandbox::stopper`](crate::Sandbox::stopper) and
/// [`InstanceBuilder::stopper`](crate::InstanceBuilder::stopper). A guest that
/// computes ends within milliseconds, one that sleeps at once; a function of the
/// host's, and a stream, that it waits for are waited for first.
///
/// `Send` and `Sync`; clones are the same. (A [`Session`](crate::Session)'s code
/// is stopped by an [`Interrupter`](crate::Interrupter), after which it goes on.)
#[derive(Debug, Clone)]
pub struct Stopper(pub(super) Arc<Meter>);

impl Stopper {
    /// Ends the run now, or as soon as it begins. After its end nothing happens.
    pub fn stop(&self) {
        self.0.end();
    }
}
