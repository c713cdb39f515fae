//! The test suite of WASI Preview 1, as its authors compiled it: programs in C,
//! Rust and AssemblyScript, each with the arguments, environment, folder and exit
//! code that a file beside it has.

use crate::{
    command::{dormouse, mount, placed, run},
    expected::Expected,
    report::say,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const EXPECTED: &str = include_str!("wasi.txt");

/// Where the programs are.
const LANGUAGES: [&str; 3] = ["assemblyscript", "c", "rust"];

fn folder_of(language: &str) -> String {
    format!("tests/{language}/testsuite/wasm32-wasip1")
}

#[test]
fn preview1() {
    let variable = "DORMOUSE_WASI_TESTSUITE";
    let Some(suite) = placed("wasi", variable, &folder_of("c")) else {
        return;
    };
    let mut all = BTreeMap::new();
    for language in LANGUAGES {
        for program in programs(&suite.join(folder_of(language))) {
            let name = program.file_stem().unwrap_or_default().to_string_lossy();
            all.insert(format!("{language}/{name}"), check(&program).err());
        }
    }
    let failed: Vec<&str> = all
        .iter()
        .filter(|(_, failure)| failure.is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    say(&format!(
        "wasi: {} programs, {} passed, {} failed",
        all.len(),
        all.len() - failed.len(),
        failed.len()
    ));
    let wrong = Expected::parse(EXPECTED, "").check(|name| all.contains_key(name), failed);
    for wrong in &wrong {
        let name = wrong.rsplit(' ').next().unwrap_or_default();
        let why = all.get(name).and_then(Option::as_deref);
        say(&format!("wasi: {wrong} {}", why.unwrap_or_default()));
    }
    assert!(wrong.is_empty(), "{} are not as expected", wrong.len());
}

fn programs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is a part of the suite");
    let mut programs: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "wasm")
        })
        .collect();
    programs.sort();
    programs
}

/// Runs a program on a copy of its folder.
fn check(program: &Path) -> Result<(), String> {
    let settings = match fs::read(program.with_extension("json")) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string())?,
        Err(_) => Value::Null,
    };
    let copy = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut command = dormouse();
    command.args(["--timeout", "60s"]);
    if let Some(root) = settings["root"].as_str() {
        let root = program.with_file_name(root);
        copy_folder(&root, copy.path()).map_err(|error| error.to_string())?;
        command.args(["--mount", &mount("/", copy.path(), "rwc")]);
    }
    for (name, value) in settings["env"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        command.args(["--env", &format!("{name}={value}")]);
    }
    command.arg(program);
    let args = settings["args"].as_array().into_iter().flatten();
    command.args(args.filter_map(Value::as_str));
    let ran = run(&mut command);
    let code = settings["exit_code"].as_i64().unwrap_or(0);
    if ran.code.map(i64::from) != Some(code) {
        return Err(format!("exit code {:?}: {}", ran.code, ran.stderr));
    }
    match settings["stdout"].as_str() {
        Some(stdout) if stdout != ran.stdout => Err(format!("it printed {:?}", ran.stdout)),
        _ => Ok(()),
    }
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&copy)?;
            copy_folder(&entry.path(), &copy)?;
        } else {
            fs::copy(entry.path(), &copy)?;
        }
    }
    Ok(())
}
