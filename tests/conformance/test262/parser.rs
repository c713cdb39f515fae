//! test262's parser tests: short programs, most of them strange, that must parse
//! or must not.

use crate::{
    command::{dormouse, mount, run},
    expected::Expected,
    report::say,
};
use serde_json::Value;
use std::{fs::File, path::Path, process::Command};

const EXPECTED: &str = include_str!("parser.txt");

/// The package that has them, and the version of it.
const PACKAGE: &str = "test262-parser-tests@0.0.5";

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/test262/parser.js");

/// Fetches the package into `folder`.
fn fetch(folder: &Path) -> Result<(), String> {
    let packed = Command::new("npm")
        .args(["pack", "--silent", PACKAGE])
        .current_dir(folder)
        .output()
        .map_err(|error| format!("npm: {error}"))?;
    let name = String::from_utf8_lossy(&packed.stdout);
    let Some(name) = name.lines().last().filter(|_| packed.status.success()) else {
        return Err(String::from_utf8_lossy(&packed.stderr).into_owned());
    };
    let file = File::open(folder.join(name)).map_err(|error| error.to_string())?;
    tar::Archive::new(flate2::read::GzDecoder::new(file))
        .unpack(folder)
        .map_err(|error| error.to_string())
}

#[test]
fn parser() {
    let folder = tempfile::tempdir().expect("there is room");
    if let Err(why) = fetch(folder.path()) {
        say(&format!(
            "test262/parser: LEFT OUT, as {PACKAGE} can't be fetched: {why}"
        ));
        return;
    }
    let suite = folder.path().join("package");
    let mut command = dormouse();
    command
        .args(["--mount", &mount("/suite", &suite, "ro")])
        .args(["--timeout", "300s", PROGRAM]);
    let ran = run(&mut command);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let result: Value = serde_json::from_str(ran.stdout.trim()).expect("it says so");
    let failed: Vec<&str> = result["wrong"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    say(&format!(
        "test262/parser: {} programs, {} parsed otherwise",
        result["count"],
        failed.len()
    ));
    let wrong = Expected::parse(EXPECTED, "").check(|_| true, failed);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
