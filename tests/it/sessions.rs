//! Sessions: state that stays, errors, limits, interrupts, copies.

use crate::support::{Way, both_ways};
use dormouse::{ErrorKind, Language, Limit, Limits, Outcome, Sandbox, Session, Status};
use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

pub(crate) fn open(language: Language) -> Session {
    open_within(language, Limits::default())
}

fn open_within(language: Language, limits: Limits) -> Session {
    Sandbox::new(&Way::current().image(language))
        .limits(limits)
        .session()
        .expect("it opens")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs `code`, which must end well; what it prints.
#[track_caller]
pub(crate) fn run(session: &Session, code: &str) -> String {
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
pub(crate) fn fail(session: &Session, code: &str) -> (String, String) {
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

/// Runs `code` and interrupts it once it runs; again if it began only after that.
pub(crate) fn interrupt(session: &Session, code: &str) -> Outcome {
    let interrupter = session.interrupter();
    let (end, ended) = mpsc::channel::<()>();
    let started = Instant::now();
    let outcome = thread::scope(|scope| {
        scope.spawn(move || {
            let mut patience = Duration::from_millis(300);
            while ended.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout) {
                interrupter.interrupt();
                patience = Duration::from_secs(4);
            }
        });
        let outcome = session.run(code).expect("it runs");
        drop(end);
        outcome
    });
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "it went on: {code}"
    );
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

fn python_ends_pieces_well() {
    let session = open(Language::Python);
    let (stdout, error) = fail(&session, "print('first'); 1 / 0");
    assert_eq!(stdout, "first\n");
    assert_eq!(error, "ZeroDivisionError: division by zero");
    let (_, error) = fail(&session, "raise ValueError('test error')");
    assert_eq!(error, "ValueError: test error");
    assert_eq!(fail(&session, "if").1, "SyntaxError: invalid syntax");
    run(&session, "def f():\n    raise KeyError(1)");
    let outcome = session.run("f()").expect("it runs");
    let trace = text(&outcome.stderr);
    assert!(
        trace.contains("File \"<session 5>\", line 1, in <module>\n"),
        "{trace}"
    );
    assert!(
        trace.contains("File \"<session 4>\", line 2, in f\n"),
        "{trace}"
    );
    assert!(trace.contains("    raise KeyError(1)\n"), "{trace}");
    // Only what the piece itself writes is its output.
    assert_eq!(run(&session, "print(1)"), "1\n");
    let unended = "import sys; x = sys.stdout.write('no line end')";
    assert_eq!(run(&session, unended), "no line end");
    let exit = session
        .run("print('bye'); raise SystemExit(3)")
        .expect("it runs");
    assert_eq!(
        (exit.status, text(&exit.stdout)),
        (Status::Exit(3), "bye\n".to_owned())
    );
    is_over(&session, "session closed: its program exited with 3");
}

fn javascript_ends_pieces_well() {
    let session = open(Language::JavaScript);
    let (stdout, error) = fail(&session, "console.log('first'); null.x");
    assert_eq!(stdout, "first\n");
    assert_eq!(error, "TypeError: cannot read property 'x' of null");
    for (code, error) in [
        ("throw new RangeError('test')", "RangeError: test"),
        ("Promise.reject(new Error('late'))", "Error: late"),
        ("await Promise.reject(new Error('later'))", "Error: later"),
        ("throw 'text'", "Uncaught: 'text'"),
        ("if", "SyntaxError: Unexpected end of input"),
        // What a failed piece left to do is not done by the next one.
        (
            "setInterval(() => console.log('tick'), 1); throw new Error('x')",
            "Error: x",
        ),
    ] {
        assert_eq!(fail(&session, code).1, error, "{code}");
        assert_eq!(run(&session, "console.log(1)"), "1\n", "{code}");
    }
    let exit = "import('qjs:std').then((std) => std.exit(4))";
    let outcome = session.run(exit).expect("it runs");
    assert_eq!(outcome.status, Status::Exit(4));
    is_over(&session, "session closed: its program exited with 4");
}

both_ways!(python_ends_pieces_well, javascript_ends_pieces_well);

fn python_is_a_prompt() {
    let session = open(Language::Python);
    assert_eq!(show(&session, "1 + 1"), "2\n");
    assert_eq!(show(&session, "_ * 21"), "42\n");
    assert_eq!(show(&session, "None"), "");
    assert_eq!(show(&session, "x = 'a'"), "");
    assert_eq!(show(&session, "y = x\ny"), "'a'\n");
    assert_eq!(run(&session, "x"), "");
    let is_complete = |code| session.check_complete(code).expect("it is looked at");
    for code in [
        "def f():",
        "for x in y:",
        "x = (",
        "def f():\n    pass",
        "\"\"\"a",
    ] {
        assert!(!is_complete(code), "{code}");
    }
    for code in ["1", "def f():\n    pass\n", "1 +", "x = )", ""] {
        assert!(is_complete(code), "{code}");
    }
    run(
        &session,
        "import os\nclass Thing: size = 1\nthing = Thing()",
    );
    let complete = |text: &str| session.complete(text, text.len()).expect("names");
    let names = complete("print(os.pa");
    assert!(names.contains(&"os.path".to_owned()), "{names:?}");
    assert_eq!(complete("thing.s"), ["thing.size"]);
    assert_eq!(complete("thin"), ["thing"]);
    assert_eq!(complete("nothing.s"), Vec::<String>::new());
    assert_eq!(session.complete("thin.x", 4).expect("names"), ["thing"]);
}

fn javascript_is_a_prompt() {
    let session = open(Language::JavaScript);
    assert_eq!(show(&session, "1 + 1"), "2\n");
    assert_eq!(show(&session, "undefined"), "");
    assert_eq!(show(&session, "let x = { a: [1] }"), "");
    assert_eq!(show(&session, "x"), "{ a: [ 1 ] }\n");
    assert_eq!(show(&session, "await Promise.resolve(x.a[0])"), "1\n");
    assert_eq!(run(&session, "x"), "");
    let is_complete = |code| session.check_complete(code).expect("it is looked at");
    for code in [
        "function f() {",
        "f(",
        "`a",
        "[1,",
        "1 +",
        "await (",
        "/* a",
        "let x =",
    ] {
        assert!(!is_complete(code), "{code}");
    }
    for code in ["1", "}", "a b", "await 1", "'abc", ""] {
        assert!(is_complete(code), "{code}");
    }
    let complete = |text: &str| session.complete(text, text.len()).expect("names");
    run(&session, "const thing = { size: 1 }");
    assert_eq!(complete("f(thing.s"), ["thing.size"]);
    assert_eq!(complete("thin"), ["thing"]);
    assert_eq!(complete("console.lo"), ["console.log"]);
    assert_eq!(complete("nothing.s"), Vec::<String>::new());
}

both_ways!(python_is_a_prompt, javascript_is_a_prompt);

fn sessions_are_apart() {
    for (language, set, get, absent) in [
        (
            Language::Python,
            "x = 1; import sys; sys.mine = 2",
            "x, sys.mine",
            "NameError: name 'x' is not defined",
        ),
        (
            Language::JavaScript,
            "let x = 1; globalThis.mine = 2",
            "[x, mine]",
            "ReferenceError: x is not defined",
        ),
    ] {
        let (one, other) = (open(language), open(language));
        run(&one, set);
        run(&one, get);
        assert_eq!(fail(&other, "x").1, absent);
        one.close();
        is_over(&one, "session closed");
        one.close();
        // Nor does one that is opened after it see anything.
        assert_eq!(fail(&open(language), "x").1, absent);
    }
}

/// Programs of a language: one that prints, one that never ends, one that writes
/// for ever, one that fills its memory.
fn programs(language: Language) -> [&'static str; 4] {
    match language {
        Language::Python => [
            "print('before')",
            "print('before')\nwhile True: pass",
            "while True: print('x' * 1000)",
            "x = []\nwhile True: x.append(bytes(1 << 20))",
        ],
        _ => [
            "console.log('before')",
            "console.log('before'); for (;;);",
            "for (;;) console.log('x'.repeat(1000))",
            "let x = []; for (;;) x.push(new Uint8Array(1 << 20).fill(1))",
        ],
    }
}

fn a_limit_ends_one_session() {
    for &language in Language::ALL {
        let [prints, forever, writes, fills] = programs(language);
        let other = open(language);
        let session = open(language);
        run(&session, prints);
        let short = Limits {
            deadline: Some(Duration::from_millis(800)),
            ..Limits::default()
        };
        let outcome = session.run_with(forever, &short).expect("it runs");
        assert_eq!(outcome.status, Status::Limit(Limit::Deadline));
        assert_eq!(text(&outcome.stdout), "before\n");
        let started = Instant::now();
        is_over(
            &session,
            "session closed: the deadline limit ended it; open a new one",
        );
        assert!(started.elapsed() < Duration::from_secs(1));

        // Each piece has its own output.
        let limits = Limits {
            output: Some(10),
            ..Limits::default()
        };
        let session = open_within(language, limits);
        for _ in 0..3 {
            assert_eq!(run(&session, prints), "before\n");
        }
        let outcome = session.run(writes).expect("it runs");
        assert_eq!(outcome.status, Status::Limit(Limit::Output));
        assert_eq!((outcome.stdout.len(), outcome.truncated), (10, true));
        is_over(
            &session,
            "session closed: the output limit ended it; open a new one",
        );

        // What a guest does that gets no more memory is its own affair.
        let limits = Limits {
            memory: 64 << 20,
            ..Limits::default()
        };
        let outcome = open_within(language, limits).run(fills).expect("it runs");
        assert!(outcome.memory_refused);
        assert_eq!(run(&other, prints), "before\n");
    }
}

both_ways!(sessions_are_apart, a_limit_ends_one_session);

#[test]
fn many_at_once() {
    let python = Way::Woken.image(Language::Python);
    let javascript = Way::Woken.image(Language::JavaScript);
    thread::scope(|scope| {
        for number in 0..20 {
            let (image, code) = match number % 2 {
                0 => (&python, "print(x * 2)"),
                _ => (&javascript, "console.log(x * 2)"),
            };
            scope.spawn(move || {
                let session = Sandbox::new(image).session().expect("it opens");
                run(&session, &format!("x = {number}"));
                for _ in 0..3 {
                    assert_eq!(run(&session, code), format!("{}\n", number * 2));
                }
            });
        }
    });
}

#[test]
fn a_busy_session_refuses() {
    let session = open(Language::Python);
    run(&session, "import time");
    thread::scope(|scope| {
        let running = scope.spawn(|| session.run("time.sleep(20)"));
        thread::sleep(Duration::from_millis(500));
        let error = session.run("1").expect_err("it is busy");
        assert_eq!(error.kind(), ErrorKind::SessionBusy);
        assert!(error.to_string().starts_with("session busy"), "{error}");
        assert!(session.fork().is_err());
        // Closing ends what runs.
        let started = Instant::now();
        session.close();
        let ran = running.join().expect("no panic");
        assert_eq!(
            ran.expect_err("it was closed").kind(),
            ErrorKind::SessionClosed
        );
        assert!(started.elapsed() < Duration::from_secs(10));
    });
    is_over(&session, "session closed");
}

#[test]
fn a_module_has_no_sessions() {
    let wasm = b"(module (func (export \"_start\")))";
    let image = dormouse::Image::wasm("m", wasm).expect("a module");
    let error = Sandbox::new(&image).session().expect_err("there is none");
    assert_eq!(error.kind(), ErrorKind::Invoke);
}
