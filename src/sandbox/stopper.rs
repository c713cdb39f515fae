//! What ends a run from outside of it.

use crate::engine::Meter;
use std::sync::Arc;

/// Ends a run or a call from any thread, whatever the guest does: see
/// [`Sandbox::stopper`](crate::Sandbox::stopper) and
/// [`InstanceBuilder::stopper`](crate::InstanceBuilder::stopper). A guest that
/// computes ends within milliseconds, one that sleeps at once; a function of the
/// host's, and a stream, that it waits for are waited for first.
///
/// ```
/// use dormouse::{ErrorKind, Image, Limits, Program, Sandbox};
/// use std::{thread, time::Duration};
/// let image = Image::wasm("loop.wat", b"(module (func (export \"_start\") (loop (br 0))))")?;
/// let mut sandbox = Sandbox::new(&image).limits(Limits { deadline: None, ..Limits::default() });
/// let stopper = sandbox.stopper();
/// thread::spawn(move || {
///     thread::sleep(Duration::from_millis(20));
///     stopper.stop();
/// });
/// let error = sandbox.run(Program::start("loop")).expect_err("it was stopped");
/// assert_eq!(error.kind(), ErrorKind::Stopped);
/// # Ok::<(), dormouse::Error>(())
/// ```
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
