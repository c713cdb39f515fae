//! WASI where trials have shown hosts to let guests down: clocks, polling,
//! old programs, hostile arguments.

use crate::support::{Dir, command, dormouse, guest, run};
use dormouse::{Engine, Grants, Image, Instance, Module, Outcome, Program, Sandbox, Status, Stdin};
use std::process::Stdio;

fn outcome(wat: &str, grants: Grants) -> Outcome {
    let image = Image::wasm("test.wat", wat.as_bytes()).expect("valid");
    Sandbox::new(&image)
        .grants(grants)
        .run(Program::start("test"))
        .expect("it runs")
}

/// Exits with 0 once clock `id` has moved.
fn clock(id: u32) -> String {
    guest(&format!(
        r#"(func $now (result i64)
            (if (call $clock_time_get (i32.const {id}) (i64.const 1) (i32.const 16))
                (then (call $proc_exit (i32.const 1))))
            (i64.load (i32.const 16)))
        (func (export "_start") (local $start i64)
            (local.set $start (call $now))
            (loop (br_if 0 (i64.le_u (call $now) (local.get $start)))))"#
    ))
}

#[test]
fn all_four_clocks_move() {
    for id in 0..4 {
        assert_eq!(
            outcome(&clock(id), Grants::default()).status,
            Status::Exit(0),
            "clock {id}"
        );
        let seeded = Grants {
            seed: Some(1),
            ..Grants::default()
        };
        assert_eq!(
            outcome(&clock(id), seeded).status,
            Status::Exit(0),
            "seeded clock {id}"
        );
    }
    assert_eq!(
        outcome(&clock(4), Grants::default()).status,
        Status::Exit(1)
    );
}

/// Prints the wall clock and eight random bytes.
const DRAW: &str = r#"
    (func (export "_start")
        (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 1024)))
        (drop (call $random_get (i32.const 1032) (i32.const 8)))
        (call $print (i32.const 1024) (i32.const 16)))"#;

#[test]
fn a_seed_fixes_clock_and_randomness() {
    let draw = |seed| {
        outcome(
            &guest(DRAW),
            Grants {
                seed,
                ..Grants::default()
            },
        )
        .stdout
    };
    assert_eq!(draw(Some(7)), draw(Some(7)));
    assert_ne!(draw(Some(7))[8..], draw(Some(8))[8..]);
    assert_ne!(draw(None)[8..], draw(None)[8..]);
    let now = draw(None);
    let seconds = u64::from_le_bytes(now[..8].try_into().expect("eight bytes")) / 1_000_000_000;
    let host = std::time::UNIX_EPOCH
        .elapsed()
        .expect("after 1970")
        .as_secs();
    assert!(host.abs_diff(seconds) < 60, "{seconds} is not {host}");
}

/// Polls stdin for reading and a timer of an hour; exits with how many events
/// came and 10 more if the first is of the reading.
const POLL: &str = r#"
    (func (export "_start")
        (i32.store8 (i32.const 1032) (i32.const 1))
        (i32.store (i32.const 1040) (i32.const 0))
        (i32.store (i32.const 1088) (i32.const 1))
        (i64.store (i32.const 1096) (i64.const 3600000000000))
        (if (call $poll_oneoff (i32.const 1024) (i32.const 2048) (i32.const 2) (i32.const 16))
            (then (call $proc_exit (i32.const 1))))
        (call $proc_exit (i32.add (i32.load (i32.const 16))
            (i32.mul (i32.const 10) (i32.eq (i32.load8_u (i32.const 2058)) (i32.const 1))))))"#;

#[test]
fn polling_stdin_is_ready_at_its_end() {
    let dir = Dir::new();
    let module = dir.write("poll.wat", guest(POLL));
    dormouse([module.as_os_str()]).exits(11);
    run(command().arg(&module).stdin(Stdio::piped())).exits(11);
    let file = dir.write("input", "x");
    let input = std::fs::File::open(file).expect("it is there");
    run(command().arg(&module).stdin(input)).exits(11);
    assert_eq!(
        outcome(&guest(POLL), Grants::default()).status,
        Status::Exit(11)
    );
}

/// Sleeps a millisecond by each of the four clocks.
#[test]
fn sleeping_works_by_every_clock() {
    for id in 0..4 {
        let wat = guest(&format!(
            r#"(func (export "_start")
                (i32.store (i32.const 1040) (i32.const {id}))
                (i64.store (i32.const 1048) (i64.const 1000000))
                (call $proc_exit (call $poll_oneoff
                    (i32.const 1024) (i32.const 2048) (i32.const 1) (i32.const 16))))"#
        ));
        assert_eq!(
            outcome(&wat, Grants::default()).status,
            Status::Exit(0),
            "clock {id}"
        );
    }
}

/// The WASI of 2019: another order of `whence`, another `filestat`.
#[test]
fn programs_of_the_first_wasi_run() {
    let wat = r#"(module
        (import "wasi_unstable" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_unstable" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
        (import "wasi_unstable" "fd_filestat_get" (func $stat (param i32 i32) (result i32)))
        (import "wasi_unstable" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (import "wasi_unstable" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 16) "old\n")
        (func $check (param i32) (if (local.get 0) (then (call $exit (i32.const 3)))))
        (func (export "_start")
            (i32.store (i32.const 0) (i32.const 16))
            (i32.store (i32.const 4) (i32.const 4))
            (call $check (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
            ;; An old filestat is 56 bytes: the byte behind it stays.
            (i32.store8 (i32.const 1080) (i32.const 77))
            (call $check (call $stat (i32.const 3) (i32.const 1024)))
            (call $check (i32.ne (i32.load8_u (i32.const 1080)) (i32.const 77)))
            (call $check (i32.ne (i32.load8_u (i32.const 1040)) (i32.const 3)))
            ;; A pipe can't be sought, but a whence of 3 is another error.
            (call $check (i32.eqz (call $fd_seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 8))))
            (call $check (i32.ne (i32.const 28)
                (call $fd_seek (i32.const 1) (i64.const 0) (i32.const 3) (i32.const 8))))
            ;; An old clock subscription has an identifier first.
            (i32.store (i32.const 2072) (i32.const 1))
            (i64.store (i32.const 2080) (i64.const 1000000))
            (call $check (call $poll (i32.const 2048) (i32.const 3072) (i32.const 1) (i32.const 8)))
            (call $check (i64.ne (i64.load (i32.const 2080)) (i64.const 1000000)))
            (call $check (i32.ne (i32.load (i32.const 8)) (i32.const 1)))))"#;
    let ended = outcome(wat, Grants::default());
    assert_eq!(ended.status, Status::Exit(0));
    assert_eq!(ended.stdout, b"old\n");
}

/// Addresses and counts beyond anything sensible get an error number, or a
/// trap where nothing could be told to such a guest; never a success.
#[test]
fn what_is_no_socket_is_not_shut_down() {
    let shut = r#"(module
        (import "wasi_snapshot_preview1" "sock_shutdown"
            (func $shut (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (call $exit (i32.add (call $shut (i32.const 1) (i32.const 3))
                (i32.mul (call $shut (i32.const 99) (i32.const 3)) (i32.const 10))))))"#;
    let status = outcome(shut, Grants::default()).status;
    // ENOTSOCK, and ten times EBADF.
    assert_eq!(status, Status::Exit(57 + 80));
}

#[test]
fn hostile_pointers_and_counts_are_refused() {
    for call in [
        "(call $fd_write (i32.const 1) (i32.const 0) (i32.const 0x7fffffff) (i32.const 8))",
        "(call $fd_write (i32.const 1) (i32.const 0) (i32.const -1) (i32.const 8))",
        "(call $fd_write (i32.const 1) (i32.const -4) (i32.const 1) (i32.const 8))",
        "(call $fd_read (i32.const 0) (i32.const 0x20000) (i32.const 1) (i32.const 8))",
        "(call $args_get (i32.const -8) (i32.const -8))",
        "(call $args_sizes_get (i32.const -1) (i32.const 0x1ffff))",
        "(call $random_get (i32.const 0) (i32.const -1))",
        "(call $clock_time_get (i32.const 0) (i64.const 0) (i32.const -4))",
        "(call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 0x1000000) (i32.const 8))",
        "(call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8))",
    ] {
        let wat = guest(&format!(
            "(func (export \"_start\") (if (i32.eqz {call}) (then (call $proc_exit (i32.const 5)))))"
        ));
        let status = outcome(&wat, Grants::default()).status;
        assert!(
            matches!(status, Status::Exit(0) | Status::Trap(_)),
            "{call}: {status:?}"
        );
    }
}

#[test]
fn a_wasi_program_without_a_memory_gets_an_error() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
        (func (export "_start")
            (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;
    let Status::Trap(trap) = outcome(wat, Grants::default()).status else {
        panic!("no trap")
    };
    assert!(trap.message.contains("memory"), "{trap}");
}

#[test]
fn two_runs_see_nothing_of_each_other() {
    let env = guest(
        r#"(func (export "_start")
            (drop (call $environ_sizes_get (i32.const 16) (i32.const 20)))
            (drop (call $environ_get (i32.const 1024) (i32.const 4096)))
            (call $print (i32.const 4096) (i32.load (i32.const 20))))"#,
    );
    let image = Image::wasm("env.wat", env.as_bytes()).expect("valid");
    let run = |value: &str| {
        let grants = Grants {
            env: vec![("A".to_owned(), value.to_owned())],
            ..Grants::default()
        };
        Sandbox::new(&image)
            .grants(grants)
            .run(Program::start("env"))
            .expect("it runs")
            .stdout
    };
    assert_eq!(run("1"), b"A=1\0");
    assert_eq!(run("2"), b"A=2\0");
    let bare = Sandbox::new(&image)
        .run(Program::start("env"))
        .expect("it runs");
    assert_eq!(bare.stdout, b"");
}

#[test]
fn the_librarys_stdin_is_what_was_given() {
    let wat = guest(
        r#"(func (export "_start")
            (call $print (i32.const 1024) (call $read (i32.const 1024) (i32.const 100))))"#,
    );
    let image = Image::wasm("echo.wat", wat.as_bytes()).expect("valid");
    let run = |stdin| {
        Sandbox::new(&image)
            .stdin(stdin)
            .run(Program::start("echo"))
            .expect("it runs")
            .stdout
    };
    assert_eq!(run(Stdin::Bytes(b"abc".to_vec())), b"abc");
    assert_eq!(run(Stdin::Empty), b"");
    assert_eq!(
        run(Stdin::Reader(Box::new(&b"from a reader"[..]))),
        b"from a reader"
    );
}

/// As POSIX has it; a guest's descriptors don't depend on what it has closed.
#[test]
fn the_lowest_free_descriptor_is_opened() {
    let wat = r#"(module
        (import "wasi_snapshot_preview1" "path_open" (func $path_open
            (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "dev/zero")
        (data (i32.const 80) "\60\00\00\00\01")
        (func $open (result i32)
            (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 8)
                    (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32))
                (then unreachable))
            (i32.load (i32.const 32)))
        (func (export "opened") (result i32 i32 i32 i32 i32)
            (call $open) (call $open) (call $open)
            (drop (call $close (i32.const 4)))
            (call $open)
            ;; It is the file, not just its number.
            (call $read (i32.const 4) (i32.const 80) (i32.const 1) (i32.const 40))))"#;
    let image = Image::wasm("open.wat", wat.as_bytes()).expect("valid");
    let outcome = Sandbox::new(&image)
        .run(Program::invoke("opened", [""; 0]))
        .expect("it runs");
    let values: Vec<String> = outcome.values.iter().map(ToString::to_string).collect();
    assert_eq!(values, ["4", "5", "6", "4", "0"], "{outcome:?}");
}

#[test]
fn flags_and_choices_that_there_are_not_are_invalid() {
    // Each with the flag or choice of its last but some argument out of range.
    for (name, params, args) in [
        ("fd_advise", "i32 i64 i64 i32", "3 0 0 99"),
        ("fd_fdstat_set_flags", "i32 i32", "3 0x10000"),
        ("fd_fdstat_set_rights", "i32 i64 i64", "3 -1 -1"),
        ("fd_filestat_set_times", "i32 i64 i64 i32", "3 0 0 0x100"),
        ("fd_seek", "i32 i64 i32 i32", "3 0 9 0"),
        ("path_filestat_get", "i32 i32 i32 i32 i32", "3 0x100 0 1 64"),
        (
            "path_filestat_set_times",
            "i32 i32 i32 i32 i64 i64 i32",
            "3 0 0 1 0 0 0x100",
        ),
        (
            "path_link",
            "i32 i32 i32 i32 i32 i32 i32",
            "3 0x100 0 1 3 0 1",
        ),
        (
            "path_open",
            "i32 i32 i32 i32 i32 i64 i64 i32 i32",
            "3 0 0 1 0 -1 -1 0 64",
        ),
        ("sock_send", "i32 i32 i32 i32 i32", "3 0 0 -1 64"),
    ] {
        let args: String = (params.split(' ').zip(args.split(' ')))
            .map(|(ty, arg)| format!("({ty}.const {arg})"))
            .collect();
        for namespace in ["wasi_snapshot_preview1", "wasi_unstable"] {
            let wat = format!(
                r#"(module (import "{namespace}" "{name}" (func $f (param {params}) (result i32)))
                    (memory (export "memory") 1) (data (i32.const 0) "x")
                    (func (export "f") (result i32) (call $f {args})))"#
            );
            let module = Module::new(&Engine::new(), "flags.wat", wat.as_bytes()).expect("valid");
            let mut instance = Instance::new(&module).expect("an instance");
            let errno = instance.call("f", &[]).expect("it is not ended");
            assert_eq!(errno, [dormouse::Value::I32(28)], "{namespace} {name}");
        }
    }
}
