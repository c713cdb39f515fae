//! The rest of a function: what it still does after the call in which it was
//! captured.
//!
//! A continuation function is made from the original body. It takes what the
//! interrupted call returns, and returns what the original would. Its locals
//! begin with their captured values. Wasm has no jumps, but all its code is
//! nested blocks, so that the middle of a body is entered from outside:
//!
//! - What comes before the call is dropped, up to the outermost loop around
//!   it. Each block around the call becomes a block with what is left of it,
//!   after the operands that were on the stack when it was entered.
//! - A loop runs again from its top, so from the outermost one inwards the
//!   code is kept whole. What precedes the call at each level goes into the
//!   `else` of an `if` on the local `r`, set at first; its `then` puts the
//!   captured operands there instead, and the innermost one clears `r`.
//!
//! ```text
//! local.get $r
//! if (param P) (result T)     P: what the block took; T: its operands where
//!   drop …                       the next block, or the call, follows
//!   …                         captured operands
//! else
//!   …                         the original instructions
//! end
//! ```

use crate::{
    Error,
    analysis::{Level, LevelKind, admitted, admitted_block, local_index},
    helpers::zero,
    source::Source,
    state::{Constant, Frame},
    types::Types,
};
use wasm_encoder::{Function, Ieee32, Ieee64, Instruction as I, ValType};
use wasmparser::{BinaryReader, Operator, OperatorsReader};

/// The type and body of the function that goes on from `frame`.
pub(crate) fn continuation(
    source: &Source<'_>,
    frame: &Frame,
    types: &mut Types,
) -> Result<(u32, Vec<u8>), Error> {
    let site = &frame.analysis.sites[frame.site];
    let ty = types.function(&site.results, &frame.analysis.results);
    let mut locals = frame.analysis.locals.clone();
    locals.push(ValType::I32);
    let mut writer = Writer {
        source,
        frame,
        types,
        operators: operators(source, frame)?,
        out: Function::new_with_locals_types(locals),
        shift: local_index(site.results.len()),
    };
    writer.locals();
    writer.outside_loops()?;
    let locals = site.results.len() + frame.locals.len() + 1;
    let body = writer.out.into_raw_body();
    admitted(source, frame.function, locals, body.len())?;
    Ok((ty, body))
}

/// The calls that are all that `frame` still does, if it needs no function of
/// its own to go on: a driver's, mostly.
pub(crate) fn calls(source: &Source<'_>, frame: &Frame) -> Result<Option<Vec<u32>>, Error> {
    let site = &frame.analysis.sites[frame.site];
    let Some(function) = source.body(frame.function) else {
        return Ok(None);
    };
    let mut calls = Vec::new();
    if site.depth > 0 || !site.operands.is_empty() {
        return Ok(None);
    }
    let end = usize::try_from(function.body.range().end).unwrap_or(usize::MAX);
    let rest = BinaryReader::new(&source.wasm[site.end..end], 0);
    for operator in OperatorsReader::new(rest) {
        match operator? {
            Operator::Call { function_index } => calls.push(function_index),
            Operator::End => {}
            _ => return Ok(None),
        }
    }
    Ok(Some(calls))
}

/// The instruction that gives `constant`.
pub(crate) fn instruction(constant: Constant) -> I<'static> {
    match constant {
        Constant::I32(value) => I::I32Const(value),
        Constant::I64(value) => I::I64Const(value),
        Constant::F32(bits) => I::F32Const(Ieee32::new(bits)),
        Constant::F64(bits) => I::F64Const(Ieee64::new(bits)),
        Constant::V128(bits) => I::V128Const(bits.cast_signed()),
        Constant::Null(ty) => zero(ty),
        Constant::Function(index) => I::RefFunc(index),
    }
}

fn is_zero(constant: Constant) -> bool {
    match constant {
        Constant::I32(value) => value == 0,
        Constant::I64(value) => value == 0,
        Constant::F32(bits) => bits == 0,
        Constant::F64(bits) => bits == 0,
        Constant::V128(bits) => bits == 0,
        Constant::Null(_) => true,
        Constant::Function(_) => false,
    }
}

/// An instruction and where it is.
struct At<'a> {
    operator: Operator<'a>,
    start: usize,
    end: usize,
}

fn operators<'a>(source: &Source<'a>, frame: &Frame) -> Result<Vec<At<'a>>, Error> {
    let mut all = Vec::new();
    let Some(function) = source.body(frame.function) else {
        return Ok(all);
    };
    let mut reader = function.body.get_operators_reader()?;
    while !reader.eof() {
        let start = usize::try_from(reader.original_position()).unwrap_or(usize::MAX);
        let operator = reader.read()?;
        let end = usize::try_from(reader.original_position()).unwrap_or(usize::MAX);
        all.push(At {
            operator,
            start,
            end,
        });
    }
    Ok(all)
}

struct Writer<'w, 'a> {
    source: &'w Source<'a>,
    frame: &'w Frame,
    types: &'w mut Types,
    operators: Vec<At<'a>>,
    out: Function,
    /// By how much locals move: what the call returns comes first.
    shift: u32,
}

impl Writer<'_, '_> {
    fn put(&mut self, instruction: &I<'_>) {
        self.out.instruction(instruction);
    }

    fn locals(&mut self) {
        let frame = self.frame;
        for (index, constant) in frame.locals.iter().enumerate() {
            if !is_zero(*constant) {
                self.put(&instruction(*constant));
                self.put(&I::LocalSet(local_index(index) + self.shift));
            }
        }
    }

    /// The local that is set until the call's place is reached.
    fn resuming(&self) -> u32 {
        local_index(self.frame.locals.len()) + self.shift
    }

    fn levels(&self) -> &'_ [Level] {
        &self.frame.analysis.sites[self.frame.site].levels
    }

    /// The index of the first instruction at or after `offset`.
    fn index(&self, offset: usize) -> usize {
        self.operators.partition_point(|at| at.start < offset)
    }

    /// Where the arm that begins at `index` ends: at its `else` or `end`.
    fn arm_end(&self, index: usize) -> usize {
        let mut depth = 0usize;
        for (position, at) in self.operators.iter().enumerate().skip(index) {
            match at.operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                Operator::Else | Operator::End if depth == 0 => return position,
                Operator::End => depth -= 1,
                _ => {}
            }
        }
        self.operators.len().saturating_sub(1)
    }

    /// Where the block of level `level` ends.
    fn block_end(&self, level: usize) -> usize {
        let body = self.index(self.levels()[level].body);
        let end = self.arm_end(body);
        match self.operators[end].operator {
            Operator::Else => self.arm_end(end + 1),
            _ => end,
        }
    }

    /// Where what follows the call, or the block around it, begins at `level`.
    fn rest(&self, level: usize) -> usize {
        match self.levels().get(level + 1) {
            Some(_) => self.block_end(level + 1) + 1,
            None => self.index(self.frame.analysis.sites[self.frame.site].end),
        }
    }

    /// The captured operands of `level`, below what the next block takes.
    fn operands(&self, level: usize) -> Vec<Constant> {
        let Some(next) = self.levels().get(level + 1) else {
            return self.frame.operands.clone();
        };
        let base = self.levels()[level].base;
        let analysis = &self.frame.analysis;
        (base..next.base)
            .zip(&next.outer)
            .map(|(position, ty)| {
                let local = analysis.scratch_local(position, *ty) as usize;
                self.frame.scratch[local - analysis.locals.len()]
            })
            .collect()
    }

    fn put_operands(&mut self, level: usize) {
        for constant in self.operands(level) {
            self.put(&instruction(constant));
        }
        if level + 1 == self.levels().len() {
            for local in 0..self.shift {
                self.put(&I::LocalGet(local));
            }
        }
    }

    fn outside_loops(&mut self) -> Result<(), Error> {
        let levels = self.levels().to_vec();
        let looped = levels
            .iter()
            .position(|level| level.kind == LevelKind::Loop)
            .unwrap_or(levels.len());
        for (index, level) in levels.iter().enumerate().take(looped) {
            if level.kind != LevelKind::Function {
                let ty = self.types.block(&[], &level.results);
                self.put(&I::Block(ty));
            }
            self.put_operands(index);
        }
        if let Some(level) = levels.get(looped) {
            for ty in &level.params {
                self.put(&zero(*ty));
            }
            self.put(&I::I32Const(1));
            let resuming = self.resuming();
            self.put(&I::LocalSet(resuming));
            self.guarded(looped)?;
        }
        for (index, level) in levels.iter().enumerate().take(looped).rev() {
            let begin = self.rest(index);
            let end = match level.kind {
                LevelKind::Then => self.arm_end(self.index(level.body)),
                _ => self.block_end(index),
            };
            self.copy(begin, end, false)?;
            self.put(&I::End);
        }
        Ok(())
    }

    /// The block of level `level`, whole: in a loop, or one.
    fn guarded(&mut self, level: usize) -> Result<(), Error> {
        let this = self.levels()[level].clone();
        let start = self.index(this.start);
        let body = self.index(this.body);
        // Up to where the call is, with the other arm if that comes first.
        self.copy(start, body, false)?;
        let next = self.levels().get(level + 1).cloned();
        let site = &self.frame.analysis.sites[self.frame.site];
        let (operands, prefix) = match &next {
            Some(next) => (next.outer.clone(), self.index(next.start)),
            None => {
                let mut operands = site.operands.clone();
                operands.extend_from_slice(&site.results);
                (operands, self.index(site.end))
            }
        };
        let resuming = self.resuming();
        let function = self.frame.function;
        admitted_block(self.source, function, this.start, operands.len())?;
        let ty = self.types.block(&this.params, &operands);
        self.put(&I::LocalGet(resuming));
        self.put(&I::If(ty));
        for _ in &this.params {
            self.put(&I::Drop);
        }
        self.put_operands(level);
        match &next {
            Some(next) => self.enter(next),
            None => {
                self.put(&I::I32Const(0));
                self.put(&I::LocalSet(resuming));
            }
        }
        self.put(&I::Else);
        self.copy(body, prefix, true)?;
        self.put(&I::End);
        if next.is_some() {
            self.guarded(level + 1)?;
        }
        let end = self.block_end(level);
        self.copy(self.rest(level), end + 1, false)
    }

    /// What `next` takes: it is put right inside, but the condition counts.
    fn enter(&mut self, next: &Level) {
        for ty in &next.params {
            self.put(&zero(*ty));
        }
        match next.kind {
            LevelKind::Then => self.put(&I::I32Const(1)),
            LevelKind::Else => self.put(&I::I32Const(0)),
            LevelKind::Function | LevelKind::Block | LevelKind::Loop => {}
        }
    }

    /// Copies the instructions `begin..end`, moving locals; where `guarded`,
    /// also branches that leave them, past one block more.
    fn copy(&mut self, begin: usize, end: usize, guarded: bool) -> Result<(), Error> {
        let mut depth = 0u32;
        for index in begin..end {
            let at = &self.operators[index];
            let (start, stop) = (at.start, at.end);
            let outward = |target: u32| target + u32::from(guarded && target >= depth);
            let replaced = match &at.operator {
                Operator::LocalGet { local_index } => Some(I::LocalGet(local_index + self.shift)),
                Operator::LocalSet { local_index } => Some(I::LocalSet(local_index + self.shift)),
                Operator::LocalTee { local_index } => Some(I::LocalTee(local_index + self.shift)),
                Operator::Br { relative_depth } => Some(I::Br(outward(*relative_depth))),
                Operator::BrIf { relative_depth } => Some(I::BrIf(outward(*relative_depth))),
                Operator::BrTable { targets } => {
                    let default = outward(targets.default());
                    let mut all = Vec::new();
                    for target in targets.targets() {
                        all.push(outward(target?));
                    }
                    Some(I::BrTable(all.into(), default))
                }
                _ => None,
            };
            match at.operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                Operator::End => depth = depth.saturating_sub(1),
                _ => {}
            }
            match replaced {
                Some(instruction) => self.put(&instruction),
                None => {
                    let bytes = &self.source.wasm[start..stop];
                    self.out.raw(bytes.iter().copied());
                }
            }
        }
        Ok(())
    }
}

/// A function that makes the captured call and hands its results from each
/// continuation to the next: the type and body of what takes the place of the
/// function the host had called.
pub(crate) fn driver(
    call: (u32, &[Constant]),
    continuations: impl Iterator<Item = u32>,
    results: &[ValType],
    types: &mut Types,
) -> (u32, Vec<u8>) {
    let mut out = Function::new([]);
    for constant in call.1 {
        out.instruction(&instruction(*constant));
    }
    out.instruction(&I::Call(call.0));
    for continuation in continuations {
        out.instruction(&I::Call(continuation));
    }
    out.instruction(&I::End);
    (types.function(&[], results), out.into_raw_body())
}
