//! A deadline ends whatever a woken language does, and the process goes on.

use crate::support::{self, Way};
use dormouse::{Image, Language, Limit, Limits, Program, Sandbox, Status};
use std::time::{Duration, Instant};

const PYTHON: &[(&str, &str)] = &[
    ("a loop", "while True: pass"),
    (
        "a loop that catches",
        "while True:\n try:\n  while True: pass\n except BaseException: pass",
    ),
    ("a long power", "x = 7 ** (7 ** 9)"),
    (
        "a hopeless pattern",
        "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
    ),
    (
        "a search",
        "x = 'a' * 9_000_000; (x + 'b') in (x * 2) or [x.find('a' * 4_000_000 + 'b') for _ in range(10**9)]",
    ),
    (
        "calls that call twice",
        "def f(n): return n and f(n - 1) + f(n - 1)\nf(200)",
    ),
    (
        "an endless iterator",
        "import itertools; sum(itertools.repeat(1))",
    ),
    (
        "endless text",
        "import itertools; any(map(str, itertools.repeat(None))) and all(itertools.repeat(1))",
    ),
    ("copies", "x = bytearray(9_000_000)\nwhile True: x[:] = x"),
    (
        "what the host draws",
        "import os\nwhile True: os.urandom(9_000_000)",
    ),
    ("short copies", "x = bytearray(4000)\nwhile True: x[:] = x"),
    (
        "a jump that crafted code makes to itself",
        "import opcode\ndef f(): pass\njump = bytes([opcode.opmap['JUMP_BACKWARD'], 1])\n\
         f.__code__ = f.__code__.replace(co_code=bytes([opcode.opmap['RESUME'], 0]) + jump)\nf()",
    ),
    (
        "code without a jump, again and again",
        "def f(): pass\nbody = f.__code__.co_code\n\
         f.__code__ = f.__code__.replace(co_code=body[:2] + bytes([9, 0]) * 2_000_000 + body[2:])\n\
         while True: f()",
    ),
    (
        "generators in generators",
        "def g(n):\n while True:\n  yield from g(n - 1) if n else range(3)\nfor x in g(100): pass",
    ),
    (
        "sorting",
        "x = list(range(9, 0, -1))\nwhile True: sorted(x * 1000, key=lambda n: -n)",
    ),
    ("products of text", "while True: 'ab' * 500_000"),
    (
        "what deletes itself",
        "class A:\n def __del__(self): A()\nA()\nwhile True: A()",
    ),
    (
        "an endless map",
        "import itertools, collections; collections.deque(map(abs, itertools.count()), 0)",
    ),
    (
        "a comparison of itself",
        "x = []; y = []\nfor _ in range(90): x = [x, x]; y = [y, y]\nx == y",
    ),
];

const JAVASCRIPT: &[(&str, &str)] = &[
    ("a loop", "for (;;);"),
    (
        "a loop that catches",
        "for (;;) try { for (;;); } catch { } finally { continue }",
    ),
    ("a long power", "7n ** (7n ** 8n)"),
    ("a hopeless pattern", "/^(a+)+$/.test('a'.repeat(60) + 'b')"),
    (
        "calls that call twice",
        "const f = (n) => n && f(n - 1) + f(n - 1); f(200)",
    ),
    (
        "an array of nothing",
        "Array.prototype.indexOf.call({ length: 2 ** 52 }, 1)",
    ),
    ("filling", "for (;;) new Array(1e5).fill(0)"),
    ("jobs", "const f = () => Promise.resolve().then(f); f()"),
    (
        "copies",
        "const x = new Uint8Array(9e6); for (;;) x.copyWithin(1, 0)",
    ),
    ("a loop that counts", "let x = 0; while (true) x++"),
    (
        "a loop that decides last",
        "let x = 0; do { x ^= 1 } while (x < 2)",
    ),
    (
        "labels",
        "a: for (;;) { b: for (;;) { for (;;) { if (Math.random() < 0.5) continue a; continue b } } }",
    ),
    (
        "a choice",
        "let x = 0; for (;;) switch (x) { case 0: x = 1; continue; default: x = 0 }",
    ),
    (
        "calls that catch",
        "function f() { try { f(); f() } catch { f() } finally { try { f() } catch { } } } for (;;) try { f() } catch { }",
    ),
    (
        "errors",
        "for (;;) { try { try { throw 1 } finally { null.x } } catch { continue } finally { [].x } }",
    ),
    (
        "a generator",
        "function* g() { for (;;) try { yield 1 } finally { continue } } for (const x of g());",
    ),
    (
        "generators that delegate",
        "function* g() { yield 1; yield* g() } for (const x of g());",
    ),
    (
        "an endless spread",
        "[...{ [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) }]",
    ),
    (
        "an endless rest",
        "const [x, ...y] = { [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) }",
    ),
    (
        "asynchronous loops",
        "(async () => { for (;;) await null })()",
    ),
    (
        "asynchronous generators",
        "(async () => { async function* g() { for (;;) yield 1 } for await (const x of g()); })()",
    ),
    (
        "a getter that calls itself",
        "const o = { get x() { try { return this.x } catch { return this.x } } }; for (;;) try { o.x } catch { }",
    ),
    (
        "a proxy",
        "const p = new Proxy({}, { get: (t, k, r) => 1, has: () => true }); for (let i = 0; 'x' in p; i += p.x);",
    ),
    (
        "a sort that calls",
        "for (;;) [3, 2, 1].sort(() => { for (;;); })",
    ),
    (
        "a sort of much",
        "const a = Array.from({ length: 1e5 }, (_, i) => i); for (;;) a.sort((x, y) => (x * 7919) % 101 - y % 97)",
    ),
    (
        "a constructor",
        "class A { constructor(n) { if (n) { new A(n - 1); new A(n - 1) } } } new A(200)",
    ),
    (
        "tail calls",
        "'use strict'; const f = (n) => g(n), g = (n) => { for (;;) try { return f(n) } catch { } }; f(1)",
    ),
    (
        "conversions",
        "const o = { valueOf() { return this.n ^= 1 }, n: 0 }; while (o < 2);",
    ),
    (
        "code that is long",
        "const f = new Function('let x = 0;' + 'x = x + 1 | 0;'.repeat(20000)); for (;;) f()",
    ),
    (
        "a loop that is long",
        "new Function('let x = 0; for (;;) {' + 'x = x + 1 | 0;'.repeat(20000) + '}')()",
    ),
    (
        "code that is long and goes on",
        "const f = new Function('return function* () { let x = 0; for (;;) {' + 'x = x + 1 | 0;'.repeat(20000) + 'yield x } }')(); for (const x of f());",
    ),
    (
        "long code in eval",
        "const text = 'for (let i = 0; i < 1e9; i++) {' + '0;'.repeat(30000) + '}'; eval(text)",
    ),
    (
        "long chains",
        "let o = {}; for (let i = 0; i < 2e4; i++) o = Object.create(o); const f = new Function('o', 'o.x;'.repeat(200)); for (;;) f(o)",
    ),
    (
        "with",
        "const o = { x: 0 }; with (o) { for (;;) x = x + 1 | 0 }",
    ),
    (
        "names",
        "const o = { a: 1, b: 2 }; for (;;) for (const k in o) { if (k) continue; }",
    ),
    (
        "a pattern with a tag",
        "const t = (s, ...x) => new RegExp(s.raw[0] + x[0]); for (;;) t`(x+x+)+${'y$'}`.test('x'.repeat(40))",
    ),
];

fn run(image: &Image, program: &str, deadline: Duration) -> Status {
    let limits = Limits {
        deadline: Some(deadline),
        ..Limits::default()
    };
    let sandbox = Sandbox::new(image).limits(limits);
    sandbox.run(Program::code(program)).expect("it runs").status
}

fn all_end(language: Language, programs: &[(&str, &str)]) {
    let image = Way::Woken.image(language);
    let fine = "print(1)";
    let hour = Duration::from_secs(3600);
    assert_eq!(run(&image, fine, hour), Status::Exit(0));
    for (what, program) in programs {
        let started = Instant::now();
        let status = run(&image, program, Duration::from_millis(200));
        assert_eq!(status, Status::Limit(Limit::Deadline), "{what}");
        // It is far less, but on a busy machine.
        assert!(started.elapsed() < Duration::from_secs(20), "{what}");
        assert_eq!(run(&image, fine, hour), Status::Exit(0), "after {what}");
    }
}

#[test]
fn python_ends_at_its_deadline() {
    all_end(Language::Python, PYTHON);
}

#[test]
fn javascript_ends_at_its_deadline() {
    all_end(Language::JavaScript, JAVASCRIPT);
}

/// The image for runs with a deadline is one of its own, made when that is asked
/// for, and kept.
#[test]
fn an_image_for_deadlines_is_kept() {
    let images = || {
        let folder = support::CACHE.join("images");
        let entries = std::fs::read_dir(folder).expect("a folder");
        let names = entries.map(|entry| entry.expect("a file").file_name());
        names
            .filter_map(|name| name.into_string().ok())
            .filter(|name| name.starts_with("javascript-") && name.ends_with(".dormouse"))
            .collect::<std::collections::BTreeSet<_>>()
    };
    let image = Way::Woken.image(Language::JavaScript);
    let minute = Duration::from_secs(60);
    image
        .prepare_for_deadlines(&mut |_| {})
        .expect("it is made");
    let kept = images();
    assert!(kept.len() >= 2, "{kept:?}");
    let mut progress = 0;
    let ready = image.prepare_for_deadlines(&mut |_| progress += 1);
    ready.expect("it is made");
    assert_eq!(progress, 0);
    assert_eq!(run(&image, "print(1)", minute), Status::Exit(0));
    assert_eq!(images(), kept);
    let again = Way::Woken.image(Language::JavaScript);
    assert_eq!(run(&again, "print(1)", minute), Status::Exit(0));
    assert_eq!(images(), kept);
}

#[test]
fn what_the_host_does_for_a_module_counts() {
    let image = Image::wasm(
        "draw.wat",
        br#"(module
            (import "wasi_snapshot_preview1" "random_get"
                (func $random (param i32 i32) (result i32)))
            (memory (export "memory") 256)
            (func (export "_start")
                (loop (drop (call $random (i32.const 0) (i32.const 16000000))) (br 0))))"#,
    );
    let limits = Limits {
        deadline: Some(Duration::from_millis(100)),
        ..Limits::default()
    };
    let begun = Instant::now();
    let sandbox = Sandbox::new(&image.expect("a module")).limits(limits);
    let outcome = sandbox.run(Program::start("draw")).expect("it runs");
    assert_eq!(outcome.status, Status::Limit(Limit::Deadline));
    assert!(begun.elapsed() < Duration::from_secs(10));
}
