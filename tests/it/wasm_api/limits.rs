//! Limits of calls, and stopping them.

use super::{host_error, module};
use dormouse::{CallError, ErrorKind, Instance, InstanceBuilder, Limit, Limits, Value};
use std::time::{Duration, Instant};

const LOOPS: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\08\00\00\00\64\00\00\00")
    (func (export "loop") (loop (br 0)))
    (func (export "count") (param i32) (result i32) (local $n i32)
        (loop
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get $n) (local.get 0))))
        (local.get $n))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "need") (param i32)
        (if (i32.eq (memory.grow (local.get 0)) (i32.const -1)) (then (unreachable))))
    (func (export "print")
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 200)))))"#;

fn with(limits: Limits) -> InstanceBuilder {
    module(LOOPS).instance().limits(limits)
}

fn started(limits: Limits) -> Instance {
    with(limits).start().expect("an instance")
}

/// It can be called, and counts right.
#[track_caller]
fn goes_on(instance: &mut Instance) {
    let results = instance.call("add", &[5.into(), 7.into()]);
    assert_eq!(results.expect("it goes on"), [12.into()]);
}

#[test]
fn each_call_has_the_deadline_anew() {
    let mut instance = started(Limits {
        deadline: Some(Duration::from_millis(100)),
        ..Limits::default()
    });
    for _ in 0..3 {
        let begun = Instant::now();
        let error = instance.call("loop", &[]).expect_err("it has a deadline");
        assert!(
            matches!(error, CallError::Limit(Limit::Deadline)),
            "{error:?}"
        );
        assert!(begun.elapsed() >= Duration::from_millis(100));
        assert!(begun.elapsed() < Duration::from_secs(5));
        goes_on(&mut instance);
    }
    // Time between calls does not count.
    std::thread::sleep(Duration::from_millis(150));
    let results = instance.call("count", &[100_000.into()]);
    assert_eq!(results.expect("it is in time"), [100_000.into()]);
}

#[test]
fn time_in_functions_of_the_host_counts() {
    let text = r#"(module (import "env" "wait" (func $wait))
        (func (export "f") (loop (call $wait) (br 0)))
        (func (export "once") (call $wait)))"#;
    let limits = Limits {
        deadline: Some(Duration::from_millis(100)),
        ..Limits::default()
    };
    let builder = module(text).instance().limits(limits);
    let builder = builder.import("env", "wait", |_, _| {
        std::thread::sleep(Duration::from_millis(30));
        Ok(vec![])
    });
    let mut instance = builder.start().expect("an instance");
    let begun = Instant::now();
    let error = instance.call("f", &[]).expect_err("it has a deadline");
    assert!(
        matches!(error, CallError::Limit(Limit::Deadline)),
        "{error:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
    instance.call("once", &[]).expect("it is in time");
}

#[test]
fn each_call_has_the_fuel_anew() {
    let mut instance = started(Limits {
        fuel: Some(10_000),
        ..Limits::default()
    });
    for _ in 0..3 {
        let error = instance
            .call("loop", &[])
            .expect_err("it has fuel for less");
        assert!(matches!(error, CallError::Limit(Limit::Fuel)), "{error:?}");
        let used = instance.fuel_used().expect("it is counted");
        assert!((9_900..=10_000).contains(&used), "{used}");
        goes_on(&mut instance);
        let used = instance.fuel_used().expect("it is counted");
        assert!((1..100).contains(&used), "{used}");
    }
    let count = |instance: &mut Instance| {
        instance
            .call("count", &[500.into()])
            .expect("it has enough");
        instance.fuel_used().expect("it is counted")
    };
    assert_eq!(count(&mut instance), count(&mut instance));
    assert_eq!(started(Limits::default()).fuel_used(), None);
}

#[test]
fn memory_is_counted_over_the_instances_life() {
    let mut instance = started(Limits {
        memory: 3 << 16,
        ..Limits::default()
    });
    let grown = instance.call("grow", &[1.into()]);
    assert_eq!(grown.expect("it returns"), [1.into()]);
    let error = instance
        .call("need", &[2.into()])
        .expect_err("there is less");
    assert!(
        matches!(error, CallError::Limit(Limit::Memory)),
        "{error:?}"
    );
    goes_on(&mut instance);
    // A trap that has nothing to do with it is one.
    instance.call("need", &[1.into()]).expect("it fits");
    let none = with(Limits {
        memory: 1000,
        ..Limits::default()
    });
    let error = none.start().expect_err("it has a page of memory");
    assert!(
        matches!(error, CallError::Limit(Limit::Memory)),
        "{error:?}"
    );
}

#[test]
fn output_is_bounded_with_what_is_not_taken_yet() {
    let mut instance = started(Limits {
        output: Some(250),
        ..Limits::default()
    });
    for _ in 0..2 {
        instance.call("print", &[]).expect("there is room");
    }
    let error = instance.call("print", &[]).expect_err("there is no more");
    assert!(
        matches!(error, CallError::Limit(Limit::Output)),
        "{error:?}"
    );
    goes_on(&mut instance);
    instance.call("print", &[]).expect_err("there is no more");
    assert_eq!(instance.take_stdout().len(), 250);
    instance.call("print", &[]).expect("there is room again");
    assert_eq!(instance.take_stdout().len(), 100);
}

#[test]
fn a_stopper_ends_the_call_and_not_the_instance() {
    for deadline in [None, Some(Duration::from_secs(60))] {
        let mut builder = with(Limits {
            deadline,
            ..Limits::default()
        });
        let stopper = builder.stopper();
        let mut instance = builder.start().expect("an instance");
        for _ in 0..2 {
            let other = stopper.clone();
            let thread = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                other.stop();
            });
            let message = host_error(instance.call("loop", &[]), ErrorKind::Stopped);
            assert_eq!(message, "the call was stopped");
            thread.join().expect("it does not panic");
            goes_on(&mut instance);
        }
        // Where none is under way, it ends the next one, even a short one.
        stopper.stop();
        stopper.stop();
        host_error(
            instance.call("add", &[1.into(), 2.into()]),
            ErrorKind::Stopped,
        );
        goes_on(&mut instance);
    }
}

#[test]
fn a_stopper_wakes_who_sleeps() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "poll_oneoff"
            (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "sleep")
            (i32.store (i32.const 16) (i32.const 1))
            (i64.store (i32.const 24) (i64.const 60000000000))
            (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 200)))))"#;
    let mut builder = module(text).instance();
    let stopper = builder.stopper();
    let mut instance = builder.start().expect("an instance");
    let begun = Instant::now();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        stopper.stop();
    });
    host_error(instance.call("sleep", &[]), ErrorKind::Stopped);
    thread.join().expect("it does not panic");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn calls_back_are_under_the_same_limits() {
    let text = r#"(module (import "env" "back" (func $back))
        (func (export "f") (call $back))
        (func (export "loop") (loop (br 0)))
        (func (export "ok") (result i32) (i32.const 1)))"#;
    for limits in [
        Limits {
            deadline: Some(Duration::from_millis(100)),
            ..Limits::default()
        },
        Limits {
            fuel: Some(10_000_000),
            ..Limits::default()
        },
    ] {
        let builder = module(text).instance().limits(limits.clone());
        let builder = builder.import("env", "back", |context, _| {
            // Whoever takes the error can't go on.
            let _ = context.call("loop", &[]);
            Ok(vec![])
        });
        let mut instance = builder.start().expect("an instance");
        let error = instance.call("f", &[]).expect_err("it has limits");
        let expected = if limits.fuel.is_some() {
            Limit::Fuel
        } else {
            Limit::Deadline
        };
        assert!(
            matches!(error, CallError::Limit(limit) if limit == expected),
            "{error:?}"
        );
        assert_eq!(instance.call("ok", &[]).expect("it goes on"), [1.into()]);
    }
}

#[test]
fn a_start_function_is_bounded_too() {
    let text = "(module (func $f (loop (br 0))) (start $f))";
    let limits = Limits {
        deadline: Some(Duration::from_millis(50)),
        ..Limits::default()
    };
    let error = module(text).instance().limits(limits).start();
    let error = error.expect_err("it has a deadline");
    assert!(
        matches!(error, CallError::Limit(Limit::Deadline)),
        "{error:?}"
    );
}

#[test]
fn unmetered_calls_count_the_same() {
    let mut instance = started(Limits {
        deadline: None,
        ..Limits::default()
    });
    let results = instance.call("count", &[1_000_000.into()]);
    assert_eq!(results.expect("it returns"), [Value::I32(1_000_000)]);
    goes_on(&mut instance);
}

#[test]
fn time_in_functions_of_wasi_counts() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "random_get"
            (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 256)
        (func (export "draw")
            (loop (drop (call $random (i32.const 0) (i32.const 16000000))) (br 0))))"#;
    let limits = Limits {
        deadline: Some(Duration::from_millis(100)),
        ..Limits::default()
    };
    let mut instance = module(text)
        .instance()
        .limits(limits)
        .start()
        .expect("an instance");
    let begun = Instant::now();
    let error = instance.call("draw", &[]).expect_err("it has a deadline");
    assert!(
        matches!(error, CallError::Limit(Limit::Deadline)),
        "{error:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
}

/// Growths that are refused: each keeps some of the native stack, of which a test's
/// thread has 2 MiB.
const GREEDY: &str = r#"(module (memory 1 65536)
    (func (export "grow") (param $n i32)
        (loop
            (drop (memory.grow (i32.const 65535)))
            (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;

#[test]
fn growing_in_a_brief_call_is_counted_and_has_room() {
    let limits = Limits {
        memory: (4 << 30) - (64 << 10),
        ..Limits::default()
    };
    let mut instance = module(GREEDY)
        .instance()
        .limits(limits)
        .start()
        .expect("it starts");
    let grow = instance.function("grow").expect("there is one");
    for n in [1000, 60_000, 1000] {
        if let Some(rest) = instance
            .call_briefly(grow, &[Value::I32(n)], &mut [])
            .expect("it begins")
        {
            instance.finish(rest, &mut []).expect("it has room");
        }
    }
    let begun = instance.call_briefly(grow, &[Value::I32(1 << 30)], &mut []);
    let ended = begun.and_then(|rest| match rest {
        Some(rest) => instance.finish(rest, &mut []),
        None => Ok(()),
    });
    assert!(
        matches!(ended, Err(CallError::Limit(Limit::Memory))),
        "{ended:?}"
    );
}
