//! What the interpreter gets wrong is right once it is mended.

use dormouse_snapshot::mend;
use wasmi::{Engine, Linker, Module, Store};

/// What `f(77, x)` gives for an `x` of zero, and one of three. The condition is
/// in a slot, while something else was computed last.
fn selected(condition: &str, select: &str) -> [i32; 2] {
    let wat = format!(
        r#"(module
            (global $zero i32 (i32.const 0))
            (func (export "f") (param $a i32) (param $x i32) (result i32) (local $b i32)
                (local.set $b (i32.add (local.get $a) (i32.const 5)))
                local.get $a
                i32.const 9
                {condition}
                {select}))"#
    );
    let wasm = wat::parse_str(wat).expect("well-formed");
    let wasm = mend(&wasm).expect("it can be mended");
    let engine = Engine::default();
    let module = Module::new(&engine, &wasm).expect("it is valid");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate_and_start(&mut store, &module)
        .expect("nothing is imported");
    let f = instance
        .get_typed_func::<(i32, i32), i32>(&store, "f")
        .expect("exported");
    [0, 3].map(|x| f.call(&mut store, (77, x)).expect("it ends"))
}

#[test]
fn comparisons_with_zero_select_what_they_should() {
    let if_zero = [77, 9];
    let if_not = [9, 77];
    let cases = [
        ("(i32.eqz (local.get $x))", if_zero),
        ("(i32.eq (local.get $x) (i32.const 0))", if_zero),
        ("(i32.eq (i32.const 0) (local.get $x))", if_zero),
        ("(i32.eq (local.get $x) (global.get $zero))", if_zero),
        ("(i32.ne (local.get $x) (i32.const 0))", if_not),
        ("(i32.ne (i32.const 0) (local.get $x))", if_not),
        ("(i32.ne (global.get $zero) (local.get $x))", if_not),
        ("(i32.eqz (i32.eqz (local.get $x)))", if_not),
        ("(i32.eqz (i32.eq (local.get $x) (i32.const 0)))", if_not),
        ("(i32.eqz (i32.ne (local.get $x) (i32.const 0)))", if_zero),
        ("(i32.eqz (i32.and (local.get $x) (i32.const 2)))", if_zero),
        ("(i32.eq (local.get $x) (i32.const 3))", if_not),
        ("(i32.lt_u (local.get $x) (i32.const 1))", if_zero),
        ("(local.get $x)", if_not),
    ];
    for (condition, expected) in cases {
        for select in ["select", "select (result i32)"] {
            assert_eq!(
                selected(condition, select),
                expected,
                "{condition} {select}"
            );
        }
    }
}
