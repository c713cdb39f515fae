//! Live guests that run code piece by piece.

use crate::{
    callback::Raised, error, image::Image, options::Options, outcome, supervise::supervise,
};
use dormouse::{Error, Interrupter, Limits, Outcome};
use pyo3::{prelude::*, types::PyDict};

/// A session; any thread may use it.
#[pyclass(frozen, module = "dormouse._dormouse")]
pub(crate) struct Session {
    inner: dormouse::Session,
    interrupter: Interrupter,
    raised: Raised,
    limits: Limits,
}

#[pymethods]
impl Session {
    #[new]
    fn new(py: Python<'_>, image: &Image, options: Options) -> PyResult<Self> {
        let raised = Raised::default();
        let limits = options.limits()?;
        let sandbox = options.sandbox(&image.inner, &raised)?;
        let opened = supervise(py, |_| (), || sandbox.session())?;
        let inner = opened.map_err(|error| error::host(py, &error))?;
        Ok(Self::of(inner, raised, limits))
    }

    /// Runs a piece, with a deadline, output and fuel of its own where those are
    /// given.
    #[pyo3(signature = (code, limits))]
    fn run<'py>(
        &self,
        py: Python<'py>,
        code: &str,
        limits: Option<crate::options::GivenLimits>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let limits = match limits {
            Some(limits) => limits.limits()?,
            None => self.limits.clone(),
        };
        self.outcome(py, || self.inner.run_with(code, &limits))
    }

    /// Runs a piece as a prompt would.
    fn run_repl<'py>(&self, py: Python<'py>, code: &str) -> PyResult<Bound<'py, PyDict>> {
        self.outcome(py, || self.inner.run_repl(code))
    }

    /// Whether `code` is whole.
    fn check_complete(&self, py: Python<'_>, code: &str) -> PyResult<bool> {
        self.ask(py, || self.inner.check_complete(code))
    }

    /// What the name that ends `text` may become.
    fn complete(&self, py: Python<'_>, text: &str) -> PyResult<Vec<String>> {
        self.ask(py, || self.inner.complete(text, text.len()))
    }

    /// A copy that goes its own way.
    fn fork(&self, py: Python<'_>) -> PyResult<Self> {
        let inner = self.ask(py, || self.inner.fork())?;
        Ok(Self::of(inner, self.raised.clone(), self.limits.clone()))
    }

    /// Interrupts what it runs, if it runs something.
    fn interrupt(&self) {
        self.interrupter.interrupt();
    }

    /// Ends it.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.inner.close());
    }

    /// Whether it can still run something.
    #[getter]
    fn is_open(&self) -> bool {
        self.inner.is_open()
    }
}

impl Session {
    fn of(inner: dormouse::Session, raised: Raised, limits: Limits) -> Self {
        let interrupter = inner.interrupter();
        let interrupts = interrupter.clone();
        raised.stops(move || interrupts.interrupt());
        Self {
            inner,
            interrupter,
            raised,
            limits,
        }
    }

    fn outcome<'py>(
        &self,
        py: Python<'py>,
        work: impl FnOnce() -> Result<Outcome, Error> + Send,
    ) -> PyResult<Bound<'py, PyDict>> {
        let outcome = self.ask(py, work)?;
        outcome::fields(py, &outcome)
    }

    /// A signal interrupts what the session does; a second one, of a guest that
    /// does not mind, ends the session.
    fn ask<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce() -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let stop = |times| match times {
            0 => self.interrupter.interrupt(),
            _ => self.inner.close(),
        };
        let asked = supervise(py, stop, work);
        if let Some(raised) = self.raised.take() {
            return Err(raised);
        }
        asked?.map_err(|error| error::host(py, &error))
    }
}
