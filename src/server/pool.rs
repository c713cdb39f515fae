//! The threads that guests run on: as many as run at a time, and a queue of
//! bounded length before them.

use super::cut::{Cut, Reason};
use crate::{Error, ErrorKind};
use std::{
    collections::{HashMap, VecDeque},
    num::NonZero,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};
use tokio::sync::oneshot;

/// Stack of a thread that runs guests: what the main thread of a process has,
/// which is what guests have in a command. Untouched, it takes no memory.
const STACK: usize = 8 << 20;

/// Threads that run what is given to them.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Wakes a thread when there is work, or no more will come.
    work: Condvar,
    capacity: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// What runs, by number.
    running: HashMap<u64, Label>,
    next: u64,
    closed: bool,
}

struct Job {
    label: Label,
    work: Box<dyn FnOnce() + Send>,
}

/// What a job is called where it is reported, and how it is ended.
#[derive(Clone)]
struct Label {
    name: Arc<str>,
    cut: Cut,
}

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many wait as may.
    Full,
    /// It was cut before it began.
    Cut(Reason),
    /// It panicked: a mistake of ours.
    Panicked,
}

impl Pool {
    /// `workers` threads, and room for `capacity` jobs that wait for one.
    ///
    /// # Errors
    ///
    /// When the system has no such thread for us.
    pub(crate) fn new(
        workers: NonZero<usize>,
        capacity: usize,
    ) -> Result<(Self, Vec<JoinHandle<()>>), Error> {
        let pool = Self(Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            // A job is handed over by way of the queue, also to an idle thread.
            capacity: capacity.saturating_add(workers.get()),
        }));
        let threads = (0..workers.get())
            .map(|number| {
                let shared = Arc::clone(&pool.0);
                std::thread::Builder::new()
                    .name(format!("guest-{number}"))
                    .stack_size(STACK)
                    .spawn(move || shared.serve())
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| {
                pool.close();
                Error::new(
                    ErrorKind::Io,
                    format!("{workers} threads are not to be had: {error}; ask for fewer"),
                )
            })?;
        Ok((pool, threads))
    }

    /// Has `work` run on one of the threads. Unless it was awaited to its end,
    /// `cut` is cut when the future goes: what has not begun then never does.
    /// `name` is what a report calls it.
    ///
    /// # Errors
    ///
    /// When there is no room for it.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        name: &str,
        cut: &Cut,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<impl Future<Output = Result<T, Refused>> + Send + 'static, Refused> {
        let guard = cut.when_dropped();
        let (sender, receiver) = oneshot::channel();
        let is_cut = cut.clone();
        let label = Label {
            name: name.into(),
            cut: cut.clone(),
        };
        let id = Arc::clone(&label.name);
        let work = Box::new(move || {
            let done = match is_cut.reason() {
                Some(reason) => Err(Refused::Cut(reason)),
                None => catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
                    tracing::error!(id = &*id, "a panic: a mistake of the server's");
                    Refused::Panicked
                }),
            };
            is_cut.over();
            // Nobody may wait any more.
            let _ = sender.send(done);
        });
        self.0.submit(Job { label, work })?;
        Ok(async move {
            // The sender goes without a word where the job was dropped.
            let done = receiver.await.unwrap_or(Err(Refused::Cut(Reason::Gone)));
            guard.keep();
            done
        })
    }

    /// The same, awaited.
    ///
    /// # Errors
    ///
    /// When there is no room for it; when it was cut before it began; when it
    /// panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        name: &str,
        cut: &Cut,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refused> {
        self.start(name, cut, work)?.await
    }

    /// Jobs that run, and jobs that wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        let state = self.0.lock();
        (state.running.len(), state.waiting.len())
    }

    /// Cuts all there is; the names of what was cut.
    pub(crate) fn cut_all(&self, reason: Reason) -> Vec<String> {
        let all: Vec<Label> = {
            let state = self.0.lock();
            // What runs makes room when it is cut: nothing that waits may take it.
            let waiting = state.waiting.iter().map(|job| &job.label);
            waiting.chain(state.running.values()).cloned().collect()
        };
        all.into_iter()
            .filter(|label| label.cut.reason().is_none())
            .map(|label| {
                label.cut.cut(reason);
                label.name.to_string()
            })
            .collect()
    }

    /// Takes no more; the threads end once nothing waits.
    pub(crate) fn close(&self) {
        self.0.lock().closed = true;
        self.0.work.notify_all();
    }
}

impl Shared {
    fn submit(&self, job: Job) -> Result<(), Refused> {
        let mut state = self.lock();
        let is_full = |state: &State| state.waiting.len() + state.running.len() >= self.capacity;
        if is_full(&state) {
            // Whoever gave up waiting leaves the place to others.
            state.waiting.retain(|job| job.label.cut.reason().is_none());
        }
        if state.closed || is_full(&state) {
            return Err(Refused::Full);
        }
        state.waiting.push_back(job);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// What each thread does.
    fn serve(&self) {
        while let Some((number, work)) = self.next() {
            work();
            self.lock().running.remove(&number);
        }
    }

    fn next(&self) -> Option<(u64, Box<dyn FnOnce() + Send>)> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                state.next += 1;
                let number = state.next;
                state.running.insert(number, job.label);
                return Some((number, job.work));
            }
            if state.closed {
                return None;
            }
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn pool(workers: usize, capacity: usize) -> (Pool, Vec<JoinHandle<()>>) {
        let workers = NonZero::new(workers).expect("it is not zero");
        Pool::new(workers, capacity).expect("threads are to be had")
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
            .block_on(future)
    }

    #[test]
    fn a_panic_ends_one_job() {
        let (pool, threads) = pool(1, 1);
        let cut = Cut::default();
        let panicked = block_on(pool.run("bad", &cut, || panic!("on purpose")));
        assert_eq!(panicked, Err::<(), _>(Refused::Panicked));
        assert_eq!(block_on(pool.run("good", &cut, || 7)), Ok(7));
        pool.close();
        for thread in threads {
            thread.join().expect("the thread did not panic");
        }
    }

    #[test]
    fn what_has_no_room_is_refused_and_what_was_left_makes_room() {
        let (pool, _) = pool(1, 1);
        let (go_on, waits) = mpsc::channel::<()>();
        let cuts: Vec<Cut> = (0..4).map(|_| Cut::default()).collect();
        let running = pool.start("running", &cuts[0], move || waits.recv()).ok();
        assert!(running.is_some());
        let left = pool.start("waiting", &cuts[1], || ()).ok();
        assert!(left.is_some());
        let refused = pool.start("refused", &cuts[2], || ());
        assert!(matches!(refused, Err(Refused::Full)));
        drop(refused);
        drop(left);
        assert_eq!(cuts[1].reason(), Some(Reason::Gone));
        let third = pool.start("third", &cuts[3], || 3).expect("there is room");
        go_on.send(()).expect("it waits");
        assert_eq!(block_on(third), Ok(3));
    }

    #[test]
    fn all_is_cut_at_the_end() {
        let (pool, _) = pool(1, 1);
        let (go_on, waits) = mpsc::channel::<()>();
        let (first, second) = (Cut::default(), Cut::default());
        first.when_cut(move |_| go_on.send(()).expect("it waits"));
        let (begun, begins) = mpsc::channel();
        let work = move || {
            begun.send(()).expect("we listen");
            waits.recv()
        };
        let running = pool.start("a", &first, work).expect("room");
        begins.recv().expect("it begins");
        let waiting = pool.start("b", &second, || ()).expect("room");
        let mut names = pool.cut_all(Reason::Shutdown);
        names.sort();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(block_on(running), Ok(Ok(())));
        let refused = Err(Refused::Cut(Reason::Shutdown));
        assert_eq!(block_on(waiting), refused);
    }
}
