//! Having guests ask whether they may go on, from time to time.

use super::mapping::StopWord;
use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// How often a guest asks: what a deadline may be late by. Asking takes less than a
/// microsecond.
const PERIOD: Duration = Duration::from_millis(10);

/// Periods without a guest after which the thread ends: beginning one takes as long as a
/// short run.
const LINGER: u32 = 100;

/// The guests that run, in all of the process.
struct Watch {
    running: Mutex<Running>,
    /// Nobody notifies it: the lock is let go of for a period.
    period: Condvar,
}

struct Running {
    words: Vec<Arc<StopWord>>,
    /// The process that has the thread, if any has: a fork of it has none.
    process: Option<u32>,
}

static WATCH: Watch = Watch {
    running: Mutex::new(Running {
        words: Vec::new(),
        process: None,
    }),
    period: Condvar::new(),
};

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the words of those that run, until nobody does for a while.
    fn work(&self) {
        let mut running = self.lock();
        let mut idle = 0;
        while idle < LINGER {
            running = match self.period.wait_timeout(running, PERIOD) {
                Ok((running, _)) => running,
                Err(poisoned) => poisoned.into_inner().0,
            };
            idle = if running.words.is_empty() {
                idle + 1
            } else {
                0
            };
            for word in &running.words {
                word.set();
            }
        }
        running.process = None;
    }
}

/// A guest that asks from time to time, until this is dropped.
pub(crate) struct Watched(Arc<StopWord>);

impl Watched {
    /// Has the guest that looks at `word` ask from time to time.
    ///
    /// # Errors
    ///
    /// When there is no thread for it.
    pub(crate) fn begin(word: &Arc<StopWord>) -> io::Result<Self> {
        let mut running = WATCH.lock();
        let process = std::process::id();
        if running.process != Some(process) {
            thread::Builder::new()
                .name("dormouse-watch".to_owned())
                .stack_size(128 << 10)
                .spawn(|| WATCH.work())?;
            running.process = Some(process);
        }
        running.words.push(word.clone());
        Ok(Self(word.clone()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let words = &mut WATCH.lock().words;
        if let Some(at) = words.iter().position(|word| Arc::ptr_eq(word, &self.0)) {
            words.swap_remove(at);
        }
    }
}
