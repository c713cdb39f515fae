//! Where capturing ends: what it refuses, and what it must still do.

#![allow(clippy::print_stdout, reason = "a failing test shows it")]

mod support;

use dormouse_snapshot::{Entry, Error, Form, Hot, Instrumented, Point};
use support::{Host, Running, go_on, stop, stop_with, uninterrupted};

fn wasm(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"))
}

fn say(nth: u64) -> Point {
    format!("host.say:nth={nth}").parse().expect("a point")
}

/// The refusal of capturing `wat` at its first `say`.
#[track_caller]
fn refusal(wat: &str) -> String {
    match stop(&wasm(wat), &say(1)) {
        Ok(_) => panic!("it is captured"),
        Err(error) => shown(&error),
    }
}

#[track_caller]
fn shown(error: &Error) -> String {
    assert!(error.is_refusal(), "{error}");
    error.to_string()
}

#[track_caller]
fn mentions(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} isn't in: {message}");
    }
}

const SAY: &str = r#"(import "host" "say" (func $say (param i32) (result i32)))"#;

/// A function with the given body, called `$big`, and `run` that calls it.
fn with_body(locals: &str, body: &str) -> String {
    format!(
        r#"(module {SAY}
            (func $big {locals} {body})
            (func (export "run") (call $big)))"#
    )
}

#[test]
fn more_operands_than_a_block_may_take() {
    let many = "i32.const 7 ".repeat(1001);
    let drops = "drop ".repeat(1001);
    let below_the_call = with_body("", &format!("{many} i32.const 1 call $say drop {drops}"));
    mentions(
        &refusal(&below_the_call),
        &["function 1 (big)", "1002 operands", "offset 0x"],
    );
    // Before a loop they are constants; in one they would be a block's results.
    let in_a_loop = with_body(
        "",
        &format!("(loop {many} (block i32.const 1 call $say drop) {drops})"),
    );
    mentions(
        &refusal(&in_a_loop),
        &["function 1 (big)", "1001 operands", "offset 0x"],
    );
    let before_a_loop = with_body(
        "",
        &format!("{many} (loop i32.const 1 call $say drop) {drops}"),
    );
    goes_on(&before_a_loop);
}

/// Captures at the first `say` and compares.
#[track_caller]
fn goes_on(wat: &str) {
    let wasm = wasm(wat);
    let expected = uninterrupted(&wasm);
    let stopped = stop(&wasm, &say(1))
        .unwrap_or_else(|error| panic!("{error}"))
        .expect("it is reached");
    assert_eq!(
        go_on(&stopped.portable, false, stopped.host.clone()),
        expected
    );
    assert_eq!(go_on(&stopped.image, true, stopped.host), expected);
}

#[test]
fn more_locals_than_a_function_may_have() {
    let locals = |count: usize| format!("(local {})", "i32 ".repeat(count));
    let plain = "i32.const 1 call $say drop";
    let hidden = "i32.const 5 (block i32.const 1 call $say drop) drop";
    goes_on(&with_body(&locals(10_000), plain));
    mentions(
        &refusal(&with_body(&locals(50_000), hidden)),
        &["function 1 (big)", "50000 locals"],
    );
}

#[test]
fn as_many_memories_as_there_may_be() {
    let module = |memories: usize| {
        let memories = "(memory 0)".repeat(memories);
        format!(
            r#"(module {SAY} {memories} (func (export "run") (drop (call $say (i32.const 1)))))"#
        )
    };
    goes_on(&module(99));
    mentions(&refusal(&module(100)), &["100 memories"]);
}

#[test]
fn what_comes_from_outside() {
    for (import, named) in [
        (r#"(import "e" "m" (memory 1))"#, "the memory e.m"),
        (r#"(import "e" "t" (table 1 funcref))"#, "the table e.t"),
        (r#"(import "e" "g" (global i32))"#, "the global e.g"),
        (
            r#"(import "host" "say" (func (param i32) (result i32)))"#,
            "host.say twice",
        ),
    ] {
        let message = refusal(&format!(r#"(module {SAY} {import} (func (export "run")))"#));
        mentions(&message, &[named]);
    }
}

#[test]
fn proposals_that_are_not_covered() {
    for (what, wat) in [
        (
            "function 1 (f)",
            r#"(func $f (export "run") (try_table (drop (call $say (i32.const 1)))))"#,
        ),
        (
            "function 1 (f)",
            r#"(func $f (export "run") (drop (ref.i31 (i32.const 1))))"#,
        ),
        (
            "function 1 (f)",
            r#"(memory 1 1) (func $f (export "run") (drop (i32.atomic.load (i32.const 0))))"#,
        ),
        ("shared", r#"(memory 1 1 shared) (func $f (export "run"))"#),
        ("gc", r#"(type (struct)) (func $f (export "run"))"#),
        ("exceptions", r#"(tag) (func $f (export "run"))"#),
    ] {
        let module = format!("(module {SAY} {wat})");
        for point in [say(1), Point::Idle] {
            let Err(error) = Instrumented::new(&wasm(&module), &point).map(|_| ()) else {
                panic!("{wat} is captured");
            };
            mentions(&error.to_string(), &[what, "offset 0x"]);
        }
    }
}

#[test]
fn a_function_of_the_host_on_the_stack() {
    let back = r#"(import "host" "back" (func $back (param i32) (result i32)))"#;
    let callback =
        r#"(func (export "callback") (param i32) (result i32) (call $say (local.get 0)))"#;
    for run in [
        "(call $back (i32.const 1))",
        "(return_call $back (i32.const 1))",
        "(call_indirect (param i32) (result i32) (i32.const 1) (i32.const 0))",
    ] {
        let message = refusal(&format!(
            r#"(module {SAY} {back} {callback}
                (table funcref (elem $back))
                (func (export "run") (result i32) {run}))"#
        ));
        mentions(&message, &["host.back", "called back"]);
    }
    // Having called back is fine, once that has returned.
    let wat = format!(
        r#"(module {SAY} {back}
            (func (export "callback") (param i32) (result i32) (local.get 0))
            (func (export "run") (result i32)
                (i32.add (call $back (i32.const 1)) (call $say (i32.const 2)))))"#
    );
    goes_on(&wat);
}

#[test]
fn references_to_what_is_the_hosts() {
    let thing = r#"(import "host" "thing" (func $thing (result externref)))"#;
    for (place, wat) in [
        (
            "function 2 (f)",
            "(func $f (local externref) (local.set 0 (call $thing)) (drop (call $say (i32.const 1))))",
        ),
        (
            "function 2 (f)",
            "(func $f (call $thing) (drop (call $say (i32.const 1))) (drop))",
        ),
        (
            "function 2 (f)",
            "(func $f (call $thing) (block (drop (call $say (i32.const 1)))) (drop))",
        ),
        (
            "global 0",
            "(global $g (mut externref) (ref.null extern)) (func $f (global.set $g (call $thing)) (drop (call $say (i32.const 1))))",
        ),
        (
            "table 0, at 1",
            "(table $t 2 externref) (func $f (table.set $t (i32.const 1) (call $thing)) (drop (call $say (i32.const 1))))",
        ),
    ] {
        let message = refusal(&format!(
            r#"(module {SAY} {thing} {wat} (func (export "run") (call $f)))"#
        ));
        mentions(&message, &[place, "externref"]);
    }
    goes_on(&format!(
        r#"(module {SAY} {thing}
            (func (export "run") (drop (call $thing)) (drop (call $say (i32.const 1)))))"#
    ));
}

#[test]
fn points_that_are_not_there() {
    let wasm = wasm(&format!(
        r#"(module {SAY} (func (export "i") (result i32) (i32.const 1)) (func (export "run")))"#
    ));
    for (point, parts) in [
        ("host.other", &["host.other", "host.say"][..]),
        ("host.say:arg1=1", &["1 arguments"]),
        (
            "host.say:arg0=4294967296",
            &["argument 0", "never equals 4294967296"],
        ),
        ("init:none", &["\"none\""]),
        ("init:i", &["\"i\"", "gives values"]),
    ] {
        let point = point.parse().expect("a point");
        let Err(error) = Instrumented::new(&wasm, &point).map(|_| ()) else {
            panic!("{point} is there");
        };
        mentions(&shown(&error), parts);
    }
}

#[test]
fn conditions_choose_the_call() {
    let wasm = wasm(&format!(
        r#"(module {SAY}
            (func (export "run") (local $i i32)
                (loop $l
                    (drop (call $say (i32.rem_s (local.get $i) (i32.const 3))))
                    (local.set $i (i32.sub (local.get $i) (i32.const 1)))
                    (br_if $l (i32.gt_s (local.get $i) (i32.const -10))))))"#
    ));
    let expected = uninterrupted(&wasm);
    for (point, said) in [
        ("host.say:arg0=-2", 2),
        ("host.say:arg0=4294967294", 2),
        ("host.say:arg0=-2,nth=3", 8),
        ("host.say:nth=10", 9),
        ("host.say:arg0=-1,arg0=0", usize::MAX),
        ("host.say:nth=11", usize::MAX),
        ("host.say:arg0=-3", usize::MAX),
    ] {
        let at = point.parse().expect("a point");
        let stopped = stop(&wasm, &at).expect("it can be captured");
        assert_eq!(stopped.is_some(), said != usize::MAX, "{point}");
        if let Some(stopped) = stopped {
            assert_eq!(stopped.host.said.len(), said, "{point}");
            assert_eq!(
                go_on(&stopped.image, true, stopped.host),
                expected,
                "{point}"
            );
        }
    }
}

#[test]
fn the_state_after_an_initialization_function() {
    let wasm = wasm(&format!(
        r#"(module {SAY}
            (memory (export "m") 1 5)
            (global $g (export "g") (mut i64) (i64.const 1))
            (table (export "t") 2 funcref)
            (elem $e func $f)
            (data $kept "kept") (data $gone "gone")
            (start $start)
            (func $start (global.set $g (i64.add (global.get $g) (i64.const 100))))
            (func $f (result i32) (i32.const 7))
            (func (export "init")
                (memory.init $gone (i32.const 8) (i32.const 0) (i32.const 4))
                (data.drop $gone)
                (table.init $e (i32.const 1) (i32.const 0) (i32.const 1))
                (elem.drop $e)
                (drop (memory.grow (i32.const 2)))
                (i32.store8 (i32.const 150000) (i32.const 9))
                (global.set $g (i64.const 5)))
            (func (export "run") (result i32)
                (memory.init $kept (i32.const 0) (i32.const 0) (i32.const 4))
                (memory.init $gone (i32.const 0) (i32.const 0) (i32.const 0))
                (drop (memory.grow (i32.const 1)))
                (i32.add (call $say (i32.load8_u (i32.const 9)))
                    (call_indirect (result i32) (i32.const 1))))
            (func (export "gone") (memory.init $gone (i32.const 0) (i32.const 0) (i32.const 1)))
            (func (export "dropped") (table.init $e (i32.const 0) (i32.const 0) (i32.const 1))))"#
    ));
    let mut plain = Running::start(&wasm, Host::default(), &[]);
    plain.call("init").expect("it initializes");
    let expected = plain.call("run");
    let expected = plain.observe(expected);
    let at = "init:init".parse().expect("a point");
    let stopped = stop(&wasm, &at)
        .expect("it can be captured")
        .expect("always");
    assert_eq!(stopped.frames, 0);
    for (rewritten, image) in [(&stopped.portable, false), (&stopped.image, true)] {
        assert_eq!(go_on(rewritten, image, Host::default()), expected);
        let memories = if image { &rewritten.memories[..] } else { &[] };
        for dropped in ["gone", "dropped"] {
            let mut running = Running::start(&rewritten.module, Host::default(), memories);
            assert!(running.call(dropped).is_err(), "{dropped}");
        }
    }
}

#[test]
fn the_state_between_two_calls() {
    let wasm = wasm(&format!(
        r#"(module {SAY} (memory (export "m") 1) (data "\01") (data $p "abc")
            (func (export "first") (data.drop $p)
                (i32.store (i32.const 0) (call $say (i32.load (i32.const 0)))))
            (func (export "run") (result i32) (call $say (i32.load (i32.const 0)))))"#
    ));
    let mut plain = Running::start(&wasm, Host::default(), &[]);
    plain.call("first").expect("no trap");
    let expected = plain.call("run");
    let expected = plain.observe(expected);
    let instrumented = Instrumented::new(&wasm, &Point::Idle).expect("it can be captured");
    let mut running = Running::start(instrumented.wasm(), Host::default(), &[]);
    running.call("first").expect("no trap");
    assert!(!instrumented.reached(&running));
    let state = instrumented.state(&running, None).expect("no frames");
    let rewritten = state
        .rewrite(Form::Image, &Hot::None)
        .expect("within limits");
    assert_eq!(go_on(&rewritten, true, running.host().clone()), expected);
}

#[test]
fn names_are_kept() {
    let wasm = wasm(&format!(
        r#"(module {SAY} (func $inner (result i32) (call $say (i32.const 1)))
            (func (export "run") (result i32) (call $inner)))"#
    ));
    let stopped = stop(&wasm, &say(1)).expect("captured").expect("reached");
    let name = dormouse_snapshot::function_name(&stopped.image.module, 1);
    assert_eq!(name.as_deref(), Some("inner"));
}

#[test]
fn a_deep_stack() {
    let wasm = wasm(&format!(
        r#"(module {SAY}
            (func $down (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (call $say (i32.const 1)))))
                (i32.add (local.get 0) (call $down (i32.sub (local.get 0) (i32.const 1)))))
            (func (export "run") (result i32) (call $down (i32.const 10000))))"#
    ));
    let expected = uninterrupted(&wasm);
    let stopped = stop(&wasm, &say(1)).expect("captured").expect("reached");
    assert_eq!(stopped.frames, 10_002);
    assert_eq!(go_on(&stopped.image, true, stopped.host), expected);
}

#[test]
fn another_entry_does_not_lose_the_first() {
    let wasm = wasm(&format!(
        r#"(module {SAY}
            (func $deep (param i32) (result i32) (i32.mul (call $say (local.get 0)) (i32.const 2)))
            (func (export "other") (result i32) (i32.add (call $deep (i32.const 5)) (i32.const 1)))
            (func (export "run") (result i32) (i32.add (call $deep (i32.const 8)) (i32.const 1))))"#
    ));
    let capture = |wasm: &[u8], entry: &str| {
        let at = say(1);
        let instrumented = Instrumented::new(wasm, &at).expect("it can be captured");
        let mut running = Running::start(instrumented.wasm(), Host::default(), &[]);
        running.call(entry).expect("it unwinds");
        let state = instrumented
            .state(&running, Some(Entry::Export(entry.to_owned())))
            .expect("it can be captured");
        state
            .rewrite(Form::Portable, &Hot::None)
            .expect("within limits")
            .module
    };
    let both = capture(&capture(&wasm, "run"), "other");
    let calls = |wasm: &[u8]| {
        let mut running = Running::start(wasm, Host::default(), &[]);
        ["other", "run"].map(|entry| running.call_shown(entry))
    };
    assert_eq!(calls(&both), calls(&wasm));
}

/// A program that can be captured for ever.
const FOREVER: &str = r#"
    (type $op (func (param i32) (result i32)))
    (memory (export "m") 1)
    (table $t 10 funcref)
    (elem (table $t) (i32.const 0) func $step $say $step)
    (elem $p declare func $run)
    (data $d "passive")
    (func $step (type $op) (local $keep funcref)
        (local.set $keep (ref.func $run))
        (memory.init $d (i32.const 100) (i32.const 0) (i32.const 7))
        (i32.store8 (i32.add (i32.const 1000) (i32.mul (local.get 0) (i32.const 100))) (i32.const 1))
        (table.set $t (i32.const 5) (ref.func $step))
        (i32.const 4)
        (block (result i32)
            (drop (call $say (local.get 0)))
            (ref.is_null (local.get $keep)))
        (i32.add))
    (func $run (export "run") (result i32) (local $i i32)
        (loop $l (result i32)
            (call_indirect $t (type $op) (local.get $i) (i32.const 0))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (if (param i32) (i32.lt_u (local.get $i) (i32.const 60))
                (then (drop) (br $l))
                (else (drop)))
            (local.get $i)))"#;

#[test]
fn capturing_again_and_again_stays_small() {
    let wasm = wasm(&format!("(module {SAY} {FOREVER})"));
    let expected = uninterrupted(&wasm);
    let mut stopped = stop(&wasm, &say(2)).expect("captured").expect("reached");
    let mut counts = vec![sections(&stopped.portable.module)];
    let first = stopped.portable.module.len();
    for _ in 0..20 {
        let host = stopped.host.clone();
        stopped = stop_with(&stopped.portable.module, &say(2), host)
            .expect("captured")
            .expect("reached");
        counts.push(sections(&stopped.portable.module));
    }
    let last = stopped.portable.module.len();
    assert_eq!(go_on(&stopped.image, true, stopped.host), expected);
    // Functions and segments take the places of earlier ones. Only what guards
    // a loop's beginning is repeated for each time it was captured in.
    assert!(counts[1..].iter().all(|of| *of == counts[1]), "{counts:?}");
    assert!(last < first * 6, "{first} bytes have become {last}");
}

/// How many functions and element segments there are.
fn sections(wasm: &[u8]) -> (u32, u32) {
    let mut counts = (0, 0);
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        match payload.expect("valid") {
            wasmparser::Payload::FunctionSection(section) => counts.0 = section.count(),
            wasmparser::Payload::ElementSection(section) => counts.1 = section.count(),
            _ => {}
        }
    }
    counts
}

#[test]
fn a_forged_note_of_what_was_appended_does_no_harm() {
    let module = wasm(&format!("(module {SAY} {FOREVER})"));
    let expected = uninterrupted(&module);
    for note in [
        &[
            0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x0f, 0,
        ][..],
        &[0, 0, 0],
        &[2, 9, 9],
        &[],
        b"junk",
    ] {
        let mut wasm = module.clone();
        let mut section = vec![16];
        section.extend_from_slice(b"dormouse.appended");
        section[0] = 17;
        section.extend_from_slice(note);
        wasm.extend_from_slice(&[0, u8::try_from(section.len()).expect("short")]);
        wasm.extend_from_slice(&section);
        match stop(&wasm, &say(3)) {
            Err(error) => println!("{error}"),
            Ok(stopped) => {
                let stopped = stopped.expect("reached");
                assert_eq!(
                    go_on(&stopped.image, true, stopped.host),
                    expected,
                    "{note:?}"
                );
            }
        }
    }
}
