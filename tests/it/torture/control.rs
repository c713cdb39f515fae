//! Operators that lead elsewhere: branches, tables of them, calls of each kind.

use super::writer::{At, Ty, Writer};

/// Branches that carry values, and blocks that take them.
pub(super) fn branches() -> String {
    let mut writer = Writer::new("");
    for condition in ["(local.get $t)", "(i32.and (local.get $i) (i32.const 2))"] {
        writer.statement("(local.set $t (i32.and (local.get $j) (i32.const 4)))");
        for ty in [Ty::I32, Ty::I64, Ty::F32, Ty::F64] {
            let (name, first, second) =
                (ty.name(), ty.operand(At::First), ty.operand(At::Constant));
            for value in [&first, &ty.operand(At::Computed), &second] {
                let carried = format!(
                    "(block (result {name}) (drop (br_if 0 {value} {condition})) {second})"
                );
                writer.value(ty, &carried);
                let either =
                    format!("(if (result {name}) {condition} (then {value}) (else {second}))");
                writer.value(ty, &either);
            }
            writer.value(ty, &format!("(block (result {name}) (br 0 {first}))"));
        }
        writer.statement(&format!("(if {condition} (then (nop)) (else (local.set $x (i32.add (local.get $x) (i32.const 1)))))"));
        // Several values at once, through parameters, and turned round.
        let three = "(local.get $i) (i64.const 7) (f64.add (local.get $d) (local.get $e))";
        writer.statement(&format!(
            "{three} (if (param i32 i64 f64) (result f64 i32) {condition}
              (then (local.set $d) (local.set $u) (local.set $t) (local.get $d) (local.get $t))
              (else (local.set $d) (local.set $u) (local.set $t) (local.get $e) (local.get $j)))
            (local.set $x (i32.add (local.get $x))) (drop)"
        ));
        writer.statement(&format!(
            "(block (result i32 i64 f64) {three} {condition} (br_if 0) (drop) (drop) (drop) {three})
            (local.set $d) (local.set $y (i64.add (local.get $y))) (local.set $x (i32.add (local.get $x)))"
        ));
        writer.statement("(local.set $t (i32.and (local.get $j) (i32.const 4)))");
    }
    // A loop with a value that it starts anew with.
    writer.statement(
        "(i32.const 3) (loop (param i32) (local.set $t)
          (br_if 0 (i32.sub (local.get $t) (i32.const 1)) (i32.gt_s (local.get $t) (i32.const 1)))
          (drop))",
    );
    writer.finish()
}

/// `br_table` without and with values.
pub(super) fn tables_of_branches() -> String {
    let mut writer = Writer::new("");
    for targets in [0, 1, 2, 3, 9] {
        for index in ["(local.get $t)", "(i32.and (local.get $i) (i32.const 15))"] {
            writer.statement("(local.set $t (i32.and (local.get $j) (i32.const 7)))");
            let all: String = (0..=targets).map(|depth| format!(" {depth}")).collect();
            let mut inner = format!("(br_table{all} {index})");
            for depth in 0..=targets {
                inner = format!(
                    "(block {inner}) (local.set $x (i32.add (local.get $x) (i32.const {depth})))"
                );
            }
            writer.statement(&inner);
            let mut inner = format!("(br_table{all} (local.get $i) {index})");
            for _ in 0..=targets {
                inner = format!("(i32.add (i32.const 1) (block (result i32) {inner}))");
            }
            writer.value(Ty::I32, &inner);
            let mut inner =
                format!("(br_table{all} (local.get $k) (local.get $i) (local.get $d) {index})");
            for _ in 0..=targets {
                inner = format!(
                    "(block (result i64 i32 f64) {inner}) (local.set $d) (i32.add (i32.const 1)) (local.get $d)"
                );
            }
            writer.statement(&format!(
                "{inner} (drop) (local.set $x (i32.add (local.get $x))) (local.set $y (i64.add (local.get $y)))"
            ));
        }
    }
    writer.finish()
}

/// What is called, in two tables.
const CALLED: &str = r#"
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (type $one (func (param i32) (result i32))) (type $none (func (result i32)))
  (table $a 8 funcref) (table $b 8 funcref)
  (elem (table $a) (i32.const 0) func $inc $dec $inc $dec $tail $tails $inc $dec)
  (elem (table $b) (i32.const 0) func $dec $inc $dec $inc $tail $tails $inc $yield)
  (func $inc (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $dec (param i32) (result i32) (i32.sub (local.get 0) (i32.const 1)))
  (func $tail (param i32) (result i32) (return_call $inc (i32.mul (local.get 0) (i32.const 3))))
  (func $tails (param i32) (result i32)
    (return_call_indirect $b (type $one) (local.get 0) (i32.and (local.get 0) (i32.const 3))))
  (func $nothing)
  (func $many (param i32 i64 f32 f64 f32 i32 i64) (result i64 i32 f64)
    (i64.add (local.get 1) (local.get 6)) (i32.sub (local.get 0) (local.get 5)) (local.get 3))
  (func $early (param i32) (result i32)
    (if (i32.and (local.get 0) (i32.const 4)) (then (return (i32.const 9))))
    (local.get 0))
  (func $depth (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $depth (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func $host (result i32) (return_call $yield))
  (func $host_indirect (result i32) (return_call_indirect $b (type $none) (i32.const 7)))
  (func $circle (param $n i32) (param $x i64) (result i64)
    (if (i32.eqz (local.get $n)) (then (return (local.get $x))))
    (return_call $turn (i32.sub (local.get $n) (i32.const 1)) (i64.add (local.get $x) (i64.const 5))))
  (func $turn (param $n i32) (param $x i64) (result i64)
    (return_call_indirect $c (param i32 i64) (result i64)
      (local.get $n) (i64.rotl (local.get $x) (i64.const 1)) (i32.and (local.get $n) (i32.const 1))))
  (table $c funcref (elem $circle $circle))"#;

/// Calls of each kind, of our functions and the host's.
pub(super) fn calls() -> String {
    let mut writer = Writer::new(CALLED);
    for argument in [
        "(local.get $i)",
        "(i32.add (local.get $i) (local.get $j))",
        "(i32.const 4)",
    ] {
        for function in ["$inc", "$tail", "$tails", "$early"] {
            writer.value(Ty::I32, &format!("(call {function} {argument})"));
        }
        for index in [
            "(local.get $t)",
            "(i32.and (local.get $i) (i32.const 5))",
            "(i32.const 4)",
        ] {
            writer.statement("(local.set $t (i32.and (local.get $j) (i32.const 6)))");
            for table in ["$a", "$b"] {
                let call = format!("(call_indirect {table} (type $one) {argument} {index})");
                writer.value(Ty::I32, &call);
            }
        }
    }
    writer.statement("(call $nothing)");
    writer.statement(
        "(call $many (local.get $i) (local.get $k) (local.get $f) (local.get $d) (local.get $g)
          (i32.const 3) (i64.const 4))
        (drop) (local.set $x (i32.add (local.get $x))) (local.set $y (i64.add (local.get $y)))",
    );
    writer.value(
        Ty::I32,
        "(call $depth (i32.and (local.get $i) (i32.const 15)))",
    );
    writer.end_function();
    writer.value(Ty::I32, "(call $yield)");
    writer.value(Ty::I32, "(call_indirect $b (type $none) (i32.const 7))");
    writer.value(Ty::I32, "(call $random (i32.const 16) (i32.const 8))");
    writer.value(Ty::I32, "(call $host)");
    writer.value(Ty::I32, "(call $host_indirect)");
    writer.end_function();
    // A circle of tail calls is a loop of its own.
    let circle = format!(
        "  (func $f{} (param $n i32) (result i64) (return_call $circle (local.get $n) (i64.const 1)))",
        writer.next()
    );
    writer.function(&circle);
    writer.finish()
}

/// Exports of [`traps`], and what each is told as.
pub(super) const TRAPS: [(&str, &str); 9] = [
    ("unreachable", "unreachable"),
    ("divide", "divide by zero"),
    ("overflow", "overflow"),
    ("convert", "conversion"),
    ("load", "out of bounds memory access"),
    ("null", "uninitialized element"),
    ("bounds", "undefined element"),
    ("signature", "indirect call type mismatch"),
    ("recursion", "call stack exhausted"),
];

/// Each loops over what does not trap, and then traps.
pub(super) fn traps() -> String {
    let bodies = [
        (
            "unreachable",
            "(if (i32.eqz (local.get $m)) (then unreachable))",
        ),
        ("divide", "(drop (i32.div_s (i32.const 7) (local.get $m)))"),
        (
            "overflow",
            "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (local.get $m) (i32.const 1))))",
        ),
        (
            "convert",
            "(drop (i32.trunc_f32_u (f32.sqrt (f32.convert_i32_s (i32.sub (local.get $m) (i32.const 1))))))",
        ),
        (
            "load",
            "(drop (i32.load (i32.mul (i32.eqz (local.get $m)) (i32.const 65536))))",
        ),
        ("null", "(call_indirect (type $t) (i32.eqz (local.get $m)))"),
        (
            "bounds",
            "(call_indirect (type $t) (i32.mul (i32.eqz (local.get $m)) (i32.const 9)))",
        ),
        (
            "signature",
            "(call_indirect (type $t) (i32.mul (i32.eqz (local.get $m)) (i32.const 2)))",
        ),
        (
            "recursion",
            "(if (i32.eqz (local.get $m)) (then (call $endless)))",
        ),
    ];
    let functions: String = bodies
        .iter()
        .map(|(name, body)| {
            format!(
                "  (func (export \"{name}\") (param $n i32) (local $m i32)
    (loop (local.set $m (i32.sub (local.get $n) (i32.const 1)))
      {body} (br_if 0 (local.tee $n (local.get $m)))))\n"
            )
        })
        .collect();
    format!(
        "(module (memory 1) (table 3 funcref) (type $t (func))
  (elem (i32.const 0) func $quiet) (elem (i32.const 2) func $typed)
  (func $quiet) (func $typed (param i32)) (func $endless (call $endless) (call $quiet))\n{functions})\n"
    )
}

/// Nests as many calls as it is told.
pub(super) const RECURSION: &str = r#"(module
  (func $deep (export "run") (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (i32.add (i32.const 1) (call $deep (i32.sub (local.get $n) (i32.const 1)))))
      (else (i32.const 0)))))"#;
