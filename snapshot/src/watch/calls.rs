//! Keeping the list of the functions that are active.
//!
//! An interpreter of register code has no list at hand when a guest traps. So
//! each function writes its index into one as it is entered, and says after each
//! of its calls how long the list is now: whatever a call left behind is gone.
//! For a run that is made once more, to see where it traps.

use crate::{
    Error,
    append::{Additions, Counts, Subject, append, memory},
};
use wasm_encoder::{
    ConstExpr, ExportKind, Function, GlobalType, Instruction as I, MemArg, MemArgTarget, ValType,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::Operator;

/// The export under which the list is found, as a memory: see [`active`].
pub const CALLS: &str = "dormouse.calls";

/// The export under which its length is found, as an `i32` global.
pub const DEPTH: &str = "dormouse.depth";

/// Functions that the list has room for, a power of two. Deeper ones take the
/// place of the outermost.
const ROOM: u32 = 1 << 14;

/// Rewrites `wasm`, a valid core module, to keep a list of its active functions.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn calls(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let counts = Counts::of(wasm)?;
    let (list, depth) = (counts.memories, counts.globals);
    let ty = GlobalType {
        val_type: ValType::I32,
        mutable: true,
        shared: false,
    };
    let additions = Additions {
        memories: vec![memory(u64::from(ROOM) * 4)],
        globals: vec![(ty, ConstExpr::i32_const(0))],
        exports: vec![
            (CALLS.into(), ExportKind::Memory, list),
            (DEPTH.into(), ExportKind::Global, depth),
        ],
    };
    append(wasm, counts, additions, |subject| {
        rewrite(&subject, list, depth)
    })
}

/// Indices of the functions that were active, the innermost first, at most `most`,
/// from what [`CALLS`] and [`DEPTH`] hold.
pub fn active(memory: &[u8], depth: u32, most: u32) -> Vec<u32> {
    let (list, _) = memory.as_chunks();
    (0..depth)
        .rev()
        .take(most.min(ROOM) as usize)
        .filter_map(|at| list.get((at % ROOM) as usize))
        .map(|index| u32::from_le_bytes(*index))
        .collect()
}

fn rewrite(subject: &Subject<'_>, list: u32, depth: u32) -> Result<Function, Error> {
    let mut function = subject.with_locals(&[(1, ValType::I32)])?;
    let own = subject.locals;
    let at = MemArg {
        offset: 0,
        align: 2,
        target: MemArgTarget::Memory(list),
        ordering: None,
    };
    function
        .instruction(&I::GlobalGet(depth))
        .instruction(&I::LocalTee(own))
        .instruction(&I::I32Const(ROOM.cast_signed() - 1))
        .instruction(&I::I32And)
        .instruction(&I::I32Const(4))
        .instruction(&I::I32Mul)
        .instruction(&I::I32Const(subject.index.cast_signed()))
        .instruction(&I::I32Store(at));
    let add = |function: &mut Function, more: i32| {
        function
            .instruction(&I::LocalGet(own))
            .instruction(&I::I32Const(more))
            .instruction(&I::I32Add)
            .instruction(&I::GlobalSet(depth));
    };
    add(&mut function, 1);
    for operator in subject.body.get_operators_reader()? {
        let operator = operator?;
        let calls = matches!(
            operator,
            Operator::Call { .. } | Operator::CallIndirect { .. }
        );
        if let Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } = operator {
            // What is called takes this one's place.
            add(&mut function, 0);
        }
        function.instruction(&RoundtripReencoder.instruction(operator)?);
        if calls {
            add(&mut function, 1);
        }
    }
    Ok(function)
}
