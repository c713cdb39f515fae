//! What stands in the place of imported functions.
//!
//! The point's function gets one that looks whether this is the call to stop
//! at. The others get one where a reference to them is taken, which notes
//! when such a function comes back while the stack is being unwound: then it
//! had called into the guest, and its own state can't be captured.

use super::Instrumented;
use crate::{Error, Point, helpers::zero, source::val_types, types::Types};
use wasm_encoder::{BlockType, Function, Instruction as I, ValType};

/// Indices of the wrappers: one for each import, in order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wrappers {
    imports: u32,
    first: u32,
}

impl Wrappers {
    /// None, if there is no function to stop at.
    pub(super) fn new(import: Option<u32>, imports: u32, first: u32) -> Self {
        Self {
            imports: if import.is_some() { imports } else { 0 },
            first,
        }
    }

    /// The function to call instead of `index`.
    pub(crate) fn redirect(&self, index: u32) -> u32 {
        if index < self.imports {
            self.first + index
        } else {
            index
        }
    }
}

/// Types and bodies of the wrappers.
pub(super) fn functions(
    of: &Instrumented<'_>,
    types: &mut Types,
) -> Result<Vec<(u32, Function)>, Error> {
    let mut functions = Vec::new();
    for index in 0..of.wrappers.imports {
        let ty = of.source.function_type(index);
        let params = val_types(ty.params())?;
        let results = val_types(ty.results())?;
        let body = if of.import == Some(index) {
            stopping(of, index, &params, &results)
        } else {
            checking(of, index, &params)
        };
        functions.push((types.function(&params, &results), body));
    }
    Ok(functions)
}

fn call(f: &mut Function, index: u32, params: &[ValType]) {
    for (local, _) in (0..).zip(params) {
        f.instruction(&I::LocalGet(local));
    }
    f.instruction(&I::Call(index));
}

fn checking(of: &Instrumented<'_>, index: u32, params: &[ValType]) -> Function {
    let mut f = Function::new([]);
    call(&mut f, index, params);
    for instruction in [
        I::GlobalGet(of.helpers.unwinding),
        I::If(BlockType::Empty),
        I::I32Const((index + 1).cast_signed()),
        I::GlobalSet(of.helpers.reentered),
        I::End,
        I::End,
    ] {
        f.instruction(&instruction);
    }
    f
}

fn stopping(
    of: &Instrumented<'_>,
    index: u32,
    params: &[ValType],
    results: &[ValType],
) -> Function {
    let helpers = &of.helpers;
    let mut f = Function::new([]);
    f.instruction(&I::Block(BlockType::Empty));
    if let Point::Import { args, nth, .. } = &of.point {
        for (arg, value) in args {
            f.instruction(&I::LocalGet(*arg));
            match params.get(*arg as usize) {
                Some(ValType::I64) => {
                    f.instruction(&I::I64Const(value.cast_signed()));
                    f.instruction(&I::I64Ne);
                }
                // As the guest's 32 bits hold it, signed or not.
                _ => {
                    #[allow(clippy::cast_possible_truncation, reason = "checked to be an i32")]
                    f.instruction(&I::I32Const(*value as u32 as i32));
                    f.instruction(&I::I32Ne);
                }
            }
            f.instruction(&I::BrIf(0));
        }
        // Counting stops at the point: 32 bits do.
        let nth = i32::try_from(*nth).unwrap_or(i32::MAX);
        for instruction in [
            I::GlobalGet(helpers.calls),
            I::I32Const(1),
            I::I32Add,
            I::GlobalSet(helpers.calls),
            I::GlobalGet(helpers.calls),
            I::I32Const(nth),
            I::I32Ne,
            I::BrIf(0),
        ] {
            f.instruction(&instruction);
        }
    }
    for (local, ty) in (0..).zip(params) {
        f.instruction(&I::LocalGet(local));
        f.instruction(&I::Call(helpers.recorder(*ty)));
    }
    f.instruction(&I::I32Const(1));
    f.instruction(&I::GlobalSet(helpers.unwinding));
    for ty in results {
        f.instruction(&zero(*ty));
    }
    f.instruction(&I::Return);
    f.instruction(&I::End);
    call(&mut f, index, params);
    f.instruction(&I::End);
    f
}
