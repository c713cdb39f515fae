//! Copies of a prepared engine run programs as the original does.

use super::{
    super::Engine,
    harness::{Given, captured, fresh, guest, run_plainly, run_woken, woken},
};
use crate::{
    Program,
    grants::{Mount, MountMode},
};
use serde_json::{Value, json};

fn code(source: &str) -> Given {
    Given {
        program: Some(Program::code(source)),
        ..Given::default()
    }
}

fn script(name: &str, source: &str) -> Given {
    Given {
        program: Some(Program::script(name, source)),
        ..Given::default()
    }
}

/// Programs without input, and a word that each one's output or error has.
pub(super) const PROGRAMS: &[(&str, &str)] = &[
    ("console.log(1)", "1\n"),
    (
        "console.log('ü', [1, { a: new Map([[1, 2]]) }], null, undefined, -0, 5n, Symbol('s'))",
        "Map(1)",
    ),
    (
        "for (const x of [-0, 0.5, 1e21, NaN, -7, true, null, undefined, 'a\\nb', '', 2n ** 70n]) console.log(x)",
        "-0\n0.5\n1e+21\nNaN\n-7\ntrue\nnull\nundefined\na\nb\n\n1180591620717411303424n\n",
    ),
    (
        "console.log(`${'ü'}x${1}`.repeat(2)); console.info(''.concat('r', 'ope'))",
        "üx1üx1\nrope\n",
    ),
    (
        "const i = setImmediate(print, 'never'); const t = setTimeout(print, 1e9); clearTimeout(t); clearImmediate(i); clearImmediate(i)",
        "",
    ),
    ("console.error('%s is %d', 'x', 4); print(1, 2)", "x is 4"),
    (
        "const o = { a: 1, b: [2, 3] }; const { a, b: [c, ...d] } = o; print(`${a} ${c} ${d}`)",
        "1 2 3",
    ),
    (
        "class A { #x = 1; get x() { return this.#x; } static { print('s'); } } class B extends A {} print(new B().x)",
        "s\n1",
    ),
    (
        "try { null.f } catch (e) { print(e.name, e.stack.includes('-c:1:')) }",
        "TypeError true",
    ),
    (
        "print(JSON.stringify(JSON.parse('{\"a\":[1,2,{\"b\":null}]}'), null, 1))",
        "\"b\": null",
    ),
    (
        "Promise.resolve(1).then((x) => print('then', x)); print('first')",
        "first\nthen 1",
    ),
    (
        "print(await new Promise((r) => setTimeout(() => r('late'), 1)))",
        "late",
    ),
    (
        "for await (const x of (async function* () { yield 1; yield 2; })()) print(x)",
        "1\n2",
    ),
    (
        "import * as std from 'std'; import { platform } from 'os'; std.out.puts(platform)",
        "wasi",
    ),
    (
        "import os from 'qjs:os'; const { exit } = await import('std'); print(typeof os.now()); exit(3)",
        "number",
    ),
    (
        "const t = setInterval(() => { print('tick'); if (++n === 3) clearInterval(t) }, 1); let n = 0",
        "tick\ntick\ntick",
    ),
    (
        "setImmediate(print, 'i'); setTimeout(print, 300, 't'); queueMicrotask(() => print('m'))",
        "m\n",
    ),
    (
        "print(setTimeout(() => {}, 0), setImmediate(() => {}))",
        "1 2",
    ),
    ("function f() { null.x }\n\nf()", "Uncaught TypeError"),
    ("throw 42", "Uncaught 42"),
    (
        "throw Object.assign(new RangeError('r'), { cause: new Error('c') })",
        "RangeError: r",
    ),
    (
        "setTimeout(function later() { throw new Error('boo') })",
        "at later (-c:1:",
    ),
    (
        "Promise.reject(new TypeError('no')); print('first')",
        "Uncaught (in promise) TypeError: no",
    ),
    (
        "const p = Promise.reject(1); queueMicrotask(() => p.catch(() => print('handled')))",
        "handled",
    ),
    (
        "await Promise.reject(new Error('top'))",
        "Uncaught Error: top",
    ),
    ("await new Promise(() => {})", "nothing will settle"),
    ("let x = ;", "SyntaxError"),
    ("import x from 'nowhere'", "Cannot find package"),
    ("std.exit(7)", ""),
    (
        "new FinalizationRegistry(print).register({}, 'gone'); std.gc(); setTimeout(() => print('end'))",
        "end",
    ),
    (
        "let r = new WeakRef({}); setTimeout(() => { std.gc(); print(r.deref()) }, 1)",
        "undefined",
    ),
    ("(function f() { f() })()", "RangeError"),
    (
        "const a = []; for (let i = 0; i < 1e5; i++) a.push({ i }); print(a.length, a[99999].i)",
        "100000 99999",
    ),
    (
        "const f = std.open('/tmp/f', 'w'); f.puts('text'); f.close(); print(std.loadFile('/tmp/f'), os.readdir('/tmp'))",
        "text",
    ),
    (
        "print(os.getcwd()[0], os.chdir('/tmp'), os.getcwd()[0])",
        "/tmp",
    ),
    (
        "print(new URL('../b?x=1#y', 'http://e.org/a/c').href, new TextEncoder().encode('ü').length)",
        "http://e.org/b?x=1#y 2",
    ),
    (
        "print(structuredClone({ a: new Date(0) }).a.toISOString(), atob(btoa('x')))",
        "1970",
    ),
    (
        "print([3, 1, 2].sort().map((x) => x * 2).join(), 'a-b'.replace(/-(.)/, (_, c) => c.toUpperCase()))",
        "2,4,6 aB",
    ),
    (
        "label: for (const i of [1, 2]) { for (;;) continue label } print(eval('1 + 1'), new Function('return 3')())",
        "2 3",
    ),
    (
        "console.group('g'); console.table([{ a: 1 }]); console.groupEnd(); console.count(); console.assert(0, 'x')",
        "Assertion failed: x",
    ),
];

#[test]
fn copies_do_what_the_original_does() {
    for (source, word) in PROGRAMS {
        same(&code(source), word);
    }
}

#[track_caller]
fn same(given: &Given, word: &str) {
    let plain = run_plainly(given);
    let woken = run_woken(given);
    let shown = format!("{:?}", given.program);
    assert!(
        plain.stdout.contains(word) || plain.stderr.contains(word),
        "{shown} {plain:?}"
    );
    assert_eq!(woken, plain, "{shown}");
}

#[test]
fn warming_up_leaves_no_trace() {
    let source = "const seen = new Set();
        const visit = (path, value) => {
            if (Object(value) !== value || seen.has(value)) return;
            seen.add(value);
            for (const key of Reflect.ownKeys(value)) {
                const { value: own, get, set, ...flags } = Reflect.getOwnPropertyDescriptor(value, key);
                print(path, String(key), typeof own, Object.values(flags), Object(own) === own || own);
                for (const part of [own, get, set]) visit(`${path}.${String(key)}`, part);
            }
            visit(`${path}.prototype`, Reflect.getPrototypeOf(value));
        };
        visit('', globalThis);
        print(typeof Base, typeof seen, RegExp.lastMatch, console.count(), setTimeout(() => {}))";
    same(&code(source), "undefined object undefined undefined 1\n");
    let plain = run_plainly(&code(source)).stdout;
    assert!(plain.lines().count() > 2000, "{plain}");
}

#[test]
fn what_a_run_is_given_reaches_a_copy() {
    let mut given =
        code("print(scriptArgs, std.getenv('A'), std.in.getline(), std.in.readAsString())");
    given.program = given.program.map(|program| program.args(["x", "ü y"]));
    given.env = vec!["A=1", "B=2"];
    given.stdin = b"one\ntwo\nthree".to_vec();
    same(&given, "-c,x,ü y 1 one two\nthree\n");
    // And nothing of it reaches the next.
    same(
        &code("print(scriptArgs, std.getenv('A'), std.in.getline())"),
        "-c undefined null\n",
    );
}

#[test]
fn mounts_and_modules_reach_a_copy() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name, text| std::fs::write(folder.path().join(name), text).expect("a file");
    file("main.mjs", "");
    file("b.mjs", "export const b = import.meta.filename;");
    file("c.json", "[1, 2]");
    let mut given = script(
        "main.mjs",
        "import { b } from './b.mjs'; import c from './c.json'; print(b, c, import.meta.url); \
         print(std.open('/m/new', 'w') === null)",
    );
    given.guest_path = Some("/m/main.mjs".to_owned());
    given.mounts = vec![Mount {
        guest: "/m".to_owned(),
        host: folder.path().to_owned(),
        mode: MountMode::ReadOnly,
    }];
    same(&given, "/m/b.mjs 1,2 file:///m/main.mjs\ntrue\n");
}

#[test]
fn copies_differ_unless_they_are_seeded() {
    let source = "print(Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint8Array(4)), \
        Date.now(), performance.now(), performance.timeOrigin, std.tmpfile() !== null)";
    let given = code(source);
    let one = run_woken(&given);
    let other = run_woken(&given);
    assert_ne!(one, other);
    let seeded = |seed| {
        let given = Given {
            seed: Some(seed),
            ..code(source)
        };
        run_woken(&given)
    };
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1), seeded(2));
}

#[test]
fn clocks_of_a_copy_start_with_it() {
    let source = "print(performance.now() < 1000, Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 100, \
        Date.now() - new Date() < 100)";
    captured();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let before = std::time::SystemTime::now();
    let done = run_woken(&code(source));
    assert_eq!(done.stdout, "true true true\n");
    let done = run_woken(&code("print(Date.now())"));
    let shown: u128 = done.stdout.trim().parse().expect("a number");
    let before = before.duration_since(std::time::UNIX_EPOCH).expect("after");
    assert!(shown >= before.as_millis(), "{shown}");
}

#[test]
fn what_is_not_ours_does_not_wake() {
    let good = &captured().saved;
    let with = |path: &[&str], value: Value| {
        let mut saved = good.clone();
        let mut at = &mut saved;
        for key in path {
            at = &mut at[*key];
        }
        *at = value;
        saved
    };
    let wrong = [
        json!(null),
        json!([]),
        json!("x"),
        json!({}),
        json!({ "revision": 1 }),
        with(&["revision"], json!(1_000_000)),
        with(&["revision"], json!(-1)),
        with(&["handles"], json!({})),
        with(&["handles", "other"], json!(1)),
        with(&["handles", "start"], json!("x")),
        with(&["handles", "start"], json!(1.5)),
        with(&["handles", "start"], json!(0)),
        with(&["handles", "start"], json!(-1)),
        with(&["handles", "tick"], json!(i32::MAX)),
        with(&["handles", "report"], json!(i64::MAX)),
        with(&["handles", "undefined"], json!(8)),
        with(&["handles", "scratch"], json!(-4)),
    ];
    let instance = woken(guest(), captured(), &Given::default());
    assert!(Engine::restored(&instance, good).is_ok());
    for saved in wrong {
        let error = Engine::restored(&instance, &saved).map(|_| ());
        let error = error.expect_err(&saved.to_string()).to_string();
        assert!(error.contains("can't be woken"), "{error}");
    }
    // An instance that nothing was copied into.
    let empty = fresh(guest(), &Given::default());
    assert!(Engine::restored(&empty, good).is_err());
}
