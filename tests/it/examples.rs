//! The examples do what they say.

use crate::support::{CACHE, Ran, run_with_input};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Once,
    time::SystemTime,
};

/// The executable of the example `name`. `cargo test` builds all of them; a run
/// of this test alone does not.
fn example(name: &str) -> PathBuf {
    static BUILD: Once = Once::new();
    let folder = Path::new(env!("CARGO_BIN_EXE_dormouse"));
    let folder = folder.parent().expect("a folder");
    let path = folder.join("examples").join(name);
    let time = |path: &Path| -> Option<SystemTime> { path.metadata().ok()?.modified().ok() };
    if time(&path) < time(&folder.join("libdormouse.rlib")) {
        BUILD.call_once(|| {
            let mut build = Command::new(env!("CARGO"));
            build
                .args(["build", "--quiet", "--examples"])
                .current_dir(env!("CARGO_MANIFEST_DIR"));
            if !cfg!(debug_assertions) {
                build.arg("--release");
            }
            assert!(build.status().expect("cargo starts").success());
        });
    }
    path
}

fn run(name: &str, words: &[&str], input: &str) -> Ran {
    let mut command = Command::new(example(name));
    command.args(words).env("DORMOUSE_CACHE", &*CACHE);
    run_with_input(&mut command, input.as_bytes())
}

#[test]
fn embed() {
    let ran = run("embed", &[], "");
    ran.exits(0);
    let text = ran.text();
    assert!(text.starts_with("fib(25) = 75025 in "), "{text}");
    assert!(text.contains("\nfib(90) was stopped after "), "{text}");
}

#[test]
fn functions() {
    run("functions", &[], "").prints(
        "guest> one: { cents: 750, currency: 'EUR' }\n\
         guest> both: [ 250, 300 ]\n\
         guest> not_found: there is no gold\n\
         guest> invalid: missing field `count`\n\
         ordered: [{\"coffee\": 1, \"tea\": 2}]\n",
    );
}

#[test]
fn repl() {
    let ran = run(
        "repl",
        &["js"],
        "const f = n => {\n  return n * 7 }\nf(6)\nnope\nf(1)\nstd.exit(3)\nf(2)\n",
    );
    ran.exits(0).says(&["nope is not defined"]);
    assert_eq!(ran.text(), ">>> ... >>> 42\n>>> >>> 7\n>>> ");
}

#[test]
fn plugins() {
    let ran = run("plugins", &[], "");
    ran.exits(0);
    let text = ran.text();
    for part in [
        "  shout says: shouting\n",
        "shout: \"world\" becomes \"WORLD\"\n",
        "greet: \"world\" becomes \"hello, world\"\n",
        "the guest was stopped by its deadline limit\n",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn judge() {
    let ran = run("judge", &[], "");
    ran.exits(0);
    let text = ran.text();
    let verdicts: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(' ')?;
            Some((name, rest.trim().rsplit_once("  ")?.0.trim()))
        })
        .collect();
    let expected = [
        ("ada.py", "accepted"),
        ("bob.py", "wrong answer"),
        ("cai.py", "time limit"),
        ("dan.py", "memory limit"),
        ("eve.py", "runtime error"),
        ("fay.js", "accepted"),
        ("gil.js", "output limit"),
        ("hal.js", "wrong answer"),
    ];
    assert_eq!(verdicts, expected, "{text}");
    assert!(text.contains("\n8 programs in "), "{text}");
}
