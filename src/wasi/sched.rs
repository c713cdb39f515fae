//! Waiting: `poll_oneoff`, sleeping, yielding.

use super::clock::Clock;
use crate::engine::carried;
use std::time::Duration;
use wasmi_wasi::wasi_common::{
    Error,
    clocks::{WasiClocks, WasiMonotonicClock, WasiMonotonicOffsetClock, WasiSystemClock},
    sched::{Poll, RwEventFlags, Subscription, WasiSched},
};

/// Waits on the run's own clock, never past its deadline.
pub(super) struct Sched(pub(super) Clock);

#[async_trait::async_trait]
impl WasiSched for Sched {
    async fn poll_oneoff<'a>(&self, poll: &mut Poll<'a>) -> Result<(), Error> {
        let timeout = poll
            .earliest_clock_deadline()
            .map(|timer| timer.duration_until().unwrap_or_default());
        if wait_for_files(poll, timeout, &self.0)? {
            return Ok(());
        }
        match timeout {
            Some(timeout) => self.sleep(timeout).await,
            None => Ok(()),
        }
    }

    async fn sched_yield(&self) -> Result<(), Error> {
        std::thread::yield_now();
        Ok(())
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Error> {
        self.0.sleep(duration).map_err(stopped)
    }
}

fn stopped(stop: crate::engine::Stop) -> Error {
    Error::trap(carried(&stop))
}

/// Waits at most `timeout` for one of the subscribed files and marks those
/// that are ready; whether any is. Files that cannot block always are, as is
/// end of file.
fn wait_for_files(
    poll: &mut Poll<'_>,
    timeout: Option<Duration>,
    clock: &Clock,
) -> Result<bool, Error> {
    let mut any = false;
    for subscription in poll.rw_subscriptions() {
        any |= match subscription {
            Subscription::Read(wait) if !is_ready(wait.file, timeout, clock)? => false,
            Subscription::Read(wait) | Subscription::Write(wait) => {
                // One byte (or the end) is what can be promised without
                // asking each kind of file for more.
                wait.complete(1, RwEventFlags::empty());
                true
            }
            Subscription::MonotonicClock(_) => false,
        };
    }
    Ok(any)
}

/// Whether a read from `file` would not block, waiting at most `timeout` for
/// that. In practice only stdin can block, so waiting for the files one after
/// the other is waiting for that one.
#[cfg(unix)]
fn is_ready(
    file: &dyn wasmi_wasi::WasiFile,
    timeout: Option<Duration>,
    clock: &Clock,
) -> Result<bool, Error> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let Some(fd) = file.pollable() else {
        return Ok(true);
    };
    let started = std::time::Instant::now();
    loop {
        let left = timeout.map(|timeout| timeout.saturating_sub(started.elapsed()));
        let wait = match (left, clock.patience()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let wait = wait.and_then(|wait| Timespec::try_from(wait).ok());
        let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        let ready = poll(&mut fds, wait.as_ref());
        clock.check().map_err(stopped)?;
        match ready {
            Err(rustix::io::Errno::INTR) => {}
            // Whatever is wrong with it, the read will tell.
            Err(_) => return Ok(true),
            Ok(count) if count > 0 => return Ok(true),
            Ok(_) if timeout.is_some_and(|timeout| started.elapsed() >= timeout) => {
                return Ok(false);
            }
            Ok(_) => {}
        }
    }
}

#[cfg(not(unix))]
fn is_ready(
    _file: &dyn wasmi_wasi::WasiFile,
    _timeout: Option<Duration>,
    _clock: &Clock,
) -> Result<bool, Error> {
    Ok(true)
}

/// Resolution that the clocks claim.
const RESOLUTION: Duration = Duration::from_nanos(1);

/// wasi-common's clocks, for `poll_oneoff` and file times, over ours.
pub(super) fn clocks(clock: &Clock) -> WasiClocks {
    let zero = cap_start();
    let mut clocks = WasiClocks::new().with_system(System(clock.clone()));
    // Made by hand, as `creation_time` is what a guest's zero is taken for: a
    // clock that goes on from a snapshot does not begin there.
    clocks.monotonic = Some(WasiMonotonicOffsetClock {
        creation_time: zero,
        abs_clock: Box::new(Monotonic(clock.clone(), zero)),
    });
    clocks
}

struct System(Clock);

impl WasiSystemClock for System {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self, _precision: Duration) -> cap_std::time::SystemTime {
        cap_std::time::SystemTime::from_std(std::time::UNIX_EPOCH + self.0.unix_time())
    }
}

struct Monotonic(Clock, cap_std::time::Instant);

impl WasiMonotonicClock for Monotonic {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self, _precision: Duration) -> cap_std::time::Instant {
        self.1 + self.0.monotonic()
    }
}

fn cap_start() -> cap_std::time::Instant {
    cap_std::time::Instant::from_std(std::time::Instant::now())
}
