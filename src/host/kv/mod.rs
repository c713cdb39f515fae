//! Values by key, for guests that may keep some.
//!
//! All entries are in memory, each value as the text of its JSON: parsed it
//! could be twenty times as large. Where there is a file too, a call that
//! changes something is answered once the change is on the disk. Calls that
//! wait for that at the same time share one write.

mod entries;
mod file;

use self::{
    entries::{Entries, Text},
    file::{KvFile, named},
};
use super::{HostError, HostErrorKind, HostFunctions};
use crate::{Error, Kv as Grant};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

/// How long to wait for a run that has the file open: one that ends just now.
const PATIENCE: Duration = Duration::from_secs(2);

/// Time between two looks at a file that is open elsewhere.
const PAUSE: Duration = Duration::from_millis(20);

/// The stores in files that are open in this process, by canonical path.
static OPEN: Mutex<BTreeMap<PathBuf, Weak<Kv>>> = Mutex::new(BTreeMap::new());

/// The store of one run or session.
pub(crate) struct Kv {
    state: Mutex<State>,
    /// Told when changes have been written.
    written: Condvar,
    file: Option<KvFile>,
}

#[derive(Default)]
struct State {
    entries: Entries,
    /// Changes that are not in the file yet, in their order.
    pending: Vec<(String, Option<Text>)>,
    /// How many changes there have been, and how many of them are written.
    made: u64,
    written: u64,
    /// Whether a caller writes just now.
    is_writing: bool,
    /// Why nothing can be written any more. What is in memory may then differ
    /// from the file, so nothing is read from it either.
    broken: Option<String>,
}

impl std::fmt::Debug for Kv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kv").finish_non_exhaustive()
    }
}

impl Kv {
    /// The store of a copy of a session: one of its own with the same values, if
    /// they are in memory; the same one, if they are in a file.
    pub(crate) fn copied(self: &Arc<Self>) -> Arc<Self> {
        if self.file.is_some() {
            return Arc::clone(self);
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::new(Self {
            state: Mutex::new(State {
                entries: state.entries.clone(),
                ..State::default()
            }),
            written: Condvar::new(),
            file: None,
        })
    }

    /// What `grant` gives.
    ///
    /// # Errors
    ///
    /// A file that can't be opened, or is none of ours.
    pub(crate) fn open(grant: &Grant) -> Result<Option<Arc<Self>>, Error> {
        Ok(match grant {
            Grant::None => None,
            Grant::Memory => Some(Arc::new(Self::new(Entries::default(), None))),
            Grant::File(path) => Some(Self::at(path)?),
        })
    }

    /// The store in the file at `path`, which those in this process that name it
    /// share.
    fn at(path: &Path) -> Result<Arc<Self>, Error> {
        let open = || OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        loop {
            let own = path.canonicalize().ok();
            let shared = own.and_then(|own| open().get(&own)?.upgrade());
            if let Some(shared) = shared {
                return Ok(shared);
            }
            if let Some((file, entries)) = KvFile::open(path)? {
                let kv = Arc::new(Self::new(entries, Some(file)));
                if let Ok(own) = path.canonicalize() {
                    let mut open = open();
                    open.retain(|_, kv| kv.strong_count() > 0);
                    open.insert(own, Arc::downgrade(&kv));
                }
                return Ok(kv);
            }
            if started.elapsed() > PATIENCE {
                let what = "another run has it open; wait for that to end, or name another file";
                return Err(named(path, what));
            }
            thread::sleep(PAUSE);
        }
    }

    fn new(entries: Entries, file: Option<KvFile>) -> Self {
        Self {
            state: Mutex::new(State {
                entries,
                ..State::default()
            }),
            written: Condvar::new(),
            file,
        }
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, HostError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.broken {
            Some(why) => Err(HostError::from(why.as_str())),
            None => Ok(state),
        }
    }

    fn get(&self, key: &str) -> Result<Option<Value>, HostError> {
        let text = self.state()?.entries.by_key.get(key).cloned();
        let value = text.map(|text| serde_json::from_str(&text)).transpose();
        value.map_err(|error| HostError::from(format!("the value can't be read: {error}")))
    }

    fn set(&self, key: String, value: &Value) -> Result<(), HostError> {
        let text = Text::from(value.to_string());
        let mut state = self.state()?;
        state.entries.check(&key, &text)?;
        state.entries.put(key.clone(), text.clone());
        self.change(state, key, Some(text))
    }

    fn delete(&self, key: String) -> Result<(), HostError> {
        let mut state = self.state()?;
        if !state.entries.remove(&key) {
            return Ok(());
        }
        self.change(state, key, None)
    }

    /// In order.
    fn keys(&self) -> Result<Vec<String>, HostError> {
        Ok(self.state()?.entries.by_key.keys().cloned().collect())
    }

    /// Has the file follow, and waits for that: whoever comes first writes all
    /// that is pending, the others wait.
    fn change<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        key: String,
        value: Option<Text>,
    ) -> Result<(), HostError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        state.pending.push((key, value));
        state.made += 1;
        let own = state.made;
        while state.written < own {
            if let Some(why) = &state.broken {
                return Err(HostError::from(why.as_str()));
            }
            if state.is_writing {
                let woken = self.written.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_writing = true;
            let (changes, made) = (std::mem::take(&mut state.pending), state.made);
            drop(state);
            let result = catch_unwind(AssertUnwindSafe(|| file.commit(&changes)));
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.is_writing = false;
            match result {
                Ok(Ok(())) => state.written = made,
                Ok(Err(error)) => {
                    state.broken = Some(format!("the kv file can't be written: {error}"));
                }
                Err(_) => state.broken = Some("the kv file can't be written".to_owned()),
            }
            self.written.notify_all();
        }
        Ok(())
    }
}

type Args = Map<String, Value>;

/// The functions that reach `kv`.
pub(super) fn add(functions: HostFunctions, kv: &Arc<Kv>) -> HostFunctions {
    let [get, set, delete, keys] = std::array::from_fn(|_| Arc::clone(kv));
    let set = move |mut args: Args| {
        let key = key_of(&mut args)?;
        let value = args.get("value").ok_or_else(|| required("value"))?;
        set.set(key, value).map(|()| Value::from(OK))
    };
    let delete = move |mut args: Args| {
        let deleted = delete.delete(key_of(&mut args)?);
        deleted.map(|()| Value::from(OK))
    };
    let functions = functions
        .quick("kv_get", move |mut args| {
            let key = key_of(&mut args)?;
            // A null that was kept is not a value that is missing.
            Ok(match get.get(&key)? {
                Some(value) => value,
                None => args.remove("default").unwrap_or_default(),
            })
        })
        .quick("kv_keys", move |_| keys.keys().map(Value::from));
    if kv.file.is_some() {
        // They wait for the disk.
        functions.with("kv_set", set).with("kv_delete", delete)
    } else {
        functions.quick("kv_set", set).quick("kv_delete", delete)
    }
}

/// What a function answers that has nothing to tell.
const OK: &str = "ok";

fn key_of(args: &mut Args) -> Result<String, HostError> {
    match args.remove("key") {
        Some(Value::String(key)) => Ok(key),
        _ => Err(required("key")),
    }
}

fn required(what: &str) -> HostError {
    HostError::new(HostErrorKind::Invalid, format!("{what} required"))
}

#[cfg(test)]
mod tests;
