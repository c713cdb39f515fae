//! A live guest that runs code piece by piece.

use crate::{
    Error, ErrorKind, Limits, Outcome, Status,
    engine::{Meter, Stop},
    instance::{Failure, Instance, State},
    language::session::{Question, Reply, Session as Language},
    program::Program,
    sandbox::{Sandbox, status_of},
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError},
    time::{Duration, Instant},
};

/// A guest of a language that keeps its state from one piece of code to the
/// next: names, functions, imports, files in `/tmp`.
///
#[cfg_attr(feature = "javascript", doc = "```")]
#[cfg_attr(not(feature = "javascript"), doc = "```ignore")]
/// use dormouse::{GuestStore, Language, Sandbox};
/// let store = GuestStore::open_default()?;
/// let image = store.image(Language::JavaScript, &mut |_| {})?;
/// let session = Sandbox::new(&image).session()?;
/// session.run("let x = 6")?;
/// assert_eq!(session.run("console.log(x * 7)")?.stdout, b"42\n");
/// let failed = session.run("x.y.z")?;
/// assert_eq!(failed.error.map(|error| error.name), Some("TypeError".to_owned()));
/// assert_eq!(session.run_repl("x")?.stdout, b"6\n");
/// # Ok::<(), dormouse::Error>(())
/// ```
///
/// Each piece has the deadline, the output and the fuel of the sandbox's
/// [`Limits`] anew; memory and `/tmp` are the session's. An error that nothing
/// catches leaves the session as it is. An exit ends it, and so does a limit:
/// what comes after that is refused ([`ErrorKind::SessionClosed`]), and other
/// sessions go on.
///
/// Between two pieces a session is plain data: it holds no thread. It is `Send`
/// and `Sync`: several threads may share one; it runs a piece at a time, and
/// refuses another one meanwhile ([`ErrorKind::SessionBusy`]).
pub struct Session {
    meter: Arc<Meter>,
    limits: Limits,
    live: Mutex<Option<Live>>,
    /// Why it is over, once it is.
    over: OnceLock<String>,
}

/// What is said of a session that was closed.
const CLOSED: &str = "session closed";

/// A guest that waits.
struct Live {
    sandbox: Sandbox,
    instance: Instance,
    language: Language,
}

/// Stops what a session runs, from any thread; the session goes on.
///
/// Python sees a `KeyboardInterrupt`, JavaScript an `InternalError` that can't
/// be caught. Where nothing runs, nothing happens. It wakes a guest that sleeps;
/// a function of the host's that runs is waited for first, so long ones should
/// look for themselves. ([`Session::close`] ends what runs, and the session.)
///
/// `Send` and `Sync`; clones are the same.
///
#[cfg_attr(feature = "javascript", doc = "```")]
#[cfg_attr(not(feature = "javascript"), doc = "```ignore")]
/// use dormouse::{GuestStore, Language, Sandbox};
/// use std::{thread, time::Duration};
/// let image = GuestStore::open_default()?.image(Language::JavaScript, &mut |_| {})?;
/// let session = Sandbox::new(&image).session()?;
/// session.run("var x = 1")?;
/// let interrupter = session.interrupter();
/// let outcome = thread::scope(|scope| {
///     let run = scope.spawn(|| session.run("for (;;) x = 2"));
///     while !run.is_finished() {
///         interrupter.interrupt();
///         thread::sleep(Duration::from_millis(5));
///     }
///     run.join().expect("it does not panic")
/// })?;
/// assert!(outcome.error.is_some_and(|error| error.message.contains("interrupted")));
/// assert_eq!(session.run("console.log(typeof x)")?.stdout, b"number\n");
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Interrupter(Arc<Meter>);

impl Interrupter {
    /// Interrupts what runs now, also while it sleeps.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

impl Session {
    /// A session in `sandbox`, with `state` as the host's side of it.
    pub(crate) fn open(sandbox: Sandbox, state: State) -> Result<Self, Error> {
        let image = sandbox.image().clone();
        let mut instance = instance(&sandbox, state)?;
        match Language::begin(&image, &mut instance)? {
            Ok(language) => Ok(Self::of(sandbox, instance, language)),
            Err(stop) => Err(failed(&status_of(Err(&stop), instance.state()))),
        }
    }

    fn of(sandbox: Sandbox, mut instance: Instance, language: Language) -> Self {
        instance.settle();
        let meter = Arc::clone(&instance.state().meter);
        meter.listen();
        Self {
            meter,
            limits: sandbox.session_limits().clone(),
            live: Mutex::new(Some(Live {
                sandbox,
                instance,
                language,
            })),
            over: OnceLock::new(),
        }
    }

    /// Runs `code`, under the limits of the session's sandbox.
    ///
    /// An error in it is in [`Outcome::error`], with [`Status::Exit`]`(1)`.
    ///
    /// # Errors
    ///
    /// When the session is closed, or busy.
    pub fn run(&self, code: &str) -> Result<Outcome, Error> {
        self.run_with(code, &self.limits)
    }

    /// Runs `code` under limits of its own: their deadline, output and fuel.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); and when they have fuel, and those of the session's
    /// sandbox have none: then it is not counted, which is faster.
    pub fn run_with(&self, code: &str, limits: &Limits) -> Result<Outcome, Error> {
        self.outcome(Question::Run(code), limits)
    }

    /// Runs `code` as a prompt would: shows what its last expression gives, in
    /// Python by its `repr` and unless it is `None`; in JavaScript as `console.log`
    /// shows it, unless it is `undefined`. What is shown is kept as `_`.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn run_repl(&self, code: &str) -> Result<Outcome, Error> {
        self.outcome(Question::Show(code), &self.limits)
    }

    /// Whether `code` can be run as it is, or is only the beginning of
    /// something: `def f():` is. What is wrong in any case counts as complete.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn check_complete(&self, code: &str) -> Result<bool, Error> {
        let reply = self.reply(Question::IsComplete(code))?;
        // What failed to be looked at would not get better by more of it.
        Ok(reply.is_complete || reply.error.is_some())
    }

    /// What the dotted name that ends at the byte `cursor` of `text` may become,
    /// by the names that the session has now: each replaces that name.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn complete(&self, text: &str, cursor: usize) -> Result<Vec<String>, Error> {
        let text = text.get(..cursor).unwrap_or(text);
        Ok(self.reply(Question::Complete(text))?.names)
    }

    /// An independent copy of the session as it is now.
    ///
    /// It has the same grants, limits and host functions; of what is kept by key
    /// in memory and in `/tmp` it has a copy; random numbers are drawn anew. Its
    /// stdin is empty, and its output is captured.
    ///
    /// # Errors
    ///
    /// When the session is closed or busy; when its program has files open; when
    /// it is one of Python that was not woken from an image, or its memory is not
    /// to be had again.
    pub fn fork(&self) -> Result<Self, Error> {
        let mut live = self.lock()?;
        let Some(guest) = live.as_mut() else {
            return Err(Error::new(ErrorKind::SessionClosed, CLOSED));
        };
        let mut sandbox = guest.sandbox.for_copy(guest.instance.state());
        let state = sandbox.state(Instant::now(), &Program::copy())?;
        state
            .wasi()
            .root()
            .copy_tmp(guest.instance.state().wasi().root());
        let image = sandbox.image().clone();
        let mut instance = instance(&sandbox, state)?;
        let language = guest
            .language
            .copy(&image, &mut instance, &mut guest.instance)?;
        Ok(Self::of(sandbox, instance, language))
    }

    /// What stops code that runs in this session, from another thread.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::clone(&self.meter))
    }

    /// Whether it can still run something.
    pub fn is_open(&self) -> bool {
        self.over.get().is_none()
    }

    /// Why it is over, once it is.
    #[cfg(feature = "server")]
    pub(crate) fn why_over(&self) -> Option<String> {
        self.over.get().cloned()
    }

    /// Ends the session, and what it runs. A second time does nothing.
    pub fn close(&self) {
        let _ = self.over.set(CLOSED.to_owned());
        self.meter.end();
        // Whoever runs something now sees to the rest.
        if let Ok(mut live) = self.live.try_lock()
            && let Some(guest) = live.take()
        {
            guest.rest();
        }
    }

    /// Whether the last line that it wrote has not ended.
    #[cfg_attr(
        not(feature = "cli"),
        allow(dead_code, reason = "only the command has a prompt")
    )]
    pub(crate) fn is_mid_line(&self) -> bool {
        self.meter.is_mid_line()
    }

    fn check_open(&self) -> Result<(), Error> {
        match self.over.get() {
            Some(why) => Err(Error::new(ErrorKind::SessionClosed, why.clone())),
            None => Ok(()),
        }
    }

    /// The guest, if nobody else has it.
    fn lock(&self) -> Result<MutexGuard<'_, Option<Live>>, Error> {
        self.check_open()?;
        match self.live.try_lock() {
            Ok(live) => Ok(live),
            Err(TryLockError::Poisoned(poisoned)) => Ok(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                ErrorKind::SessionBusy,
                "session busy: it runs something; wait for its end, or interrupt it",
            )),
        }
    }

    /// Asks what gives no outcome.
    fn reply(&self, question: Question<'_>) -> Result<Reply, Error> {
        let mut live = self.lock()?;
        let (asked, outcome) = self.ask(&mut live, question, &self.limits)?;
        asked.ok_or_else(|| failed(&outcome.status))
    }

    fn outcome(&self, question: Question<'_>, limits: &Limits) -> Result<Outcome, Error> {
        let mut live = self.lock()?;
        Ok(self.ask(&mut live, question, limits)?.1)
    }

    /// Asks the guest something; no reply where that ended it.
    fn ask(
        &self,
        live: &mut Option<Live>,
        question: Question<'_>,
        limits: &Limits,
    ) -> Result<(Option<Reply>, Outcome), Error> {
        let Some(guest) = live.as_mut() else {
            return Err(Error::new(ErrorKind::SessionClosed, CLOSED));
        };
        let started = Instant::now();
        let deadline = limits.deadline.and_then(|time| started.checked_add(time));
        self.meter.renew(deadline, limits.output);
        guest.instance.refuel(limits.fuel)?;
        let asked = guest.language.ask(&mut guest.instance, question);
        let duration = started.elapsed();
        guest.instance.settle();
        let mut outcome = outcome(&guest.instance, asked.as_ref(), duration);
        if asked.is_err() {
            // Unless it was closed: then that is why.
            let _ = self.over.set(why(&outcome.status));
        }
        if !self.is_open()
            && let Some(guest) = live.take()
        {
            guest.rest();
        }
        match asked {
            Ok(reply) => {
                if let Some(error) = &reply.error {
                    outcome.status = Status::Exit(1);
                    outcome.error = Some(error.clone());
                }
                Ok((Some(reply), outcome))
            }
            Err(_) if self.meter.is_ended() => Err(Error::new(ErrorKind::SessionClosed, CLOSED)),
            Err(_) => Ok((None, outcome)),
        }
    }
}

/// A new instance of the image of `sandbox`.
fn instance(sandbox: &Sandbox, state: State) -> Result<Instance, Error> {
    let (image, metering) = (sandbox.image(), sandbox.session_metering());
    let reserving = image.reserve(metering, sandbox.session_limits().memory);
    let prepared = image.prepared(metering)?;
    Instance::of(prepared, state, reserving).map_err(|failure| match failure {
        Failure::Error(error) => error,
        Failure::Stop(stop, state) => failed(&status_of(Err(&stop), &state)),
    })
}

impl Live {
    /// Leaves what can be used again to the next guest.
    fn rest(self) {
        let Self {
            sandbox,
            instance,
            language,
        } = self;
        {
            let _first = language;
        }
        if let Ok(prepared) = sandbox.image().prepared(sandbox.session_metering()) {
            instance.rest(prepared, false);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("open", &self.is_open())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn outcome(instance: &Instance, asked: Result<&Reply, &Stop>, duration: Duration) -> Outcome {
    let state = instance.state();
    Outcome {
        status: status_of(asked.map(|_| ()), state),
        stdout: state.stdio().out.take(),
        stderr: state.stdio().err.take(),
        truncated: state.meter.truncated(),
        memory_refused: state.meter.memory_refused(),
        fuel_used: state.fuel_used(),
        values: Vec::new(),
        error: None,
        duration,
    }
}

/// Why a session is over, for whoever asks more of it.
fn why(status: &Status) -> String {
    match status {
        Status::Exit(code) => format!("session closed: its program exited with {code}"),
        Status::Trap(trap) => format!("session closed: its guest trapped: {trap}"),
        Status::Limit(limit) => {
            format!("session closed: the {limit} limit ended it; open a new one")
        }
    }
}

fn failed(status: &Status) -> Error {
    let how = match status {
        Status::Exit(code) => format!("it exited with {code}"),
        Status::Trap(trap) => format!("it trapped: {trap}"),
        Status::Limit(limit) => format!("the {limit} limit stopped it"),
    };
    Error::new(
        ErrorKind::Engine,
        format!("the session's guest did not come to wait for more: {how}"),
    )
}

#[test]
fn a_session_goes_from_thread_to_thread() {
    fn check<T: Send + Sync>() {}
    check::<Session>();
    check::<Interrupter>();
}
