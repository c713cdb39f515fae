//! Python: the unmodified CPython guest, started on our bootstrap code.
//!
//! The interpreter learns nothing of the run by itself: no arguments, no
//! environment. Its bootstrap does whatever can be done beforehand, then asks
//! the host function `start` what to run.

use crate::{Grants, Program, host::Functions, program::Entry, wasi::Root};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the interpreter itself is started with.
pub(crate) fn args() -> Vec<Vec<u8>> {
    ["python", "-B", "-I", BOOT]
        .map(|word| word.as_bytes().to_vec())
        .to_vec()
}

/// Where the guest finds its bootstrap code.
const BOOT: &str = "/lib/dormouse/boot.py";

/// All of that code.
const FILES: [(&str, &[u8]); 3] = [
    (BOOT, include_bytes!("../../runtimes/python/boot.py")),
    (
        "/lib/dormouse/absent.py",
        include_bytes!("../../runtimes/python/absent.py"),
    ),
    (
        "/lib/dormouse/loop.py",
        include_bytes!("../../runtimes/python/loop.py"),
    ),
];

/// The files that the guest is given beside its program's.
pub(crate) fn with_files(root: Root) -> Root {
    FILES
        .iter()
        .fold(root, |root, (path, bytes)| root.with_file(path, *bytes))
}

/// The functions of a run of `program`: what `start` answers is fixed here.
pub(crate) fn functions(
    program: &Program,
    grants: &Grants,
    guest_path: Option<String>,
    terminal: bool,
) -> Functions {
    let request = start_request(program, grants, guest_path, terminal);
    Functions::default().with("start", move |_| Ok(request.clone()))
}

fn start_request(
    program: &Program,
    grants: &Grants,
    guest_path: Option<String>,
    terminal: bool,
) -> Value {
    let mut request = Map::new();
    let mode = match &program.entry {
        Entry::Code(code) => {
            request.extend([source(code)]);
            "code"
        }
        Entry::Script(code) => {
            request.extend([source(code)]);
            "file"
        }
        _ => "module",
    };
    let folder = guest_path.as_deref().and_then(|path| path.rsplit_once('/'));
    let path0 = match folder {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => "",
    };
    let env: BTreeMap<&str, &str> = grants
        .env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let args: Vec<Value> = program.args.iter().map(|arg| text(arg)).collect();
    request.insert("mode".to_owned(), json!(mode));
    request.insert(
        "name".to_owned(),
        json!(guest_path.as_deref().unwrap_or(&program.name)),
    );
    request.insert("args".to_owned(), json!(args));
    request.insert("env".to_owned(), json!(env));
    request.insert("path0".to_owned(), json!(path0));
    request.insert("cwd".to_owned(), json!("/"));
    request.insert("seed".to_owned(), json!(grants.seed));
    request.insert("tty".to_owned(), json!(terminal));
    Value::Object(request)
}

/// Source text: as text where it is UTF-8, else byte by byte (Python has ways
/// to say what else it is).
fn source(code: &[u8]) -> (String, Value) {
    match std::str::from_utf8(code) {
        Ok(code) => ("code".to_owned(), json!(code)),
        Err(_) => {
            let code: String = code.iter().map(|byte| char::from(*byte)).collect();
            ("code_latin1".to_owned(), json!(code))
        }
    }
}

/// An argument: a string, or, as JSON has no bytes and Rust no lone
/// surrogates, an array of the bytes of one that is not UTF-8.
fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!(bytes),
    }
}
