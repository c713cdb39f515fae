//! What stops a guest: one place where every limit is noted, and where it is
//! asked whether the guest may go on.

use super::{Pause, Stop};
use crate::Limit;
use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Counts and bounds shared by the parts of one run; a session's runs have the
/// same one, [renewed](Meter::renew) for each.
#[derive(Debug)]
pub(crate) struct Meter {
    made: Instant,
    /// When the guest must have ended, in nanoseconds since `made`; [`NEVER`], or
    /// [`LATER`].
    deadline: AtomicU64,
    /// Nanoseconds that the guest has from the first look at its deadline on,
    /// where that is to come.
    allowance: AtomicU64,
    /// Which limit stopped the guest: 0 for none, else `code_of` it.
    hit: AtomicU8,
    memory_refused: AtomicBool,
    output_left: AtomicU64,
    truncated: AtomicBool,
    /// Whether the last line that was written has not ended.
    mid_line: AtomicBool,
    /// What others want of the guest: [`GO_ON`], [`INTERRUPT`] or [`END`].
    wish: AtomicU8,
    /// Wakes who sleeps for the guest. Behind the lock is nothing: it only
    /// keeps a wish from coming between a look at it and the sleep.
    sleep: Mutex<()>,
    wished: Condvar,
    /// Whether anybody may have a wish.
    has_listeners: AtomicBool,
}

/// There is no deadline.
const NEVER: u64 = u64::MAX;
/// The deadline is set when somebody first looks at it.
const LATER: u64 = u64::MAX - 1;

const GO_ON: u8 = 0;
const INTERRUPT: u8 = 1;
const END: u8 = 2;

impl Meter {
    /// `output`: bytes that may still be written; `u64::MAX` for no bound.
    pub(crate) fn new(deadline: Option<Instant>, output: Option<u64>) -> Self {
        let meter = Self {
            made: Instant::now(),
            deadline: AtomicU64::new(NEVER),
            allowance: AtomicU64::new(0),
            hit: AtomicU8::new(0),
            memory_refused: AtomicBool::new(false),
            output_left: AtomicU64::new(u64::MAX),
            truncated: AtomicBool::new(false),
            mid_line: AtomicBool::new(false),
            wish: AtomicU8::new(GO_ON),
            sleep: Mutex::default(),
            wished: Condvar::new(),
            has_listeners: AtomicBool::new(false),
        };
        meter.renew(deadline, output);
        meter
    }

    /// Counts anew, for another run of the same guest. What ended the guest
    /// stays.
    pub(crate) fn renew(&self, deadline: Option<Instant>, output: Option<u64>) {
        let nanos = deadline.map_or(NEVER, |at| nanos(at.saturating_duration_since(self.made)));
        self.deadline.store(nanos, Ordering::Relaxed);
        self.output_left
            .store(output.unwrap_or(u64::MAX), Ordering::Relaxed);
        self.truncated.store(false, Ordering::Relaxed);
        self.memory_refused.store(false, Ordering::Relaxed);
        // An interrupt is for the run that it finds running.
        let _ = self.take_interrupt();
    }

    /// Counts anew for another call of the same guest, whatever ended the last
    /// one. It may take `allowance` from the first look at its deadline on: that
    /// way a short call costs no look at the clock.
    pub(crate) fn begin(&self, allowance: Option<Duration>) {
        self.hit.store(0, Ordering::Relaxed);
        self.memory_refused.store(false, Ordering::Relaxed);
        if let Some(allowance) = allowance {
            self.allowance.store(nanos(allowance), Ordering::Relaxed);
        }
        let deadline = if allowance.is_some() { LATER } else { NEVER };
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    /// Lets the guest's time begin to count, if it has not.
    pub(crate) fn start_clock(&self) {
        if self.deadline.load(Ordering::Relaxed) == LATER {
            self.time_left();
        }
    }

    /// Bytes that may still be written; `u64::MAX` for no bound.
    pub(crate) fn output_left(&self) -> u64 {
        self.output_left.load(Ordering::Relaxed)
    }

    /// Allows `output` bytes from now on.
    pub(crate) fn allow_output(&self, output: u64) {
        self.output_left.store(output, Ordering::Relaxed);
        self.truncated.store(false, Ordering::Relaxed);
    }

    /// Forgets that the guest was to be ended.
    pub(crate) fn unend(&self) {
        let _ = self
            .wish
            .compare_exchange(END, GO_ON, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The limit that stopped the guest, if one did.
    pub(crate) fn limit(&self) -> Option<Limit> {
        match self.hit.load(Ordering::Relaxed) {
            1 => Some(Limit::Deadline),
            2 => Some(Limit::Memory),
            3 => Some(Limit::Output),
            4 => Some(Limit::Fuel),
            _ => None,
        }
    }

    /// Notes that `limit` stops the guest; the first one noted stays.
    pub(crate) fn hit(&self, limit: Limit) -> Stop {
        let code = match limit {
            Limit::Deadline => 1,
            Limit::Memory => 2,
            Limit::Output => 3,
            Limit::Fuel => 4,
        };
        let _ = self
            .hit
            .compare_exchange(0, code, Ordering::Relaxed, Ordering::Relaxed);
        wasmi::Error::new(format!("stopped by the {limit} limit"))
    }

    /// Time until the deadline; `None` where there is none.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let elapsed = || self.made.elapsed();
        match self.deadline.load(Ordering::Relaxed) {
            NEVER => None,
            LATER => {
                let allowance = Duration::from_nanos(self.allowance.load(Ordering::Relaxed));
                let deadline = nanos(elapsed().saturating_add(allowance));
                self.deadline.store(deadline, Ordering::Relaxed);
                Some(allowance)
            }
            nanos => Some(Duration::from_nanos(nanos).saturating_sub(elapsed())),
        }
    }

    /// Whether the guest may go on: what is asked every some milliseconds while
    /// it runs, and whenever the host has waited for it.
    ///
    /// # Errors
    ///
    /// Once the deadline has passed, or the guest is to end; and
    /// [`Pause::Interrupt`], as long as nobody has
    /// [taken](Self::take_interrupt) the interrupt.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.time_left().is_some_and(|left| left.is_zero()) {
            return Err(self.hit(Limit::Deadline));
        }
        match self.wish.load(Ordering::Relaxed) {
            GO_ON => Ok(()),
            INTERRUPT => Err(Stop::host(Pause::Interrupt)),
            _ => Err(Stop::new("its session is closed")),
        }
    }

    /// Waits for `duration`, but not past the deadline, nor when anybody wants
    /// something else of the guest: ask [`check`](Self::check) then.
    pub(crate) fn wait(&self, duration: Duration) {
        let until = Instant::now().checked_add(duration);
        let mut lock = self.lock();
        while self.wish.load(Ordering::Relaxed) == GO_ON {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let left = match (left, self.time_left()) {
                (Some(a), Some(b)) => a.min(b),
                (a, b) => a.or(b).unwrap_or(Duration::MAX),
            };
            if left.is_zero() {
                return;
            }
            lock = match self.wished.wait_timeout(lock, left) {
                Ok((lock, _)) => lock,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// How long the host may wait for the guest where only time can end that:
    /// on a file. `None` for as long as it takes.
    #[cfg(unix)]
    pub(crate) fn patience(&self) -> Option<Duration> {
        /// What an interrupt may be late by.
        const STEP: Duration = Duration::from_millis(50);
        match self.time_left() {
            left if !self.has_listeners.load(Ordering::Relaxed) => left,
            Some(left) => Some(left.min(STEP)),
            None => Some(STEP),
        }
    }

    /// States that others may come to [interrupt](Self::interrupt) the guest.
    pub(crate) fn listen(&self) {
        self.has_listeners.store(true, Ordering::Relaxed);
    }

    /// Interrupts what the guest does.
    pub(crate) fn interrupt(&self) {
        self.wish(GO_ON, INTERRUPT);
    }

    /// Ends the guest, whatever it does.
    pub(crate) fn end(&self) {
        self.wish(GO_ON, END);
        self.wish(INTERRUPT, END);
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.wish.load(Ordering::Relaxed) == END
    }

    fn wish(&self, from: u8, to: u8) {
        let lock = self.lock();
        let _ = self
            .wish
            .compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
        drop(lock);
        self.wished.notify_all();
    }

    /// Whether the guest was interrupted; from now on it is not.
    pub(crate) fn take_interrupt(&self) -> bool {
        self.wish
            .compare_exchange(INTERRUPT, GO_ON, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.sleep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up to `wanted` bytes from what may still be written; how many
    /// were left to take.
    pub(crate) fn take_output(&self, wanted: usize) -> usize {
        let wanted = wanted as u64;
        let before = self
            .output_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some(if left == u64::MAX {
                    left
                } else {
                    left.saturating_sub(wanted)
                })
            })
            .unwrap_or(0);
        let taken = wanted.min(before);
        if taken < wanted {
            self.truncated.store(true, Ordering::Relaxed);
        }
        usize::try_from(taken).unwrap_or(usize::MAX)
    }

    /// Notes whether what was written last ends a line.
    pub(crate) fn note_line(&self, ends: bool) {
        self.mid_line.store(!ends, Ordering::Relaxed);
    }

    /// Whether the last line that was written has not ended.
    #[cfg_attr(
        not(feature = "cli"),
        allow(dead_code, reason = "only the command has a prompt")
    )]
    pub(crate) fn is_mid_line(&self) -> bool {
        self.mid_line.load(Ordering::Relaxed)
    }

    pub(crate) fn truncated(&self) -> bool {
        self.truncated.load(Ordering::Relaxed)
    }

    pub(crate) fn refuse_memory(&self) {
        self.memory_refused.store(true, Ordering::Relaxed);
    }

    pub(crate) fn memory_refused(&self) -> bool {
        self.memory_refused.load(Ordering::Relaxed)
    }
}

/// As many as fit, but neither [`NEVER`] nor [`LATER`].
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).map_or(LATER - 1, |nanos| nanos.min(LATER - 1))
}
