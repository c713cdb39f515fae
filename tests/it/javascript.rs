//! JavaScript: the programs in `tests/javascript/`, and how programs end.

use crate::support::{Dir, Ran, SLOW, both_ways, command, dormouse, run, run_with_input};
use std::path::PathBuf;

both_ways! {
    the_language_is_all_there,
    the_web_platforms_usual_globals_work,
    values_are_shown_readably,
    timers_promises_and_immediates_come_in_order,
    std_and_os_work_on_mounted_files,
    what_is_still_buffered_is_written_when_a_program_ends,
    a_read_only_mount_refuses_writing,
    modules_import_their_neighbours,
    a_program_outside_the_mounts_imports_from_the_mounted_folders_only,
    stdin_and_arguments_reach_the_program,
    the_environment_is_what_was_granted,
    an_uncaught_error_is_shown_with_its_stack_and_exits_with_1,
    a_syntax_error_has_its_place,
    a_rejection_that_nobody_handles_exits_with_1,
    a_script_that_awaits_or_imports_is_a_module,
    programs_exit_with_their_own_code,
    deep_recursion_can_be_caught,
    a_full_memory_is_an_error_of_the_program,
    every_wait_ends_at_the_deadline,
    a_seed_decides_every_random_number_and_time,
    nothing_random_is_shared_between_runs,
    clocks_count_from_the_run_not_from_the_image,
    ten_megabytes_of_lines_come_through,
    functions_of_the_host_survive_any_argument,
    metered_programs_may_ask_the_host_for_much_at_once,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/javascript")
}

fn expected(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect("the expected output")
}

/// Runs a program of `tests/javascript/`.
fn program(name: &str, options: &[&str], args: &[&str]) -> Ran {
    run(command().args(options).arg(folder().join(name)).args(args))
}

fn code(code: &str) -> Ran {
    dormouse(["-l", "js", "-c", code])
}

fn the_language_is_all_there() {
    program("language.js", &[], &[]).prints("ok\n");
}

fn the_web_platforms_usual_globals_work() {
    program("web.js", &[], &[]).prints("ok\n");
}

fn values_are_shown_readably() {
    program("console.js", &[], &[]).prints(&expected("console.out"));
}

fn timers_promises_and_immediates_come_in_order() {
    program("events.js", &[], &[]).prints(&expected("events.out"));
}

fn std_and_os_work_on_mounted_files() {
    let dir = Dir::new();
    program("files.js", &["--mount", &dir.mount("/data", "rwc")], &[]).prints("ok\n");
    assert_eq!(dir.read("d"), "hi!more");
}

fn what_is_still_buffered_is_written_when_a_program_ends() {
    for end in ["", "; std.exit(0)", "; setTimeout(() => std.exit(0), 1)"] {
        let dir = Dir::new();
        let source = format!("std.open('/d/f', 'w').puts('text'){end}");
        let mount = dir.mount("/d", "rwc");
        dormouse(["--mount", &mount, "-l", "js", "-c", &source]).prints("");
        assert_eq!(dir.read("f"), "text", "{end}");
    }
}

fn a_read_only_mount_refuses_writing() {
    let dir = Dir::new();
    dir.write("f", "old");
    let source = "const e = {}; std.open('/d/f', 'w', e); \
        print(e.errno > 0, os.remove('/d/f') < 0, os.mkdir('/d/x') < 0, std.loadFile('/d/f'))";
    let mount = dir.mount("/d", "ro");
    dormouse(["--mount", &mount, "-l", "js", "-c", source]).prints("true true true old\n");
    assert_eq!(dir.read("f"), "old");
}

fn modules_import_their_neighbours() {
    let mount = format!("/app:{}", folder().join("modules").display());
    program("modules/main.mjs", &["--mount", &mount], &[]).prints(&expected("modules/main.out"));
}

fn a_program_outside_the_mounts_imports_from_the_mounted_folders_only() {
    let mount = format!("/app:{}", folder().join("modules").display());
    let source = "import { even } from './app/lib/a.mjs'; console.log(even(4))";
    dormouse(["--mount", &mount, "-l", "js", "-c", source]).prints("true\n");
    program("modules/main.mjs", &[], &[])
        .exits(1)
        .says(&["Cannot find module './lib/a.mjs'", "--mount GUEST:HOST"]);
}

fn stdin_and_arguments_reach_the_program() {
    let mut stdin = command();
    stdin.arg(folder().join("stdin.js"));
    run_with_input(&mut stdin, "one\ntwö\n\nlast".as_bytes()).prints(&expected("stdin.out"));
    program("args.js", &[], &["a", "b c", "-x", "--y=ü"]).prints(&expected("args.out"));
}

fn the_environment_is_what_was_granted() {
    let source = "console.log(std.getenviron(), std.getenv('HOME'))";
    dormouse(["--env", "A=1", "--env", "B=x=y", "-l", "js", "-c", source])
        .prints("{ A: '1', B: 'x=y' } undefined\n");
}

fn an_uncaught_error_is_shown_with_its_stack_and_exits_with_1() {
    let dir = Dir::new();
    let script = dir.write("deep.js", "function f() {\n  null.x;\n}\n\nf();\n");
    let ran = dormouse([script.as_os_str()]);
    ran.exits(1)
        .says(&["Uncaught TypeError: ", "at f (", "deep.js:2:", "deep.js:5:"]);
    assert!(!ran.stderr.contains("dormouse:"), "{}", ran.stderr);
    code("setTimeout(function later() { throw new RangeError('boo') })")
        .exits(1)
        .says(&["Uncaught RangeError: boo\n    at later (-c:1:"]);
    code("throw 42").exits(1).says(&["Uncaught 42\n"]);
    code("throw { a: 1 }")
        .exits(1)
        .says(&["Uncaught { a: 1 }\n"]);
}

fn a_syntax_error_has_its_place() {
    code("\nlet x = ;")
        .exits(1)
        .says(&["Uncaught SyntaxError: ", "-c:2:9"]);
    code("import std from 'std';\nlet y = 1 +;")
        .exits(1)
        .says(&["SyntaxError: ", "-c:2:"]);
}

fn a_rejection_that_nobody_handles_exits_with_1() {
    code("Promise.reject(new TypeError('no')); console.log('first')")
        .exits(1)
        .says(&["Uncaught (in promise) TypeError: no"]);
    code("const p = Promise.reject(1); queueMicrotask(() => p.catch(() => print('handled')))")
        .prints("handled\n");
    code("await Promise.reject(new Error('top'))")
        .exits(1)
        .says(&["Uncaught Error: top"]);
}

fn a_script_that_awaits_or_imports_is_a_module() {
    code("print(await 1)").prints("1\n");
    code("import * as os from 'os'; print(os.platform)").prints("wasi\n");
    code("var x = 1; print(globalThis.x, this === globalThis)").prints("1 true\n");
    code("await new Promise(() => {})")
        .exits(13)
        .says(&["nothing will settle"]);
}

fn programs_exit_with_their_own_code() {
    code("std.exit(7)").exits(7);
    code("import { exit } from 'std'; setTimeout(() => { try { exit(3) } finally { print(1) } })")
        .exits(3);
}

fn deep_recursion_can_be_caught() {
    let catches = |name: &str, source: &str| {
        let source = format!("try {{ {source}; print('none') }} catch (e) {{ print(e.name) }}");
        let ran = code(&source);
        assert_eq!(ran.text(), format!("{name}\n"), "{source}\n{}", ran.stderr);
    };
    for source in [
        "(function f() { f() })()",
        "new (class A { constructor() { new A() } })()",
        "JSON.parse('['.repeat(200000))",
        "eval('('.repeat(200000) + '1' + ')'.repeat(200000))",
        "let a = []; for (let i = 0; i < 200000; i++) a = [a]; a.flat(Infinity)",
        "let a = []; for (let i = 0; i < 200000; i++) a = [a]; structuredClone(a)",
        "let p = {}; for (let i = 0; i < 200000; i++) p = new Proxy(p, {}); p.x",
        "'a'.replace(/a/, function f() { return 'a'.replace(/a/, f) })",
        "[1, 2].sort(function c() { return [1, 2].sort(c) })",
    ] {
        catches("RangeError", source);
    }
    catches(
        "SyntaxError",
        "new RegExp('(?:'.repeat(100000) + ')'.repeat(100000))",
    );
}

fn a_full_memory_is_an_error_of_the_program() {
    for source in [
        "const a = []; for (;;) a.push(new Array(1e5).fill(1))",
        "const a = []; for (;;) a.push({})",
    ] {
        let words = ["--memory", "32mb", "-l", "js", "-c", source];
        let ran = run(command().args(SLOW).args(words));
        ran.exits(1).says(&["out of memory"]);
    }
}

fn every_wait_ends_at_the_deadline() {
    for source in [
        "for (;;);",
        "setInterval(() => {}, 50)",
        "os.sleep(1e9)",
        "setTimeout(() => {}, 1e9)",
        "(function f() { Promise.resolve().then(f) })()",
        "/(x+x+)+y/.test('x'.repeat(50))",
        "await new Promise((resolve) => setTimeout(resolve, 1e9))",
    ] {
        let ran = dormouse(["--timeout", "300ms", "-l", "js", "-c", source]);
        ran.exits(124).says(&["deadline"]);
    }
}

fn a_seed_decides_every_random_number_and_time() {
    let source = "print(Math.random(), crypto.randomUUID(), Date.now(), performance.now())";
    let seeded = || dormouse(["--seed", "7", "-l", "js", "-c", source]).text();
    let free = || code(source).text();
    assert_eq!(seeded(), seeded());
    assert_ne!(free(), free());
    assert_ne!(free(), seeded());
}

fn nothing_random_is_shared_between_runs() {
    let source = "print(Math.random()); print(crypto.randomUUID()); \
        print(crypto.getRandomValues(new Uint32Array(4))); print(new Array(4).fill().map(Math.random))";
    let (one, other) = (code(source).text(), code(source).text());
    assert_eq!(one.lines().count(), 4);
    for (one, other) in one.lines().zip(other.lines()) {
        assert_ne!(one, other);
    }
}

fn clocks_count_from_the_run_not_from_the_image() {
    let source = "const now = performance.now(); print(now, performance.timeOrigin, Date.now(), +new Date(), os.now())";
    let unix = || {
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH);
        since.expect("after 1970").as_secs_f64() * 1000.0
    };
    let before = unix();
    let shown = code(source).text();
    let after = unix();
    let shown: Vec<f64> = shown.split_whitespace().flat_map(str::parse).collect();
    let [elapsed, origin, now, date, monotonic] = shown[..] else {
        panic!("{shown:?}");
    };
    // Whole milliseconds may lie just before the moment.
    let moment = before - 1.0..=after;
    assert!(
        [origin, now, date].iter().all(|time| moment.contains(time)),
        "{shown:?} {moment:?}"
    );
    assert!(
        0.0 <= elapsed && elapsed <= monotonic && elapsed <= after - before,
        "{shown:?}"
    );
}

fn ten_megabytes_of_lines_come_through() {
    let code = "const line = 'x'.repeat(99); for (let i = 0; i < 1e5; i++) console.log(line)";
    let ran = run(command().args(SLOW).args(["-l", "js", "-c", code]));
    assert_eq!(ran.stdout.len(), 10_000_000, "{}", ran.stderr);
}

fn functions_of_the_host_survive_any_argument() {
    // Every public function that leads to the host, with every odd argument.
    let source = r"
        const odd = [undefined, null, -1, 1e300, NaN, '', 'x', '\ud800', {}, [], 5n, Symbol(), () => 1,
            new ArrayBuffer(8), new Uint8Array(3), new Proxy({}, {}), { toString() { throw 1; } }];
        let calls = 0;
        for (const owner of [std, os, std.in, std.tmpfile(), new URL('a:b'), new URLSearchParams(), new TextDecoder(),
            new TextEncoder(), crypto, performance, globalThis,
            dormouse, kv, fs, http, new EventTarget(), new Headers(), new Request('a:b'), new Response(), new FormData()]) {
            const names = new Set([...Object.keys(owner), ...Object.getOwnPropertyNames(Object.getPrototypeOf(owner))]);
            if (owner === globalThis) ['structuredClone', 'setTimeout', 'clearTimeout', 'print'].forEach((n) => names.add(n));
            for (const name of names) {
                if (['exit', 'sleep', 'constructor', 'sleepAsync', 'puts', 'printf', 'gc'].includes(name)) continue;
                let value;
                try { value = owner[name]; } catch { continue; }
                if (typeof value !== 'function' || owner === std && name === 'out') continue;
                for (const a of odd) for (const b of [undefined, -5, 'x', odd[13]]) {
                    try { value.call(owner, a, b, a, b); } catch {}
                    calls++;
                }
            }
        }
        std.err.puts(calls > 3000 ? 'survived\n' : `only ${calls}\n`);
        std.exit(0);";
    let words = ["-l", "js", "-c", source];
    let ran = run_with_input(command().args(SLOW).args(words), b"");
    ran.exits(0).says(&["survived"]);
}

fn metered_programs_may_ask_the_host_for_much_at_once() {
    let source = "const text = 'ü'.repeat(2e6); const bytes = new TextEncoder().encode(text); \
        print(bytes.length, new TextDecoder().decode(bytes) === text); std.gc()";
    dormouse(["--fuel", "1000000000000", "-l", "js", "-c", source]).prints("4000000 true\n");
    dormouse([
        "--fuel",
        "300000000",
        "-l",
        "js",
        "-c",
        "for (;;) performance.now()",
    ])
    .exits(124)
    .says(&["fuel"]);
}
