//! Counting how often each part of a module runs.
//!
//! Each straight run of instructions (a *stretch*) gets four bytes of a new
//! memory, in which its entries are counted. Stretches are numbered as they
//! come in the code, so that other passes over the same module find them again.
//!
//! The rewrite only appends (one memory, one export): no index shifts.

use crate::{
    Error,
    append::{Additions, Counts, Subject, append, memory},
};
use wasm_encoder::{
    ExportKind, Function, Instruction, MemArg, MemArgTarget,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{Operator, Parser, Payload};

/// The export under which the counts are found, as a memory of little-endian
/// 32-bit numbers, one for each stretch.
pub const COVERAGE: &str = "dormouse:coverage";

/// Bytes of a count.
const BYTES: u64 = 4;

/// Rewrites `wasm`, a valid core module, to count in the exported memory
/// [`COVERAGE`] how often its stretches run.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn cover(wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let counts = Counts::of(wasm)?;
    let mut pass = Cover {
        memory: counts.memories,
        next: 0,
    };
    let additions = Additions {
        memories: vec![memory(BYTES * stretches(wasm)?)],
        exports: vec![(COVERAGE.into(), ExportKind::Memory, counts.memories)],
        ..Additions::default()
    };
    append(wasm, counts, additions, |subject| pass.rewrite(&subject))
}

/// How many stretches `wasm` has.
fn stretches(wasm: &[u8]) -> Result<u64, Error> {
    let mut stretches = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            stretches += 1;
            for operator in body.get_operators_reader()? {
                stretches += u64::from(begins_stretch(&operator?));
            }
        }
    }
    Ok(stretches)
}

/// The counts in what the memory [`COVERAGE`] holds.
pub fn counts(memory: &[u8]) -> impl Iterator<Item = u32> {
    let (counts, _) = memory.as_chunks();
    counts.iter().map(|count| u32::from_le_bytes(*count))
}

/// For each function that `wasm` defines, the number of its first stretch.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module.
pub fn entries(wasm: &[u8]) -> Result<Vec<usize>, Error> {
    let (mut entries, mut next) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            entries.push(next);
            next += 1;
            for operator in body.get_operators_reader()? {
                next += usize::from(begins_stretch(&operator?));
            }
        }
    }
    Ok(entries)
}

/// Whether another stretch begins after `operator`.
pub(crate) fn begins_stretch(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::BrIf { .. }
    )
}

struct Cover {
    /// Index of the new memory.
    memory: u32,
    /// The stretch that comes next.
    next: u64,
}

impl Cover {
    fn rewrite(&mut self, subject: &Subject<'_>) -> Result<Function, Error> {
        let mut function = subject.with_locals(&[])?;
        self.count(&mut function);
        let mut operators = subject.body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            let begins = begins_stretch(&operator);
            function.instruction(&RoundtripReencoder.instruction(operator)?);
            if begins && !operators.eof() {
                self.count(&mut function);
            } else if begins {
                self.next += 1;
            }
        }
        Ok(function)
    }

    fn count(&mut self, function: &mut Function) {
        let at = MemArg {
            offset: BYTES * self.next,
            align: 2,
            target: MemArgTarget::Memory(self.memory),
            ordering: None,
        };
        self.next += 1;
        function
            .instruction(&Instruction::I32Const(0))
            .instruction(&Instruction::I32Const(0))
            .instruction(&Instruction::I32Load(at))
            .instruction(&Instruction::I32Const(1))
            .instruction(&Instruction::I32Add)
            .instruction(&Instruction::I32Store(at));
    }
}
