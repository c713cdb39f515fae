//! Short functions do what the interpreter does.

use super::*;
use crate::{Engine, Instance, Limits, Module};

/// Each operation, worked out here and by the interpreter, gives the same.
#[test]
fn operations_are_the_interpreters() {
    let integers = [
        0_i64,
        1,
        -1,
        2,
        7,
        31,
        33,
        63,
        i64::MIN,
        i64::MAX,
        0x8000_0000,
        -0x8000_0001,
    ];
    let floats = [
        0.0_f64,
        -0.0,
        1.5,
        -2.5,
        1e30,
        -1e30,
        5e-324,
        f64::INFINITY,
        f64::NAN,
    ];
    let mut count = 0;
    for (name, params, result) in operations() {
        let types = params.join(" ");
        let args: String = (0..params.len())
            .map(|n| format!("local.get {n} "))
            .collect();
        let text = format!(
            "(module (func (export \"leaf\") (param {types}) (result {result}) {args} {name})
                (func (export \"not\") (param {types}) (result {result})
                    (block (result {result}) {args} {name})))"
        );
        let module = Module::new(&Engine::new(), &name, text.as_bytes()).expect("valid");
        let leaves = leaves(module.image().wasm_bytes());
        assert!(
            leaves.contains_key("leaf") && !leaves.contains_key("not"),
            "{name}"
        );
        let mut instance = Instance::new(&module).expect("an instance");
        let not = instance.function("not").expect("a function");
        assert!(instance.pure(not).is_none(), "{name}");
        let values = |ty: &str| -> Vec<Value> {
            match ty {
                "i32" => integers.iter().map(|n| Value::I32(*n as i32)).collect(),
                "i64" => integers.iter().map(|n| Value::I64(*n)).collect(),
                "f32" => floats.iter().map(|n| Value::F32(*n as f32)).collect(),
                _ => floats.iter().map(|n| Value::F64(*n)).collect(),
            }
        };
        for first in values(params[0]) {
            for second in values(params[params.len() - 1]) {
                let args = &[first, second][..params.len()];
                let mut leaf = [Value::Null];
                assert!(leaves["leaf"].call(args, &mut leaf), "{name} {args:?}");
                let plain = instance.call("not", args).expect("it returns");
                // Debug: NaN and the sign of zero.
                assert_eq!(format!("{leaf:?}"), format!("{plain:?}"), "{name} {args:?}");
                count += 1;
            }
        }
    }
    assert!(count > 5000);
}

/// Name, parameters, result of each.
fn operations() -> Vec<(String, Vec<&'static str>, &'static str)> {
    let mut all = Vec::new();
    for ty in ["i32", "i64"] {
        for op in "add sub mul and or xor shl shr_s shr_u rotl rotr".split(' ') {
            all.push((format!("{ty}.{op}"), vec![ty, ty], ty));
        }
        for op in "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u".split(' ') {
            all.push((format!("{ty}.{op}"), vec![ty, ty], "i32"));
        }
        for op in "clz ctz popcnt extend8_s extend16_s".split(' ') {
            all.push((format!("{ty}.{op}"), vec![ty], ty));
        }
        all.push((format!("{ty}.eqz"), vec![ty], "i32"));
        for from in ["f32", "f64"] {
            for sign in ["s", "u"] {
                all.push((format!("{ty}.trunc_sat_{from}_{sign}"), vec![from], ty));
                all.push((format!("{from}.convert_{ty}_{sign}"), vec![ty], from));
            }
        }
    }
    for ty in ["f32", "f64"] {
        for op in "add sub mul div min max".split(' ') {
            all.push((format!("{ty}.{op}"), vec![ty, ty], ty));
        }
        for op in "eq ne lt gt le ge".split(' ') {
            all.push((format!("{ty}.{op}"), vec![ty, ty], "i32"));
        }
        for op in "abs neg sqrt".split(' ') {
            all.push((format!("{ty}.{op}"), vec![ty], ty));
        }
    }
    all.push(("i32.wrap_i64".to_owned(), vec!["i64"], "i32"));
    all.push(("i64.extend_i32_s".to_owned(), vec!["i32"], "i64"));
    all.push(("i64.extend_i32_u".to_owned(), vec!["i32"], "i64"));
    all.push(("i64.extend32_s".to_owned(), vec!["i64"], "i64"));
    all.push(("f32.demote_f64".to_owned(), vec!["f64"], "f32"));
    all.push(("f64.promote_f32".to_owned(), vec!["f32"], "f64"));
    all
}

#[test]
fn locals_constants_and_selections() {
    let text = br#"(module
        (func (export "clamp") (param i32) (result i32) (local i32)
            (local.set 1 (select (local.get 0) (i32.const 100)
                (i32.lt_s (local.get 0) (i32.const 100))))
            (select (local.get 1) (i32.const 0) (i32.gt_s (local.get 1) (i32.const 0))))
        (func (export "swap") (param i64 f64) (result f64 i64) local.get 1 local.get 0)
        (func (export "tee") (param i32) (result i32)
            (i32.mul (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
        (func (export "nothing"))
        (func (export "traps") (param i32) (result i32) (i32.div_s (local.get 0) (local.get 0)))
        (func (export "calls") (call 3))
        (func (export "loops") (loop)))"#;
    let module = Module::new(&Engine::new(), "m.wat", text).expect("valid");
    let mut names: Vec<_> = leaves(module.image().wasm_bytes()).into_keys().collect();
    names.sort();
    assert_eq!(names, ["clamp", "nothing", "swap", "tee"]);
    let mut instance = Instance::new(&module).expect("an instance");
    for name in &names {
        let func = instance.function(name).expect("a function");
        assert!(instance.pure(func).is_some(), "{name}");
    }
    for (given, got) in [(-5, 0), (50, 50), (500, 100)] {
        assert_eq!(
            instance.call("clamp", &[given.into()]).expect("it returns"),
            [got.into()]
        );
    }
    let swapped = instance.call("swap", &[Value::I64(1), Value::F64(2.5)]);
    assert_eq!(
        swapped.expect("it returns"),
        [Value::F64(2.5), Value::I64(1)]
    );
    assert_eq!(
        instance.call("tee", &[4.into()]).expect("it returns"),
        [25.into()]
    );
    assert!(
        instance
            .call("nothing", &[])
            .expect("it returns")
            .is_empty()
    );
    assert!(instance.call("tee", &[Value::I64(4)]).is_err());
    assert!(instance.call("tee", &[]).is_err());
}

/// Whose fuel is counted is entered; and whoever was stopped is not called.
#[test]
fn what_is_counted_or_stopped_is_the_interpreters() {
    let text = b"(module (func (export \"one\") (result i32) i32.const 1))";
    let module = Module::new(&Engine::new(), "m.wat", text).expect("valid");
    let limits = Limits {
        fuel: Some(1000),
        ..Limits::default()
    };
    let mut counted = module.instance().limits(limits).start().expect("it starts");
    let one = counted.function("one").expect("a function");
    assert!(counted.pure(one).is_none());
    assert_eq!(counted.call("one", &[]).expect("it returns"), [1.into()]);
    assert!(counted.fuel_used().is_some_and(|fuel| fuel > 0));

    let mut builder = module.instance();
    let stopper = builder.stopper();
    let mut instance = builder.start().expect("it starts");
    let one = instance.function("one").expect("a function");
    stopper.stop();
    assert!(instance.call_into(one, &[], &mut [Value::Null]).is_err());
    assert!(instance.call_into(one, &[], &mut [Value::Null]).is_ok());
}
