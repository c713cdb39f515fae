//! The sessions there are, and those there were.

use crate::{
    Error, Language, Limits, Session,
    server::{
        api::Ran,
        cut::{Cut, Reason},
        tap::{Sink, Tap},
    },
};
use serde::Serialize;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Sessions that ended by themselves of which it is still known why.
const REMEMBERED: usize = 1024;

/// How often a session whose client is gone is interrupted before it is closed,
/// and after how long each time.
const INTERRUPTS: (u32, Duration) = (10, Duration::from_millis(100));

/// All sessions of a server.
pub(crate) struct Sessions {
    most: usize,
    idle: Duration,
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    open: HashMap<String, Arc<Entry>>,
    /// Places of those that are being opened.
    opening: usize,
    ended: VecDeque<(String, String)>,
}

/// What there is of a name.
pub(crate) enum Found {
    Open(Arc<Entry>),
    /// Why it is no more.
    Ended(String),
    Unknown,
}

impl Sessions {
    pub(crate) fn new(most: usize, idle: Duration) -> Self {
        Self {
            most,
            idle,
            all: Mutex::default(),
        }
    }

    pub(crate) fn idle(&self) -> Duration {
        self.idle
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().open.len()
    }

    /// A place for one more, if there may be one.
    pub(crate) fn place(&self) -> Option<Place<'_>> {
        let mut all = self.lock();
        if all.open.len() + all.opening >= self.most {
            return None;
        }
        all.opening += 1;
        Some(Place(self))
    }

    /// The session called `id`.
    pub(crate) fn find(&self, id: &str) -> Found {
        let all = self.lock();
        match all.open.get(id) {
            Some(entry) => Found::Open(Arc::clone(entry)),
            None => match all.ended.iter().find(|(ended, _)| ended == id) {
                Some((_, why)) => Found::Ended(why.clone()),
                None => Found::Unknown,
            },
        }
    }

    /// Takes out the session called `id`, for good.
    pub(crate) fn remove(&self, id: &str) -> Option<Arc<Entry>> {
        self.lock().open.remove(id)
    }

    /// Takes out those that were not used for too long.
    pub(crate) fn take_expired(&self) -> Vec<Arc<Entry>> {
        let mut all = self.lock();
        let expired: Vec<Arc<Entry>> = all
            .open
            .values()
            .filter(|entry| entry.idle().is_some_and(|idle| idle >= self.idle))
            .cloned()
            .collect();
        for entry in &expired {
            let why = format!("session closed: it was not used for {:?}", self.idle);
            all.end(&entry.id, why);
        }
        expired
    }

    /// Sees to what a run may have done to a session.
    pub(crate) fn note(&self, entry: &Entry) {
        if !entry.session.is_open() {
            let mut all = self.lock();
            // If it was closed, nobody has it any more.
            if all.open.contains_key(&entry.id) {
                all.end(&entry.id, entry.why_over());
            }
        }
    }

    /// All there are, the oldest first.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let mut listed: Vec<Listed> = self
            .lock()
            .open
            .values()
            .map(|entry| entry.listed())
            .collect();
        listed.sort_by_key(|listed| std::cmp::Reverse(listed.age_ms));
        listed
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    fn end(&mut self, id: &str, why: String) {
        self.open.remove(id);
        if self.ended.len() >= REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back((id.to_owned(), why));
    }
}

/// A place for a session that is being opened.
pub(crate) struct Place<'a>(&'a Sessions);

impl Place<'_> {
    /// Puts the session there; its name.
    pub(crate) fn fill(self, entry: Entry) -> String {
        let id = entry.id.clone();
        self.0.lock().open.insert(id.clone(), Arc::new(entry));
        id
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().opening -= 1;
    }
}

/// One session.
pub(crate) struct Entry {
    id: String,
    language: Language,
    session: Session,
    tap: Tap,
    opened: Instant,
    used: Mutex<Instant>,
    busy: AtomicBool,
}

/// A session as it is listed.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    session_id: String,
    lang: &'static str,
    age_ms: u64,
    idle_ms: u64,
    busy: bool,
}

impl Entry {
    pub(crate) fn new(id: String, language: Language, session: Session, tap: Tap) -> Self {
        let opened = Instant::now();
        Self {
            id,
            language,
            session,
            tap,
            opened,
            used: Mutex::new(opened),
            busy: AtomicBool::new(false),
        }
    }

    /// The right to run something in it, if nobody else has that.
    pub(crate) fn turn(self: &Arc<Self>) -> Option<Turn> {
        let was_busy = self.busy.swap(true, Ordering::Acquire);
        (!was_busy).then(|| Turn(Arc::clone(self)))
    }

    /// Runs `code`, with its output going to `sink`.
    pub(crate) fn run(
        &self,
        code: &str,
        limits: &Limits,
        sink: Sink,
    ) -> (Result<Ran, Error>, Sink) {
        self.tap.lead(sink);
        let ran = self.session.run_with(code, limits).map(|outcome| Ran {
            outcome,
            ended: Some(!self.session.is_open()),
        });
        (ran, self.tap.lead(Sink::Nowhere))
    }

    /// Stops what runs in it when `cut` is cut. Where only the client is gone, the
    /// session goes on, unless what runs does not let itself be interrupted.
    pub(crate) fn cut_by(self: &Arc<Self>, cut: &Cut, runtime: &tokio::runtime::Handle) {
        let (entry, runtime, run) = (Arc::clone(self), runtime.clone(), cut.clone());
        cut.when_cut(move |reason| {
            if reason == Reason::Shutdown {
                return entry.session.close();
            }
            runtime.spawn(async move {
                let (times, pause) = INTERRUPTS;
                for _ in 0..times {
                    if run.is_over() {
                        return;
                    }
                    entry.session.interrupter().interrupt();
                    tokio::time::sleep(pause).await;
                }
                if !run.is_over() {
                    entry.session.close();
                }
            });
        });
    }

    /// Ends it, and what it runs.
    pub(crate) fn close(&self) {
        self.session.close();
    }

    /// How long it has not been used; `None` while it is.
    fn idle(&self) -> Option<Duration> {
        let is_busy = self.busy.load(Ordering::Acquire);
        (!is_busy).then(|| self.used().elapsed())
    }

    fn listed(&self) -> Listed {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let idle = self.idle();
        Listed {
            session_id: self.id.clone(),
            lang: self.language.name(),
            age_ms: millis(self.opened.elapsed()),
            idle_ms: millis(idle.unwrap_or_default()),
            busy: idle.is_none(),
        }
    }

    fn used(&self) -> MutexGuard<'_, Instant> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is said of it once it has ended.
    fn why_over(&self) -> String {
        self.session
            .why_over()
            .unwrap_or_else(|| "session closed".to_owned())
    }
}

/// The right to run something in a session. When it goes, the session is free, and
/// was used.
pub(crate) struct Turn(Arc<Entry>);

impl Turn {
    pub(crate) fn entry(&self) -> &Arc<Entry> {
        &self.0
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody knows what it was left in.
            self.0.session.close();
        }
        *self.0.used() = Instant::now();
        self.0.busy.store(false, Ordering::Release);
    }
}
