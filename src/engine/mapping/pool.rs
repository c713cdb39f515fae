//! Reservations made ready while nobody waits for them.

use super::{Memories, Reservation};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// Reservations that may lie ready: each holds address space and page tables
/// for an instance, some 30 KB for a memory of 10 MB.
const MAX_READY: usize = 64;

/// Ready reservations for instances of one image.
pub(crate) struct Pool {
    memories: Arc<Memories>,
    limit: u64,
    /// `None` only while it is dropped.
    ready: Option<Mutex<Receiver<Reservation>>>,
    thread: Option<JoinHandle<()>>,
}

impl Pool {
    /// Keeps up to `count` reservations ready for instances with `memories`,
    /// run under a limit of `limit` bytes. A thread makes them, and sleeps when
    /// there are enough.
    pub(crate) fn new(memories: Memories, limit: u64, count: usize) -> Self {
        let memories = Arc::new(memories);
        // One more is in the thread's hands.
        let (sender, ready) = sync_channel(count.clamp(1, MAX_READY) - 1);
        let shared = Arc::clone(&memories);
        let work = move || while sender.send(Reservation::new(&shared, limit)).is_ok() {};
        let thread = thread::Builder::new()
            .name("dormouse-pool".to_owned())
            .spawn(work)
            // Without a thread nothing is ready, and `take` makes its own.
            .ok();
        Self {
            memories,
            limit,
            ready: Some(Mutex::new(ready)),
            thread,
        }
    }

    /// A reservation: a ready one, or else one made now.
    pub(crate) fn take(&self) -> Reservation {
        let ready = self.ready.as_ref().and_then(|ready| {
            let ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
            ready.try_recv().ok()
        });
        ready.unwrap_or_else(|| Reservation::new(&self.memories, self.limit))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Without a receiver the thread's next word fails, and it ends.
        self.ready = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}
