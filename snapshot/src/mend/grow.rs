//! Growing a memory or a table.
//!
//! Where wasmi 2.0.0 grows one, its handler is left by a call that is no tail
//! call: each time it keeps some of the native stack, and some ten thousand times
//! end the process. How often a guest grows something the host can bound, if it
//! is asked. It is not for a growth by nothing, nor for one beyond what the type
//! allows. So what grows becomes a call of a function that answers these itself.

use crate::source::Source;
use std::collections::BTreeSet;
use wasm_encoder::{BlockType, Function, Instruction, RefType, TypeSection, ValType};
use wasmparser::{FuncType, Operator, TypeRef};

/// Pages that a memory can have where it is counted in bytes by a `usize`.
const MAX_PAGES: u64 = {
    let countable = (usize::MAX >> 16) as u64;
    if countable < 1 << 16 {
        countable
    } else {
        1 << 16
    }
};

/// Pages that no memory with 64-bit addresses has.
const MAX_PAGES_64: u64 = MAX_PAGES << 16;

/// Elements that no table has.
const MAX_ELEMENTS: u64 = u32::MAX as u64 - 1;

/// What may grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grown {
    Memory(u32),
    Table(u32),
}

impl Grown {
    /// What `operator` grows.
    pub(super) fn by(operator: &Operator<'_>) -> Option<Self> {
        match *operator {
            Operator::MemoryGrow { mem } => Some(Self::Memory(mem)),
            Operator::TableGrow { table } => Some(Self::Table(table)),
            _ => None,
        }
    }
}

/// The function that grows something.
pub(super) struct Grower {
    pub(super) grown: Grown,
    /// What a table's new elements are.
    element: Option<RefType>,
    /// Whether it is counted in 64 bits.
    is_64: bool,
    /// How large it may get.
    most: u64,
}

impl Grower {
    /// That of `grown`; `None` if there is no such thing.
    pub(super) fn of(source: &Source<'_>, grown: Grown) -> Option<Self> {
        let (element, is_64, most, maximum) = match grown {
            Grown::Memory(index) => {
                let imported = source.imports.iter().filter_map(|import| match import.ty {
                    TypeRef::Memory(ty) => Some(ty),
                    _ => None,
                });
                let mut all = imported.chain(source.memories.iter().copied());
                let ty = all.nth(index as usize)?;
                let most = if ty.memory64 { MAX_PAGES_64 } else { MAX_PAGES };
                (None, ty.memory64, most, ty.maximum)
            }
            Grown::Table(index) => {
                let imported = source.imports.iter().filter_map(|import| match import.ty {
                    TypeRef::Table(ty) => Some(ty),
                    _ => None,
                });
                let mut all = imported.chain(source.tables.iter().map(|(ty, _)| *ty));
                let ty = all.nth(index as usize)?;
                let element = RefType::try_from(ty.element_type).ok()?;
                (Some(element), ty.table64, MAX_ELEMENTS, ty.maximum)
            }
        };
        Some(Self {
            grown,
            element,
            is_64,
            most: maximum.map_or(most, |maximum| maximum.min(most)),
        })
    }

    fn index_type(&self) -> ValType {
        if self.is_64 {
            ValType::I64
        } else {
            ValType::I32
        }
    }

    /// Adds its type to `types`.
    pub(super) fn add_type(&self, types: &mut TypeSection) {
        let (params, result) = (self.params(), self.index_type());
        types.ty().function(params, [result]);
    }

    fn params(&self) -> Vec<ValType> {
        let element = self.element.map(ValType::Ref);
        element.into_iter().chain([self.index_type()]).collect()
    }

    /// Whether it has the type `ty`.
    fn is_of(&self, ty: &FuncType) -> bool {
        let are = |given: &[wasmparser::ValType], wanted: &[ValType]| {
            let given = given.iter().map(|given| ValType::try_from(*given).ok());
            given.eq(wanted.iter().copied().map(Some))
        };
        are(ty.params(), &self.params()) && are(ty.results(), &[self.index_type()])
    }

    /// Whether function `index` is one like it already.
    pub(super) fn is(&self, source: &Source<'_>, index: u32, body: &[u8]) -> bool {
        self.is_of(source.function_type(index)) && self.body().into_raw_body() == body
    }

    pub(super) fn body(&self) -> Function {
        let delta = Instruction::LocalGet(u32::from(self.element.is_some()));
        let (size, grow) = match self.grown {
            Grown::Memory(index) => (
                Instruction::MemorySize(index),
                Instruction::MemoryGrow(index),
            ),
            Grown::Table(index) => (Instruction::TableSize(index), Instruction::TableGrow(index)),
        };
        let constant = |value: i64| match self.is_64 {
            true => Instruction::I64Const(value),
            // The low half of it.
            false => Instruction::I32Const(value as i32),
        };
        let [is_zero, minus, is_above] = match self.is_64 {
            true => [
                Instruction::I64Eqz,
                Instruction::I64Sub,
                Instruction::I64GtU,
            ],
            false => [
                Instruction::I32Eqz,
                Instruction::I32Sub,
                Instruction::I32GtU,
            ],
        };
        let given = BlockType::Result(self.index_type());
        let mut function = Function::new([]);
        let mut emit = |instruction: Instruction<'_>| {
            function.instruction(&instruction);
        };
        emit(delta.clone());
        emit(is_zero);
        emit(Instruction::If(given));
        emit(size.clone());
        emit(Instruction::Else);
        emit(delta.clone());
        emit(constant(self.most.cast_signed()));
        emit(size);
        emit(minus);
        emit(is_above);
        emit(Instruction::If(given));
        emit(constant(-1));
        emit(Instruction::Else);
        if self.element.is_some() {
            emit(Instruction::LocalGet(0));
        }
        emit(delta);
        emit(grow);
        emit(Instruction::End);
        emit(Instruction::End);
        emit(Instruction::End);
        function
    }
}

/// Those of `all` that grow what they do as nothing else does: in functions
/// for that.
pub(super) fn growers(source: &Source<'_>, all: &BTreeSet<Grown>) -> Vec<Grower> {
    let growers = all.iter().map(|grown| Grower::of(source, *grown));
    growers.flatten().collect()
}
