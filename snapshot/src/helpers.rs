//! The functions that instrumentation appends: they write the log.
//!
//! The log lies in a memory of its own, values one after another without
//! padding, so that every bit of a value survives, those of a NaN too.

use crate::types::Types;
use wasm_encoder::{BlockType, Function, Instruction as I, MemArg, MemArgTarget, ValType};

/// Pages that the log grows by; one value always fits in.
const GROWTH: i32 = 16;

/// The indices of what is appended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Helpers {
    /// The memory that holds the log.
    pub(crate) log: u32,
    /// Table of the function references in the log.
    pub(crate) references: u32,
    /// Global: whether the stack is being unwound.
    pub(crate) unwinding: u32,
    /// Global: bytes of the log.
    pub(crate) length: u32,
    /// Global: calls of the point's function so far that met its condition.
    pub(crate) calls: u32,
    /// Global: one more than the import that called back into the guest.
    pub(crate) reentered: u32,
    /// The first of the functions.
    pub(crate) first: u32,
}

/// The length of a log that found no more memory.
pub(crate) const OVERFLOWN: u32 = u32::MAX;

/// What values of vectors are logged as, and by which instruction. Where wasmi 2.0.0 gets
/// vectors wrong, modules with any are refused before they get here; what is appended must
/// not have them either, so another function for `i64` takes the place.
const VECTOR: (ValType, fn(MemArg) -> I<'static>) =
    if cfg!(all(target_endian = "little", not(target_arch = "riscv64"))) {
        (ValType::V128, |at| I::V128Store(at))
    } else {
        (ValType::I64, |at| I::I64Store(at))
    };

/// How many globals, from `unwinding` on.
pub(crate) const GLOBALS: u32 = 4;

/// How many functions, from `first` on.
pub(crate) const FUNCTIONS: u32 = 9;

/// Bytes of the log that a value takes.
pub(crate) fn size(ty: ValType) -> usize {
    match ty {
        ValType::I32 | ValType::F32 | ValType::Ref(_) => 4,
        ValType::I64 | ValType::F64 => 8,
        ValType::V128 => 16,
    }
}

impl Helpers {
    /// The function that appends a value of type `ty` to the log.
    pub(crate) fn recorder(&self, ty: ValType) -> u32 {
        self.first
            + match ty {
                ValType::I32 => 1,
                ValType::I64 => 2,
                ValType::F32 => 3,
                ValType::F64 => 4,
                ValType::V128 => 5,
                ValType::FUNCREF => 6,
                ValType::Ref(_) => 7,
            }
    }

    /// The function that notes which call is unwound.
    pub(crate) fn record_site(&self) -> u32 {
        self.first + 8
    }

    /// Types and bodies of the functions, in order.
    pub(crate) fn functions(&self, types: &mut Types) -> Vec<(u32, Function)> {
        let i32 = ValType::I32;
        let mut functions = vec![(types.function(&[i32], &[i32]), self.reserve())];
        for (ty, store) in [
            (ValType::I32, I::I32Store as fn(MemArg) -> I<'static>),
            (ValType::I64, |at| I::I64Store(at)),
            (ValType::F32, |at| I::F32Store(at)),
            (ValType::F64, |at| I::F64Store(at)),
            VECTOR,
        ] {
            functions.push((types.function(&[ty], &[]), self.store(ty, store)));
        }
        let references = [
            (ValType::FUNCREF, self.record_function()),
            (ValType::EXTERNREF, self.record_extern()),
        ];
        for (ty, body) in references {
            functions.push((types.function(&[ty], &[]), body));
        }
        let mut site = Function::new([]);
        for local in 0..2 {
            site.instruction(&I::LocalGet(local));
            site.instruction(&I::Call(self.recorder(i32)));
        }
        site.instruction(&I::End);
        functions.push((types.function(&[i32, i32], &[]), site));
        functions
    }

    /// Takes a number of bytes, gives where in the log they begin.
    fn reserve(&self) -> Function {
        let mut f = Function::new([]);
        for instruction in [
            I::GlobalGet(self.length),
            I::LocalGet(0),
            I::I32Add,
            I::MemorySize(self.log),
            I::I32Const(16),
            I::I32Shl,
            I::I32GtU,
            I::If(BlockType::Empty),
            I::I32Const(GROWTH),
            I::MemoryGrow(self.log),
            I::I32Const(-1),
            I::I32Eq,
            I::If(BlockType::Empty),
            I::I32Const(OVERFLOWN.cast_signed()),
            I::GlobalSet(self.length),
            I::Unreachable,
            I::End,
            I::End,
            I::GlobalGet(self.length),
            I::GlobalGet(self.length),
            I::LocalGet(0),
            I::I32Add,
            I::GlobalSet(self.length),
            I::End,
        ] {
            f.instruction(&instruction);
        }
        f
    }

    fn at(&self) -> MemArg {
        MemArg {
            offset: 0,
            align: 0,
            target: MemArgTarget::Memory(self.log),
            ordering: None,
        }
    }

    fn store(&self, ty: ValType, store: fn(MemArg) -> I<'static>) -> Function {
        let mut f = Function::new([]);
        // At most 16.
        let size = i32::try_from(size(ty)).unwrap_or(16);
        for instruction in [
            I::I32Const(size),
            I::Call(self.first),
            I::LocalGet(0),
            store(self.at()),
            I::End,
        ] {
            f.instruction(&instruction);
        }
        f
    }

    /// Logs zero for null, else one more than the index in `references` at
    /// which the reference then is.
    fn record_function(&self) -> Function {
        let mut f = Function::new([]);
        for instruction in [
            I::LocalGet(0),
            I::RefIsNull,
            I::If(BlockType::Result(ValType::I32)),
            I::I32Const(0),
            I::Else,
            I::LocalGet(0),
            I::I32Const(1),
            I::TableGrow(self.references),
            I::I32Const(1),
            I::I32Add,
            I::End,
            I::Call(self.recorder(ValType::I32)),
            I::End,
        ] {
            f.instruction(&instruction);
        }
        f
    }

    /// Logs zero for null, else one.
    fn record_extern(&self) -> Function {
        let mut f = Function::new([]);
        for instruction in [
            I::LocalGet(0),
            I::RefIsNull,
            I::I32Eqz,
            I::Call(self.recorder(ValType::I32)),
            I::End,
        ] {
            f.instruction(&instruction);
        }
        f
    }
}

/// The zero of `ty`.
pub(crate) fn zero(ty: ValType) -> I<'static> {
    match ty {
        ValType::I32 => I::I32Const(0),
        ValType::I64 => I::I64Const(0),
        ValType::F32 => I::F32Const(0.0.into()),
        ValType::F64 => I::F64Const(0.0.into()),
        ValType::V128 => I::V128Const(0),
        ValType::Ref(ty) => I::RefNull(ty.heap_type),
    }
}
