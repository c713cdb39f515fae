//! Conformance of the JavaScript guest: a slice of test262, and its parser tests.

mod front;
mod parser;

use crate::{
    command::{dormouse, mount, placed, run},
    expected::Expected,
    report::{all, say},
};
use front::{Front, Phase};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const EXPECTED: &str = include_str!("expected.txt");

/// The suite's folder.
const VARIABLE: &str = "DORMOUSE_TEST262";

/// One test in so many is run, unless all are to be.
const SLICE: u64 = 40;

/// What the host must offer, as far as it can be offered in JavaScript.
const HOST: &str = "var $262 = {
    global: globalThis,
    gc() { std.gc(); },
    evalScript(source) { return std.evalScript(source); },
    detachArrayBuffer(buffer) { buffer.transfer(); },
};
";

/// What a test may want of its host that can't: other realms, threads, values
/// that don't exist outside of browsers.
const MISSING: [&str; 4] = [
    "createRealm",
    "$262.agent",
    "IsHTMLDDA",
    "AbstractModuleSource",
];

/// Whether a test belongs to the slice, whose choice depends on names only.
fn is_chosen(name: &str, slice: u64) -> bool {
    hash(name).is_multiple_of(slice)
}

/// FNV-1a.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Tests below `folder`, by name.
fn tests(suite: &Path, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(suite.join("test").join(&folder)).expect("it is in the suite");
        for entry in entries {
            let entry = entry.expect("it can be listed");
            let path = folder.join(entry.file_name());
            if entry.file_type().is_ok_and(|ty| ty.is_dir()) {
                folders.push(path);
                continue;
            }
            let name = path.to_string_lossy().replace('\\', "/");
            if name.ends_with(".js") && !name.contains("_FIXTURE") {
                found.push(name);
            }
        }
    }
    found.sort();
    found
}

/// Runs the chosen tests below `folder`, but for those below one of `others`.
fn check_but(folder: &str, others: &[&str]) {
    let is_other = |name: &str| others.iter().any(|other| name.starts_with(other));
    let Some(suite) = placed("test262", VARIABLE, "harness/assert.js") else {
        return;
    };
    let slice = if all() { 1 } else { SLICE };
    let chosen = tests(&suite, folder)
        .into_iter()
        .filter(|name| is_chosen(name, slice) && !is_other(name));
    let (mut passed, mut without) = (0, 0);
    let mut failed = BTreeMap::new();
    for name in chosen {
        let source = fs::read_to_string(suite.join("test").join(&name)).unwrap_or_default();
        let front = Front::of(&source);
        if MISSING.iter().any(|missing| source.contains(missing)) || front.wants_other_host() {
            without += 1;
            continue;
        }
        let mut modes = modes(&front, &name).into_iter();
        let result = modes.try_for_each(|strict| one(&suite, &name, &source, &front, strict));
        match result {
            Ok(()) => passed += 1,
            Err(why) => {
                failed.insert(name, why);
            }
        }
    }
    say(&format!(
        "test262/{folder}: one of {slice}: {passed} passed, {} failed, {without} left out as they \
         want another host",
        failed.len()
    ));
    let is_of = |row: &str| row.starts_with(folder) && !is_other(row) && is_row_chosen(row, slice);
    let wrong = Expected::parse(EXPECTED, "").check(is_of, failed.keys().map(String::as_str));
    for wrong in &wrong {
        let name = wrong.rsplit(' ').next().unwrap_or_default();
        let why = failed.get(name).map_or("", String::as_str);
        say(&format!("test262: {wrong} {why}"));
    }
    assert!(wrong.is_empty(), "{} are not as expected", wrong.len());
}

/// A row for all tests of a folder has one in every slice, or is to be left out.
fn is_row_chosen(row: &str, slice: u64) -> bool {
    !row.ends_with(".js") || is_chosen(row, slice)
}

/// Whether to run a test as strict code, as sloppy code, or both: only if all is
/// run.
fn modes(front: &Front, name: &str) -> Vec<bool> {
    if front.has("onlyStrict") {
        vec![true]
    } else if front.has("noStrict") || front.has("raw") || front.has("module") {
        vec![false]
    } else if all() {
        vec![false, true]
    } else {
        vec![(hash(name) >> 32).is_multiple_of(2)]
    }
}

fn one(suite: &Path, name: &str, source: &str, front: &Front, strict: bool) -> Result<(), String> {
    let mut program = String::new();
    if strict {
        program.push_str("\"use strict\";\n");
    }
    if !front.has("raw") {
        program.push_str(HOST);
        for file in front.includes() {
            let path = suite.join("harness").join(&file);
            program.push_str(&fs::read_to_string(path).map_err(|e| format!("{file}: {e}"))?);
            program.push('\n');
        }
    }
    if front.has("module") {
        program.push_str(&format!(
            "import('/suite/test/{name}').catch(error => {{\n    \
             std.err.puts(`${{error && error.name}}: ${{error}}\\n`); std.exit(1); }});\n"
        ));
    } else {
        program.push_str(source);
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    // Beside what it imports, if it imports anything.
    let file = folder.path().join("test.js");
    fs::write(&file, program).map_err(|error| error.to_string())?;
    let mut command = dormouse();
    command.args(["--timeout", "60s", "--memory", "1gb"]);
    if front.has("module") || source.contains("import") {
        let parent = Path::new(name).parent().unwrap_or(Path::new(""));
        let here = suite.join("test").join(parent);
        command.args(["--mount", &mount("/suite", suite, "ro")]);
        command.args(["--mount", &mount("/", &here, "ro")]);
    }
    let ran = run(command.arg(&file));
    match &front.negative {
        Some((phase, name)) => {
            if ran.code == Some(1) && ran.stderr.contains(name.as_str()) {
                return Ok(());
            }
            let phase = if *phase == Phase::Parse {
                "parsed"
            } else {
                "run"
            };
            Err(format!("no {name} as it was {phase}: {:?}", ran.code))
        }
        // Whatever else becomes of it: a rejection that nothing handles, say.
        None if front.has("async") && ran.stdout.contains("Test262:AsyncTestComplete") => Ok(()),
        None if ran.code != Some(0) => {
            let lines: Vec<&str> = ran.stderr.lines().take(2).collect();
            Err(format!("{:?}: {}", ran.code, lines.join(" ")))
        }
        None if front.has("async") => Err(format!("it did not complete: {}", ran.stdout.trim())),
        None => Ok(()),
    }
}

fn check(folder: &str) {
    check_but(folder, &[]);
}

#[test]
fn language() {
    check_but("language", &["language/expressions", "language/statements"]);
}

#[test]
fn language_expressions() {
    check("language/expressions");
}

#[test]
fn language_statements() {
    check("language/statements");
}

#[test]
fn built_ins() {
    check("built-ins");
}

#[test]
fn annex_b() {
    check("annexB");
}
