//! What each pass makes of a module, as text: `files/PASS/NAME.wat` becomes
//! `files/PASS/NAME.out.wat`.
//!
//! `DORMOUSE_BLESS=1 cargo test -p dormouse-snapshot --test files` writes the
//! expected texts anew; look at the difference before it is committed.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "tests report so")]

mod support;

use dormouse_snapshot::{Instrumented, Point, trace};
use std::path::{Path, PathBuf};

fn inputs(pass: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/files")
        .join(pass);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a file").path())
        .filter(|path| !path.to_string_lossy().ends_with(".out.wat"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths
}

/// Runs `pass` over its inputs. A first line `;; at POINT` in a file says where
/// it is captured.
fn check(pass: &str, make: impl Fn(&[u8], &Point) -> Vec<u8>) {
    let bless = std::env::var_os("DORMOUSE_BLESS").is_some();
    let mut differ = Vec::new();
    for path in inputs(pass) {
        let text = std::fs::read_to_string(&path).expect("UTF-8");
        let point = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix(";; at "))
            .unwrap_or("host.say");
        let point: Point = point.parse().unwrap_or_else(|error| panic!("{error}"));
        let wasm = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
        let made = make(&wasm, &point);
        let mut printed = wasmprinter::print_bytes(&made).expect("well-formed");
        if pass == "instrument" && !text.contains(";; whole") {
            printed = without_recorders(&printed, &wasm);
        }
        let expected = path.with_extension("out.wat");
        if bless {
            std::fs::write(&expected, printed).expect("written");
        } else if std::fs::read_to_string(&expected).ok().as_deref() != Some(&printed) {
            eprintln!("{} is now:\n{printed}", expected.display());
            differ.push(expected);
        }
    }
    assert!(
        differ.is_empty(),
        "{differ:?} differ; DORMOUSE_BLESS=1 accepts it"
    );
}

/// How many functions that write the log follow the module's own.
const RECORDERS: usize = 9;

/// Leaves out what is the same in each instrumented module.
fn without_recorders(printed: &str, wasm: &[u8]) -> String {
    let mut functions = 0;
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        match payload.expect("valid") {
            wasmparser::Payload::ImportSection(section) => {
                functions += section.into_imports().count();
            }
            wasmparser::Payload::FunctionSection(section) => functions += section.count() as usize,
            _ => {}
        }
    }
    let start = |index: usize| printed.find(&format!("  (func (;{index};)"));
    let begin = start(functions).expect("it is there");
    let end = start(functions + RECORDERS).unwrap_or_else(|| {
        let tail = printed.find("  (data ").unwrap_or(printed.len() - 2);
        tail.max(begin)
    });
    format!(
        "{}  ;; … the functions that write the log …\n{}",
        &printed[..begin],
        &printed[end..]
    )
}

#[test]
fn traced() {
    check("trace", |wasm, _| trace(wasm).expect("valid"));
}

#[test]
fn instrumented() {
    check("instrument", |wasm, point| {
        let instrumented = Instrumented::new(wasm, point).expect("it can be captured");
        instrumented.wasm().to_vec()
    });
}

#[test]
fn portable() {
    check("portable", |wasm, point| {
        let stopped = support::stop(wasm, point).expect("it can be captured");
        stopped.expect("it is reached").portable.module
    });
}

#[test]
fn image() {
    check("image", |wasm, point| {
        let stopped = support::stop(wasm, point).expect("it can be captured");
        stopped.expect("it is reached").image.module
    });
}
