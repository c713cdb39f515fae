//! Functions that guests call by number, where a name and the names of its
//! arguments would cost them more than the call.

use serde_json::{Map, Value};

/// Names, and those of their arguments. The number is the place here;
/// `runtimes/javascript/calls.js` and `runtimes/python/host.py` have the same
/// list.
const KNOWN: &[(&str, &[&str])] = &[
    ("time_now", &[]),
    ("kv_get", &["key"]),
    ("kv_set", &["key", "value"]),
    ("kv_delete", &["key"]),
    ("kv_keys", &[]),
    ("http_get", &["url"]),
    ("fs_read", &["path"]),
    ("fs_write", &["path", "content"]),
    ("fs_list", &["path"]),
    ("fs_exists", &["path"]),
    ("fs_mkdir", &["path"]),
    ("fs_remove", &["path"]),
    ("fs_stat", &["path"]),
    ("install_pkg", &["name", "version"]),
    // Python's only: an argument more would cost others some.
    ("kv_get", &["key", "default"]),
];

/// The function at `place`, and what its arguments are called.
pub(crate) fn known(place: usize) -> Option<(&'static str, &'static [&'static str])> {
    KNOWN.get(place).copied()
}

/// `values` by the names of the arguments that they are; `None` where there are
/// more of them.
pub(super) fn by_name(
    params: &[&str],
    values: impl ExactSizeIterator<Item = Value>,
) -> Option<Map<String, Value>> {
    (values.len() <= params.len()).then(|| {
        let names = params.iter().map(|name| (*name).to_owned());
        names.zip(values).collect()
    })
}
