//! A trap says what happened and in which function, and exits with 134.

use crate::support::{Dir, command, dormouse, guest, run_with_input};

const TRAPS: &str = r#"(module
    (memory 1) (table 2 funcref) (type $t (func)) (elem (i32.const 1) func $typed)
    (func $typed (param i32))
    (func $inner unreachable)
    (func $quiet)
    (func (export "unreachable") (call $quiet) (call $inner))
    (func (export "after") (call $quiet) unreachable)
    (func $divide (export "divide") (drop (i32.div_s (i32.const 1) (i32.const 0))))
    (func $overflow (export "overflow")
        (drop (i32.div_s (i32.const 0x80000000) (i32.const -1))))
    (func $convert (export "convert") (drop (i32.trunc_f32_s (f32.const nan))))
    (func $memory (export "memory") (drop (i32.load (i32.const 65536))))
    (func $null (export "null") (call_indirect (type $t) (i32.const 0)))
    (func $bounds (export "bounds") (call_indirect (type $t) (i32.const 9)))
    (func $signature (export "signature") (call_indirect (type $t) (i32.const 1)))
    (func $recursion (export "recursion") (call $recursion) (call $quiet)))"#;

#[test]
fn every_kind_of_trap_is_named_with_its_function() {
    let dir = Dir::new();
    let file = dir.write("traps.wat", TRAPS);
    let file = file.to_str().expect("UTF-8");
    for (export, kind, function) in [
        ("unreachable", "unreachable", "function 1 <inner>"),
        ("after", "unreachable", "function 4 <after>"),
        ("divide", "divide by zero", "<divide>"),
        ("overflow", "overflow", "<overflow>"),
        ("convert", "conversion", "<convert>"),
        ("memory", "out of bounds memory access", "<memory>"),
        ("null", "uninitialized element", "<null>"),
        ("bounds", "undefined element", "<bounds>"),
        ("signature", "indirect call type mismatch", "<signature>"),
        ("recursion", "call stack exhausted", "<recursion>"),
    ] {
        dormouse(["run", "--invoke", export, file])
            .exits(134)
            .says(&["dormouse: trap: ", kind, function]);
    }
}

#[test]
fn output_before_a_trap_is_kept_and_not_repeated() {
    let dir = Dir::new();
    let module = dir.write(
        "late.wat",
        guest(
            r#"(data (i32.const 16) "before\n")
            (func $late (export "_start") (call $print (i32.const 16) (i32.const 7)) unreachable)"#,
        ),
    );
    let ran = dormouse([module.as_os_str()]);
    ran.exits(134).says(&["<late>"]);
    assert_eq!(ran.text(), "before\n");
}

/// Where a second run would not see the same, no function is named rather
/// than a wrong one.
#[test]
fn a_trap_after_reading_stdin_is_not_run_again() {
    let dir = Dir::new();
    let module = dir.write(
        "input.wat",
        guest(
            r#"(func $trapping (export "_start")
                (drop (call $read (i32.const 1024) (i32.const 100)))
                (if (i32.eq (i32.load8_u (i32.const 1024)) (i32.const 120)) (then unreachable)))"#,
        ),
    );
    let ran = run_with_input(command().arg(&module), b"x");
    ran.exits(134).says(&["unreachable"]);
    assert!(!ran.stderr.contains("in function"), "{}", ran.stderr);
}

#[test]
fn a_trap_of_a_guest_that_may_ask_servers_is_not_run_again() {
    let dir = Dir::new();
    let source = "(module (func $trapping (export \"_start\") unreachable))";
    let module = dir.write("asking.wat", source);
    let module = module.to_str().expect("Unicode");
    dormouse([module]).exits(134).says(&["in function"]);
    for grant in [&["--allow-host", "x"][..], &["--allow-pkg-install"]] {
        let ran = dormouse([grant, &[module]].concat());
        ran.exits(134).says(&["unreachable"]);
        assert!(!ran.stderr.contains("in function"), "{}", ran.stderr);
    }
}

#[test]
fn a_trap_in_the_start_section_is_one_too() {
    let dir = Dir::new();
    let module = dir.write(
        "start.wat",
        "(module (func $s unreachable) (start $s) (func (export \"_start\")))",
    );
    dormouse([module.as_os_str()])
        .exits(134)
        .says(&["unreachable"]);
}

/// Tail calls of host functions, directly, through a table, and after a
/// snapshot: they are calls, and the process lives on.
const TAIL_CALLS: &str = r#"(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (import "dormouse" "snapshot_point" (func $point))
    (table 2 funcref)
    (elem (i32.const 0) $yield $point)
    (type $nothing (func)) (type $number (func (result i32)))
    (memory (export "memory") 1)
    (func $direct (return_call $point))
    (func $indirect (return_call_indirect (type $nothing) (i32.const 1)))
    (func $yields (result i32) (return_call_indirect (type $number) (i32.const 0)))
    (func $number (result i32) (return_call $yield))
    (func $run (result i32)
        (call $direct) (call $indirect)
        (i32.add (i32.add (call $yields) (call $number)) (i32.const 7)))
    (func (export "_start") (call $exit (call $run))))"#;

#[test]
fn tail_calls_of_host_functions_are_calls() {
    let dir = Dir::new();
    let file = dir.write("tail.wat", TAIL_CALLS);
    let file = file.to_str().expect("UTF-8");
    dormouse(["run", file]).exits(7);
    dormouse(["run", "--fuel", "100000", file]).exits(7);
    let image = dir.path().join("tail.dormouse");
    let image = image.to_str().expect("UTF-8");
    for point in [None, Some("wasi_snapshot_preview1.sched_yield:nth=2")] {
        let mut words = vec!["snapshot", file, "-o", image];
        words.extend(point.iter().flat_map(|point| ["--at", *point]));
        dormouse(words).exits(0);
        dormouse(["run", image]).exits(7);
    }
}
