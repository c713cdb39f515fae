//! A10: bounds that Wagi doesn't have.

use super::{Gateway, module, plain, prints, tells, told};
use crate::support::guest;
use std::{
    thread,
    time::{Duration, Instant},
};

#[test]
fn time_memory_and_output_of_a_module_are_bounded_while_others_go_on() {
    let grows = prints(
        &plain("x"),
        "(if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then (unreachable)))",
    );
    let endless = guest(
        r#"(func (export "_start") (loop (call $print (i32.const 1024) (i32.const 1000)) (br 0)))"#,
    );
    let gateway = Gateway::with(
        &["--workers", "2"],
        &[
            module("/loop", "loop.wat", "timeout = '1s'"),
            module("/grow", "grow.wat", "memory = '1mb'"),
            module("/grown", "grow.wat", ""),
            module("/print", "endless.wat", "max_output = '1mb'"),
            module("/good", "good.wat", ""),
        ]
        .concat(),
        &[
            (
                "loop.wat",
                &guest(r#"(func (export "_start") (loop (br 0)))"#),
            ),
            ("grow.wat", &grows),
            ("endless.wat", &endless),
            ("good.wat", &prints(&plain("good"), "")),
        ],
    );
    thread::scope(|scope| {
        let looping = scope.spawn(|| gateway.get("/loop"));
        let started = Instant::now();
        while !looping.is_finished() {
            gateway.get("/good").is(200, "good");
            assert!(started.elapsed() < Duration::from_secs(60));
        }
        looping.join().expect("no panic").is(504, "");
    });
    gateway.logs(0, "the deadline limit stopped it");
    gateway.get("/grow").is(500, "");
    gateway.logs(0, "the memory limit stopped it");
    gateway.get("/grown").is(200, "x");
    gateway.get("/print").is(500, "");
    gateway.logs(0, "the output limit stopped it");
}

#[test]
fn the_servers_limits_are_those_of_modules_that_say_nothing() {
    let endless = guest(r#"(func (export "_start") (loop (br 0)))"#);
    let gateway = Gateway::with(
        &["--timeout", "500ms"],
        &module("/", "loop.wat", ""),
        &[("loop.wat", &endless)],
    );
    gateway.get("/").is(504, "");
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let gateway = Gateway::with(
        &["--max-body", "1000"],
        &module("/", "tell.wat", ""),
        &[("tell.wat", &tells())],
    );
    let (fits, large) = ("a".repeat(1000), "a".repeat(1001));
    assert_eq!(
        told(&gateway.curl(&["--data-binary", &fits], "/")).body,
        fits
    );
    assert_eq!(gateway.curl(&["--data-binary", &large], "/").status, 413);
    let chunked = [
        "--header",
        "Transfer-Encoding: chunked",
        "--data-binary",
        &large,
    ];
    assert_eq!(gateway.curl(&chunked, "/").status, 413);
    assert_eq!(
        told(&gateway.curl(&["--data-binary", &fits], "/")).body,
        fits
    );
}

#[test]
fn nothing_of_one_request_is_there_for_the_next() {
    let script = "import os, sys\n\
        print('Content-Type: text/plain\\n')\n\
        print(os.path.exists('/tmp/seen'), hasattr(sys, 'seen'), kv.get('seen'))\n\
        open('/tmp/seen', 'w').close(); sys.seen = 1; kv.set('seen', 1)\n";
    let gateway = Gateway::new(
        &module("/", "counts.py", "kv = true"),
        &[("counts.py", script)],
    );
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    gateway.get("/").is(200, "False False None\n");
                }
            });
        }
    });
}

#[test]
fn what_a_client_that_hung_up_asked_for_is_stopped() {
    let gateway = Gateway::with(
        &["--workers", "1"],
        &[
            module("/loop", "loop.wat", "timeout = 0"),
            module("/good", "good.wat", ""),
        ]
        .concat(),
        &[
            (
                "loop.wat",
                &guest(r#"(func (export "_start") (loop (br 0)))"#),
            ),
            ("good.wat", &prints(&plain("good"), "")),
        ],
    );
    let hangs_up = std::process::Command::new("curl")
        .args(["-s", "--max-time", "1", &format!("{}/loop", gateway.url)])
        .status()
        .expect("there is a curl");
    assert!(!hangs_up.success());
    // The only thread is free again.
    gateway.get("/good").is(200, "good");
}
