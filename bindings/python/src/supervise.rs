//! Waiting for a guest without holding the interpreter up: its lock is released,
//! and in the main thread signals are looked at meanwhile.

use crate::error;
use pyo3::{prelude::*, sync::PyOnceLock};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

/// What a Ctrl-C may be late by.
const PATIENCE: Duration = Duration::from_millis(50);

/// Does `work` with the interpreter's lock released.
///
/// Python runs its signal handlers in the main thread only. There the work is
/// given to another thread, and this one looks for signals: what a handler raises
/// (`KeyboardInterrupt`, mostly) is raised when the work has ended, which `stop`
/// is called for; again for each further one, with how often it was.
pub(crate) fn supervise<T: Send>(
    py: Python<'_>,
    stop: impl Fn(usize),
    work: impl FnOnce() -> T + Send,
) -> PyResult<T> {
    if !is_main_thread(py)? {
        let done = py.detach(|| catch_unwind(AssertUnwindSafe(work)));
        return done.map_err(|panic| error::panicked(py, &*panic));
    }
    thread::scope(|scope| {
        let (done, mut waiting) = sync_channel(1);
        thread::Builder::new()
            .name("dormouse".to_owned())
            .spawn_scoped(scope, move || {
                // Who waits is there until it has come.
                let _ = done.send(catch_unwind(AssertUnwindSafe(work)));
            })?;
        let mut raised = None;
        let mut times = 0;
        loop {
            let (received, again) = py.detach(move || (waiting.recv_timeout(PATIENCE), waiting));
            waiting = again;
            match (received, raised) {
                (Ok(Err(panic)), _) => return Err(error::panicked(py, &*panic)),
                (Ok(Ok(_)), Some(signal)) => return Err(signal),
                (Ok(Ok(done)), None) => {
                    // One that came at the very end is not for later.
                    py.check_signals()?;
                    return Ok(done);
                }
                (Err(RecvTimeoutError::Disconnected), _) => {
                    return Err(error::panicked(py, &"the thread of a guest is gone"));
                }
                (Err(RecvTimeoutError::Timeout), before) => raised = before,
            }
            if let Err(signal) = py.check_signals() {
                stop(times);
                times += 1;
                raised = raised.or(Some(signal));
            }
        }
    })
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    static MAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static CURRENT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let main = MAIN.import(py, "threading", "main_thread")?.call0()?;
    let current = CURRENT.import(py, "threading", "get_ident")?.call0()?;
    main.getattr("ident")?.eq(current)
}
