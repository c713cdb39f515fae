//! Images, by where they come from.

use crate::{error, supervise::supervise};
use dormouse::{Error, GuestStore, Language, Progress};
use pyo3::{prelude::*, types::PyBytes};
use std::path::PathBuf;

/// A guest that sandboxes start from.
#[pyclass(frozen, module = "dormouse._dormouse")]
pub(crate) struct Image {
    pub(crate) inner: dormouse::Image,
}

#[pymethods]
impl Image {
    /// A language's own image, fetched and captured first where that is still to
    /// be done; `deadlines`: also the one that runs with a deadline have.
    #[staticmethod]
    #[pyo3(signature = (name, seeded, deadlines, progress))]
    fn language(
        py: Python<'_>,
        name: &str,
        seeded: bool,
        deadlines: bool,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let language: Language = name.parse().map_err(|error| error::host(py, &error))?;
        let made = supervise(py, |_| (), || make(language, seeded, deadlines, progress))?;
        let inner = made.map_err(|error| error::host(py, &error))?;
        Ok(Self { inner })
    }

    /// A Wasm module, binary or text, or the bytes of a snapshot.
    #[staticmethod]
    fn wasm(py: Python<'_>, name: &str, source: &[u8]) -> PyResult<Self> {
        let made = py.detach(|| dormouse::Image::wasm(name, source));
        let inner = made.map_err(|error| error::host(py, &error))?;
        Ok(Self { inner })
    }

    /// What is in the file at `path`.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| dormouse::Image::open(path));
        let inner = opened.map_err(|error| error::host(py, &error))?;
        Ok(Self { inner })
    }

    /// Writes it to the file at `path`.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let saved = py.detach(|| self.inner.save(path));
        saved.map_err(|error| error::host(py, &error))
    }

    /// What that writes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = py.detach(|| self.inner.to_bytes());
        PyBytes::new(py, &bytes)
    }
}

fn make(
    language: Language,
    seeded: bool,
    deadlines: bool,
    progress: Option<Py<PyAny>>,
) -> Result<dormouse::Image, Error> {
    let mut tell = |step: Progress<'_>| {
        if let Some(progress) = &progress {
            report(progress, &step);
        }
    };
    let store = GuestStore::open_default()?;
    let image = if seeded {
        store.seeded_image(language, &mut tell)?
    } else {
        store.image(language, &mut tell)?
    };
    if deadlines {
        // Without it guests are metered: they run all the same.
        let _ = image.prepare_for_deadlines(&mut tell);
    }
    Ok(image)
}

/// Tells how far it is. What a function raises that is only told is shown as
/// such, and stops nothing.
fn report(progress: &Py<PyAny>, step: &Progress<'_>) {
    Python::try_attach(|py| {
        let told = progress.bind(py).call1((describe(step),));
        if let Err(exception) = told {
            exception.write_unraisable(py, Some(progress.bind(py)));
        }
    });
}

fn describe(step: &Progress<'_>) -> String {
    match step {
        Progress::Waiting => "waiting for another process that does the same".to_owned(),
        Progress::Fetching { package, version } => format!("fetching {package} {version}"),
        Progress::Verifying => "verifying and unpacking".to_owned(),
        Progress::Capturing { language } => format!("preparing {language} for later runs"),
        Progress::Done => "done".to_owned(),
        _ => "working".to_owned(),
    }
}
