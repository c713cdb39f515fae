//! Modules that are watched, run.

use super::*;
use wasmi::{Engine, Linker, Module, Store, Val};
use wasmparser::Validator;

fn parse(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).expect("test modules are well-formed")
}

/// Calls `f` with `argument` in `wasm`; whether that returned, and what the
/// memory `export` and the global [`DEPTH`] hold then.
fn run(wasm: &[u8], argument: i32, export: &str) -> (bool, Vec<u8>, u32) {
    Validator::new().validate_all(wasm).expect("it is valid");
    let mut config = wasmi::Config::default();
    config.wasm_tail_call(true);
    let engine = Engine::new(&config);
    let module = Module::new(&engine, wasm).expect("wasmi has it");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate_and_start(&mut store, &module)
        .expect("it has no imports");
    let function = instance.get_func(&store, "f").expect("it is exported");
    let called = function.call(&mut store, &[Val::I32(argument)], &mut []);
    let memory = instance.get_memory(&store, export).expect("it is exported");
    let depth = instance.get_global(&store, DEPTH);
    let depth = depth.and_then(|global| global.get(&store).i32());
    let depth = depth.unwrap_or_default().cast_unsigned();
    (called.is_ok(), memory.data(&store).to_vec(), depth)
}

/// The edges that are taken for `argument`, with how often.
fn taken(wat: &str, argument: i32) -> Vec<(usize, u8)> {
    let (wasm, total) = edges(&parse(wat)).expect("valid modules can be watched");
    let (_, memory, _) = run(&wasm, argument, EDGES);
    assert!(memory.iter().skip(total).all(|count| *count == 0));
    let counts = memory.into_iter().enumerate();
    counts.filter(|(_, count)| *count != 0).collect()
}

#[test]
fn both_ways_of_a_branch_are_edges() {
    let wat = r#"(module (func (export "f") (param i32)
        (if (i32.gt_u (local.get 0) (i32.const 3)) (then (nop)))
        (block (br_if 0 (i32.eq (local.get 0) (i32.const 7))))))"#;
    assert_eq!(taken(wat, 1), [(0, 1), (2, 1), (4, 1)]);
    assert_eq!(taken(wat, 5), [(0, 1), (1, 1), (4, 1)]);
    assert_eq!(taken(wat, 7), [(0, 1), (1, 1), (3, 1)]);
}

#[test]
fn each_target_of_a_table_is_an_edge_and_loops_are_counted() {
    let table = r#"(module (func (export "f") (param i32)
        (block (block (block (br_table 0 1 2 (local.get 0)))))))"#;
    for (argument, edge) in [(0, 1), (1, 2), (2, 3), (3, 3), (-1, 3)] {
        assert_eq!(taken(table, argument), [(0, 1), (edge, 1)]);
    }
    let turns = r#"(module (func (export "f") (param i32)
        (loop (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
            (br_if 0 (local.get 0)))))"#;
    assert_eq!(taken(turns, 5), [(0, 1), (1, 4), (2, 1)]);
    // 256 of a thing are none.
    assert_eq!(taken(turns, 257), [(0, 1), (2, 1)]);
}

#[test]
fn operands_are_written_down() {
    let wat = r#"(module (func (export "f") (param i32)
        (drop (i32.eq (local.get 0) (i32.const 0x4947414d)))
        (drop (i64.lt_u (i64.extend_i32_s (local.get 0)) (i64.const 9)))
        (loop (drop (i32.ne (local.get 0) (i32.const 1)))
            (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;
    let wasm = compares(&parse(wat)).expect("valid modules can be watched");
    let (_, memory, _) = run(&wasm, 3, COMPARES);
    let found: Vec<_> = compared(&memory).collect();
    assert_eq!(found, [(3, 0x4947_414d), (3, 9), (3, 1), (2, 1), (1, 1)]);
    let (_, memory, _) = run(&wasm, 20, COMPARES);
    assert_eq!(compared(&memory).count(), 2 + 8);
}

#[test]
fn the_active_functions_are_known() {
    let wat = r#"(module
        (func $a (export "f") (param i32) (call $d) (call $b (local.get 0)))
        (func $b (param i32) (call $d) (return_call $c (local.get 0)))
        (func $c (param i32) (if (local.get 0)
            (then (call $c (i32.sub (local.get 0) (i32.const 1)))))
            (unreachable))
        (func $d))"#;
    let wasm = calls(&parse(wat)).expect("valid modules can be watched");
    let (returned, memory, depth) = run(&wasm, 2, CALLS);
    assert!(!returned);
    assert_eq!(active(&memory, depth, 64), [2, 2, 2, 0]);
    assert_eq!(active(&memory, depth, 1), [2]);
    assert_eq!(active(&memory, u32::MAX, 2).len(), 2);
}

#[test]
fn code_that_is_never_reached_stays_valid() {
    let wasm = parse(
        r#"(module (func (export "f") (param i32) (unreachable) (br_if 0) (if (then))
            (i32.eq) (drop) (i64.lt_s) (drop) (br_table 0 0)))"#,
    );
    let (edges, _) = edges(&wasm).expect("it can be watched");
    let both = compares(&edges).and_then(|wasm| calls(&wasm));
    let both = both.expect("it can be watched");
    Validator::new().validate_all(&both).expect("it is valid");
}

#[test]
fn what_is_no_module_is_refused() {
    for wrong in [&b""[..], b"\0asm\x01\0\0\0\x01\xff"] {
        assert!(edges(wrong).is_err() && compares(wrong).is_err() && calls(wrong).is_err());
    }
}
