//! A module that has the functions in it that it calls does what it did before.

mod support;

use dormouse_snapshot::{function_name, inline};
use std::{borrow::Cow, path::Path};
use support::{
    generated::{bytes, module, outcome},
    uninterrupted,
};
use wasmparser::{Operator, Parser, Payload};

/// Modules whose exported functions, which take nothing, call others: there is
/// to be no call left in them but as often as it is said.
const CASES: &[(&str, usize, &str)] = &[
    (
        "arguments that are used again",
        0,
        "(func $f (param i32 i32) (result i32)
            (i32.sub (i32.mul (local.get 1) (local.get 1)) (local.get 0)))
         (func (export \"run\") (result i32) (local $a i32)
            (local.set $a (i32.const 5))
            (call $f (call $f (local.get $a) (i32.const 3)) (local.get $a)))",
    ),
    (
        "arguments in their order",
        0,
        "(func $f (param i32 i32 i32) (result i32)
            (i32.sub (local.get 0) (i32.shl (local.get 1) (local.get 2))))
         (func (export \"run\") (result i32) (local $a i32)
            (local.set $a (i32.const 5))
            (call $f (i32.add (local.get $a) (i32.const 3))
                (i32.mul (local.get $a) (i32.const 2)) (i32.const 1))
            (call $f (i32.const 9) (local.tee $a (i32.const 4)) (local.get $a))
            (call $f (local.get $a) (local.tee $a (i32.const 3)) (local.get $a))
            (i32.add) (i32.add))",
    ),
    (
        "parameters that are set",
        0,
        "(func $f (param i32 i32) (result i32)
            (local.set 0 (i32.add (local.get 0) (local.get 1)))
            (local.set 1 (i32.const 7))
            (i32.mul (local.get 0) (local.get 1)))
         (func (export \"run\") (result i32) (local $a i32)
            (local.set $a (i32.const 5))
            (i32.add (call $f (local.get $a) (local.get $a))
                (i32.add (local.get $a) (call $f (i32.const 1) (i32.const 2)))))",
    ),
    (
        "parameters that are never read",
        0,
        "(func $f (param i32 i32) (result i32) (local.get 1))
         (func $g (param i32 i32) (result i32) (local.get 0))
         (func (export \"run\") (result i32)
            (i32.add (call $f (i32.ctz (i32.const 3)) (i32.clz (i32.const 5)))
                (call $g (i32.ctz (i32.const 3)) (i32.clz (i32.const 5)))))",
    ),
    (
        "copies of parameters",
        0,
        "(func $f (param i32 i32) (result i32) (local i32 i32 i32 i32)
            (local.set 2 (local.get 0)) (local.set 3 (local.get 1))
            (local.set 4 (local.get 1)) (local.set 1 (local.get 1))
            (local.set 3 (i32.add (local.get 3) (i32.const 1)))
            (i32.add (i32.mul (local.get 2) (local.get 3))
                (i32.add (local.get 4) (local.get 5))))
         (func $g (param i32) (result i32) (local i32 i32)
            (local.set 2 (local.get 1)) (local.set 1 (local.get 0))
            (i32.add (local.get 2) (i32.mul (local.get 1) (i32.const 10))))
         (func (export \"run\") (result i32)
            (drop (call $f (i32.const 100) (i32.const 200)))
            (drop (call $g (i32.const 77)))
            (i32.add (call $f (i32.const 3) (i32.const 4)) (call $g (i32.const 8))))",
    ),
    (
        "returns",
        0,
        "(func $f (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 10))))
            (block (block (block (br_table 0 1 2 (local.get 0)))
                (return (i32.const 11))) (return (i32.const 12)))
            (i32.const 1) (i32.const 13) (return))
         (func (export \"run\") (result i32)
            (i32.add (call $f (i32.const 0)) (i32.mul (call $f (i32.const 1))
                (i32.sub (call $f (i32.const 2)) (call $f (i32.const 9))))))",
    ),
    (
        "branches out",
        0,
        "(func $f (param i32) (result i32)
            (i32.const 20)
            (block (param i32) (result i32)
                (br_if 1 (local.get 0))
                (block (param i32) (result i32) (br_table 0 1 2 (local.get 0)))
                (i32.add (i32.const 1)))
            (i32.add (i32.const 5)))
         (func (export \"run\") (result i32)
            (block (result i32)
                (i32.add (call $f (i32.const 0)) (i32.add (call $f (i32.const 1)) (call $f (i32.const 3))))))",
    ),
    (
        "returns in loops",
        0,
        "(func $f (param i32) (result i32) (local i32)
            (loop $l
                (local.set 1 (i32.add (local.get 1) (local.get 0)))
                (if (i32.gt_u (local.get 1) (i32.const 50)) (then (return (local.get 1))))
                (br $l))
            (unreachable))
         (func (export \"run\") (result i32) (local $n i32) (local $sum i32)
            (loop $again
                (local.set $n (i32.add (local.get $n) (i32.const 3)))
                (local.set $sum (i32.add (local.get $sum) (call $f (local.get $n))))
                (br_if $again (i32.lt_u (local.get $n) (i32.const 30))))
            (local.get $sum))",
    ),
    (
        "locals that begin at zero each time",
        0,
        "(func $f (param i32) (result i64) (local i64 f64 f32 v128 funcref externref)
            (if (i32.and (local.get 0) (i32.const 1)) (then
                (local.set 1 (i64.const 5)) (local.set 2 (f64.const 2))
                (local.set 3 (f32.const 3)) (local.set 4 (v128.const i64x2 4 4))
                (local.set 5 (ref.func $f))))
            (i64.add (i64.extend_i32_s (ref.is_null (local.get 5)))
                (i64.add (i64.extend_i32_s (ref.is_null (local.get 6)))
                (i64.add (i64x2.extract_lane 0 (local.get 4)) (i64.add (local.get 1)
                (i64.add (i64.trunc_f64_s (local.get 2)) (i64.trunc_f32_s (local.get 3))))))))
         (elem declare func $f)
         (func (export \"run\") (result i64) (local $n i32) (local $sum i64)
            (loop $again
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (local.set $sum (i64.mul (i64.const 3) (i64.add (local.get $sum) (call $f (local.get $n)))))
                (br_if $again (i32.lt_u (local.get $n) (i32.const 9))))
            (local.get $sum))",
    ),
    (
        "locals that are set on one way only",
        0,
        "(func $f (param i32) (result i32) (local $a i32) (local $b i32)
            (block (br_if 0 (local.get 0)) (local.set $a (i32.const 7)))
            (if (local.get 0) (then (local.set $b (i32.const 1)))
                (else (local.set $a (i32.add (local.get $a) (local.get $b)))))
            (i32.add (local.get $a) (local.get $b)))
         (func (export \"run\") (result i32)
            (i32.mul (call $f (i32.const 0)) (i32.mul (i32.add (i32.const 5) (call $f (i32.const 1)))
                (i32.mul (call $f (i32.const 0)) (call $f (i32.const 1))))))",
    ),
    (
        "several results",
        0,
        "(func $two (param i32) (result i32 i64)
            (if (local.get 0) (then (return (i32.const 1) (i64.const 2))))
            (i32.const 3) (i64.const 4))
         (func (export \"pair\") (result i32 i64) (call $two (i32.const 1)))
         (func (export \"run\") (result i64) (local i64)
            (call $two (i32.const 0)) (local.set 0) (i64.extend_i32_s)
            (i64.add (local.get 0)))",
    ),
    (
        "several results without such a block",
        1,
        "(func $two (param i32) (result i32 i64)
            (if (local.get 0) (then (return (i32.const 1) (i64.const 2))))
            (i32.const 3) (i64.const 4))
         (func (export \"run\") (result i64) (call $two (i32.const 0)) (return))",
    ),
    (
        "bodies in bodies",
        0,
        "(func $a (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
         (func $b (param i32) (result i32) (local i32)
            (local.set 1 (call $a (local.get 0)))
            (i32.mul (call $a (local.get 1)) (call $a (call $a (local.get 1)))))
         (func $c (param i32 i32) (result i32)
            (i32.sub (call $b (local.get 1)) (call $b (call $a (local.get 0)))))
         (func (export \"run\") (result i32)
            (call $c (call $a (i32.const 7)) (call $b (i32.const 2))))",
    ),
    (
        "traps",
        0,
        "(memory 1)
         (func $f (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
         (func $g (param i32) (result i32) (unreachable))
         (func $h (param i32) (i32.store (local.get 0) (i32.const 1)))
         (func (export \"a\") (result i32) (call $h (i32.const 8)) (call $f (i32.const 0)))
         (func (export \"b\") (result i32) (i32.add (i32.const 5) (call $g (i32.const 0))))
         (func (export \"c\") (call $h (i32.const -1)))
         (func (export \"d\") (result i32) (call $f (i32.const 1)))",
    ),
    (
        "code that is never reached",
        0,
        "(func $f (param i32 i64) (result f32)
            (drop (i32.add (local.get 0) (i32.wrap_i64 (local.get 1)))) (f32.const 1))
         (func $g (result i32) (local i32) (return (i32.const 4)) (drop) (local.set 0) (unreachable))
         (func (export \"run\") (result i32)
            (drop (call $g))
            (block (br 0) (call $f) (drop) (call $f (i64.const 1)) (drop))
            (return (call $g)) (call $f) (drop) (call $g))",
    ),
    (
        "recursion",
        2,
        "(func $f (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (local.get 0) (call $f (i32.sub (local.get 0) (i32.const 1)))))
                (else (i32.const 0))))
         (func $even (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
            (call $odd (i32.sub (local.get 0) (i32.const 1))))
         (func $odd (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
            (call $even (i32.sub (local.get 0) (i32.const 1))))
         (func (export \"run\") (result i32)
            (i32.add (call $f (i32.const 9)) (call $even (i32.const 7))))",
    ),
    (
        "functions with other uses",
        0,
        "(table (export \"t\") 2 funcref) (elem (i32.const 0) $f $g) (type $t (func (result i32)))
         (func $f (result i32) (i32.const 6)) (func $g (result i32) (call $f))
         (func $never (result i32) (call $f))
         (func (export \"run\") (result i32)
            (i32.add (call $g) (i32.add (call $f)
                (call_indirect (type $t) (i32.const 1)))))",
    ),
    (
        "tests of tests",
        0,
        "(func $bits (param i32 i32) (result i32)
            (i32.ne (i32.and (local.get 0) (local.get 1)) (i32.const 0)))
         (func $less (param i64 i64) (result i32)
            (i32.and (i64.lt_s (local.get 0) (local.get 1)) (i32.const 1)))
         (func $one (param i32) (result i32) (local i32)
            (local.set 1 (local.get 0)) (local.set 1 (i32.ctz (local.get 1))) (local.get 1))
         (func (export \"run\") (result i32) (local i32)
            (if (call $bits (i32.const 6) (i32.const 4)) (then (local.set 0 (i32.const 1))))
            (if (i32.eqz (call $bits (i32.const 6) (i32.const 8)))
                (then (local.set 0 (i32.or (local.get 0) (i32.const 2)))))
            (block (br_if 0 (call $bits (i32.const 6) (i32.const 2)))
                (local.set 0 (i32.or (local.get 0) (i32.const 4))))
            (if (i32.ne (call $less (i64.const 1) (i64.const 9)) (i32.const 0))
                (then (local.set 0 (i32.or (local.get 0) (i32.const 8)))))
            (drop (call $less (i64.const 9) (i64.const 1)))
            (drop (call $one (i32.const 9)))
            (i32.add (i32.and (call $bits (i32.const 6) (i32.const 6)) (i32.const 1))
                (i32.mul (call $one (i32.const 64)) (i32.shl (local.get 0) (i32.const 9)))))",
    ),
    (
        "functions of the host",
        1,
        "(import \"any\" \"a\" (func $a (param i32) (result i32)))
         (func $f (param i32) (result i32) (call $a (i32.mul (local.get 0) (i32.const 3))))
         (func (export \"run\") (result i32) (call $f (i32.const 8)))",
    ),
];

#[test]
fn calls_become_what_is_called() {
    for (what, calls, wat) in CASES {
        let wasm = wat::parse_str(format!("(module {wat})"))
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let inlined = inlined(&wasm, what);
        let left = calls_of_exports(&inlined);
        assert_eq!(left, *calls, "{what}\n{}", shown(&inlined));
        let expected = outcome(&wasm).unwrap_or_else(|| panic!("{what}: a deep stack"));
        assert_eq!(
            outcome(&inlined),
            Some(expected),
            "{what}\n{}",
            shown(&inlined)
        );
    }
}

#[test]
fn functions_that_nothing_calls_lose_their_bodies() {
    let wasm = wat::parse_str(
        "(module (table 1 funcref) (elem (i32.const 0) $in_table) (global funcref (ref.func $in_global))
            (func $in_table) (func $in_global) (func $exported (export \"e\"))
            (func $called (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func $calls (param i32) (result i32) (call $called (local.get 0)))
            (func (export \"run\") (result i32)
                (call $in_table) (call $in_global) (call $exported)
                (call $calls (i32.const 1))))",
    )
    .expect("it parses");
    let inlined = inline(&wasm).expect("it is a module");
    let text = shown(&inlined);
    assert_eq!(text.matches("unreachable").count(), 2, "{text}");
    assert_eq!(function_name(&inlined, 3).as_deref(), Some("called"));
}

/// Each function calls the one before 200 times, and weighs nothing.
#[test]
fn functions_that_only_tail_calls_reach_keep_their_bodies() {
    let wasm = wat::parse_str(
        r#"(module
            (func $small (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
            (func $large (param i32) (result i32) (local i32)
                (loop (br_if 0 (i32.lt_s (local.tee 1 (i32.add (local.get 1) (local.get 0)))
                    (i32.const 60))))
                (local.get 1))
            (func (export "run") (result i32)
                (return_call $large (call $small (i32.const 6))))
            (func (export "again") (result i32)
                (return_call $small (i32.const 6))))"#,
    )
    .expect("well-formed");
    let inlined = inlined(&wasm, "tail calls");
    assert_ne!(inlined, wasm);
    assert_eq!(uninterrupted(&inlined), uninterrupted(&wasm));
    assert_eq!(outcome(&inlined), outcome(&wasm));
}

#[test]
fn bodies_in_bodies_have_an_end() {
    let mut wat =
        "(func $f0 (local i32) (local.set 0 (i32.const 1)) (local.get 0) (drop))".to_owned();
    for index in 1..30 {
        let calls = format!("(call $f{})", index - 1).repeat(200);
        wat.push_str(&format!(
            "(func $f{index} (local i32) (block (local.set 0 (i32.const 1))) {calls} (block))"
        ));
    }
    let wasm = wat::parse_str(format!(
        "(module (memory 1) {wat} (export \"run\" (func $f29)))"
    ))
    .expect("it parses");
    let inlined = inlined(&wasm, "nested");
    assert!(inlined.len() < 100 * wasm.len(), "{}", inlined.len());
}

#[test]
fn modules_without_small_functions_stay() {
    let wasm = wat::parse_str("(module (func (export \"run\") (nop)))").expect("it parses");
    assert!(matches!(inline(&wasm), Ok(Cow::Borrowed(same)) if same == wasm));
    assert!(inline(b"junk").is_err());
}

#[test]
fn corpus_modules_do_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut changed = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        let what = path.display().to_string();
        let wasm = wat::parse_file(&path).expect("it parses");
        let inlined = inlined(&wasm, &what);
        changed += u32::from(inlined != wasm);
        assert_eq!(uninterrupted(&inlined), uninterrupted(&wasm), "{what}");
    }
    assert!(changed > 3, "only {changed}");
}

#[test]
fn generated_modules_do_the_same() {
    let mut changed = 0;
    for seed in 0..600 {
        let Some(wasm) = module(&bytes(seed)) else {
            continue;
        };
        let what = format!("seed {seed}");
        let inlined = inlined(&wasm, &what);
        let (Some(one), Some(other)) = (outcome(&wasm), outcome(&inlined)) else {
            continue;
        };
        changed += u32::from(inlined != wasm);
        assert_eq!(one, other, "{what}");
    }
    assert!(changed > 20, "only {changed}");
}

fn inlined(wasm: &[u8], what: &str) -> Vec<u8> {
    let inlined = inline(wasm).unwrap_or_else(|error| panic!("{what}: {error}"));
    wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
        .validate_all(&inlined)
        .unwrap_or_else(|error| panic!("{what}: {error}\n{}", shown(&inlined)));
    assert_eq!(inlined, inline(wasm).expect("as before"), "{what}");
    inlined.into_owned()
}

fn shown(wasm: &[u8]) -> String {
    wasmprinter::print_bytes(wasm).unwrap_or_else(|error| error.to_string())
}

/// Direct calls in functions that are exported.
fn calls_of_exports(wasm: &[u8]) -> usize {
    let (mut imported, mut exported, mut calls) = (0, Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.expect("valid") {
            Payload::ImportSection(section) => imported = section.count() as usize,
            Payload::ExportSection(section) => exported.extend(
                section
                    .into_iter()
                    .map(|export| export.expect("valid"))
                    .filter(|export| export.kind == wasmparser::ExternalKind::Func)
                    .map(|export| export.index as usize),
            ),
            Payload::CodeSectionEntry(body) => {
                let operators = body.get_operators_reader().expect("valid").into_iter();
                let is_call = |operator: &Operator<'_>| matches!(operator, Operator::Call { .. });
                calls.push(
                    operators
                        .filter(|op| is_call(op.as_ref().expect("valid")))
                        .count(),
                );
            }
            _ => {}
        }
    }
    exported.iter().map(|index| calls[index - imported]).sum()
}
