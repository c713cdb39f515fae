//! Counting which edges of the control flow a run takes.
//!
//! Each edge has a number and a byte of its own: edges never share a count, as
//! they do where a hash of two places finds it. In structured code few have to
//! be counted. Control forks only at `if`, `br_if` and `br_table`, so each
//! outcome of those is an edge; everything else follows from them and from which
//! functions were entered. The place of the count is computed from the
//! condition, without another fork:
//!
//! ```text
//! condition; local.tee c; i32.eqz → counts[edge + (c == 0)] += 1; local.get c; br_if
//! ```
//!
//! Counts wrap around, as is usual among fuzzers.

use crate::{
    Error,
    append::{Additions, Counts, Subject, append, memory},
};
use wasm_encoder::{
    ExportKind, Function, Instruction as I, MemArg, MemArgTarget, ValType,
    reencode::{Reencode, RoundtripReencoder},
};
use wasmparser::{Operator, Parser, Payload};

/// The export under which the counts are found, as a memory of bytes, one for each
/// edge.
pub const EDGES: &str = "dormouse.edges";

/// Rewrites `wasm`, a valid core module, to count in the exported memory [`EDGES`]
/// which edges are taken. Gives the module and how many edges there are.
///
/// # Errors
///
/// When `wasm` is not a well-formed core module, or has more edges than a memory
/// has bytes.
pub fn edges(wasm: &[u8]) -> Result<(Vec<u8>, usize), Error> {
    let counts = Counts::of(wasm)?;
    let total = total(wasm)?;
    let Ok(bytes) = u32::try_from(total) else {
        return Err(Error::refused("the module has too many branches"));
    };
    let mut pass = Edges {
        memory: counts.memories,
        next: 0,
    };
    let additions = Additions {
        memories: vec![memory(total as u64)],
        exports: vec![(EDGES.into(), ExportKind::Memory, counts.memories)],
        ..Additions::default()
    };
    let rewritten = append(wasm, counts, additions, |subject| pass.rewrite(&subject))?;
    debug_assert_eq!(pass.next, u64::from(bytes), "each edge is counted");
    Ok((rewritten, total))
}

/// How many edges there are.
fn total(wasm: &[u8]) -> Result<usize, Error> {
    let mut total = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            total += 1;
            for operator in body.get_operators_reader()? {
                total += outcomes(&operator?) as usize;
            }
        }
    }
    Ok(total)
}

/// In how many ways control may go on after `operator`; 0 where that is known.
fn outcomes(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::If { .. } | Operator::BrIf { .. } => 2,
        Operator::BrTable { targets } => u64::from(targets.len()) + 1,
        _ => 0,
    }
}

struct Edges {
    /// Index of the new memory.
    memory: u32,
    /// The edge that comes next.
    next: u64,
}

impl Edges {
    fn rewrite(&mut self, subject: &Subject<'_>) -> Result<Function, Error> {
        let mut function = subject.with_locals(&[(2, ValType::I32)])?;
        let (value, place) = (subject.locals, subject.locals + 1);
        self.count(&mut function, &I::I32Const(0), &I::I32Const(0), 1);
        for operator in subject.body.get_operators_reader()? {
            let operator = operator?;
            match &operator {
                Operator::If { .. } | Operator::BrIf { .. } => {
                    function
                        .instruction(&I::LocalTee(value))
                        .instruction(&I::I32Eqz);
                    let again = I::LocalGet(place);
                    self.count(&mut function, &I::LocalTee(place), &again, 2);
                    function.instruction(&I::LocalGet(value));
                }
                Operator::BrTable { targets } => {
                    // Whatever is beyond the last is the last.
                    let last = I::I32Const(targets.len().cast_signed());
                    function
                        .instruction(&I::LocalTee(value))
                        .instruction(&last)
                        .instruction(&I::LocalGet(value))
                        .instruction(&last)
                        .instruction(&I::I32LtU)
                        .instruction(&I::Select);
                    let again = I::LocalGet(place);
                    let ways = outcomes(&operator);
                    self.count(&mut function, &I::LocalTee(place), &again, ways);
                    function.instruction(&I::LocalGet(value));
                }
                _ => {}
            }
            function.instruction(&RoundtripReencoder.instruction(operator)?);
        }
        Ok(function)
    }

    /// Counts one of the next `ways` edges: the one whose number, from the first
    /// of them, `place` leaves on the stack, and `again` once more.
    fn count(&mut self, function: &mut Function, place: &I<'_>, again: &I<'_>, ways: u64) {
        let at = MemArg {
            offset: self.next,
            align: 0,
            target: MemArgTarget::Memory(self.memory),
            ordering: None,
        };
        self.next += ways;
        function
            .instruction(place)
            .instruction(again)
            .instruction(&I::I32Load8U(at))
            .instruction(&I::I32Const(1))
            .instruction(&I::I32Add)
            .instruction(&I::I32Store8(at));
    }
}
