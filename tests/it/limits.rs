//! Every limit stops every kind of guest that runs into it, on the command
//! line and in the library, and says which it was.

use crate::support::{Dir, command, dormouse, guest};
use dormouse::{Image, Limit, Limits, Outcome, Program, Sandbox, Status, Stdin};
use std::{
    process::Stdio,
    time::{Duration, Instant},
};

const LOOP: &str = "(module (func (export \"_start\") (loop (br 0))))";

/// Sleeps for an hour.
fn sleeper() -> String {
    guest(
        r#"(func (export "_start")
            (i32.store (i32.const 1040) (i32.const 1))
            (i64.store (i32.const 1048) (i64.const 3600000000000))
            (drop (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 8))))"#,
    )
}

/// Waits for input that never comes.
fn reader() -> String {
    guest(r#"(func (export "_start") (drop (call $read (i32.const 1024) (i32.const 10))))"#)
}

#[test]
fn a_deadline_ends_a_loop_a_sleep_and_a_read() {
    let dir = Dir::new();
    for (name, wat) in [
        ("loop", LOOP.to_owned()),
        ("sleep", sleeper()),
        ("read", reader()),
    ] {
        let module = dir.write(&format!("{name}.wat"), wat);
        let mut child = command()
            .args(["run", "--timeout", "300ms"])
            .arg(&module)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdin = child.stdin.take();
        let output = child.wait_with_output().expect("it ends");
        drop(stdin);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(124), "{name}: {stderr}");
        assert!(
            stderr.contains("deadline limit of 300ms"),
            "{name}: {stderr}"
        );
        assert!(stderr.contains("--timeout"), "{name}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{name}: {stderr}");
    }
}

fn library(wat: &str, limits: Limits) -> Outcome {
    let image = Image::wasm("test.wat", wat.as_bytes()).expect("valid");
    Sandbox::new(&image)
        .limits(limits)
        .run(Program::start("test"))
        .expect("it runs")
}

fn deadline(milliseconds: u64) -> Limits {
    Limits {
        deadline: Some(Duration::from_millis(milliseconds)),
        ..Limits::default()
    }
}

/// In the library a deadline ends the run, not the process.
#[test]
fn a_deadline_in_the_library_leaves_the_process_alive() {
    for wat in [LOOP.to_owned(), sleeper()] {
        let outcome = library(&wat, deadline(100));
        assert_eq!(outcome.status, Status::Limit(Limit::Deadline));
    }
    let start = "(module (func $s (loop (br 0))) (start $s) (func (export \"_start\")))";
    assert_eq!(
        library(start, deadline(100)).status,
        Status::Limit(Limit::Deadline)
    );
    let next = library("(module (func (export \"_start\")))", deadline(10_000));
    assert_eq!(next.status, Status::Exit(0));
}

/// Several guests at once have a deadline each.
#[test]
fn deadlines_are_each_guests_own() {
    let image = Image::wasm("loop.wat", LOOP.as_bytes()).expect("valid");
    let started = Instant::now();
    let runs: Vec<_> = [100, 200, 300]
        .map(|milliseconds| {
            let image = image.clone();
            std::thread::spawn(move || {
                let sandbox = Sandbox::new(&image).limits(deadline(milliseconds));
                let outcome = sandbox.run(Program::start("loop")).expect("it runs");
                (outcome.status, milliseconds, started.elapsed())
            })
        })
        .into_iter()
        .collect();
    for run in runs {
        let (status, milliseconds, elapsed) = run.join().expect("no panic");
        assert_eq!(status, Status::Limit(Limit::Deadline));
        assert!(
            elapsed >= Duration::from_millis(milliseconds),
            "{elapsed:?}"
        );
    }
}

/// Grows its memory by a page until that fails; exits with how many pages it
/// got, up to 255.
const GROW: &str = r#"
    (func (export "_start") (local $n i32)
        (loop $more
            (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br $more))))
        (call $proc_exit (local.get $n)))"#;

#[test]
fn memory_does_not_grow_past_its_limit() {
    let dir = Dir::new();
    let module = dir.write("grow.wat", guest(GROW));
    let module = module.to_str().expect("UTF-8");
    // The guest begins with two pages of 64 KiB.
    dormouse(["run", "--memory", "1mb", module])
        .exits(14)
        .says(&["refused memory beyond 1 MiB", "--memory"]);
    dormouse(["run", "--memory", "64k", module])
        .exits(124)
        .says(&["memory limit of 64 KiB", "--memory"]);
}

#[test]
fn several_memories_share_the_limit() {
    let two = "(module (memory 8) (memory 8) (func (export \"_start\")))";
    let limits = |pages: u64| Limits {
        memory: pages * 65536,
        ..Limits::default()
    };
    assert_eq!(library(two, limits(16)).status, Status::Exit(0));
    assert_eq!(
        library(two, limits(15)).status,
        Status::Limit(Limit::Memory)
    );
}

/// An allocator that gives up by trapping was stopped by the limit, not by a
/// mistake of the guest's.
#[test]
fn a_trap_after_a_refused_growth_is_the_memory_limit() {
    let wat = "(module (memory 1) (func (export \"_start\")
        (if (i32.eq (memory.grow (i32.const 30000)) (i32.const -1)) (then unreachable))))";
    let outcome = library(
        wat,
        Limits {
            memory: 1 << 20,
            ..Limits::default()
        },
    );
    assert_eq!(outcome.status, Status::Limit(Limit::Memory));
    assert!(outcome.memory_refused);
}

#[test]
fn a_table_can_not_grow_without_end() {
    let wat = "(module (table 1 funcref) (func (export \"_start\")
        (loop (br_if 0 (i32.ne (i32.const -1)
            (table.grow (ref.null func) (i32.const 1000000)))))))";
    assert_eq!(library(wat, deadline(60_000)).status, Status::Exit(0));
}

fn flood() -> String {
    guest(
        "(func (export \"_start\")
            (loop (call $print (i32.const 1024) (i32.const 10000)) (br 0)))",
    )
}

#[test]
fn output_stops_at_its_limit() {
    let dir = Dir::new();
    let module = dir.write("flood.wat", flood());
    let ran = dormouse([
        "run",
        "--max-output",
        "25000",
        module.to_str().expect("UTF-8"),
    ]);
    ran.exits(124)
        .says(&["output limit of 25000 bytes", "--max-output"]);
    assert_eq!(ran.stdout.len(), 25_000);
    let outcome = library(
        &flood(),
        Limits {
            output: Some(12_345),
            ..Limits::default()
        },
    );
    assert_eq!(outcome.status, Status::Limit(Limit::Output));
    assert_eq!(outcome.stdout.len(), 12_345);
    assert!(outcome.truncated);
}

#[test]
fn fuel_runs_out_at_the_same_place_each_time() {
    let dir = Dir::new();
    let module = dir.write("loop.wat", LOOP);
    dormouse(["run", "--fuel", "100000", module.to_str().expect("UTF-8")])
        .exits(124)
        .says(&["fuel limit of 100000", "--fuel"]);
    let count = "(module (memory 1) (func (export \"_start\") (local $n i32)
        (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1)))
            (i32.const 3000000))))))";
    let used = || {
        let outcome = library(
            count,
            Limits {
                fuel: Some(1 << 40),
                ..Limits::default()
            },
        );
        assert_eq!(outcome.status, Status::Exit(0));
        outcome.fuel_used.expect("it is metered")
    };
    let first = used();
    // More than one slice of what a deadline is looked at between.
    assert!(first > 4_000_000, "{first}");
    assert_eq!(first, used());
    let exact = |fuel| {
        library(
            count,
            Limits {
                fuel: Some(fuel),
                ..Limits::default()
            },
        )
        .status
    };
    assert_eq!(exact(first), Status::Exit(0));
    assert_eq!(exact(first - 1), Status::Limit(Limit::Fuel));
}

#[test]
fn no_limit_at_all_is_possible() {
    let limits = Limits {
        deadline: None,
        output: None,
        ..Limits::default()
    };
    let image = Image::wasm("cat.wat", reader().as_bytes()).expect("valid");
    let outcome = Sandbox::new(&image)
        .limits(limits)
        .stdin(Stdin::Bytes(b"x".to_vec()))
        .run(Program::start("cat"))
        .expect("it runs");
    assert_eq!(outcome.status, Status::Exit(0));
}

/// Two runs of one image burn the same, though only the first translates.
#[test]
fn translation_burns_no_fuel() {
    let nops = "(drop (i32.const 1))".repeat(10_000);
    let wat = format!("(module (func (export \"_start\") {nops}))");
    let image = Image::wasm("long.wat", wat.as_bytes()).expect("valid");
    let used = || {
        let limits = Limits {
            fuel: Some(1 << 30),
            ..Limits::default()
        };
        let sandbox = Sandbox::new(&image).limits(limits);
        sandbox
            .run(Program::start("long"))
            .expect("it runs")
            .fuel_used
    };
    assert_eq!(used(), used());
}
