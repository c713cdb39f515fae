//! What a store does, in memory and in a file.

use super::{
    entries::{MAX_ENTRIES, MAX_TOTAL, MAX_VALUE},
    *,
};
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
fn stores_of_one_file_are_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kv");
    let one = functions(&Grant::File(path.clone()));
    let other = functions(&Grant::File(folder.path().join(".").join("kv")));
    set(&one, "key", &json!(1));
    assert_eq!(get(&other, "key"), 1);
    drop(one);
    set(&other, "more", &json!(2));
    drop(other);
    assert_eq!(get(&functions(&Grant::File(path)), "more"), 2);
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

/// Random calls give what a map would, in memory and in a file that is
/// opened anew now and then.
#[test]
fn it_does_what_a_map_does() {
    let folder = tempfile::tempdir().expect("a folder");
    for grant in [Grant::Memory, Grant::File(folder.path().join("kv"))] {
        let mut model: BTreeMap<String, Value> = BTreeMap::new();
        let mut kv = functions(&grant);
        let mut seed = 7_u64;
        let mut below = |limit: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % limit
        };
        for step in 0..2000 {
            let key = {
                let range = 1 << below(12);
                format!("{:x}", below(range))
            };
            match below(8) {
                0..4 => {
                    let len = usize::try_from(below(300)).expect("it is small");
                    let value = json!([step, "x".repeat(len)]);
                    assert_eq!(set(&kv, &key, &value), "ok");
                    model.insert(key, value);
                }
                4 | 5 => {
                    let kept = model.get(&key).cloned().unwrap_or_default();
                    assert_eq!(get(&kv, &key), kept, "{step}");
                }
                6 => {
                    assert_eq!(call(&kv, "kv_delete", json!({"key": key})), "ok");
                    model.remove(&key);
                }
                _ => {
                    let keys: Vec<&String> = model.keys().collect();
                    assert_eq!(call(&kv, "kv_keys", json!({})), json!(keys), "{step}");
                }
            }
            if step % 400 == 399 && grant != Grant::Memory {
                drop(kv);
                kv = functions(&grant);
            }
        }
    }
}
