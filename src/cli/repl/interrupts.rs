//! Ctrl-C while something runs.

use crate::Interrupter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Exit code of a process that SIGINT ended, as a shell shows it.
const INTERRUPTED: i32 = 130;

/// What a SIGINT is for at the moment.
pub(super) struct Interrupts {
    running: Mutex<Option<Interrupter>>,
    /// Whether the user is at a terminal, where nothing ends by a Ctrl-C.
    has_terminal: bool,
}

impl Interrupts {
    pub(super) fn new(has_terminal: bool) -> Self {
        Self {
            running: Mutex::default(),
            has_terminal,
        }
    }

    /// Runs `work`, which `interrupter` stops.
    pub(super) fn during<T>(&self, interrupter: Interrupter, work: impl FnOnce() -> T) -> T {
        *self.lock() = Some(interrupter);
        let done = work();
        *self.lock() = None;
        done
    }

    fn interrupt(&self) {
        match &*self.lock() {
            Some(running) => running.interrupt(),
            None if self.has_terminal => {}
            None => std::process::exit(INTERRUPTED),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Interrupter>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has each SIGINT from now on stop what runs.
pub(super) fn listen(interrupts: &Arc<Interrupts>) {
    let interrupts = Arc::clone(interrupts);
    if let Err(error) = ctrlc::set_handler(move || interrupts.interrupt()) {
        super::report(&format!("Ctrl-C will end everything: {error}"));
    }
}
