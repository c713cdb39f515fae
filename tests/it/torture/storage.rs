//! Operators on memories, tables, globals and locals.

use super::writer::{At, NUMBERS, Ty, Writer};

const LOADS: &[(Ty, &str)] = &[
    (Ty::I32, ""),
    (Ty::I32, "8_s"),
    (Ty::I32, "8_u"),
    (Ty::I32, "16_s"),
    (Ty::I32, "16_u"),
    (Ty::I64, ""),
    (Ty::I64, "8_s"),
    (Ty::I64, "8_u"),
    (Ty::I64, "16_s"),
    (Ty::I64, "16_u"),
    (Ty::I64, "32_s"),
    (Ty::I64, "32_u"),
    (Ty::F32, ""),
    (Ty::F64, ""),
];
const STORES: &[(Ty, &str)] = &[
    (Ty::I32, ""),
    (Ty::I32, "8"),
    (Ty::I32, "16"),
    (Ty::I64, ""),
    (Ty::I64, "8"),
    (Ty::I64, "16"),
    (Ty::I64, "32"),
    (Ty::F32, ""),
    (Ty::F64, ""),
];

/// Two memories, the second addressed by `address`.
fn memories(address: &str) -> String {
    format!(
        "(memory $m 3 4) (memory $o {address} 2 3)
  (data $d \"some bytes to be put somewhere\") (data (memory $m) (i32.const 0) \"\\01\\02\\03\\04\")"
    )
}

/// Addresses in each place, for a memory of 32 or 64 bits.
fn addresses(wide: bool) -> [&'static str; 3] {
    match wide {
        false => [
            "(local.get $t)",
            "(i32.and (local.get $i) (i32.const 0x1ff8))",
            "(i32.const 4096)",
        ],
        true => [
            "(local.get $u)",
            "(i64.and (local.get $k) (i64.const 0x1ff8))",
            "(i64.const 4096)",
        ],
    }
}

/// Loads and stores of both memories, at offsets near and far.
pub(super) fn loads_and_stores(wide: bool) -> String {
    let mut writer = Writer::new(&memories(if wide { "i64" } else { "" }));
    for (memory, is_wide) in [("$m", false), ("$o", wide)] {
        for offset in [0, 24, 70_000] {
            for address in addresses(is_wide) {
                writer.statement("(local.set $t (i32.and (local.get $j) (i32.const 0x1ff8)))");
                writer.statement("(local.set $u (i64.extend_i32_u (local.get $t)))");
                for (ty, width) in STORES {
                    let name = ty.name();
                    for at in [At::First, At::Constant, At::Computed] {
                        // What is written is kept apart, so that no float is not a number.
                        let page = if *ty == Ty::F32 { 8192 } else { 0 };
                        let offset = offset + if *ty == Ty::F64 { 16384 } else { page };
                        let value = ty.operand(at);
                        writer.statement(&format!(
                            "({name}.store{width} {memory} offset={offset} {address} {value})"
                        ));
                    }
                    for (load, width) in LOADS.iter().filter(|(load, _)| load == ty) {
                        let offset = offset
                            + match load {
                                Ty::F32 => 8192,
                                Ty::F64 => 16384,
                                _ => 0,
                            };
                        let value =
                            format!("({name}.load{width} {memory} offset={offset} {address})");
                        writer.value(*load, &value);
                        if let Some(kept) = kept(*load) {
                            writer.statement(&format!("(local.set {kept} {value})"));
                            writer.value(*load, &format!("(local.get {kept})"));
                        }
                    }
                }
            }
        }
    }
    writer.finish()
}

/// A local that a value can be kept in.
fn kept(ty: Ty) -> Option<&'static str> {
    match ty {
        Ty::I64 => Some("$l"),
        Ty::F32 => Some("$g"),
        Ty::F64 => Some("$e"),
        _ => None,
    }
}

/// Whole ranges of memories, their sizes, and segments.
pub(super) fn bulk() -> String {
    let mut writer = Writer::new(&memories(""));
    for (at, length) in [
        ("(local.get $t)", "(i32.const 9)"),
        ("(i32.const 7)", "(i32.and (local.get $i) (i32.const 15))"),
    ] {
        writer.statement("(local.set $t (i32.and (local.get $j) (i32.const 0xfff)))");
        for memory in ["$m", "$o"] {
            writer.statement(&format!(
                "(memory.fill {memory} {at} (local.get $i) {length})"
            ));
            writer.statement(&format!(
                "(memory.init {memory} $d {at} (i32.const 3) {length})"
            ));
            writer.value(Ty::I32, &format!("(memory.size {memory})"));
            for other in ["$m", "$o"] {
                writer.statement(&format!(
                    "(memory.copy {memory} {other} {at} (i32.const 5) {length})"
                ));
            }
            writer.value(Ty::I32, &format!("(i32.load {memory} {at})"));
        }
    }
    writer.end_function();
    // Dropped once, it can be dropped again.
    writer.statement("(data.drop $d) (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))");
    writer.finish()
}

/// Memories and tables that grow, also in vain.
pub(super) fn growth() -> String {
    let mut writer = Writer::new("(memory $m 1 3) (table $t 1 5 funcref)");
    for delta in [
        "(i32.const 0)",
        "(i32.and (local.get $n) (i32.const 1))",
        "(local.get $i)",
    ] {
        // How large they were differs between the first rounds and later ones only.
        writer.statement(&format!("(drop (memory.grow {delta}))"));
        writer.statement(&format!("(drop (table.grow $t (ref.null func) {delta}))"));
        writer.value(Ty::I32, "(i32.lt_u (memory.size) (i32.const 4))");
        writer.value(Ty::I32, "(i32.lt_u (table.size $t) (i32.const 6))");
    }
    writer.finish()
}

pub(super) fn tables() -> String {
    let mut writer = Writer::new(
        "(table $a 40 funcref) (table $b 40 50 externref) (table $c 40 funcref)
  (elem $e func $g $h $g $h) (elem declare func $g) (func $g) (func $h (param i32))",
    );
    for index in [
        "(local.get $t)",
        "(i32.and (local.get $i) (i32.const 31))",
        "(i32.const 3)",
    ] {
        writer.statement("(local.set $t (i32.and (local.get $j) (i32.const 31)))");
        for value in [
            "(ref.func $g)",
            "(ref.null func)",
            "(table.get $c (local.get $t))",
        ] {
            for table in ["$a", "$c"] {
                writer.statement(&format!("(table.set {table} {index} {value})"));
                writer.value(
                    Ty::I32,
                    &format!("(ref.is_null (table.get {table} {index}))"),
                );
            }
        }
        writer.statement(&format!("(table.set $b {index} (ref.null extern))"));
        writer.statement(&format!(
            "(table.fill $a {index} (ref.func $g) (i32.const 3))"
        ));
        writer.statement(&format!(
            "(table.init $a $e {index} (i32.const 1) (i32.const 2))"
        ));
        writer.statement(&format!(
            "(table.copy $c $a {index} (i32.const 1) (i32.const 5))"
        ));
        writer.statement(&format!(
            "(table.copy $a $a (i32.const 2) {index} (i32.const 5))"
        ));
        writer.value(Ty::I32, "(i32.add (table.size $b) (table.size $a))");
    }
    writer.end_function();
    writer.statement("(elem.drop $e) (table.init $a $e (i32.const 0) (i32.const 0) (i32.const 0))");
    writer.finish()
}

/// Globals of each type, and locals copied among each other.
pub(super) fn variables() -> String {
    let mut outside =
        "(global $gf (mut funcref) (ref.null func)) (elem declare func $h) (func $h)".to_owned();
    for ty in NUMBERS {
        let name = ty.name();
        outside += &format!("\n  (global $g{name} (mut {name}) ({name}.const 3))");
    }
    let mut writer = Writer::new(&outside);
    for ty in NUMBERS {
        let name = ty.name();
        for at in [At::First, At::Constant, At::Computed] {
            let value = ty.operand(at);
            writer.statement(&format!("(global.set $g{name} {value})"));
            writer.value(ty, &format!("(global.get $g{name})"));
        }
        writer.statement(&format!("(global.set $g{name} (global.get $g{name}))"));
    }
    writer.statement("(global.set $gf (ref.func $h))");
    writer.value(Ty::I32, "(ref.is_null (global.get $gf))");
    writer.end_function();
    for ty in NUMBERS {
        let text = copies(ty, writer.next());
        writer.function(&text);
    }
    writer.finish()
}

/// Values move between the first locals of a function, from constants, and from
/// what was just computed.
fn copies(ty: Ty, number: usize) -> String {
    let name = ty.name();
    let mut body = String::new();
    for to in 0..12 {
        let from = (to + 5) % 12;
        body += &format!("(local.set {to} ({name}.add (local.get {from}) (local.get {to})))\n");
        body += &format!("(local.set {to} ({name}.const {to}))\n");
        for from in (0..6).filter(|from| to < 6 && *from != to) {
            body += &format!("(local.set {to} (local.get {from}))\n");
        }
    }
    let twelve = format!(" {name}").repeat(12);
    format!(
        "  (func $f{number} (param $n i32) (result i64)
    (call $c{number} {zeros} (local.get $n)))
  (func $c{number} (param{twelve} i32) (result i64)
    (loop {body} (br_if 0 (local.tee 12 (i32.sub (local.get 12) (i32.const 1)))))
    (i64.extend_i32_u (i32.eq (local.get 12) (i32.const 0))))",
        zeros = format!("({name}.const 1)").repeat(12)
    )
}
