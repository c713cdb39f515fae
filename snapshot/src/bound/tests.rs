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
        stretches.checked_sub(1),
        last.filter(|_| stretches > 0),
        "{wat}"
    );
    bounded
}

/// Who looks when entered, of the functions that a module defines.
fn lookers(wat: &str) -> Vec<bool> {
    bounded(wat);
    let wasm = wat::parse_str(wat).expect("it parses");
    let graph = Graph::of(&wasm, &[]).expect("it is read");
    graph.functions.iter().map(|called| called.looks).collect()
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

/// How many looks calls cost, where they are made or where they lead to.
fn looks(wat: &str) -> usize {
    bounded(wat);
    let wasm = wat::parse_str(wat).expect("it parses");
    let graph = Graph::of(&wasm, &[]).expect("it is read");
    let functions = graph.functions.iter();
    functions
        .map(|called| usize::from(called.looks) + called.looking_calls().len())
        .sum()
}

#[test]
fn circles_of_calls_look() {
    assert!(looks("(module (func $f (call $f)))") > 0);
    assert!(looks("(module (func $f (return_call $f)))") > 0);
    assert!(looks("(module (func $f (call $g)) (func $g (call $f)))") > 0);
    let plain = "(module (func $f (call $g) (call $g)) (func $g (loop (nop))))";
    assert_eq!(looks(plain), 0);
}

/// Counts of a module in which only the first `ran` stretches did.
fn counts(ran: usize) -> Vec<u32> {
    vec![1000; ran]
}

#[test]
fn what_ran_least_looks_in_a_circle() {
    // The first is called in each round, and calls the second in none.
    let wat = "(module
        (func $often (param i32) (if (local.get 0) (then (call $seldom))))
        (func $seldom (call $often (i32.const 0))))";
    let wasm = wat::parse_str(wat).expect("it parses");
    let graph = Graph::of(&wasm, &counts(1)).expect("it is read");
    let [often, seldom] = &graph.functions[..] else {
        panic!("there are two");
    };
    assert!(!often.looks);
    let looking = often.looking_calls().len() + seldom.looking_calls().len();
    assert!(seldom.looks || looking == 1, "{graph:?}");
    // What is not seldom, looks nevertheless.
    let graph = Graph::of(&wasm, &counts(100)).expect("it is read");
    let looks = |function: &graph::Called| function.looks || !function.looking_calls().is_empty();
    assert!(graph.functions.iter().any(looks));
}

#[test]
fn what_looks_anyway_breaks_circles() {
    // The first is too long for its callers, and seldom calls the second.
    let long = "(drop (i32.const 1))".repeat(FREE as usize);
    let wat = format!(
        "(module (func $f (param i32) {long} (if (local.get 0) (then (call $g))))
            (func $g (call $f (i32.const 0))))"
    );
    let wasm = wat::parse_str(wat).expect("it parses");
    let graph = Graph::of(&wasm, &counts(1)).expect("it is read");
    let functions = graph.functions.iter();
    let looking: Vec<_> = functions
        .map(|f| (f.looks, f.looking_calls().len()))
        .collect();
    assert_eq!(looking, [(true, 0), (false, 0)]);
}

#[test]
fn calls_that_lead_anywhere_look() {
    let wat = "(module (import \"m\" \"f\" (func $f)) (table 1 funcref)
        (elem (i32.const 0) $f)
        (func (call $f) (call_indirect (i32.const 0)) (call $g)) (func $g))";
    let wasm = wat::parse_str(wat).expect("it parses");
    for counts in [counts(0), counts(100)] {
        let graph = Graph::of(&wasm, &counts).expect("it is read");
        let looking = graph.functions[0].looking_calls();
        assert_eq!(looking.into_iter().collect::<Vec<_>>(), [0, 2]);
    }
}

#[test]
fn calls_of_what_is_known_are_like_others() {
    let looking = |table: &str, function: &str| {
        looks(&format!(
            "(module {table} (type $t (func)) (type $same (func)) (type $other (func (param i32)))
                (elem (i32.const 0) $g)
                (func (call_indirect (type $same) (i32.const 0)))
                (func $g (type $t) {function}))"
        ))
    };
    assert_eq!(looking("(table 1 funcref)", ""), 0);
    assert_eq!(looking("(import \"m\" \"t\" (table 1 funcref))", ""), 1);
    let none = "(call_indirect (type $other) (i32.const 1) (i32.const 0))";
    assert_eq!(looking("(table 1 funcref)", none), 0);
    let itself = "(call_indirect (type $t) (i32.const 0))";
    assert!(looking("(table 1 funcref)", itself) > 0);
}

#[test]
fn who_calls_too_much_looks() {
    // Each calls the next twice, so the first does 2^20 times what the last does.
    let mut wat = String::from("(module ");
    for index in 0..20 {
        let next = index + 1;
        wat.push_str(&format!("(func $f{index} (call $f{next}) (call $f{next}))"));
    }
    wat.push_str("(func $f20))");
    let look = lookers(&wat);
    assert!(look[..16].contains(&true), "{look:?}");
    assert!(!look[16..].contains(&true), "{look:?}");
}

#[test]
fn a_pass_that_is_too_long_is_divided() {
    let body = "(drop (i32.const 1))".repeat(paths::STRETCH as usize);
    let wat = format!("(module (func {body}))");
    bounded(&wat);
    let graph = Graph::of(&wat::parse_str(&wat).expect("it parses"), &[]).expect("it is read");
    assert_eq!(graph.functions[0].passes.longest, paths::STRETCH);
    assert_eq!(graph.functions[0].passes.looks_at.len(), 1);
    // Ways that exclude each other are not added up.
    let half = "(drop (i32.const 1))".repeat(paths::STRETCH as usize / 3);
    let wat = format!("(module (func (param i32) (if (local.get 0) (then {half}) (else {half}))))");
    let graph = Graph::of(&wat::parse_str(&wat).expect("it parses"), &[]).expect("it is read");
    assert!(graph.functions[0].passes.looks_at.is_empty());
}

fn asking(wasm: &[u8], counts: &[u32]) -> Vec<u8> {
    bound(wasm, counts).expect("it is bounded").module
}

/// Calls `f` with `argument`, and sets the word again whenever it asks; nothing if it
/// still runs when it asked so often.
fn run(wasm: &[u8], argument: i32, asks: u32) -> Option<i32> {
    let engine = wasmi::Engine::default();
    let module = wasmi::Module::new(&engine, wasm).expect("it is valid");
    let mut store = wasmi::Store::new(&engine, 0);
    let mut linker = wasmi::Linker::<u32>::new(&engine);
    let stop = wasmi::Memory::new(&mut store, wasmi::MemoryType::new(1, Some(1)));
    let stop = stop.expect("there is memory");
    let tick = move |mut caller: wasmi::Caller<'_, u32>| {
        assert_eq!(stop.data(&caller)[..4], [0; 4], "it is made zero");
        stop.data_mut(&mut caller)[0] = 1;
        *caller.data_mut() += 1;
        if *caller.data() > asks {
            return Err(wasmi::Error::new("enough"));
        }
        Ok(())
    };
    stop.data_mut(&mut store)[0] = 1;
    linker.func_wrap(TICK.0, TICK.1, tick).expect("it is new");
    linker.define(STOP.0, STOP.1, stop).expect("it is new");
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
    // From blocks in it, out of those around it, and by a table that leaves.
    (
        "(block $out (block $two (loop $l
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (block $in (br_table $in $out $two (i32.eq (local.get $n) (i32.const 3))))
            (block $go (br_if $go (i32.and (local.get $n) (i32.const 1))) (br $l))
            (local.set $s (i32.add (local.get $s) (local.get $n)))
            (br_if $l (i32.gt_s (local.get $n) (i32.const -3000))) (return (i32.const 1))))
            (return (i32.add (local.get $s) (i32.const 100))))
         (local.get $s)",
        21,
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
        "(module (memory 1)
            (func (export \"f\") (param $n i32) (result i32) (local $s i32) (local $m i32) {body}))"
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
            assert_eq!(run(&bounded, 10, u32::MAX), Some(*result), "{body}");
            // There may be copies of the loop that don't.
            assert_eq!(run(&bounded, 1000, 0), None, "{body}: it asks");
        }
    }
}

/// As often as there are small loops, brief ones end before they look.
#[test]
fn a_small_loop_goes_back_from_the_last_of_its_copies() {
    let (body, _) = LOOPS[0];
    let bounded = asking(&looping(body), &busy());
    assert_eq!(run(&bounded, 4, 0), Some(10));
    assert_eq!(run(&bounded, 80, 0), None);
    assert_eq!(run(&bounded, 80, 20), Some(80 * 81 / 2));
    let bounded = asking(&looping(body), &[]);
    assert_eq!(run(&bounded, 4, 0), None, "it never ran");
}

#[test]
fn a_round_that_has_looked_does_not_look_again() {
    let wasm = looping(
        "(loop $l (drop (memory.grow (i32.const 0)))
            (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
         (local.get $n)",
    );
    for counts in [Vec::new(), busy()] {
        let bounded = asking(&wasm, &counts);
        assert_eq!(run(&bounded, 100, 100), Some(0));
        assert_eq!(run(&bounded, 100, 99), None);
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
