//! What a function's code tells of it at first sight.

use crate::Error;
use wasmparser::{FunctionBody, Operator};

/// What there is to know of a function before it is looked at more closely.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// How many operators there are.
    pub(super) operators: usize,
    /// The functions that it calls directly, once for each call.
    pub(super) calls: Vec<u32>,
    /// The functions that it refers to.
    pub(super) refers: Vec<u32>,
    /// Whether it can be a part of another function.
    pub(super) is_plain: bool,
}

/// The shape of the function with `body`.
pub(super) fn shape(body: &FunctionBody<'_>) -> Result<Shape, Error> {
    let mut shape = Shape {
        is_plain: true,
        ..Shape::default()
    };
    for operator in body.get_operators_reader()? {
        shape.operators += 1;
        match operator? {
            Operator::Call { function_index } => shape.calls.push(function_index),
            Operator::ReturnCall { function_index } => {
                shape.calls.push(function_index);
                shape.is_plain = false;
            }
            Operator::RefFunc { function_index } => shape.refers.push(function_index),
            // What leaves the function in another way than by what is known here.
            Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::TryTable { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. } => shape.is_plain = false,
            _ => {}
        }
    }
    Ok(shape)
}

/// What an operator costs, about: what only names an operand is free.
pub(super) fn weight(operator: &Operator<'_>) -> usize {
    let is_free = matches!(
        operator,
        Operator::LocalGet { .. }
            | Operator::LocalSet { .. }
            | Operator::LocalTee { .. }
            | Operator::I32Const { .. }
            | Operator::I64Const { .. }
            | Operator::F32Const { .. }
            | Operator::F64Const { .. }
            | Operator::Block { .. }
            | Operator::End
            | Operator::Drop
            | Operator::Nop
    );
    usize::from(!is_free)
}
