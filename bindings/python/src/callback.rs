//! What guests call of Python, and what it raises.

use dormouse::Output;
use pyo3::{exceptions::PyException, prelude::*, types::PyBytes};
use std::{
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// What was raised in a callback and is to be raised by whoever runs the guest.
#[derive(Clone, Default)]
pub(crate) struct Raised(Arc<Inner>);

#[derive(Default)]
struct Inner {
    exception: Mutex<Option<PyErr>>,
    stop: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Raised {
    /// Has what is raised from now on `stop` the run too.
    pub(crate) fn stops(&self, stop: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.stop.set(Box::new(stop));
    }

    /// Keeps `exception`, if it is the first, and ends the run.
    pub(crate) fn keep(&self, exception: PyErr) {
        self.hold(exception);
        if let Some(stop) = self.0.stop.get() {
            stop();
        }
    }

    /// Keeps `exception`; the run ends without that.
    pub(crate) fn hold(&self, exception: PyErr) {
        self.lock().get_or_insert(exception);
    }

    /// What was kept.
    pub(crate) fn take(&self) -> Option<PyErr> {
        self.lock().take()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<PyErr>> {
        let kept = &self.0.exception;
        kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the guest may hear of `exception`: not of a `KeyboardInterrupt` or
/// `SystemExit`, which are for the program.
pub(crate) fn is_for_guest(py: Python<'_>, exception: &PyErr) -> bool {
    exception.is_instance_of::<PyException>(py)
}

/// Where a guest's stdout or stderr goes.
#[derive(FromPyObject)]
pub(crate) enum Sink {
    /// `"inherit"`, `"discard"`.
    #[pyo3(transparent)]
    Named(String),
    /// Called with bytes, as they come; `None` has them kept.
    #[pyo3(transparent)]
    Callable(Option<Py<PyAny>>),
}

impl Sink {
    pub(crate) fn output(self, raised: &Raised) -> Output {
        match self {
            Self::Named(name) if name == "inherit" => Output::Host,
            Self::Named(_) => Output::Discard,
            Self::Callable(None) => Output::Capture,
            Self::Callable(Some(callable)) => Output::Writer(Box::new(Writer {
                callable,
                raised: raised.clone(),
            })),
        }
    }
}

/// Gives what a guest writes to a function.
struct Writer {
    callable: Py<PyAny>,
    raised: Raised,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let called = Python::try_attach(|py| {
            let bytes = PyBytes::new(py, bytes);
            self.callable.bind(py).call1((bytes,)).map(|_| ())
        });
        match called {
            Some(Ok(())) => Ok(bytes.len()),
            Some(Err(exception)) => {
                self.raised.keep(exception);
                Err(io::Error::other("the function for output raised"))
            }
            None => Err(io::Error::other("Python has ended")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
