//! Writing down what a run compares.
//!
//! A program that wants four certain bytes compares its input with them, and so
//! tells. Each comparison of integers has a record of its own: how often it ran,
//! and the operands of its last runs. That makes code slow, so it is for runs in
//! which the operands are wanted.

use crate::{
    Error,
    append::{Additions, Counts, Subject, append, memory},
};
use wasm_encoder::{
    ExportKind, Function, Instruction as I, MemArg, MemArgTarget, ValType,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{Operator, Parser, Payload};

/// The export under which the records are found, as a memory: see [`compared`].
pub const COMPARES: &str = "dormouse.compares";

/// Pairs of operands that a record has, a power of two. A comparison that runs
/// more often keeps the last ones: those of a loop's end, which is where it
/// found what it did not look for.
const KEPT: u64 = 8;

/// Bytes of a pair: two numbers of 64 bits.
const PAIR: u64 = 16;

/// Bytes of a record: the count, filled up, and the pairs.
const RECORD: u64 = 8 + KEPT * PAIR;

/// Rewrites `wasm`, a valid core module, to write down in the exported memory
/// [`COMPARES`] what it compares.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module, or compares in more places than
/// a memory has room for.
pub fn compares(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let counts = Counts::of(wasm)?;
    let bytes = places(wasm)? * RECORD;
    if u32::try_from(bytes).is_err() {
        return Err(Error::refused("the module has too many comparisons"));
    }
    let mut pass = Compares {
        memory: counts.memories,
        next: 0,
    };
    let additions = Additions {
        memories: vec![memory(bytes)],
        exports: vec![(COMPARES.into(), ExportKind::Memory, counts.memories)],
        ..Additions::default()
    };
    append(wasm, counts, additions, |subject| pass.rewrite(&subject))
}

/// The pairs of operands in what the memory [`COMPARES`] holds, by where they were
/// compared. Those of 32 bits are filled up with zeros.
pub fn compared(memory: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let (words, _) = memory.as_chunks();
    let words: &[[u8; 8]] = words;
    let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    words
        .chunks_exact(RECORD.div_euclid(8) as usize)
        .flat_map(move |record| {
            let (pairs, _) = record.get(1..).unwrap_or_default().as_chunks::<2>();
            let count = record.first().map_or(0, number).min(KEPT);
            pairs
                .iter()
                .take(count as usize)
                .map(move |[left, right]| (number(left), number(right)))
        })
}

fn places(wasm: &[u8]) -> Result<u64, Error> {
    let mut places = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            for operator in body.get_operators_reader()? {
                places += u64::from(operands(&operator?).is_some());
            }
        }
    }
    Ok(places)
}

/// Of what type the operands of a comparison are.
fn operands(operator: &Operator<'_>) -> Option<ValType> {
    use Operator as O;
    match operator {
        O::I32Eq
        | O::I32Ne
        | O::I32LtS
        | O::I32LtU
        | O::I32GtS
        | O::I32GtU
        | O::I32LeS
        | O::I32LeU
        | O::I32GeS
        | O::I32GeU => Some(ValType::I32),
        O::I64Eq
        | O::I64Ne
        | O::I64LtS
        | O::I64LtU
        | O::I64GtS
        | O::I64GtU
        | O::I64LeS
        | O::I64LeU
        | O::I64GeS
        | O::I64GeU => Some(ValType::I64),
        _ => None,
    }
}

struct Compares {
    /// Index of the new memory.
    memory: u32,
    /// Where the next record lies.
    next: u64,
}

impl Compares {
    fn rewrite(&mut self, subject: &Subject<'_>) -> Result<Function, Error> {
        let mut function = subject.with_locals(&[(3, ValType::I32), (2, ValType::I64)])?;
        for operator in subject.body.get_operators_reader()? {
            let operator = operator?;
            if let Some(ty) = operands(&operator) {
                self.note(&mut function, subject.locals, ty);
            }
            function.instruction(&RoundtripReencoder.instruction(operator)?);
        }
        Ok(function)
    }

    /// Writes down the two operands on the stack; `locals` are our own.
    fn note(&mut self, function: &mut Function, locals: u32, ty: ValType) {
        let place = locals;
        let is_long = ty == ValType::I64;
        let (left, right) = match is_long {
            true => (locals + 3, locals + 4),
            false => (locals + 1, locals + 2),
        };
        let at = |offset, align| MemArg {
            offset: self.next + offset,
            align,
            target: MemArgTarget::Memory(self.memory),
            ordering: None,
        };
        let (count, pair) = (at(0, 2), [at(8, 3), at(16, 3)]);
        let mut add = |instruction: I<'_>| {
            function.instruction(&instruction);
        };
        add(I::LocalSet(right));
        add(I::LocalSet(left));
        add(I::I32Const(0));
        add(I::I32Const(0));
        add(I::I32Load(count));
        add(I::LocalTee(place));
        add(I::I32Const(1));
        add(I::I32Add);
        add(I::I32Store(count));
        add(I::LocalGet(place));
        add(I::I32Const(KEPT as i32 - 1));
        add(I::I32And);
        add(I::I32Const(PAIR as i32));
        add(I::I32Mul);
        add(I::LocalSet(place));
        for (operand, at) in [left, right].into_iter().zip(pair) {
            add(I::LocalGet(place));
            add(I::LocalGet(operand));
            if !is_long {
                add(I::I64ExtendI32U);
            }
            add(I::I64Store(at));
        }
        add(I::LocalGet(left));
        add(I::LocalGet(right));
        self.next += RECORD;
    }
}
