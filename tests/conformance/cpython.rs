//! CPython's own tests of modules that need no more than a sandbox has.

use crate::{
    command::{dormouse, mount, placed, run},
    expected::Expected,
    report::{all, say},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

const EXPECTED: &str = include_str!("cpython.txt");
const RUNNER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cpython.py");

/// Names the `lib/python3.12` of an installation of [`VERSION`].
const VARIABLE: &str = "DORMOUSE_CPYTHON_LIB";

/// What the table of expected failures is of. The guest is 3.12.0.
const VERSION: &str = "3.12.1";

/// Asks a Python what it is, and where its tests are.
const ASK: &str = "import platform, test.support; \
                   print(platform.python_version(), test.__path__[0])";

/// Modules of tests by how long they take: a few seconds each; and those that
/// only run when all is to be run.
const QUICK: &str = include_str!("cpython_quick.txt");
const LONG: &str = include_str!("cpython_long.txt");

/// The folder of tests: that of a Python of this version on this machine, if
/// none is named.
fn tests() -> Option<PathBuf> {
    if std::env::var_os(VARIABLE).is_none() {
        let asked = Command::new("python3.12")
            .env("PYENV_VERSION", VERSION)
            .args(["-c", ASK])
            .output();
        if let Some(output) = asked.ok().filter(|output| output.status.success()) {
            let answer = String::from_utf8_lossy(&output.stdout);
            if let Some((VERSION, path)) = answer.trim().split_once(' ') {
                return Some(PathBuf::from(path));
            }
        }
    }
    placed("cpython", VARIABLE, "test/support").map(|lib| lib.join("test"))
}

fn names(list: &'static str) -> Vec<&'static str> {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).collect()
}

/// Every second module of tests, from this one.
fn check(first: usize) {
    let Some(tests) = tests() else {
        return;
    };
    let mut modules = names(QUICK);
    if all() {
        modules.extend(names(LONG));
    }
    let (mut ran, mut skipped) = (0, 0);
    let mut failed = BTreeMap::new();
    let modules: Vec<&str> = modules.into_iter().skip(first).step_by(2).collect();
    for module in &modules {
        match run_one(&tests, module) {
            Ok(result) => {
                ran += result["run"].as_u64().unwrap_or(0);
                skipped += result["skipped"].as_u64().unwrap_or(0);
                for (name, why) in result["failed"].as_object().into_iter().flatten() {
                    failed.insert(name.clone(), why.to_string());
                }
            }
            Err(why) => {
                failed.insert(format!("test.{module}"), why);
            }
        }
    }
    say(&format!(
        "cpython: {} files of {VERSION}, {ran} tests, {} failed, {skipped} skipped by themselves",
        modules.len(),
        failed.len()
    ));
    // A row is of one of the modules that ran.
    let is_of = |row: &str| {
        modules
            .iter()
            .any(|module| row.split('.').nth(1) == Some(module))
    };
    let wrong = Expected::parse(EXPECTED, "").check(is_of, failed.keys().map(String::as_str));
    for wrong in &wrong {
        let name = wrong.rsplit(' ').next().unwrap_or_default();
        let why = failed.get(name).map_or("", String::as_str);
        say(&format!("cpython: {wrong} {why}"));
    }
    assert!(wrong.is_empty(), "{} are not as expected", wrong.len());
}

fn run_one(tests: &Path, module: &str) -> Result<Value, String> {
    let mut command = dormouse();
    command
        .args(["--mount", &mount("/suite/test", tests, "ro")])
        .args(["--env", "PYTHONPATH=/suite"])
        .args(["--timeout", "300s", "--memory", "1gb", "-l", "python"])
        .args([RUNNER, module]);
    let ran = run(&mut command);
    let last = ran.stdout.lines().last().unwrap_or_default();
    match (ran.code, serde_json::from_str(last)) {
        (Some(0), Ok(result)) => Ok(result),
        (code, _) => {
            let why = ran.stderr.lines().last().unwrap_or_default();
            Err(format!("exit code {code:?}: {why}"))
        }
    }
}

#[test]
fn one_half() {
    check(0);
}

#[test]
fn other_half() {
    check(1);
}
