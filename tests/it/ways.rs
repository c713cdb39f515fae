//! A language woken from its image and one started plainly: nothing but the
//! time it takes tells one from the other.

use crate::support::{
    Ran, Way, both_ways, command, dormouse, run, run_with_input, without_addresses,
};
use dormouse::{Language, Limit, Limits, Outcome, Program, Sandbox, Status};
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    time::Duration,
};

both_ways! {
    prompts_are_answered,
    a_deadline_ends_what_was_never_run_before,
    output_to_nobody_is_an_error_of_the_program,
}

/// What `run` gives must be the same in both ways.
#[track_caller]
fn either_way(run: impl Fn() -> Ran) -> Ran {
    let [woken, plain] = [Way::Woken, Way::Plain].map(|way| way.with(&run));
    let both = format!("woken: {}\nplain: {}", woken.stderr, plain.stderr);
    assert_eq!(woken.status, plain.status, "{both}");
    for (woken, plain) in [
        (woken.text(), plain.text()),
        (woken.stderr.clone(), plain.stderr),
    ] {
        assert_eq!(
            without_addresses(&woken),
            without_addresses(&plain),
            "{both}"
        );
    }
    woken
}

/// Runs code of `language`, with both streams in order.
#[track_caller]
fn same(language: Language, options: &[&str], code: &str) -> Ran {
    let words = [&["run"], options, &["-l", language.name(), "-c", code]].concat();
    either_way(|| dormouse(&words))
}

#[test]
fn python_programs_of_every_kind() {
    for program in [
        "import sys; print(sys.argv, sys.orig_argv, sys.flags, sys.path, sys.executable, sys.warnoptions)",
        "import sys; print(sorted(sys.modules), sys.meta_path[1:-1], list(sys.path_hooks))",
        "print(sorted(globals()), __builtins__, __spec__, __loader__)",
        "import sys, os, gc, threading; print(os.environ, gc.get_threshold(), gc.isenabled(), threading.enumerate(), \
            sys.getrecursionlimit(), sys.getswitchinterval())",
        "import sys; print([(s.encoding, s.errors, s.line_buffering, s.mode, s.fileno(), s.name) for s in (sys.stdin, sys.stdout, sys.stderr)])",
        "import os; print([fd for fd in range(20) if os.path.exists(f'/dev/fd/{fd}')], os.open('/tmp/x', os.O_CREAT))",
        "import json, random, re, logging, asyncio; print(json, random, re.match('a', 'a'), logging.root, asyncio.run)",
        "import sys, json; del sys.modules['json']; import json; print(json.dumps([1]))",
        "import warnings; warnings.warn('careful'); print(warnings.filters)",
        "import locale, time; print(locale.getlocale(), time.tzname, time.timezone, locale.getpreferredencoding())",
        "import signal; print(signal.getsignal(signal.SIGINT))",
        "import gc, collections; print(len(gc.garbage), gc.callbacks); class_ = type('C', (), {}); print(class_.__mro__)",
        "import decimal, contextvars; print(decimal.getcontext(), list(contextvars.copy_context()))",
        "import random; random.seed(1); print(random.random(), random.getstate()[0])",
        "import sqlite3, email, html.parser, xml.etree.ElementTree as e; print(e.fromstring('<a/>'), sqlite3.sqlite_version)",
        "import dataclasses, typing, enum\n@dataclasses.dataclass\nclass A: x: int = 1\nprint(A(), typing.get_type_hints(A), enum.Enum('E', 'a b').a)",
        "def f(): f()\nf()",
        "raise ExceptionGroup('g', [ValueError(1), KeyError('k')])",
        "import asyncio\nasync def f(): 1/0\nasyncio.run(f())",
        "x = [[] for _ in range(10**5)]; x = None; print(bytes(3 << 20)[:1])",
        "'x' * (1 << 40)",
        "import sys; sys.stdout.buffer.write(bytes(range(256))); sys.stderr.write('end')",
        "exit(3)",
        "quit()",
        "print(open(0).read(), input)",
        "import this",
        "help(len)",
        "import inspect\ndef f(): pass\nprint(inspect.getsource(f), inspect.stack()[0].filename)",
        "import traceback; traceback.print_stack()",
    ] {
        same(Language::Python, &[], program);
    }
}

#[test]
fn javascript_programs_of_every_kind() {
    for program in [
        "print(Object.getOwnPropertyNames(globalThis).sort().join())",
        "print(scriptArgs, typeof scriptArgs, JSON.stringify(Object.getOwnPropertyDescriptor(globalThis, 'scriptArgs')))",
        "console.log(globalThis, std, os, console)",
        "console.log(new Error('x').stack, new Map([[1, {a: [1, 2]}]]), Symbol('s'), 10n ** 30n)",
        "console.log(Object.getOwnPropertyNames(Math).join(), Object.getOwnPropertyNames(Array.prototype).join())",
        "new Date(0).toString() + new Date(0).toLocaleString() + Intl",
        "console.log(new Date(0).toString(), new Date(1e12).toLocaleString(), new Date(2024, 0).getTimezoneOffset())",
        "null.x",
        "(function f() { f() })()",
        "async function f() { throw new TypeError('x') }; f()",
        "Promise.reject(1)",
        "setTimeout(() => print('later'), 2); setTimeout(() => print('sooner'), 1); queueMicrotask(() => print('first'))",
        "import * as s from 'std'; import 'os'; print(Object.keys(s).sort())",
        "await import('nowhere')",
        "print(std.evalScript('1 + 1'), structuredClone({a: new Date(0)}), new URL('http://a/b?c#d').href)",
        "print(Function('return this')() === globalThis, eval('var q = 1; q'), [.../(a)(?<n>b)/v.exec('ab')])",
        "print(std.in.getline(), std.in.eof())",
        "std.exit(300)",
        "'x'.repeat(2 ** 31)",
        "let a = []; for (let i = 0; i < 1e5; i++) a.push({i}); a = null; std.gc(); print('done')",
        "label: for (;;) { break label }; with ({a: 1}) print(a)",
        "'use strict'; undefinedVariable",
    ] {
        same(Language::JavaScript, &[], program);
    }
}

/// In a trapped run the second run, which finds the function, is of the guest
/// itself: its function is named, not one of the image's.
#[test]
fn a_trap_is_in_the_guests_own_function() {
    let deep = "import itertools\nm = iter([1])\n\
        for i in range(60_000): m = itertools.chain(m)\nprint(next(m))";
    same(Language::Python, &["--timeout", "0"], deep)
        .exits(134)
        .says(&["call stack exhausted", "in function "]);
}

/// Bytes of memory that an image of `language` has.
fn memory_of_image(language: Language) -> u64 {
    let image = crate::fresh::image(language);
    let shown = dormouse(["inspect", "--json", image.to_str().expect("UTF-8")]);
    let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let pages = shown["manifest"]["memories"][0]["pages"].as_u64();
    pages.expect("a number") << 16
}

/// A limit below what the image has is no reason to fail: plainly, a language
/// may need less.
#[test]
fn a_small_memory_limit_is_kept() {
    for (language, program, full) in [
        (
            Language::Python,
            "print(1)",
            "x = []\nwhile True: x.append(bytes(1000))",
        ),
        (
            Language::JavaScript,
            "print(1)",
            "const x = []; for (;;) x.push({})",
        ),
    ] {
        let size = memory_of_image(language);
        for below in [1, size / 2, size - (200 << 10)] {
            let limit = format!("{}b", size - below);
            let options = ["--memory", &limit];
            same(language, &options, program);
            let image = Way::Woken.image(language);
            let outcome = library(&image, size - below, Duration::from_secs(60), program);
            let plainly = Way::Plain.image(language);
            let plainly = library(&plainly, size - below, Duration::from_secs(60), program);
            assert_eq!(outcome.status, plainly.status, "{below} bytes less");
        }
        let limit = format!("{}b", size - 1);
        same(language, &["--memory", &limit], program).exits(0);
        for limit in [size, size + (1 << 20), size + (20 << 20)] {
            let limit = format!("{limit}b");
            let ran = dormouse(["--memory", &limit, "-l", language.name(), "-c", full]);
            ran.exits(1).says(&["emory", "refused memory beyond"]);
        }
    }
}

fn library(image: &dormouse::Image, memory: u64, deadline: Duration, program: &str) -> Outcome {
    let limits = Limits {
        memory,
        deadline: Some(deadline),
        ..Limits::default()
    };
    Sandbox::new(image)
        .limits(limits)
        .run(Program::code(program))
        .expect("it runs")
}

/// Code that an image keeps apart is loaded within the deadline.
fn a_deadline_ends_what_was_never_run_before() {
    let python = "import sqlite3, time, unicodedata
db = sqlite3.connect(':memory:')
while True: db.execute('select 1'), complex(1, 2) ** 0.5, unicodedata.name('a'), time.strftime('%c')";
    let javascript = "for (;;) new Intl2(1)";
    let javascript = javascript.replace(
        "new Intl2(1)",
        "try { new RegExp('[\\\\p{L}--a]', 'v').exec('b'); BigInt.asUintN(9, 5n ** 77n); Atomics } catch {}",
    );
    for (language, program) in [
        (Language::Python, python),
        (Language::JavaScript, &*javascript),
    ] {
        let image = Way::current().image(language);
        for milliseconds in [1, 20, 1500] {
            let deadline = Duration::from_millis(milliseconds);
            let outcome = library(&image, 256 << 20, deadline, program);
            let status = outcome.status;
            assert_eq!(status, Status::Limit(Limit::Deadline), "{milliseconds} ms");
            let option = format!("{milliseconds}ms");
            let words = ["--timeout", &option, "-l", language.name(), "-c", program];
            dormouse(words).exits(124).says(&["deadline limit of"]);
        }
    }
}

/// The same program burns the same in every run, whatever of its image's code
/// was loaded before. (It burns less than if it had been started plainly.)
#[test]
fn waking_burns_no_fuel() {
    for (language, program) in [
        (
            Language::Python,
            "import sqlite3; print(sqlite3.connect(':memory:').execute('select 1').fetchall())",
        ),
        (
            Language::JavaScript,
            "print(structuredClone(new Map([[1, new Date(5)]])))",
        ),
    ] {
        let burnt = |image: &dormouse::Image| {
            let limits = Limits {
                fuel: Some(1 << 40),
                ..Limits::default()
            };
            let sandbox = Sandbox::new(image).limits(limits);
            let outcome = sandbox.run(Program::code(program)).expect("it runs");
            assert_eq!(outcome.status, Status::Exit(0), "{outcome:?}");
            outcome.fuel_used.expect("it is limited")
        };
        let image = Way::Woken.image(language);
        let first = burnt(&image);
        assert_eq!(first, burnt(&image));
        assert_eq!(first, burnt(&Way::Woken.image(language)));
        assert!(first < burnt(&Way::Plain.image(language)) / 2, "{first}");
    }
}

fn spawned(words: &[&str]) -> Child {
    let mut command: Command = command();
    command
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts")
}

fn prompts_are_answered() {
    let python = "name = input('name?\\n')\nprint('hello', name, flush=True)\nprint(repr(input()))";
    let javascript = "print('name?'); std.out.flush(); print('hello', std.in.getline()); std.out.flush(); \
        print(`'${std.in.getline()}'`)";
    for (language, program) in [("python", python), ("js", javascript)] {
        let mut child = spawned(&["-l", language, "-c", program]);
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut line = || lines.next().expect("a line").expect("text");
        assert_eq!(line(), "name?");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all("wörld\n".as_bytes()).expect("it reads");
        assert_eq!(line(), "hello wörld");
        stdin.write_all(b"rest").expect("it reads");
        drop(stdin);
        assert_eq!(line(), "'rest'");
        assert!(child.wait().expect("it ends").success());
    }
}

fn output_to_nobody_is_an_error_of_the_program() {
    let python = "while True: print('x' * 1000)";
    // It goes on as elsewhere, if it does not look.
    let javascript = "while (!std.out.error()) print('x'.repeat(1000)); throw 'nobody'";
    for (language, program, code, says) in [
        ("python", python, 120, "BrokenPipeError"),
        ("js", javascript, 1, "nobody"),
    ] {
        let mut child = spawned(&["-l", language, "-c", program]);
        let mut stdout = child.stdout.take().expect("piped");
        let mut some = [0; 10];
        stdout.read_exact(&mut some).expect("it writes");
        drop(stdout);
        let output = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}

/// `dormouse … >&-`.
#[cfg(unix)]
#[test]
fn streams_that_are_closed_from_the_beginning() {
    for (language, program) in [
        (
            "python",
            "import sys; print('out', sys.stdin, flush=True); print(sys.stdin.read())",
        ),
        (
            "js",
            "print('out'); std.out.flush(); print(std.in.readAsString())",
        ),
    ] {
        for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full"] {
            either_way(|| {
                let command = command();
                let mut shell = Command::new("sh");
                shell
                    .arg("-c")
                    .arg(format!("exec \"$@\" {closed}"))
                    .arg("sh");
                shell.arg(command.get_program()).args(command.get_args());
                for (name, value) in command.get_envs() {
                    shell.env(name, value.expect("it is set"));
                }
                run(shell
                    .args(["-l", language, "-c", program])
                    .stdin(Stdio::null()))
            });
        }
    }
}

#[test]
fn code_and_data_on_stdin() {
    for (language, program) in [
        (
            "python",
            "import sys\nprint(__file__, sys.argv, sys.stdin.read())\n1/0",
        ),
        ("js", "print(scriptArgs, std.in.readAsString()); null.x"),
    ] {
        let words = ["-l", language, "-", "a", "b"];
        either_way(|| run_with_input(command().args(words), program.as_bytes()))
            .exits(1)
            .says(&["<stdin>"]);
    }
    let big: Vec<u8> = (0..2_000_000_u32).map(|at| (at % 251) as u8).collect();
    let python = "import hashlib, sys; print(hashlib.sha1(sys.stdin.buffer.read()).hexdigest())";
    let javascript = "let s = 0, n = 0, b = new Uint8Array(5000), k; \
        while ((k = std.in.read(b.buffer, 0, 5000)) > 0) { n += k; for (let i = 0; i < k; i++) s = (s * 31 + b[i]) | 0 } print(n, s)";
    for (language, program) in [("python", python), ("js", javascript)] {
        let words = ["-l", language, "-c", program];
        either_way(|| run_with_input(command().args(words), &big)).exits(0);
    }
}
