//! Attacks in JavaScript.

use super::{Ends, attacks, watched::Written::JavaScript};

/// A full memory may be swept again and again before that is said.
const MEMORY: Ends = Ends::Any(&[
    Ends::Exits(1, ""),
    Ends::Limit("memory"),
    Ends::Limit("deadline"),
]);
const LATE: Ends = Ends::Limit("deadline");
const CAUGHT: Ends = Ends::Prints("caught\n");

/// `statement` in a `try`, then a word. What a full memory throws may be null.
fn caught(statement: &str) -> String {
    format!("try {{ {statement} }} catch {{ print('caught') }}")
}

attacks! { JavaScript;
    // Memory.
    blocks: [], "const x = []; for (;;) x.push(new Uint8Array(1 << 20))" => MEMORY;
    blocks_refused_for_ever: [], "for (;;) try { new ArrayBuffer(1e9) } catch { }" => Ends::Limit("memory");
    small_things: ["--timeout", "5s"], "let x = null; for (;;) x = [x, {}]" => MEMORY;
    a_text_that_doubles: [], caught("let s = 'x'; for (;;) s += s") => CAUGHT;
    a_text_that_repeats: [], caught("'x'.repeat(2 ** 30)") => CAUGHT;
    a_long_array: ["--timeout", "2s"], "const a = Array(2 ** 32 - 2); a.fill(0)" => Ends::Any(&[LATE, MEMORY]);
    a_long_array_joined: ["--timeout", "2s"], "Array(2 ** 32 - 2).join('x')" => Ends::Any(&[LATE, MEMORY]);
    a_long_view: [], caught("new Uint8Array(2 ** 33)") => CAUGHT;
    a_map_that_grows: ["--timeout", "5s"], "const m = new Map(); for (;;) m.set(m.size, `${m.size}`)" => MEMORY;
    promises_that_wait: ["--timeout", "5s"], "const a = []; for (;;) a.push(new Promise(() => { }))" => MEMORY;
    jobs: ["--timeout", "5s"], "for (;;) Promise.resolve().then(() => { })" => MEMORY;
    timers: ["--timeout", "3s"], "for (;;) setTimeout(() => { }, 1e9)" => Ends::Any(&[MEMORY, LATE]);
    calls_that_wait: ["--kv", "--timeout", "5s"], "const a = []; for (;;) a.push(kv.asyncGet('x'))" => MEMORY;
    texts_that_are_decoded: ["--memory", "200mb"], caught("new TextDecoder().decode(new Uint8Array(100 << 20).fill(255))") => CAUGHT;
    texts_that_are_encoded: ["--memory", "250mb"], caught("new TextEncoder().encode('x'.repeat(80 << 20))") => CAUGHT;
    // Recursion.
    calls: [], caught("(function f() { f() })()") => CAUGHT;
    calls_caught: ["--timeout", "1s"], "function f() { try { f() } catch { f() } } f()" => LATE;
    getters: [], caught("const o = { get x() { return this.x } }; o.x") => CAUGHT;
    proxies: [], caught("let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x") => CAUGHT;
    bound_functions: [], caught("let f = () => 1; for (let i = 0; i < 1e5; i++) f = f.bind(null); f()") => CAUGHT;
    conversions: [], caught("const o = { toString() { return '' + o } }; '' + o") => CAUGHT;
    sorting: [], caught("const f = () => [2, 1].sort(f); f()") => CAUGHT;
    replacing: [], caught("const f = () => 'x'.replace('x', f); f()") => CAUGHT;
    objects_in_objects: ["--timeout", "2s"], caught("let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; JSON.stringify(o)") => Ends::Any(&[CAUGHT, LATE]);
    clones_of_objects_in_objects: [], caught("let o = {}; for (let i = 0; i < 2e4; i++) o = { o }; structuredClone(o)") => CAUGHT;
    objects_in_objects_at_exit: [], "globalThis.o = {}; for (let i = 0; i < 2e5; i++) o = { o }; print('caught')" => CAUGHT;
    printing_objects_in_objects: [], "let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; console.log(o); print('caught')" => Ends::Any(&[Ends::Prints("caught\n"), Ends::Exits(1, "")]);
    causes: [], "let e; for (let i = 0; i < 1e5; i++) e = new Error('x', { cause: e }); throw e" => Ends::Exits(1, "");
    // Text that is parsed.
    arrays_in_source: [], caught("eval('['.repeat(1e6))") => CAUGHT;
    parentheses: [], caught("eval('('.repeat(1e5) + ')'.repeat(1e5))") => CAUGHT;
    signs: [], caught("eval('- '.repeat(1e6) + '1')") => CAUGHT;
    functions_in_source: [], caught("eval('(()=>'.repeat(1e5))") => CAUGHT;
    blocks_in_source: [], caught("eval('{'.repeat(1e6))") => CAUGHT;
    templates_in_source: [], caught("eval('`${'.repeat(1e5))") => CAUGHT;
    json_in_json: [], caught("JSON.parse('['.repeat(1e7))") => CAUGHT;
    patterns_in_patterns: [], caught("new RegExp('('.repeat(1e5) + ')'.repeat(1e5))") => CAUGHT;
    patterns_that_repeat: [], caught("new RegExp('(?:a{1000}){1000}'.repeat(1000)).test('b'); throw 1") => CAUGHT;
    // Numbers.
    a_large_power: ["--timeout", "2s"], caught("2n ** (2n ** 40n)") => Ends::Any(&[CAUGHT, LATE]);
    a_large_shift: [], caught("1n << (2n ** 40n)") => CAUGHT;
    a_hopeless_pattern: ["--timeout", "1s"], "/^(a+)+$/.test('a'.repeat(60) + 'b')" => LATE;
    // Streams.
    printing: ["--max-output", "1mb"], "for (;;) print('x'.repeat(1000))" => Ends::Limit("output");
}
