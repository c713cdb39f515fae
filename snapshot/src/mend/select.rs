//! Selecting by a comparison with zero.
//!
//! wasmi 2.0.0 takes `x == 0` and a `select` behind it for one instruction, but
//! looks for `x` in a register also where it is in a slot of the stack, and so
//! selects by whatever was computed last. `x < 1`, unsigned, says the same and is
//! selected by as it should be; so do `x > 0`, and a comparison that is cut to its
//! lowest bit.

use wasmparser::Operator;

/// What says the same as the comparison `last` behind `before`, where a `select`
/// comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instead {
    /// `i32.const 1`, `i32.lt_u`, instead of it and of so many operators.
    Below(usize),
    /// `i32.const 0`, `i32.gt_u`, likewise.
    Above(usize),
    /// It, and then `i32.const 1`, `i32.and`.
    Lowest,
}

/// `None` if nothing is wrong with it.
pub(super) fn instead(before: Option<&Operator<'_>>, last: &Operator<'_>) -> Option<Instead> {
    match (last, before) {
        (Operator::I32Eqz, _) => Some(Instead::Below(0)),
        (Operator::I32Eq, Some(Operator::I32Const { value: 0 })) => Some(Instead::Below(1)),
        (Operator::I32Ne, Some(Operator::I32Const { value: 0 })) => Some(Instead::Above(1)),
        (Operator::I32Eq | Operator::I32Ne, Some(Operator::I32Const { .. })) => None,
        // The other operand may be a zero, or a global that is.
        (Operator::I32Eq | Operator::I32Ne, _) => Some(Instead::Lowest),
        _ => None,
    }
}

/// Whether `operator` selects.
pub(super) fn is_select(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Select | Operator::TypedSelect { .. })
}
