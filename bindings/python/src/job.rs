//! One run of one program.

use crate::{
    callback::Raised, error, image::Image, options::Options, outcome, supervise::supervise,
};
use dormouse::{Point, Program, Sandbox, Stopper};
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
    types::PyDict,
};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// A run in the making, which any thread may stop.
#[pyclass(frozen, module = "dormouse._dormouse")]
pub(crate) struct Job {
    work: Mutex<Option<(Sandbox, Program)>>,
    stopper: Stopper,
    raised: Raised,
}

#[pymethods]
impl Job {
    /// `kind` is what of: `code`, `script`, `module`, `start` or `invoke`; `text`
    /// the source, or whatever names it.
    #[new]
    #[pyo3(signature = (image, kind, name, text, args, host_path, options))]
    fn new(
        image: &Image,
        kind: &str,
        name: &str,
        text: Vec<u8>,
        args: Vec<Vec<u8>>,
        host_path: Option<PathBuf>,
        options: Options,
    ) -> PyResult<Self> {
        let program = match kind {
            "code" => Program::code(text),
            "script" => Program::script(name, text),
            "module" => Program::module(name),
            "start" => Program::start(name),
            "invoke" => {
                let args = args.iter().map(|arg| String::from_utf8_lossy(arg));
                Program::invoke(name, args)
            }
            _ => return Err(PyValueError::new_err(format!("unknown kind {kind:?}"))),
        };
        let program = match kind {
            "invoke" => program,
            _ => program.args(args),
        };
        let program = match host_path {
            Some(path) => program.host_path(path),
            None => program,
        };
        let raised = Raised::default();
        let mut sandbox = options.sandbox(&image.inner, &raised)?;
        let stopper = sandbox.stopper();
        let ends = stopper.clone();
        raised.stops(move || ends.stop());
        Ok(Self {
            work: Mutex::new(Some((sandbox, program))),
            stopper,
            raised,
        })
    }

    /// Runs it; once.
    fn run<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (sandbox, program) = self.take()?;
        let ran = supervise(py, |_| self.stopper.stop(), || sandbox.run(program));
        if let Some(raised) = self.raised.take() {
            return Err(raised);
        }
        let outcome = ran?.map_err(|error| error::host(py, &error))?;
        outcome::fields(py, &outcome)
    }

    /// Runs it up to `point`, and gives what goes on from there; once.
    fn snapshot(&self, py: Python<'_>, point: &str) -> PyResult<Image> {
        let point: Point = point.parse().map_err(|error| error::host(py, &error))?;
        let (sandbox, program) = self.take()?;
        let done = supervise(
            py,
            |_| self.stopper.stop(),
            || sandbox.snapshot(program, &point),
        );
        if let Some(raised) = self.raised.take() {
            return Err(raised);
        }
        let inner = done?.map_err(|error| error::host(py, &error))?;
        Ok(Image { inner })
    }

    /// Ends it, now or as soon as it begins.
    fn stop(&self) {
        self.stopper.stop();
    }
}

impl Job {
    fn take(&self) -> PyResult<(Sandbox, Program)> {
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.take()
            .ok_or_else(|| PyRuntimeError::new_err("it has run already"))
    }
}
