//! The functions that every run may have, if they are granted.

use super::{Fs, HostError, HostErrorKind, HostFunctions, Http, Kv, Packages, fs, kv};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// What the built-in functions need of a run.
pub(crate) struct Setting {
    /// Time since 1970, as the guest is to see it.
    pub(crate) unix_time: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// Its values by key, if it may keep some.
    pub(crate) kv: Option<Arc<Kv>>,
    /// Its files, if anything is mounted.
    pub(crate) fs: Option<Arc<Fs>>,
    /// What it may send to servers, if it may.
    pub(crate) http: Option<Arc<Http>>,
    /// What it may have installed, if anything.
    pub(crate) packages: Option<Arc<Packages>>,
}

/// Those that `setting` grants.
pub(crate) fn functions(setting: &Setting) -> HostFunctions {
    let now = Arc::clone(&setting.unix_time);
    let time_now = move |_| Ok(Value::from(now().as_secs_f64()));
    let mut functions = HostFunctions::new().quick("time_now", time_now);
    if let Some(kv) = &setting.kv {
        functions = kv::add(functions, kv);
    }
    if let Some(fs) = &setting.fs {
        functions = fs::add(functions, fs);
    }
    if let Some(http) = &setting.http {
        functions = http.add_to(functions);
    }
    if let Some(packages) = &setting.packages {
        functions = packages.add_to(functions);
    }
    functions
}

/// Functions that have to be granted, and what grants them.
const GRANTED_BY: [(&[&str], &str); 4] = [
    (&["kv_get", "kv_set", "kv_delete", "kv_keys"], "--kv"),
    (&["http_request", "http_get"], "--allow-host"),
    (
        &[
            "fs_read",
            "fs_write",
            "fs_list",
            "fs_exists",
            "fs_mkdir",
            "fs_remove",
            "fs_stat",
        ],
        "--mount",
    ),
    (&["install_pkg"], "--allow-pkg-install"),
];

/// Why there is no function `name`.
pub(super) fn absent(name: &str) -> HostError {
    match GRANTED_BY.iter().find(|(names, _)| names.contains(&name)) {
        Some((_, flag)) => HostError::new(
            HostErrorKind::NotGranted,
            format!("not granted: {name}; enable with {flag}"),
        ),
        None => HostError::new(
            HostErrorKind::UnknownFunction,
            format!("unknown function: {name}"),
        ),
    }
}
