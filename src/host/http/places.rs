//! How many requests of a run are under way at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A number of places, each for one request.
pub(super) struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

/// One that is taken, until this goes.
pub(super) struct Place<'a>(&'a Places);

impl Places {
    /// At least one, or nothing would ever be sent.
    pub(super) fn new(count: usize) -> Self {
        Self {
            free: Mutex::new(count.max(1)),
            freed: Condvar::new(),
        }
    }

    /// Waits for one: others have a time limit each, so it comes.
    pub(super) fn take(&self) -> Place<'_> {
        let mut free = self.lock();
        while *free == 0 {
            free = self
                .freed
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= 1;
        Place(self)
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        // Nothing panics while it is held.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    #[test]
    fn no_more_are_taken_than_there_are() {
        let (places, now, most) = (Places::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _place = places.take();
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(5));
                    now.fetch_sub(1, SeqCst);
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
    }
}
