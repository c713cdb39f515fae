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

/// How many payments calls cost, where they are made or where they lead to.
fn payments(wat: &str) -> usize {
    bounded(wat);
    let wasm = wat::parse_str(wat).expect("it parses");
    let graph = Graph::of(&wasm, &[]).expect("it is read");
    let functions = graph.functions.iter();
    functions
        .map(|called| usize::from(called.pays) + called.paid_calls().count())
        .sum()
}

#[test]
fn circles_of_calls_pay() {
    assert!(payments("(module (func $f (call $f)))") > 0);
    assert!(payments("(module (func $f (return_call $f)))") > 0);
    assert!(payments("(module (func $f (call $g)) (func $g (call $f)))") > 0);
    let plain = "(module (func $f (call $g) (call $g)) (func $g (loop (nop))))";
    assert_eq!(payments(plain), 0);
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
fn what_pays_anyway_breaks_circles() {
    // The first is too long for its callers, and seldom calls the second.
    let long = "(drop (i32.const 1))".repeat(FREE as usize);
    let wat = format!(
        "(module (func $f (param i32) {long} (if (local.get 0) (then (call $g))))
            (func $g (call $f (i32.const 0))))"
    );
    let wasm = wat::parse_str(wat).expect("it parses");
    let graph = Graph::of(&wasm, &counts(1)).expect("it is read");
    let functions = graph.functions.iter();
    let paid: Vec<_> = functions
        .map(|f| (f.pays, f.paid_calls().count()))
        .collect();
    assert_eq!(paid, [(true, 0), (false, 0)]);
}

#[test]
fn calls_that_lead_anywhere_pay() {
    let wat = "(module (import \"m\" \"f\" (func $f)) (table 1 funcref)
        (elem (i32.const 0) $f)
        (func (call $f) (call_indirect (i32.const 0)) (call $g)) (func $g))";
    let wasm = wat::parse_str(wat).expect("it parses");
    for counts in [counts(0), counts(100)] {
        let graph = Graph::of(&wasm, &counts).expect("it is read");
        let paid: Vec<usize> = {
            let paid = graph.functions[0].paid_calls();
            paid.map(|paid| paid.position).collect()
        };
        assert_eq!(paid, [0, 2]);
    }
}

#[test]
fn calls_of_what_is_known_are_like_others() {
    let paid = |table: &str, function: &str| {
        payments(&format!(
            "(module {table} (type $t (func)) (type $same (func)) (type $other (func (param i32)))
                (elem (i32.const 0) $g)
                (func (call_indirect (type $same) (i32.const 0)))
                (func $g (type $t) {function}))"
        ))
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
    assert!(pay[..14].contains(&true), "{pay:?}");
    assert!(!pay[14..].contains(&true), "{pay:?}");
}

#[test]
fn a_pass_that_is_too_long_is_divided() {
    let body = "(drop (i32.const 1))".repeat(paths::STRETCH as usize);
    let wat = format!("(module (func {body}))");
    bounded(&wat);
    let graph = Graph::of(&wat::parse_str(&wat).expect("it parses"), &[]).expect("it is read");
    assert_eq!(graph.functions[0].passes.longest, paths::STRETCH);
    assert_eq!(graph.functions[0].passes.paid_at.len(), 1);
    // Ways that exclude each other are not added up.
    let half = "(drop (i32.const 1))".repeat(paths::STRETCH as usize / 3);
    let wat = format!("(module (func (param i32) (if (local.get 0) (then {half}) (else {half}))))");
    let graph = Graph::of(&wat::parse_str(&wat).expect("it parses"), &[]).expect("it is read");
    assert!(graph.functions[0].passes.paid_at.is_empty());
}

/// Few enough that tests can wait for the host to be asked.
const UNITS: u32 = 1 << 8;

fn asking(wasm: &[u8], counts: &[u32]) -> Vec<u8> {
    bound_every(UNITS, wasm, counts)
        .expect("it is bounded")
        .module
}

/// Calls `f` with `argument`; nothing if it still runs when it asked so often.
fn run(wasm: &[u8], argument: i32, asks: u32) -> Option<i32> {
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, wasm).expect("it is valid");
    let mut store = wasmi::Store::new(&engine, 0);
    let mut linker = wasmi::Linker::<u32>::new(&engine);
    let tick = move |mut caller: wasmi::Caller<'_, u32>| {
        *caller.data_mut() += 1;
        if *caller.data() > asks {
            return Err(wasmi::Error::new("enough"));
        }
        Ok(())
    };
    linker.func_wrap(TICK.0, TICK.1, tick).expect("it is new");
    let instance = linker
        .instantiate_and_start(&mut store, &module)
        .expect("it starts");
    let function = instance.get_typed_func::<i32, i32>(&store, "f");
    let called = function.expect("it is there").call(&mut store, argument);
    called.ok()
}

/// Counts by which each loop runs more often than what is around it.
fn busy() -> Vec<u32> {
    (0..10)
        .map(|stretch| 3u32.saturating_pow(stretch))
        .collect()
}

/// Bodies of functions of `$n` with a result, and what they give for 10.
const LOOPS: &[(&str, i32)] = &[
    // At the end, and in the middle.
    (
        "(loop $l (local.set $s (i32.add (local.get $s) (local.get $n)))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
         (local.get $s)",
        55,
    ),
    (
        "(block $out (loop $l (br_if $out (i32.eqz (local.get $n)))
            (local.set $s (i32.add (local.get $s) (i32.const 2)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br $l)))
         (local.get $s)",
        20,
    ),
    // With a result, with arms that both go back, and one that leaves.
    (
        "(loop $l (result i32)
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (if (i32.gt_s (local.get $n) (i32.const 5)) (then (br $l))
                (else (if (i32.gt_s (local.get $n) (i32.const 2)) (then (br $l)))))
            (local.get $n))",
        2,
    ),
    (
        "(loop $l (result i32) (br_if $l (i32.gt_s (local.tee $n
        (i32.sub (local.get $n) (i32.const 3))) (i32.const 0))) (return (local.get $n)))",
        -2,
    ),
    // One in another, which goes on with the outer one.
    (
        "(loop $a (local.set $m (i32.const 3))
            (loop $b (local.set $s (i32.add (local.get $s) (i32.const 1)))
                (br_if $b (local.tee $m (i32.sub (local.get $m) (i32.const 1))))
                (br_if $a (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
         (local.get $s)",
        30,
    ),
    // By a table, and with a parameter.
    (
        "(block $out (loop $l (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br_table $out $l (i32.gt_s (local.get $n) (i32.const 4)))))
         (local.get $n)",
        4,
    ),
    (
        "(i32.const 0) (loop $l (param i32) (result i32) (i32.add (i32.const 3))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))",
        30,
    ),
];

fn looping(body: &str) -> Vec<u8> {
    let wat = format!(
        "(module (func (export \"f\") (param $n i32) (result i32) (local $s i32) (local $m i32)
            {body}))"
    );
    wat::parse_str(&wat).expect("it parses")
}

#[test]
fn loops_do_what_they_did() {
    for (body, result) in LOOPS {
        for counts in [Vec::new(), busy()] {
            let wasm = looping(body);
            assert_eq!(run(&wasm, 10, 0), Some(*result), "{body}");
            let bounded = asking(&wasm, &counts);
            assert_eq!(run(&bounded, 10, 0), Some(*result), "{body}");
            // Long enough to be counted, and to ask.
            let many = 300_000;
            let asked = run(&bounded, many, 0);
            assert_eq!(asked, None, "{body}: it asks");
        }
    }
}

#[test]
fn loops_that_run_often_are_copied() {
    let wasm = looping(LOOPS[0].0);
    let length = |counts: &[u32]| bound(&wasm, counts).expect("it is bounded").module.len();
    assert!(length(&busy()) > length(&[]) + 20);
    // What is long, or has another loop in it, is not.
    for body in [
        format!(
            "(loop $l {} (br_if $l (local.get $n)))",
            "(nop)".repeat(200)
        ),
        "(loop $l (loop $m) (br_if $l (local.get $n)))".to_owned(),
    ] {
        let wasm = looping(&format!("{body} (local.get $n)"));
        let length = |counts: &[u32]| bound(&wasm, counts).expect("it is bounded").module.len();
        assert_eq!(length(&busy()), length(&[]), "{body}");
    }
}

#[test]
fn what_never_ends_asks() {
    for body in [
        "(loop $l (br $l))",
        "(loop $l (br_if $l (i32.const 1)))",
        "(loop $l (block (br_table $l 0 (i32.const 0))))",
        "(loop $a (loop $b (br_if $a (local.tee $n (i32.eqz (local.get $n)))) (br $b)))",
        "(loop $l (memory.fill (i32.const 0) (i32.const 0) (i32.const 4095)) (br $l))",
    ] {
        let wat = format!(
            "(module (memory 1) (table funcref (elem $g))
                (func $f (export \"f\") (param $n i32) (result i32) {body} (i32.const 0))
                (func $g (call $h)) (func $h (call_indirect (i32.const 0))))"
        );
        for counts in [Vec::new(), busy()] {
            let wasm = wat::parse_str(&wat).expect("it parses");
            let bounded = asking(&wasm, &counts);
            assert_eq!(run(&bounded, 1, 3), None, "{body}");
        }
    }
}

#[test]
fn what_is_not_valid_is_refused() {
    // Its body calls function 9, of which there is none.
    let mut wasm = wat::parse_str("(module (func $f (call $f)))").expect("it parses");
    let call = wasm.windows(2).position(|code| code == [0x10, 0]);
    wasm[call.expect("it is there") + 1] = 9;
    assert!(bound(&wasm, &[]).is_err());
}
