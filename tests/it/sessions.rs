//! Sessions: state that stays, errors, limits, interrupts, copies.

use crate::support::{Way, both_ways};
use dormouse::{ErrorKind, Language, Limit, Limits, Outcome, Sandbox, Session, Status};
use std::{
    thread,
    time::{Duration, Instant},
};

fn open(language: Language) -> Session {
    open_within(language, Limits::default())
}

fn open_within(language: Language, limits: Limits) -> Session {
    Sandbox::new(&Way::current().image(language))
        .limits(limits)
        .session()
        .expect("it opens")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `code`, which must end well; what it prints.
#[track_caller]
fn run(session: &Session, code: &str) -> String {
    printed(session.run(code).expect("it runs"))
}

/// The same as at a prompt.
#[track_caller]
fn show(session: &Session, code: &str) -> String {
    printed(session.run_repl(code).expect("it runs"))
}

#[track_caller]
fn printed(outcome: Outcome) -> String {
    let stderr = text(&outcome.stderr);
    assert_eq!(outcome.status, Status::Exit(0), "{stderr}");
    assert_eq!((outcome.error, stderr), (None, String::new()));
    text(&outcome.stdout)
}

/// Runs `code`, which must fail; its stdout and its error.
#[track_caller]
fn fail(session: &Session, code: &str) -> (String, String) {
    let outcome = session.run(code).expect("it runs");
    assert_eq!(outcome.status, Status::Exit(1));
    let error = outcome.error.expect("an error").to_string();
    (text(&outcome.stdout), error)
}

#[track_caller]
fn is_over(session: &Session, why: &str) {
    let error = session.run("1").expect_err("it is over");
    assert_eq!(error.kind(), ErrorKind::SessionClosed);
    assert_eq!(error.to_string(), why);
    assert!(!session.is_open());
}

fn python_keeps_its_state() {
    let session = open(Language::Python);
    assert_eq!(run(&session, "x = 6\nimport json"), "");
    assert_eq!(run(&session, "def f(y):\n    return x * y"), "");
    assert_eq!(run(&session, "print(f(7), json.dumps([x]))"), "42 [6]\n");
    assert_eq!(
        run(&session, "print(__name__, 'boot' in dir())"),
        "__main__ False\n"
    );
    assert_eq!(run(&session, "import asyncio\nasync def g(): return 1"), "");
    for _ in 0..2 {
        assert_eq!(run(&session, "print(asyncio.run(g()))"), "1\n");
    }
}

fn javascript_keeps_its_state() {
    let session = open(Language::JavaScript);
    assert_eq!(run(&session, "let x = 6; const y = 7; var z = 1"), "");
    assert_eq!(
        run(&session, "function f() { return x * y } class C {}"),
        ""
    );
    assert_eq!(
        run(&session, "console.log(f(), z, typeof C)"),
        "42 1 function\n"
    );
    assert_eq!(
        run(
            &session,
            "let late = await new Promise((r) => setTimeout(r, 5, 1))"
        ),
        ""
    );
    assert_eq!(
        run(&session, "setTimeout(() => console.log(late), 5)"),
        "1\n"
    );
    assert_eq!(run(&session, "const std = await import('qjs:std')"), "");
    assert_eq!(run(&session, "console.log(typeof std.open)"), "function\n");
}

both_ways!(python_keeps_its_state, javascript_keeps_its_state);

/// Runs `code` and interrupts it once it runs.
fn interrupt(session: &Session, code: &str) -> Outcome {
    let interrupter = session.interrupter();
    let started = Instant::now();
    let outcome = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(300));
            interrupter.interrupt();
        });
        session.run(code).expect("it runs")
    });
    assert!(started.elapsed() < Duration::from_secs(15), "it went on");
    outcome
}

fn python_is_interrupted() {
    let session = open(Language::Python);
    run(&session, "import time\nx = 1");
    for code in [
        "while True: pass",
        "time.sleep(20)",
        "sum(i for i in iter(int, 1))",
        "def f():\n  while True:\n    for i in range(10): str(i).upper()\nf()",
    ] {
        let outcome = interrupt(&session, code);
        assert_eq!(outcome.status, Status::Exit(1));
        let error = outcome.error.expect("an error").to_string();
        assert_eq!(error, "KeyboardInterrupt", "{code}");
        assert_eq!(run(&session, "print(x)"), "1\n");
    }
    let caught = "try:\n  time.sleep(20)\nexcept KeyboardInterrupt:\n  print('caught')";
    assert_eq!(printed(interrupt(&session, caught)), "caught\n");
    // Nothing runs: nothing is to be interrupted.
    session.interrupter().interrupt();
    assert_eq!(run(&session, "for i in range(10**5): pass"), "");
}

fn javascript_is_interrupted() {
    let session = open(Language::JavaScript);
    run(&session, "let x = 1");
    for code in [
        "for (;;);",
        "try { for (;;); } catch {}",
        "setTimeout(() => 0, 20000)",
        "setInterval(() => 0, 1)",
        "await new Promise((r) => setTimeout(r, 20000))",
        "(function f() { return new Promise((r) => r()).then(f) })()",
    ] {
        let outcome = interrupt(&session, code);
        assert_eq!(outcome.status, Status::Exit(1), "{code}");
        let error = outcome.error.expect("an error").to_string();
        assert_eq!(error, "InternalError: interrupted", "{code}");
        assert_eq!(run(&session, "console.log(x)"), "1\n", "{code}");
    }
    session.interrupter().interrupt();
    assert_eq!(run(&session, "for (let i = 0; i < 1e5; i++);"), "");
}

both_ways!(python_is_interrupted, javascript_is_interrupted);
