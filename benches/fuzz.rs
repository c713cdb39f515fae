//! Executions a second of `dormouse fuzz`, one core, beside starting the same
//! program plainly for each input. `benches/fuzz_wasmtime.py` has the loop of fresh
//! wasmtime instances.
//!
//! `cargo bench --features fuzz --bench fuzz [-- TARGET.wasm]`
#![expect(clippy::print_stdout, reason = "this is what a benchmark is for")]

use dormouse::{Image, Output, Program, Sandbox, Stdin};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// A record behind four certain bytes, and a sum of what it holds.
const TARGET: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 2)
    (func $parse (param $len i32) (local $at i32) (local $sum i32)
        (if (i32.lt_u (local.get $len) (i32.const 5)) (then (return)))
        (if (i32.ne (i32.load (i32.const 1024)) (i32.const 0x4d524f44)) (then (return)))
        (loop $next
            (local.set $sum (i32.add (local.get $sum)
                (i32.load8_u (i32.add (i32.const 1024) (local.get $at)))))
            (br_if $next (i32.lt_u
                (local.tee $at (i32.add (local.get $at) (i32.const 1)))
                (local.get $len))))
        (i32.store (i32.const 8192) (local.get $sum)))
    (func (export "_start")
        (i64.store (i32.const 0) (i64.const 0x0000100000000400))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (call $parse (i32.load (i32.const 8)))))"#;

const RUNS: u32 = 200_000;
const STARTS: u32 = 5_000;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let given = std::env::args_os().skip(1).find(|word| word != "--bench");
    let target = given.map_or_else(
        || {
            let path = folder.path().join("target.wat");
            std::fs::write(&path, TARGET).expect("a file");
            path
        },
        PathBuf::from,
    );
    fuzz(&target, folder.path());
    start(&target);
}

fn fuzz(target: &Path, folder: &Path) {
    let ran = Command::new(env!("CARGO_BIN_EXE_dormouse"))
        .args(["fuzz", "--seed", "1", "--runs", &RUNS.to_string(), "-o"])
        .arg(folder.join("out"))
        .arg(target)
        .stderr(Stdio::null())
        .status();
    ran.expect("it starts");
    let stats = std::fs::read(folder.join("out/stats.json")).expect("figures");
    let stats: serde_json::Value = serde_json::from_slice(&stats).expect("JSON");
    let seconds = stats["seconds"].as_f64().expect("seconds");
    say("dormouse fuzz", f64::from(RUNS) / seconds);
}

fn start(target: &Path) {
    let image = Image::open(target).expect("a module");
    let started = Instant::now();
    for _ in 0..STARTS {
        let outcome = Sandbox::new(&image)
            .stdin(Stdin::Bytes(b"abcdefghijklmnop".to_vec()))
            .stdout(Output::Discard)
            .stderr(Output::Discard)
            .deadline_by_caller()
            .run(Program::start("target"));
        outcome.expect("it runs");
    }
    let seconds = started.elapsed().as_secs_f64();
    say(
        "started plainly for each input",
        f64::from(STARTS) / seconds,
    );
}

fn say(what: &str, rate: f64) {
    println!(
        "{what}: {rate:.0} executions a second, {:.1} µs each",
        1e6 / rate
    );
}
