use super::*;
use wasmparser::Validator;

fn bounded(wat: &str) -> Vec<u8> {
    let wasm = wat::parse_str(wat).expect("the test's module parses");
    let bounded = bound(&wasm, &[]).expect("it is bounded");
    let stretches = bounded.stretches.len();
    let bounded = bounded.module;
    Validator::new()
        .validate_all(&bounded)
        .unwrap_or_else(|error| panic!("{wat}: {error}"));
    // What is said of the stretches is said of all.
    let last = crate::entries(&bounded)
        .expect("it is read")
        .last()
        .copied();
    assert_eq!(
        stretches.checked_sub(2),
        last.filter(|_| stretches > 0),
        "{wat}"
    );
    bounded
}

/// Who pays when entered, of the functions that a module defines.
fn payers(wat: &str) -> Vec<bool> {
    bounded(wat);
    let wasm = wat::parse_str(wat).expect("it parses");
    let graph = Graph::of(&wasm, &[]).expect("it is read");
    graph.functions.iter().map(|called| called.pays).collect()
}

#[test]
fn sections_that_are_missing_are_made() {
    for wat in [
        "(module (func))",
        "(module (import \"m\" \"f\" (func)) (func (loop (br 0))))",
        "(module (import \"m\" \"g\" (global i32)) (func (loop (br 0))) (memory 1) (data \"x\"))",
        "(module (global i32 (i32.const 1)) (func (loop (br 0))) (start 0))",
        "(module (import \"m\" \"m\" (memory 1)) (func $f (loop (br 0))) (export \"f\" (func $f)))",
        "(module (table 1 funcref) (func $f) (elem (i32.const 0) $f) (global funcref (ref.func $f)))",
    ] {
        bounded(wat);
    }
    let empty = bounded("(module (memory 1))");
    assert_eq!(empty, wat::parse_str("(module (memory 1))").expect("valid"));
    assert!(bound(b"", &[]).is_err());
}

#[test]
fn each_shape_stays_valid() {
    bounded(
        r#"(module
            (memory 1) (memory $wide i64 1) (table $t 4 funcref) (elem $e func $a) (data $d "abc")
            (type $two (func (param i32) (result i32)))
            (func $a (param i32) (result i32)
                (loop $l (br_if $l (i32.sub (local.get 0) (i32.const 1))))
                (block $out (loop $m (br_table $m $out $m (local.get 0))))
                (local.get 0)
                (loop $p (param i32) (result i32) (br_if $p (i32.eqz (local.get 0))))
                (loop $q (result i32) (if (local.get 0) (then (br $q)) (else (br $q))) (i32.const 1))
                (i32.add)
                (return_call $b))
            (func $b (type $two)
                (memory.fill 0 (i32.const 0) (i32.const 1) (local.get 0))
                (memory.fill $wide (i64.const 0) (i32.const 1) (i64.const 70000))
                (memory.copy 0 0 (i32.const 0) (i32.const 1) (local.get 0))
                (memory.copy 0 $wide (i32.const 0) (i64.const 1) (local.get 0))
                (memory.init 0 $d (i32.const 0) (i32.const 1) (i32.const 2))
                (table.fill $t (i32.const 0) (ref.null func) (local.get 0))
                (table.copy $t $t (i32.const 0) (i32.const 1) (local.get 0))
                (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))
                (drop (memory.grow (i32.const 1)))
                (drop (table.grow $t (ref.func $a) (i32.const 1)))
                (return_call_indirect $t (type $two) (local.get 0) (i32.const 0))))"#,
    );
}

#[test]
fn who_closes_a_circle_pays() {
    assert_eq!(payers("(module (func $f (call $f)))"), [true]);
    assert_eq!(payers("(module (func $f (return_call $f)))"), [true]);
    let two = payers("(module (func $f (call $g)) (func $g (call $f)))");
    assert!(two.contains(&true), "{two:?}");
    let plain = "(module (func $f (call $g) (call $g)) (func $g (loop (nop))))";
    assert_eq!(payers(plain), [false, false]);
}

/// Counts of a module in which only the first `ran` stretches did.
fn counts(ran: usize) -> Vec<u32> {
    vec![1000; ran]
}

#[test]
fn what_ran_least_pays_for_a_circle() {
    // The first is called in each round, and calls the second in none.
    let wat = "(module
        (func $often (param i32) (if (local.get 0) (then (call $seldom))))
        (func $seldom (call $often (i32.const 0))))";
    let wasm = wat::parse_str(wat).expect("it parses");
    let graph = Graph::of(&wasm, &counts(1)).expect("it is read");
    let [often, seldom] = &graph.functions[..] else {
        panic!("there are two");
    };
    assert!(!often.pays);
    let paid = often.paid_calls().chain(seldom.paid_calls()).count();
    assert!(seldom.pays || paid == 1, "{graph:?}");
    // What is not seldom, pays nevertheless.
    let graph = Graph::of(&wasm, &counts(100)).expect("it is read");
    let pays = |function: &graph::Called| function.pays || function.paid_calls().count() > 0;
    assert!(graph.functions.iter().any(pays));
}

#[test]
fn calls_that_lead_anywhere_pay() {
    let wat = "(module (import \"m\" \"f\" (func $f)) (table 1 funcref)
        (elem (i32.const 0) $f)
        (func (call $f) (call_indirect (i32.const 0)) (call $g)) (func $g))";
    let wasm = wat::parse_str(wat).expect("it parses");
    for counts in [counts(0), counts(100)] {
        let graph = Graph::of(&wasm, &counts).expect("it is read");
        let paid: Vec<usize> = graph.functions[0].paid_calls().map(|(at, _)| at).collect();
        assert_eq!(paid, [0, 2]);
    }
}

#[test]
fn calls_of_what_is_known_are_like_others() {
    let paid = |table: &str, function: &str| {
        let wat = format!(
            "(module {table} (type $t (func)) (type $same (func)) (type $other (func (param i32)))
                (elem (i32.const 0) $g)
                (func (call_indirect (type $same) (i32.const 0)))
                (func $g (type $t) {function}))"
        );
        bounded(&wat);
        let wasm = wat::parse_str(&wat).expect("it parses");
        let graph = Graph::of(&wasm, &[]).expect("it is read");
        let functions = graph.functions.iter();
        functions
            .map(|called| usize::from(called.pays) + called.paid_calls().count())
            .sum::<usize>()
    };
    assert_eq!(paid("(table 1 funcref)", ""), 0);
    assert_eq!(paid("(import \"m\" \"t\" (table 1 funcref))", ""), 1);
    let none = "(call_indirect (type $other) (i32.const 1) (i32.const 0))";
    assert_eq!(paid("(table 1 funcref)", none), 0);
    let itself = "(call_indirect (type $t) (i32.const 0))";
    assert!(paid("(table 1 funcref)", itself) > 0);
}

#[test]
fn who_calls_too_much_pays() {
    // Each calls the next twice, so the first does 2^18 times what the last does.
    let mut wat = String::from("(module ");
    for index in 0..18 {
        let next = index + 1;
        wat.push_str(&format!("(func $f{index} (call $f{next}) (call $f{next}))"));
    }
    wat.push_str("(func $f18))");
    let pay = payers(&wat);
    assert!(pay[..12].contains(&true), "{pay:?}");
    assert!(!pay[12..].contains(&true), "{pay:?}");
}

#[test]
fn a_pass_that_is_too_long_is_divided() {
    let body = "(drop (i32.const 1))".repeat(UNIT as usize);
    let wat = format!("(module (func {body}))");
    bounded(&wat);
    let graph = Graph::of(&wat::parse_str(&wat).expect("it parses"), &[]).expect("it is read");
    assert_eq!(graph.functions[0].passes.longest, UNIT);
    assert_eq!(graph.functions[0].passes.paid_at.len(), 1);
    // Ways that exclude each other are not added up.
    let half = "(drop (i32.const 1))".repeat(UNIT as usize / 3);
    let wat = format!("(module (func (param i32) (if (local.get 0) (then {half}) (else {half}))))");
    let graph = Graph::of(&wat::parse_str(&wat).expect("it parses"), &[]).expect("it is read");
    assert!(graph.functions[0].passes.paid_at.is_empty());
}
