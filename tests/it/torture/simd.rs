//! Operators on vectors.

use super::writer::{At, Ty, Writer};

/// Shapes, the type of a lane, and how many lanes there are.
const SHAPES: [(&str, Ty, u32); 6] = [
    ("i8x16", Ty::I32, 16),
    ("i16x8", Ty::I32, 8),
    ("i32x4", Ty::I32, 4),
    ("i64x2", Ty::I64, 2),
    ("f32x4", Ty::F32, 4),
    ("f64x2", Ty::F64, 2),
];

/// Of two vectors of integers: in any shape, and where else they are.
const TWO: &[(&str, &[&str])] = &[
    (
        "i8x16",
        &[
            "swizzle",
            "relaxed_swizzle",
            "narrow_i16x8_s",
            "narrow_i16x8_u",
            "add_sat_s",
            "add_sat_u",
            "sub_sat_s",
            "sub_sat_u",
            "min_s",
            "min_u",
            "max_s",
            "max_u",
            "avgr_u",
        ],
    ),
    (
        "i16x8",
        &[
            "narrow_i32x4_s",
            "narrow_i32x4_u",
            "add_sat_s",
            "add_sat_u",
            "sub_sat_s",
            "sub_sat_u",
            "min_s",
            "min_u",
            "max_s",
            "max_u",
            "avgr_u",
            "mul",
            "q15mulr_sat_s",
            "extmul_low_i8x16_s",
            "extmul_low_i8x16_u",
            "extmul_high_i8x16_s",
            "extmul_high_i8x16_u",
        ],
    ),
    (
        "i32x4",
        &[
            "min_s",
            "min_u",
            "max_s",
            "max_u",
            "mul",
            "dot_i16x8_s",
            "extmul_low_i16x8_s",
            "extmul_low_i16x8_u",
            "extmul_high_i16x8_s",
            "extmul_high_i16x8_u",
        ],
    ),
    (
        "i64x2",
        &[
            "mul",
            "extmul_low_i32x4_s",
            "extmul_low_i32x4_u",
            "extmul_high_i32x4_s",
            "extmul_high_i32x4_u",
        ],
    ),
    ("v128", &["and", "andnot", "or", "xor"]),
];
const TWO_INTEGERS: &[&str] = &["add", "sub", "eq", "ne", "lt_s", "gt_s", "le_s", "ge_s"];
const TWO_UNSIGNED: &[&str] = &["lt_u", "gt_u", "le_u", "ge_u"];
const TWO_FLOATS: &[&str] = &[
    "add",
    "sub",
    "mul",
    "div",
    "min",
    "max",
    "pmin",
    "pmax",
    "eq",
    "ne",
    "lt",
    "gt",
    "le",
    "ge",
    "relaxed_min",
    "relaxed_max",
];

/// Of one.
const ONE: &[(&str, &[&str])] = &[
    ("i8x16", &["popcnt"]),
    (
        "i16x8",
        &[
            "extadd_pairwise_i8x16_s",
            "extadd_pairwise_i8x16_u",
            "extend_low_i8x16_s",
            "extend_low_i8x16_u",
            "extend_high_i8x16_s",
            "extend_high_i8x16_u",
        ],
    ),
    (
        "i32x4",
        &[
            "extadd_pairwise_i16x8_s",
            "extadd_pairwise_i16x8_u",
            "extend_low_i16x8_s",
            "extend_low_i16x8_u",
            "extend_high_i16x8_s",
            "extend_high_i16x8_u",
        ],
    ),
    (
        "i64x2",
        &[
            "extend_low_i32x4_s",
            "extend_low_i32x4_u",
            "extend_high_i32x4_s",
            "extend_high_i32x4_u",
        ],
    ),
    ("v128", &["not"]),
    ("f32x4", &["convert_i32x4_s", "convert_i32x4_u"]),
    ("f64x2", &["convert_low_i32x4_s", "convert_low_i32x4_u"]),
];
const ONE_FLOAT: &[&str] = &["ceil", "floor", "trunc", "nearest", "abs", "neg", "sqrt"];

/// Vectors of floats that are numbers.
const FLOATS: [(&str, &str, &str); 2] = [
    (
        "f32x4",
        "(f32x4.splat (local.get $f))",
        "(f32x4.splat (local.get $g))",
    ),
    (
        "f64x2",
        "(f64x2.splat (local.get $d))",
        "(f64x2.splat (local.get $e))",
    ),
];

pub(super) fn arithmetic() -> String {
    let mut writer = Writer::of_vectors("");
    let (v, w) = ("(local.get $v)", "(local.get $w)");
    for constant in [w, &Ty::V128.operand(At::Constant)] {
        for (shape, operators) in TWO {
            for operator in *operators {
                writer.value(Ty::V128, &format!("({shape}.{operator} {v} {constant})"));
            }
        }
        for (shape, _, _) in &SHAPES[..4] {
            let unsigned = if *shape == "i64x2" {
                &[][..]
            } else {
                TWO_UNSIGNED
            };
            for operator in TWO_INTEGERS.iter().chain(unsigned) {
                writer.value(Ty::V128, &format!("({shape}.{operator} {v} {constant})"));
            }
        }
    }
    for (shape, operators) in ONE {
        for operator in *operators {
            writer.value(Ty::V128, &format!("({shape}.{operator} {v})"));
        }
    }
    for (shape, _, _) in &SHAPES[..4] {
        for operator in ["abs", "neg"] {
            writer.value(Ty::V128, &format!("({shape}.{operator} {v})"));
        }
        for operator in ["all_true", "bitmask"] {
            writer.value(Ty::I32, &format!("({shape}.{operator} {v})"));
        }
        for count in [
            "(local.get $i)",
            "(i32.const 3)",
            "(i32.add (local.get $i) (local.get $j))",
        ] {
            for operator in ["shl", "shr_s", "shr_u"] {
                writer.value(Ty::V128, &format!("({shape}.{operator} {v} {count})"));
            }
        }
    }
    writer.value(Ty::I32, &format!("(v128.any_true {v})"));
    for mask in [v, "(i8x16.gt_s (local.get $v) (local.get $w))"] {
        writer.value(Ty::V128, &format!("(v128.bitselect {v} {w} {mask})"));
        for shape in ["i8x16", "i16x8", "i32x4", "i64x2"] {
            // A mask of whole lanes, for which the result is defined.
            let mask = format!("({shape}.gt_s {w} {v})");
            writer.value(
                Ty::V128,
                &format!("({shape}.relaxed_laneselect {v} {w} {mask})"),
            );
        }
    }
    writer.value(Ty::V128, &format!("(i16x8.relaxed_q15mulr_s {v} {w})"));
    let small = "(i8x16.shr_u (local.get $w) (i32.const 1))";
    writer.value(
        Ty::V128,
        &format!("(i16x8.relaxed_dot_i8x16_i7x16_s {v} {small})"),
    );
    writer.value(
        Ty::V128,
        &format!("(i32x4.relaxed_dot_i8x16_i7x16_add_s {v} {small} {w})"),
    );
    let shuffle = "(i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31";
    writer.value(Ty::V128, &format!("{shuffle} {v} {w})"));
    floats(&mut writer);
    writer.finish()
}

fn floats(writer: &mut Writer) {
    for (shape, a, b) in FLOATS {
        for operator in TWO_FLOATS {
            writer.value(Ty::V128, &format!("({shape}.{operator} {a} {b})"));
        }
        for operator in ONE_FLOAT {
            writer.value(Ty::V128, &format!("({shape}.{operator} {a})"));
        }
        for operator in ["relaxed_madd", "relaxed_nmadd"] {
            // Small numbers, for which it does not matter whether the product is rounded.
            let small = match shape {
                "f32x4" => "(f32x4.splat (f32.const 0.5))",
                _ => "(f64x2.splat (f64.const 0.5))",
            };
            writer.value(Ty::V128, &format!("({shape}.{operator} {a} {small} {b})"));
        }
    }
    let ((_, f, _), (_, d, _)) = (FLOATS[0], FLOATS[1]);
    for operator in [
        "trunc_sat_f32x4_s",
        "trunc_sat_f32x4_u",
        "relaxed_trunc_f32x4_s",
        "relaxed_trunc_f32x4_u",
    ] {
        writer.value(Ty::V128, &format!("(i32x4.{operator} {f})"));
    }
    for operator in [
        "trunc_sat_f64x2_s_zero",
        "trunc_sat_f64x2_u_zero",
        "relaxed_trunc_f64x2_s_zero",
        "relaxed_trunc_f64x2_u_zero",
    ] {
        writer.value(Ty::V128, &format!("(i32x4.{operator} {d})"));
    }
    writer.value(Ty::V128, &format!("(f32x4.demote_f64x2_zero {d})"));
    writer.value(Ty::V128, &format!("(f64x2.promote_low_f32x4 {f})"));
}

/// Lanes, and loads and stores of parts.
pub(super) fn lanes() -> String {
    let mut writer = Writer::of_vectors("(memory $m 3) (memory $o 3)");
    for (shape, ty, count) in SHAPES {
        let values = [At::First, At::Computed, At::Constant].map(|at| ty.operand(at));
        for lane in [0, count - 1] {
            for value in &values {
                let replaced = format!("({shape}.replace_lane {lane} (local.get $v) {value})");
                writer.value(Ty::V128, &replaced);
            }
            let signs = if count > 4 { &["_s", "_u"][..] } else { &[""] };
            for sign in signs {
                // Lanes of what was made by a splat, as floats are to be numbers.
                let vector = format!("({shape}.splat {})", values[0]);
                writer.value(ty, &format!("({shape}.extract_lane{sign} {lane} {vector})"));
            }
        }
        for value in &values {
            writer.value(Ty::V128, &format!("({shape}.splat {value})"));
        }
    }
    for memory in ["$m", "$o"] {
        for offset in [0, 70_000] {
            for address in [
                "(local.get $t)",
                "(i32.and (local.get $i) (i32.const 0x7ff0))",
                "(i32.const 64)",
            ] {
                writer.statement("(local.set $t (i32.and (local.get $j) (i32.const 0x7ff0)))");
                let at = format!("{memory} offset={offset}");
                writer.statement(&format!("(v128.store {at} {address} (local.get $w))"));
                writer.value(Ty::V128, &format!("(v128.load {at} {address})"));
                for width in ["8", "16", "32", "64"] {
                    writer.statement(&format!(
                        "(v128.store{width}_lane {at} 1 {address} (local.get $v))"
                    ));
                    let lane = format!("(v128.load{width}_lane {at} 1 {address} (local.get $v))");
                    writer.value(Ty::V128, &lane);
                    writer.value(
                        Ty::V128,
                        &format!("(v128.load{width}_splat {at} {address})"),
                    );
                }
                for part in [
                    "8x8_s", "8x8_u", "16x4_s", "16x4_u", "32x2_s", "32x2_u", "32_zero", "64_zero",
                ] {
                    writer.value(Ty::V128, &format!("(v128.load{part} {at} {address})"));
                }
            }
        }
    }
    writer.finish()
}

/// Vectors in globals, in calls, and chosen.
pub(super) fn places() -> String {
    let mut writer = Writer::of_vectors(
        "(global $g (mut v128) (v128.const i64x2 1 2)) (type $two (func (param v128 i32 v128) (result v128)))
  (table funcref (elem $f)) (func $f (type $two) (i64x2.add (local.get 0) (local.get 2)))",
    );
    for condition in ["(local.get $i)", "(i32.and (local.get $i) (i32.const 2))"] {
        let chosen = format!("(select (local.get $v) (local.get $w) {condition})");
        writer.value(Ty::V128, &chosen);
        let either =
            format!("(if (result v128) {condition} (then (local.get $v)) (else (local.get $w)))");
        writer.value(Ty::V128, &either);
    }
    for value in [
        "(local.get $v)",
        "(v128.not (local.get $w))",
        &Ty::V128.operand(At::Constant),
    ] {
        writer.statement(&format!("(global.set $g {value})"));
        writer.value(Ty::V128, "(global.get $g)");
        writer.value(
            Ty::V128,
            &format!("(call $f {value} (local.get $i) (local.get $w))"),
        );
        let call = format!(
            "(call_indirect (type $two) {value} (local.get $i) (local.get $w) (i32.const 0))"
        );
        writer.value(Ty::V128, &call);
    }
    writer.finish()
}
