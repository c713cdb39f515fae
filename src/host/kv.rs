//! Values by key, for guests that may keep some.
//!
//! All entries are in memory, each value as the text of its JSON: parsed it
//! could be twenty times as large. Where there is a file too, a call that
//! changes something is answered once the change is on the disk. Calls that
//! wait for that at the same time share one write.

use super::{HostError, HostErrorKind, HostFunctions, kv_file::KvFile};
use crate::{Error, Kv as Grant};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

/// Bytes of a key: a name, not content.
const MAX_KEY: usize = 256;

/// Bytes of a value's JSON: what is larger belongs in a file.
const MAX_VALUE: usize = 64 << 10;

/// Entries of a store.
const MAX_ENTRIES: usize = 1000;

/// Bytes of all keys and values: the host keeps them in memory.
const MAX_TOTAL: usize = 10 << 20;

/// A value's JSON.
pub(super) type Text = Box<str>;

/// The entries of a store.
#[derive(Debug, Default)]
pub(super) struct Entries {
    by_key: BTreeMap<String, Text>,
    /// Bytes of keys and values.
    bytes: usize,
}

impl Entries {
    /// Sets `key` to `value`.
    pub(super) fn put(&mut self, key: String, value: Text) {
        self.bytes += key.len() + value.len();
        let len = key.len();
        if let Some(before) = self.by_key.insert(key, value) {
            self.bytes -= len + before.len();
        }
    }

    /// Takes `key` out; whether it was there.
    fn remove(&mut self, key: &str) -> bool {
        match self.by_key.remove(key) {
            Some(value) => {
                self.bytes -= key.len() + value.len();
                true
            }
            None => false,
        }
    }

    /// `Ok` where `key` may be set to `value`.
    fn check(&self, key: &str, value: &str) -> Result<(), HostError> {
        let before = self.by_key.get(key);
        let freed = before.map_or(0, |before| key.len() + before.len());
        let message = if key.len() > MAX_KEY {
            "key too large"
        } else if value.len() > MAX_VALUE {
            "value too large"
        } else if before.is_none() && self.by_key.len() >= MAX_ENTRIES {
            "too many entries"
        } else if self.bytes - freed + key.len() + value.len() > MAX_TOTAL {
            "kv store full"
        } else {
            return Ok(());
        };
        Err(HostError::new(HostErrorKind::TooLarge, message))
    }
}

/// Whether `key` may be set to `value`.
pub(super) fn fits(entries: &Entries, key: &str, value: &str) -> bool {
    entries.check(key, value).is_ok()
}

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

impl Kv {
    /// What `grant` gives.
    ///
    /// # Errors
    ///
    /// A file that can't be opened, or is none of ours.
    pub(crate) fn open(grant: &Grant) -> Result<Option<Arc<Self>>, Error> {
        let (file, entries) = match grant {
            Grant::None => return Ok(None),
            Grant::Memory => (None, Entries::default()),
            Grant::File(path) => {
                let (file, entries) = KvFile::open(path)?;
                (Some(file), entries)
            }
        };
        Ok(Some(Arc::new(Self {
            state: Mutex::new(State {
                entries,
                ..State::default()
            }),
            written: Condvar::new(),
            file,
        })))
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
    functions
        .with("kv_get", move |mut args: Args| {
            let key = key_of(&mut args)?;
            // A null that was kept is not a value that is missing.
            Ok(match get.get(&key)? {
                Some(value) => value,
                None => args.remove("default").unwrap_or_default(),
            })
        })
        .with("kv_set", move |mut args: Args| {
            let key = key_of(&mut args)?;
            let value = args.get("value").ok_or_else(|| required("value"))?;
            set.set(key, value).map(|()| OK)
        })
        .with("kv_delete", move |mut args: Args| {
            delete.delete(key_of(&mut args)?).map(|()| OK)
        })
        .with("kv_keys", move |_: Args| keys.keys())
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
mod tests {
    use super::*;
    use crate::host::Functions;
    use serde_json::json;

    fn memory() -> Functions {
        functions(&Grant::Memory)
    }

    fn functions(grant: &Grant) -> Functions {
        let kv = Kv::open(grant).expect("a store").expect("it is granted");
        add(HostFunctions::new(), &kv).into()
    }

    /// What `functions` answers: the data, or the message and the kind's word.
    fn call(functions: &Functions, name: &str, args: Value) -> Value {
        let request = json!({"fn": name, "args": args}).to_string();
        let answer = functions.answer(request.as_bytes());
        match answer.get("data") {
            Some(data) => data.clone(),
            None => json!([answer["error"], answer["kind"]]),
        }
    }

    fn set(functions: &Functions, key: &str, value: &Value) -> Value {
        call(functions, "kv_set", json!({"key": key, "value": value}))
    }

    fn get(functions: &Functions, key: &str) -> Value {
        call(functions, "kv_get", json!({"key": key}))
    }

    #[test]
    fn any_json_value_comes_back_as_it_was() {
        let kv = memory();
        for value in [
            json!(null),
            json!("text \u{0} \u{1f42d}"),
            json!({"list": [1, 2.5, true, {}], "": null}),
            json!(u64::MAX),
            json!(0.1 + 0.2),
            json!(5e-324),
        ] {
            assert_eq!(set(&kv, "key", &value), "ok");
            assert_eq!(get(&kv, "key"), value);
        }
    }

    #[test]
    fn a_missing_key_is_null_or_the_default() {
        let kv = memory();
        assert_eq!(get(&kv, "key"), json!(null));
        let default = json!({"key": "key", "default": 7});
        assert_eq!(call(&kv, "kv_get", default.clone()), 7);
        set(&kv, "key", &json!(null));
        assert_eq!(call(&kv, "kv_get", default), json!(null));
        assert_eq!(call(&kv, "kv_delete", json!({"key": "other"})), "ok");
        assert_eq!(call(&kv, "kv_delete", json!({"key": "key"})), "ok");
        assert_eq!(call(&kv, "kv_keys", json!({})), json!([]));
    }

    #[test]
    fn keys_are_in_order() {
        let kv = memory();
        for key in ["b", "", "a", "\u{e4}", "B"] {
            set(&kv, key, &json!(1));
        }
        let keys = call(&kv, "kv_keys", json!({}));
        assert_eq!(keys, json!(["", "B", "a", "b", "\u{e4}"]));
    }

    #[test]
    fn arguments_that_are_missing_or_wrong() {
        let kv = memory();
        for name in ["kv_get", "kv_set", "kv_delete"] {
            for args in [
                json!({}),
                json!({"key": 1, "value": 1}),
                json!({"key": null}),
            ] {
                let answer = call(&kv, name, args);
                assert_eq!(answer, json!(["key required", "invalid"]), "{name}");
            }
        }
        let answer = call(&kv, "kv_set", json!({"key": "key"}));
        assert_eq!(answer, json!(["value required", "invalid"]));
    }

    #[test]
    fn keys_and_values_have_limits() {
        let kv = memory();
        assert_eq!(set(&kv, &"k".repeat(256), &json!(1)), "ok");
        let refused = set(&kv, &"k".repeat(257), &json!(1));
        assert_eq!(refused, json!(["key too large", "too_large"]));
        // As JSON the text has two quotes more.
        assert_eq!(set(&kv, "key", &json!("v".repeat(MAX_VALUE - 2))), "ok");
        let refused = set(&kv, "key", &json!("v".repeat(MAX_VALUE - 1)));
        assert_eq!(refused, json!(["value too large", "too_large"]));
        let kept = get(&kv, "key");
        assert_eq!(kept.as_str().map(str::len), Some(MAX_VALUE - 2));
    }

    #[test]
    fn entries_have_a_limit_that_overwriting_does_not_count_for() {
        let kv = memory();
        for index in 0..MAX_ENTRIES {
            assert_eq!(set(&kv, &index.to_string(), &json!(index)), "ok");
        }
        let refused = set(&kv, "more", &json!(1));
        assert_eq!(refused, json!(["too many entries", "too_large"]));
        assert_eq!(set(&kv, "0", &json!("other")), "ok");
        call(&kv, "kv_delete", json!({"key": "1"}));
        assert_eq!(set(&kv, "more", &json!(1)), "ok");
    }

    #[test]
    fn all_bytes_together_have_a_limit() {
        let kv = memory();
        let value = json!("v".repeat(MAX_VALUE - 2));
        let mut count = 0;
        let refused = loop {
            match set(&kv, &format!("{count:03}"), &value) {
                Value::String(_) => count += 1,
                refused => break refused,
            }
        };
        assert_eq!(refused, json!(["kv store full", "too_large"]));
        assert_eq!(count, MAX_TOTAL / (MAX_VALUE + 3));
        // What is overwritten makes room for what comes instead.
        assert_eq!(set(&kv, "000", &value), "ok");
        assert_eq!(set(&kv, "000", &json!(1)), "ok");
        assert_eq!(set(&kv, "001", &value), "ok");
    }

    #[test]
    fn batches_lose_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        for grant in [Grant::Memory, Grant::File(folder.path().join("kv"))] {
            let kv = functions(&grant);
            let sets: Vec<Value> = (0..MAX_ENTRIES)
                .map(|i| json!({"fn": "kv_set", "args": {"key": i.to_string(), "value": i}}))
                .collect();
            let answers = kv.answer(json!(sets).to_string().as_bytes());
            let answers = answers.as_array().expect("an answer each");
            assert!(answers.iter().all(|answer| answer["data"] == "ok"));
            let keys = call(&kv, "kv_keys", json!({}));
            assert_eq!(keys.as_array().map(Vec::len), Some(MAX_ENTRIES));
            if let Grant::File(_) = grant {
                drop(kv);
                let again = functions(&grant);
                assert!((0..MAX_ENTRIES).all(|i| get(&again, &i.to_string()) == i));
            }
        }
    }

    #[test]
    fn stores_in_memory_are_separate() {
        let (one, other) = (memory(), memory());
        set(&one, "key", &json!(1));
        assert_eq!(get(&other, "key"), json!(null));
    }

    #[test]
    fn a_file_keeps_what_was_set_and_forgets_what_was_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let grant = Grant::File(folder.path().join("kv"));
        let kv = functions(&grant);
        set(&kv, "kept", &json!([1]));
        set(&kv, "gone", &json!(1));
        call(&kv, "kv_delete", json!({"key": "gone"}));
        drop(kv);
        let kv = functions(&grant);
        assert_eq!(call(&kv, "kv_keys", json!({})), json!(["kept"]));
        assert_eq!(get(&kv, "kept"), json!([1]));
        // What made the file has left nothing else.
        assert_eq!(folder.path().read_dir().expect("a folder").count(), 1);
    }
}
