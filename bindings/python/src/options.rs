//! Grants and limits, as `dormouse._options` has put them in order.

use crate::{
    callback::{Raised, Sink},
    host,
};
use dormouse::{
    Grants, HostFunctions, Image, Kv, Limits, Mount, MountMode, Output, Packages, Sandbox, Stdin,
};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};
use std::{collections::HashMap, path::PathBuf, time::Duration};

/// All that a sandbox is given.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    mounts: Vec<(String, PathBuf, String)>,
    env: Vec<(String, String)>,
    seed: Option<u64>,
    kv: bool,
    kv_file: Option<PathBuf>,
    hosts: Vec<String>,
    http_ca: Vec<PathBuf>,
    packages: Option<PathBuf>,
    install: bool,
    allowed: Vec<String>,
    functions: HashMap<String, Py<PyAny>>,
    /// `None` for the process's own.
    stdin: Option<Vec<u8>>,
    stdout: Sink,
    stderr: Sink,
    line_buffered: bool,
    limits: GivenLimits,
}

/// All of [`Limits`].
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct GivenLimits {
    timeout: Option<f64>,
    memory: u64,
    max_output: Option<u64>,
    fuel: Option<u64>,
    tmp: u64,
    http_max_body: u64,
    http_max_url: usize,
    http_timeout: f64,
    http_concurrency: Option<usize>,
    fs_max_file: u64,
    fs_max_write: u64,
    fs_max_path: usize,
}

/// The same in the library's terms.
pub(crate) struct Parts {
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) functions: HostFunctions,
    pub(crate) stdin: Stdin,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
}

impl GivenLimits {
    pub(crate) fn limits(&self) -> PyResult<Limits> {
        Ok(Limits {
            deadline: self.timeout.map(seconds).transpose()?,
            memory: self.memory,
            output: self.max_output,
            fuel: self.fuel,
            tmp: self.tmp,
            http_body: self.http_max_body,
            http_url: self.http_max_url,
            http_timeout: seconds(self.http_timeout)?,
            http_concurrency: self.http_concurrency,
            fs_file: self.fs_max_file,
            fs_write: self.fs_max_write,
            fs_path: self.fs_max_path,
        })
    }
}

impl Options {
    pub(crate) fn limits(&self) -> PyResult<Limits> {
        self.limits.limits()
    }

    /// What the library makes of it; `raised` is where exceptions of callbacks go.
    pub(crate) fn parts(self, raised: &Raised) -> PyResult<Parts> {
        let mounts = self.mounts.into_iter().map(mount);
        let grants = Grants {
            mounts: mounts.collect::<PyResult<_>>()?,
            env: self.env,
            seed: self.seed,
            kv: match self.kv_file {
                Some(file) => Kv::File(file),
                None if self.kv => Kv::Memory,
                None => Kv::None,
            },
            hosts: self.hosts,
            http_ca: self.http_ca,
            packages: Packages {
                folder: self.packages,
                install: self.install,
                allowed: self.allowed,
            },
        };
        Ok(Parts {
            grants,
            limits: self.limits.limits()?,
            functions: host::functions(self.functions, raised),
            stdin: match self.stdin {
                Some(bytes) if bytes.is_empty() => Stdin::Empty,
                Some(bytes) => Stdin::Bytes(bytes),
                None => Stdin::Host,
            },
            stdout: self.stdout.output(raised),
            stderr: self.stderr.output(raised),
        })
    }

    /// A sandbox of `image` with all of this.
    pub(crate) fn sandbox(self, image: &Image, raised: &Raised) -> PyResult<Sandbox> {
        let line_buffered = self.line_buffered;
        let parts = self.parts(raised)?;
        let sandbox = Sandbox::new(image)
            .grants(parts.grants)
            .limits(parts.limits)
            .functions(parts.functions)
            .stdin(parts.stdin)
            .stdout(parts.stdout)
            .stderr(parts.stderr);
        Ok(if line_buffered {
            sandbox.line_buffered()
        } else {
            sandbox
        })
    }
}

fn mount((guest, host, mode): (String, PathBuf, String)) -> PyResult<Mount> {
    let mode = match mode.as_str() {
        "ro" => MountMode::ReadOnly,
        "rw" => MountMode::ReadWrite,
        "rwc" => MountMode::ReadWriteCreate,
        _ => {
            return Err(PyValueError::new_err(format!(
                "unknown mode {mode:?} of the mount at {guest}; there are ro, rw and rwc"
            )));
        }
    };
    Ok(Mount { guest, host, mode })
}

/// `seconds` as a duration.
pub(crate) fn seconds(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| PyValueError::new_err(format!("{seconds} seconds: {error}")))
}

/// The limits that hold where nothing else is said, by their names.
#[pyfunction]
pub(crate) fn default_limits(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let limits = Limits::default();
    let all = PyDict::new(py);
    let deadline = limits.deadline.map(|time| time.as_secs_f64());
    all.set_item("timeout", deadline)?;
    all.set_item("memory", limits.memory)?;
    all.set_item("max_output", limits.output)?;
    all.set_item("fuel", limits.fuel)?;
    all.set_item("tmp", limits.tmp)?;
    all.set_item("http_max_body", limits.http_body)?;
    all.set_item("http_max_url", limits.http_url)?;
    all.set_item("http_timeout", limits.http_timeout.as_secs_f64())?;
    all.set_item("http_concurrency", limits.http_concurrency)?;
    all.set_item("fs_max_file", limits.fs_file)?;
    all.set_item("fs_max_write", limits.fs_write)?;
    all.set_item("fs_max_path", limits.fs_path)?;
    Ok(all)
}
