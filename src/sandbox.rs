//! One run of one program under its grants and limits.

mod choice;
mod once;
mod snapshot;
mod state;
mod stopper;

pub(crate) use once::status_of;
pub use stopper::Stopper;

use choice::check_program;

use crate::{
    Error, ErrorKind, Grants, HostFunctions, Image, Limits, Outcome, Output, Program, Session,
    Status, Stdin,
    engine::{Meter, ahead},
    host::{Kv, Packages},
    instance::State,
    locate::{Trapped, locate},
    wasi::Secret,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A run in the making: an image, what it may reach, and what bounds it.
///
/// [`run`](Self::run) gives an [`Outcome`], [`session`](Self::session) a guest
/// that stays, [`snapshot`](Self::snapshot) an image that goes on from where the
/// program says. A sandbox is `Send`, and used up by each of them, on the thread
/// that calls it; an [`Image`] makes any number, also at the same time.
///
/// ```
/// use dormouse::{Image, Limits, Program, Sandbox, Status, Limit};
/// let image = Image::wasm("loop.wat", b"(module (func (export \"_start\") (loop (br 0))))")?;
/// let outcome = Sandbox::new(&image)
///     .limits(Limits { deadline: Some(std::time::Duration::from_millis(50)), ..Limits::default() })
///     .run(Program::start("loop"))?;
/// assert_eq!(outcome.status, Status::Limit(Limit::Deadline));
/// # Ok::<(), dormouse::Error>(())
/// ```
#[derive(Debug)]
pub struct Sandbox {
    image: Image,
    grants: Grants,
    limits: Limits,
    functions: HostFunctions,
    /// What the guest keeps by key, once it is opened.
    kv: Option<Arc<Kv>>,
    /// What it may have installed, once that is known.
    packages: Option<Arc<Packages>>,
    /// What the monotonic clock of a copy goes on from.
    goes_on_at: Option<Duration>,
    stdin: Stdin,
    stdout: Output,
    stderr: Output,
    /// A file of its own that the guest finds, by path.
    file: Option<(String, Vec<u8>)>,
    deadline: DeadlineBy,
    /// Whether the guest runs only to be captured.
    capturing: bool,
    /// Whether the process ends with the run.
    is_last: bool,
    /// Where all that the guest draws comes from, instead of a seed.
    secret: Option<Secret>,
    /// Whether lines are written when they end.
    line_buffered: bool,
    /// What the run is bounded by, where others may already stop it.
    meter: Option<Arc<Meter>>,
}

/// Who ends a guest that computes past its deadline without calling the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DeadlineBy {
    /// We do, metering it.
    Metering,
    /// The caller does, for instance by ending the process.
    Caller,
}

impl Sandbox {
    /// A sandbox that grants nothing, with the default limits, an empty stdin
    /// and captured output.
    pub fn new(image: &Image) -> Self {
        Self {
            image: image.clone(),
            grants: Grants::default(),
            limits: Limits::default(),
            functions: HostFunctions::default(),
            kv: None,
            packages: None,
            goes_on_at: None,
            stdin: Stdin::default(),
            stdout: Output::default(),
            stderr: Output::default(),
            file: None,
            deadline: DeadlineBy::Metering,
            capturing: false,
            is_last: false,
            secret: None,
            meter: None,
            line_buffered: false,
        }
    }

    /// What the guest may reach.
    #[must_use]
    pub fn grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// What bounds the guest.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Functions of the host that the guest may call, beside those that its
    /// grants bring.
    #[must_use]
    pub fn functions(mut self, functions: HostFunctions) -> Self {
        self.functions = functions;
        self
    }

    /// What the guest reads.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }

    /// Where the guest's stdout goes.
    #[must_use]
    pub fn stdout(mut self, stdout: Output) -> Self {
        self.stdout = stdout;
        self
    }

    /// Where the guest's stderr goes.
    #[must_use]
    pub fn stderr(mut self, stderr: Output) -> Self {
        self.stderr = stderr;
        self
    }

    /// A file that the guest finds at `path`, beside its mounts.
    #[cfg(feature = "fuzz")]
    #[must_use]
    pub(crate) fn file(mut self, path: &str, bytes: Vec<u8>) -> Self {
        self.file = Some((path.to_owned(), bytes));
        self
    }

    /// Leaves the deadline to the caller, who ends the process, or the thread's
    /// usefulness, in a way of its own. The guest then runs unmetered, which is
    /// faster. Without this, a guest that has a deadline is metered, unless it is
    /// a language's own image: then another one is woken instead, whose code looks
    /// at the deadline itself, at a lower price.
    #[must_use]
    pub fn deadline_by_caller(mut self) -> Self {
        self.deadline = DeadlineBy::Caller;
        self
    }

    /// Has the guest write each line when it ends, as to a terminal, rather than
    /// many together: stdout and stderr then come in the order in which they were
    /// printed. JavaScript does so in any case, and Wasm modules as they like.
    #[must_use]
    pub fn line_buffered(mut self) -> Self {
        self.line_buffered = true;
        self
    }

    /// What stops the run from another thread. [`run`](Self::run) then fails with
    /// [`ErrorKind::Stopped`], and what was captured of its output is lost; what
    /// went to a [writer](Output::Writer) is not. A trap of such a run is not
    /// looked into: its [`Trap::function`](crate::Trap::function) stays empty.
    ///
    /// ```
    /// use dormouse::{ErrorKind, Image, Limits, Program, Sandbox};
    /// let image = Image::wasm("loop.wat", b"(module (func (export \"_start\") (loop (br 0))))")?;
    /// let mut sandbox = Sandbox::new(&image).limits(Limits { deadline: None, ..Limits::default() });
    /// let stopper = sandbox.stopper();
    /// let run = std::thread::spawn(move || sandbox.run(Program::start("loop")));
    /// stopper.stop();
    /// let stopped = run.join().expect("it does not panic").expect_err("it was stopped");
    /// assert_eq!(stopped.kind(), ErrorKind::Stopped);
    /// # Ok::<(), dormouse::Error>(())
    /// ```
    pub fn stopper(&mut self) -> Stopper {
        let meter = self.meter.get_or_insert_with(|| {
            let meter = Arc::new(Meter::new(None, None));
            meter.listen();
            meter
        });
        Stopper(Arc::clone(meter))
    }

    /// States that the process ends with this run: what the guest used is left
    /// to the system to take back.
    #[must_use]
    #[cfg_attr(
        not(feature = "cli"),
        allow(dead_code, reason = "only the command runs one program")
    )]
    pub(crate) fn last_of_process(mut self) -> Self {
        self.is_last = true;
        // While no thread of ours is among those that run.
        ahead::idle_processors();
        self
    }

    /// Runs `program` to its end.
    ///
    /// # Errors
    ///
    /// When the run could not take place: a module that does not load, a mount
    /// that does not exist, a function that is not exported. What the guest
    /// does wrong is in the [`Outcome`].
    pub fn run(mut self, program: Program) -> Result<Outcome, Error> {
        // Making an image is not part of the run.
        self.choose_image()?;
        let started = Instant::now();
        let stopped = self.meter.clone();
        let mut ran = self.run_once(started, &program)?;
        if let Some(meter) = stopped {
            // Nobody stops what would look into a trap.
            return match ran.outcome.status {
                Status::Trap(_) if meter.is_ended() => {
                    Err(Error::new(ErrorKind::Stopped, "the run was stopped"))
                }
                _ => Ok(ran.outcome),
            };
        }
        if let Status::Trap(trap) = &mut ran.outcome.status {
            trap.function = locate(&Trapped {
                image: &self.image,
                grants: &self.grants,
                limits: &self.limits,
                program: &program,
                started,
                read_stdin: ran.read_stdin,
                trap,
            });
        }
        Ok(ran.outcome)
    }

    /// Runs a program whose module keeps note of the running function; also
    /// gives that note.
    pub(crate) fn run_traced(mut self, program: &Program) -> Result<(Outcome, Option<u32>), Error> {
        self.choose_image()?;
        let ran = self.run_once(Instant::now(), program)?;
        Ok((ran.outcome, ran.current_function))
    }

    /// Runs a program whose module counts how often its code runs; also gives
    /// the counts.
    pub(crate) fn run_covered(mut self, program: &Program) -> Result<(Outcome, Vec<u32>), Error> {
        self.choose_image()?;
        let ran = self.run_once(Instant::now(), program)?;
        Ok((ran.outcome, ran.coverage))
    }

    /// Opens a session: a guest of a language, ready to run code piece by
    /// piece.
    ///
    /// # Errors
    ///
    /// When the guest does not come so far, or the image is not a language's.
    pub fn session(mut self) -> Result<Session, Error> {
        self.choose_bounded_image()?;
        self.deadline = DeadlineBy::Metering;
        let program = Program::session();
        check_program(&self.image, &program)?;
        let state = self.state(Instant::now(), &program)?;
        Session::open(self, state)
    }

    /// An instance that has run `program`, or none yet, and is held.
    #[cfg(feature = "bench")]
    pub(crate) fn hold(
        mut self,
        program: &Program,
        runs: bool,
    ) -> Result<crate::instance::Instance, Error> {
        use crate::{
            instance::{Failure, Instance},
            language,
        };
        self.choose_image()?;
        let image = self.image.clone();
        let reserving = image.reserve(self.metering(), self.limits.memory);
        let prepared = image.prepared(self.metering())?;
        let state = self.state(Instant::now(), program)?;
        let mut instance = match Instance::of(prepared, state, reserving) {
            Ok(instance) => instance,
            Err(Failure::Error(error)) => return Err(error),
            Err(Failure::Stop(stop, _)) => {
                return Err(Error::new(ErrorKind::Engine, stop.to_string()));
            }
        };
        if runs {
            // How it ends is of no interest here.
            let _ = language::run(&image, &mut instance, program)?;
        }
        Ok(instance)
    }

    pub(crate) fn session_limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn image(&self) -> &Image {
        &self.image
    }

    /// Has the guest do the same each time: what it draws comes from `secret`,
    /// and its clocks are a seeded run's.
    #[must_use]
    pub(crate) fn drawing_from(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// The host's side of a run up to a snapshot point, with `extra` bytes of
    /// memory above the limit.
    pub(crate) fn capturing_state(
        &mut self,
        program: &Program,
        extra: u64,
    ) -> Result<State, Error> {
        check_program(&self.image, program)?;
        self.capturing = true;
        self.limits.memory = self.limits.memory.saturating_add(extra);
        self.state(Instant::now(), program)
    }
}
