//! Operators on numbers: arithmetic, comparisons where their results go, `select`.

use super::writer::{At, NUMBERS, PAIRS, Ty, Writer};

const INTEGER: &[&str] = &[
    "add", "sub", "mul", "div_s", "div_u", "rem_s", "rem_u", "and", "or", "xor", "shl", "shr_s",
    "shr_u", "rotl", "rotr",
];
const FLOAT: &[&str] = &["add", "sub", "mul", "div", "min", "max", "copysign"];
const INTEGER_ONE: &[&str] = &["clz", "ctz", "popcnt", "extend8_s", "extend16_s"];
const FLOAT_ONE: &[&str] = &["abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt"];
const INTEGER_COMPARISONS: &[&str] = &[
    "eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u",
];
const FLOAT_COMPARISONS: &[&str] = &["eq", "ne", "lt", "gt", "le", "ge"];

/// From one type to another, by the operator's name.
const CONVERSIONS: &[(Ty, Ty, &[&str])] = &[
    (Ty::I64, Ty::I32, &["i32.wrap_i64"]),
    (Ty::I64, Ty::I64, &["i64.extend32_s", "i64.eqz"]),
    (Ty::I32, Ty::I64, &["i64.extend_i32_s", "i64.extend_i32_u"]),
    (
        Ty::I32,
        Ty::F32,
        &[
            "f32.convert_i32_s",
            "f32.convert_i32_u",
            "f32.reinterpret_i32",
        ],
    ),
    (
        Ty::I64,
        Ty::F32,
        &["f32.convert_i64_s", "f32.convert_i64_u"],
    ),
    (
        Ty::I32,
        Ty::F64,
        &["f64.convert_i32_s", "f64.convert_i32_u"],
    ),
    (
        Ty::I64,
        Ty::F64,
        &[
            "f64.convert_i64_s",
            "f64.convert_i64_u",
            "f64.reinterpret_i64",
        ],
    ),
    (Ty::F64, Ty::F32, &["f32.demote_f64"]),
    (Ty::F32, Ty::F64, &["f64.promote_f32"]),
    (
        Ty::F32,
        Ty::I32,
        &[
            "i32.trunc_f32_s",
            "i32.trunc_f32_u",
            "i32.trunc_sat_f32_s",
            "i32.trunc_sat_f32_u",
            "i32.reinterpret_f32",
        ],
    ),
    (
        Ty::F64,
        Ty::I32,
        &[
            "i32.trunc_f64_s",
            "i32.trunc_f64_u",
            "i32.trunc_sat_f64_s",
            "i32.trunc_sat_f64_u",
        ],
    ),
    (
        Ty::F32,
        Ty::I64,
        &[
            "i64.trunc_f32_s",
            "i64.trunc_f32_u",
            "i64.trunc_sat_f32_s",
            "i64.trunc_sat_f32_u",
        ],
    ),
    (
        Ty::F64,
        Ty::I64,
        &[
            "i64.trunc_f64_s",
            "i64.trunc_f64_u",
            "i64.trunc_sat_f64_s",
            "i64.trunc_sat_f64_u",
            "i64.reinterpret_f64",
        ],
    ),
];

fn is_float(ty: Ty) -> bool {
    matches!(ty, Ty::F32 | Ty::F64)
}

fn two(ty: Ty, operator: &str, (left, right): (At, At)) -> String {
    let (left, right) = (ty.operand(left), ty.operand(right));
    format!("({}.{operator} {left} {right})", ty.name())
}

/// Arithmetic with operands wherever they can be.
pub(super) fn arithmetic(ty: Ty) -> String {
    let mut writer = Writer::new("");
    let (all, one) = match is_float(ty) {
        true => (FLOAT, FLOAT_ONE),
        false => (INTEGER, INTEGER_ONE),
    };
    for operator in all {
        for pair in PAIRS {
            writer.value(ty, &two(ty, operator, pair));
        }
    }
    for operator in one {
        for at in [At::First, At::Computed] {
            // What is below zero has no root.
            writer.value(
                ty,
                &format!("({}.{operator} {})", ty.name(), ty.operand(at)),
            );
        }
    }
    // A copy is kept, and the operator's own result used twice.
    let (set, get) = match ty {
        Ty::I32 => ("(local.tee $t", "(local.get $t)"),
        Ty::I64 => ("(local.tee $u", "(local.get $u)"),
        Ty::F32 => ("(local.tee $f", "(local.get $f)"),
        _ => ("(local.tee $d", "(local.get $d)"),
    };
    for operator in ["mul", "add", "sub"] {
        let square = format!(
            "({}.{operator} {set} {}) {get})",
            ty.name(),
            ty.operand(At::Computed)
        );
        writer.value(ty, &square);
    }
    if is_float(ty) {
        for magnitude in ["abs", "neg"] {
            let both = format!(
                "({0}.neg ({0}.{magnitude} {1}))",
                ty.name(),
                ty.operand(At::First)
            );
            writer.value(ty, &both);
        }
        for sign in ["1", "-1"] {
            for at in [At::First, At::Computed] {
                let value = format!(
                    "({0}.copysign {1} ({0}.const {sign}))",
                    ty.name(),
                    ty.operand(at)
                );
                writer.value(ty, &value);
            }
        }
    }
    writer.finish()
}

/// What goes from one type to another.
pub(super) fn conversions() -> String {
    let mut writer = Writer::new("");
    for (from, to, operators) in CONVERSIONS {
        for operator in *operators {
            let to = if operator.ends_with("eqz") {
                Ty::I32
            } else {
                *to
            };
            for at in [At::First, At::Computed, At::Constant] {
                writer.value(to, &format!("({operator} {})", from.operand(at)));
            }
        }
    }
    writer.finish()
}

/// Comparisons as values, as conditions of each kind, and their negations.
pub(super) fn comparisons(ty: Ty) -> String {
    let mut writer = Writer::new("");
    let operators = if is_float(ty) {
        FLOAT_COMPARISONS
    } else {
        INTEGER_COMPARISONS
    };
    for operator in operators {
        for pair in PAIRS {
            conditions(&mut writer, &two(ty, operator, pair));
        }
    }
    if !is_float(ty) {
        for operator in ["and", "or", "xor"] {
            for pair in PAIRS {
                let value = two(ty, operator, pair);
                conditions(&mut writer, &format!("({}.eqz {value})", ty.name()));
                if ty == Ty::I32 {
                    conditions(&mut writer, &value);
                } else {
                    conditions(&mut writer, &format!("(i64.ne {value} (i64.const 0))"));
                }
            }
        }
    }
    writer.finish()
}

fn conditions(writer: &mut Writer, condition: &str) {
    const COUNT: &str = "(local.set $x (i32.add (local.get $x) (i32.const 3)))";
    writer.value(Ty::I32, condition);
    writer.statement(&format!("(if {condition} (then {COUNT}))"));
    writer.statement(&format!("(block (br_if 0 {condition}) {COUNT})"));
    writer.statement(&format!("(block (br_if 0 (i32.eqz {condition})) {COUNT})"));
    writer.value(Ty::I32, &format!("(i32.eqz {condition})"));
    let chosen = format!("(select (local.get $i) (i32.const 5) {condition})");
    writer.value(Ty::I32, &chosen);
    // Back to the head of a loop, which is then left.
    let turn = "(local.set $t (i32.add (local.get $t) (i32.const 1)))";
    let once = format!("(i32.and (i32.lt_u (local.get $t) (i32.const 2)) {condition})");
    writer.statement(&format!(
        "(local.set $t (i32.const 0)) (loop {turn} (br_if 0 {once}))"
    ));
}

/// `select` of all types with conditions and values wherever they can be.
pub(super) fn selects() -> String {
    let mut writer = Writer::new("(func $g) (elem declare func $g)");
    for ty in NUMBERS {
        for condition in ["(local.get $t)", "(i32.and (local.get $i) (i32.const 6))"] {
            for pair in PAIRS {
                let (left, right) = (ty.operand(pair.0), ty.operand(pair.1));
                writer.statement("(local.set $t (i32.and (local.get $j) (i32.const 4)))");
                writer.value(ty, &format!("(select {left} {right} {condition})"));
            }
        }
    }
    for condition in ["(local.get $i)", "(i32.and (local.get $i) (i32.const 2))"] {
        let null = format!(
            "(ref.is_null (select (result funcref) (ref.func $g) (ref.null func) {condition}))"
        );
        writer.value(Ty::I32, &null);
    }
    writer.finish()
}
