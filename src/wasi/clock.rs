//! The guest's clocks: the host's, or a seeded run's own.

use crate::engine::{Meter, Stop};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// What every seeded run believes the time to be when it starts:
/// 2024-01-01 00:00:00 UTC.
const SEEDED_START: Duration = Duration::from_secs(1_704_067_200);

/// How far a seeded clock moves when it is read. It must move, or programs
/// that wait for the time to change would wait for ever.
const SEEDED_TICK: Duration = Duration::from_micros(10);

/// What the monotonic clock of a seeded run in a language shows when its
/// program begins. It must not have shown more while the language was prepared,
/// plainly or for an image: that is for 10,000 looks at it, and either takes
/// less than 100.
const PREPARED: Duration = Duration::from_millis(100);

/// The clocks of one run. All of them start when the run does.
#[derive(Debug, Clone)]
pub(crate) struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: Instant,
    /// Nanoseconds that the monotonic clock showed when the run started.
    base: AtomicU64,
    cpu_started: Duration,
    /// Nanoseconds that the guest was last shown by the monotonic clock.
    shown: AtomicU64,
    /// Nanoseconds that a seeded run's clock shows; `None` for real time.
    seeded: Option<AtomicU64>,
    meter: Arc<Meter>,
}

impl Clock {
    /// Clocks that show the host's time, or, if `seeded`, one that only moves
    /// when it is read or slept on.
    pub(crate) fn new(seeded: bool, meter: Arc<Meter>) -> Self {
        Self(Arc::new(Inner {
            started: Instant::now(),
            base: AtomicU64::new(0),
            cpu_started: thread_cpu_time(),
            shown: AtomicU64::new(0),
            seeded: seeded.then(|| AtomicU64::new(0)),
            meter,
        }))
    }

    /// Lets the monotonic clock go on from `base`, where it was when the guest
    /// was captured. Only for clocks that nobody else has yet.
    #[must_use]
    pub(crate) fn going_on_from(self, base: Duration) -> Self {
        self.0.base.store(nanos(base), Ordering::Relaxed);
        self
    }

    /// Starts a seeded run's time, whatever was done before.
    pub(super) fn restart(&self) {
        if let Some(seeded) = &self.0.seeded {
            let base = self.monotonic().max(PREPARED);
            self.0.base.store(nanos(base), Ordering::Relaxed);
            seeded.store(0, Ordering::Relaxed);
        }
    }

    /// Time since 1970-01-01 00:00:00 UTC; zero on a host set before that.
    pub(crate) fn unix_time(&self) -> Duration {
        match self.seeded_time() {
            Some(elapsed) => SEEDED_START + elapsed,
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    /// Time since the run started; a captured guest's since it was started.
    pub(crate) fn monotonic(&self) -> Duration {
        let elapsed = self
            .seeded_time()
            .unwrap_or_else(|| self.0.started.elapsed());
        let base = Duration::from_nanos(self.0.base.load(Ordering::Relaxed));
        let time = base.saturating_add(elapsed);
        self.0.shown.fetch_max(nanos(time), Ordering::Relaxed);
        time
    }

    /// What the monotonic clock last showed; zero if nobody asked.
    pub(crate) fn last_shown(&self) -> Duration {
        Duration::from_nanos(self.0.shown.load(Ordering::Relaxed))
    }

    /// Processor time that the run has taken, on the thread that runs it.
    pub(crate) fn cpu_time(&self) -> Duration {
        self.seeded_time()
            .unwrap_or_else(|| thread_cpu_time().saturating_sub(self.0.cpu_started))
    }

    /// Sleeps, but not past the deadline, nor an interrupt.
    ///
    /// # Errors
    ///
    /// When either comes first.
    pub(crate) fn sleep(&self, duration: Duration) -> Result<(), Stop> {
        self.0.meter.wait(duration);
        self.0.meter.check()?;
        if let Some(seeded) = &self.0.seeded {
            seeded.fetch_add(nanos(duration), Ordering::Relaxed);
        }
        Ok(())
    }

    /// How long to wait on a file before it is [asked](Self::check) again.
    #[cfg(unix)]
    pub(crate) fn patience(&self) -> Option<Duration> {
        self.0.meter.patience()
    }

    /// Whether the guest may go on.
    #[cfg(unix)]
    pub(crate) fn check(&self) -> Result<(), Stop> {
        self.0.meter.check()
    }

    fn seeded_time(&self) -> Option<Duration> {
        let tick = SEEDED_TICK.as_nanos() as u64;
        let seeded = self.0.seeded.as_ref()?;
        Some(Duration::from_nanos(
            seeded.fetch_add(tick, Ordering::Relaxed),
        ))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Processor time of the calling thread; wall-clock time where the platform
/// does not tell.
fn thread_cpu_time() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::try_from(time).unwrap_or_default()
    }
    #[cfg(not(unix))]
    {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }
}
