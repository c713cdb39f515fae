//! Attacks of Wasm modules.

use super::{Ends, attack, attacks, watched::Written::Wat};

/// A module with memories and tables of all kinds that repeats `body`.
fn repeating(body: &str) -> String {
    format!(
        r#"(module (memory (export "memory") 1) (memory $small 1 2) (memory $large i64 1)
        (table $functions 1 funcref) (table $externs 1 externref)
        (func (export "_start") (local $i i32) (local $none i32)
            (loop $l {body}
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $l (i32.lt_u (local.get $i) (i32.const 200000))))))"#
    )
}

/// Each of these kept some of the native stack, and 50,000 of them ended the
/// process, whoever's it was.
#[test]
fn growing_again_and_again() {
    const MEMORY: Ends = Ends::Limit("memory");
    const FINE: Ends = Ends::Prints("");
    for (body, ends) in [
        ("(drop (memory.grow (local.get $none)))", FINE),
        ("(drop (memory.grow (i32.const 70000)))", FINE),
        ("(drop (memory.grow (i32.const 60000)))", MEMORY),
        ("(drop (memory.grow (i32.const 1)))", MEMORY),
        ("(drop (memory.grow $small (i32.const 2)))", FINE),
        ("(drop (memory.grow $large (i64.const -1)))", FINE),
        ("(drop (memory.grow $large (i64.const 60000)))", MEMORY),
        (
            "(drop (table.grow $externs (ref.null extern) (local.get $none)))",
            FINE,
        ),
        (
            "(drop (table.grow $functions (ref.null func) (i32.const 1)))",
            MEMORY,
        ),
        (
            "(drop (table.grow $functions (ref.null func) (i32.const -1)))",
            FINE,
        ),
    ] {
        attack(&Wat, &[], &repeating(body), &ends);
        attack(
            &Wat,
            &["--fuel", "1000000000"],
            &repeating(body),
            &Ends::Any(&[FINE, MEMORY]),
        );
    }
}

/// A module that may have much memory may also take it page by page.
#[test]
fn growing_by_many_pages() {
    let wat = r#"(module (memory (export "memory") 1) (func (export "_start")
        (loop $l (br_if $l (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))))
        (if (i32.ne (memory.size) (i32.const 65536)) (then unreachable))))"#;
    let dir = crate::support::Dir::new();
    let file = dir.write("pages.wat", wat);
    let words = ["run", "--memory", "4gb"].map(std::ffi::OsString::from);
    crate::support::dormouse(words.into_iter().chain([file.into()])).prints("");
}

const FILL: &str = r#"(module (memory (export "memory") 1) (memory $b 1) (memory $c i64 1)
    (table $t 1 externref)
    (func (export "_start")
        (loop $l (br_if $l (i32.ge_s (memory.grow (i32.const 100)) (i32.const 0))))
        (loop $l (br_if $l (i32.ge_s (memory.grow $b (i32.const 10)) (i32.const 0))))
        (loop $l (br_if $l (i64.ge_s (memory.grow $c (i64.const 1)) (i64.const 0))))
        (loop $l (br_if $l (i32.ge_s (table.grow $t (ref.null extern) (i32.const 5000)) (i32.const 0))))
        (memory.fill (i32.const 0) (i32.const 7) (i32.mul (memory.size) (i32.const 65536)))
        (memory.fill $b (i32.const 0) (i32.const 7) (i32.mul (memory.size $b) (i32.const 65536)))
        (memory.fill $c (i64.const 0) (i32.const 7) (i64.mul (memory.size $c) (i64.const 65536)))))"#;

/// A recursion whose frames hold what `params` says.
fn recursion(params: usize, locals: usize) -> String {
    let types = "i64 ".repeat(params);
    let gets = "(local.get 0)".repeat(params);
    let start = "(i64.const 1)".repeat(params);
    let locals = "i64 ".repeat(locals);
    format!(
        r#"(module (memory (export "memory") 1)
        (func $f (param {types}) (local {locals}) (call $f {gets}) (call $f {gets}))
        (func (export "_start") (call $f {start})))"#
    )
}

fn nested(depth: usize, open: &str, close: &str) -> String {
    let (open, close) = (open.repeat(depth), close.repeat(depth));
    format!(
        r#"(module (memory (export "memory") 1) (func (export "_start") (local $i i32) {open} {close}))"#
    )
}

attacks! { Wat;
    filling_all_memories_and_tables: [], FILL => Ends::Prints("");
    recursion_without_values: [], recursion(0, 0) => Ends::Exits(134, "call stack exhausted");
    recursion_with_values: [], recursion(8, 0) => Ends::Exits(134, "call stack exhausted");
    recursion_with_many_locals: [], recursion(1, 5000) => Ends::Exits(134, "call stack exhausted");
    recursion_with_most_locals: [], recursion(1, 40_000) => Ends::Any(&[Ends::Exits(134, ""), Ends::Exits(1, "")]);
    blocks_in_blocks: [], nested(200_000, "block ", "end ") => Ends::Prints("");
    loops_in_loops: [], nested(100_000, "loop ", "end ") => Ends::Prints("");
    ifs_in_ifs: [], nested(100_000, "local.get $i if ", "end ") => Ends::Prints("");
    text_in_parentheses: [], nested(100_000, "(block ", ")") => Ends::Prints("");
    a_start_that_grows: [], r#"(module (memory (export "memory") 1)
        (func $s (loop $l (drop (memory.grow (i32.const 60000))) (br $l))) (start $s)
        (func (export "_start")))"# => Ends::Limit("memory");
    a_table_of_branches: [], format!(r#"(module (func (export "_start")
        (block (br_table {} (i32.const 5)))))"#, "0 ".repeat(60_000)) => Ends::Prints("");
    many_functions: [], format!(r#"(module {} (func (export "_start")))"#, "(func)".repeat(300_000)) => Ends::Prints("");
    more_memory_than_there_may_be: [], r#"(module (memory (export "memory") 60000)
        (func (export "_start")))"# => Ends::Limit("memory");
    more_elements_than_there_may_be: [], r#"(module (table 9000000 funcref)
        (func (export "_start")))"# => Ends::Exits(134, "resource limiter");
}
