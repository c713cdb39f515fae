//! A function's body with the looks in it.

use super::{
    Bound,
    climb::Climb,
    graph::{Called, LARGE},
    paths::{end_of, looks_at_heads},
};
use crate::{cover::begins_stretch, instrument::count};
use std::{collections::BTreeSet, ops::Range};
use wasm_encoder::{
    BlockType, Function, Instruction as I, ValType,
    reencode::{self, Reencode},
};
use wasmparser::{FunctionBody, Operator};

/// A function on its way.
struct Looker {
    function: Function,
    /// The memory that has the host's word.
    stop: u32,
    /// The function that asks the host.
    ask: u32,
    /// The local for sizes, and that for sizes of 64 bits.
    sizes: [u32; 2],
    /// The stretch of the original that the operators are in.
    stretch: u32,
    /// That of each stretch of this function after the first, if it is of one.
    stretches: Vec<Option<u32>>,
}

/// A function as it was.
struct Original<'a> {
    operators: &'a [Operator<'a>],
    /// The loops that look at their heads.
    heads: &'a [usize],
    /// The calls that look.
    calls: BTreeSet<usize>,
    called: &'a Called,
}

/// The body of the function `index`, of those that are defined.
pub(super) fn rewrite(
    bound: &mut Bound,
    index: usize,
    body: &FunctionBody<'_>,
) -> Result<Function, reencode::Error> {
    let called = bound.graph.functions[index].clone();
    let operators: Vec<Operator<'_>> = body
        .get_operators_reader()?
        .into_iter()
        .collect::<Result<_, _>>()?;
    let heads = looks_at_heads(&operators)?;
    let mut locals = Vec::new();
    let mut next = called.params;
    for local in body.get_locals_reader()? {
        let (count, ty) = local?;
        next = next.saturating_add(count);
        locals.push((count, bound.val_type(ty)?));
    }
    let graph = &bound.graph;
    let bulk = |wide| {
        let of_width = |operator| graph.widths.bulk(operator) == Some(wide);
        u32::from(operators.iter().any(of_width))
    };
    // What is not needed is not there, and costs nothing.
    let (small, wide) = (bulk(false), bulk(true));
    locals.push((small, ValType::I32));
    locals.push((wide, ValType::I64));
    locals.retain(|(count, _)| *count > 0);
    let mut looker = Looker {
        function: Function::new(locals),
        stop: graph.imported_memories,
        ask: graph.imports + 1 + count(graph.functions.len()),
        sizes: [next, next + small],
        stretch: bound.stretch,
        stretches: vec![Some(bound.stretch)],
    };
    if called.looks {
        looker.look();
    }
    let original = Original {
        operators: &operators,
        heads: &heads,
        calls: called.looking_calls(),
        called: &called,
    };
    let mut labels = Labels(vec![Label::Plain]);
    looker.write(bound, &original, 0..operators.len(), &mut labels)?;
    bound.stretch = looker.stretch + 1;
    bound.stretches.append(&mut looker.stretches);
    Ok(looker.function)
}

impl Looker {
    /// Adds what is not of the original.
    fn emit(&mut self, instructions: &[I<'_>]) {
        for instruction in instructions {
            self.function.instruction(instruction);
        }
    }

    /// Begins what is done in the middle of a stretch, and seldom.
    fn seldom(&mut self) {
        self.emit(&[I::If(BlockType::Empty)]);
        self.stretches.push(None);
    }

    /// Ends what is done seldom, and goes on.
    fn go_on(&mut self) {
        self.emit(&[I::End]);
        self.stretches.push(Some(self.stretch));
    }

    /// Leaves the first byte of the host's word on the stack: for a word, wasmi has to
    /// reckon more.
    fn word(&mut self) {
        self.emit(&[I::I32Const(0), I::I32Load8U(super::start(self.stop, 0))]);
    }

    /// Asks the host if its word says so.
    fn look(&mut self) {
        self.word();
        self.seldom();
        self.emit(&[I::Call(self.ask)]);
        self.go_on();
    }

    /// Begins a loop that is gone back to where it asks the host behind its end, if
    /// need be:
    ///
    /// ```wat
    /// (block $on
    ///   (loop $back
    ///     (block $ask … (br $on))
    ///     (call $host)
    ///     (br $back)))
    /// ```
    fn begin_loop(&mut self, ty: BlockType) {
        self.emit(&[I::Block(ty), I::Loop(BlockType::Empty)]);
        self.stretches.push(Some(self.stretch));
        self.emit(&[I::Block(BlockType::Empty)]);
    }

    /// Ends it.
    fn end_loop(&mut self) {
        self.emit(&[I::Br(2), I::End]);
        // It is too short to be worth a detour.
        self.stretches.push(self.stretches[0]);
        self.emit(&[I::Call(self.ask), I::Br(0), I::End]);
        self.stretches.push(None);
        self.emit(&[I::Unreachable, I::End]);
        self.stretches.push(Some(self.stretch));
    }

    /// Goes back to the loop that has its `$ask` at `depth`; without a look while what
    /// climbs has not come to where there is one.
    fn go_back(&mut self, depth: u32, climb: Option<Climb>) {
        if let Some(climb) = climb {
            self.emit(&[
                I::LocalGet(climb.local),
                I::I32Const(climb.mask().cast_signed()),
                I::I32And,
                I::BrIf(depth + 1),
            ]);
            self.stretches.push(Some(self.stretch));
        }
        self.word();
        self.emit(&[I::I32Eqz, I::BrIf(depth + 1)]);
        self.stretches.push(None);
        self.emit(&[I::Br(depth)]);
    }

    /// Looks if the size that is on the stack, and stays there, is large.
    fn look_for_bulk(&mut self, wide: bool) {
        let size = self.sizes[usize::from(wide)];
        self.emit(&[I::LocalTee(size), I::LocalGet(size)]);
        if wide {
            self.emit(&[I::I64Const(LARGE), I::I64GeU]);
        } else {
            self.emit(&[I::I32Const(LARGE as i32), I::I32GeU]);
        }
        self.seldom();
        self.word();
        self.seldom();
        self.emit(&[I::Call(self.ask), I::End]);
        self.stretches.push(None);
        self.go_on();
    }

    /// Writes the operators of `range`.
    fn write(
        &mut self,
        bound: &mut Bound,
        original: &Original<'_>,
        range: Range<usize>,
        labels: &mut Labels,
    ) -> Result<(), reencode::Error> {
        let passes = &original.called.passes;
        for position in range {
            let operator = &original.operators[position];
            if passes.looks_at.binary_search(&position).is_ok()
                || original.calls.contains(&position)
            {
                self.look();
            }
            match (bound.graph.widths.bulk(operator), operator) {
                (Some(wide), _) => self.look_for_bulk(wide),
                (None, Operator::MemoryGrow { .. } | Operator::TableGrow { .. }) => self.look(),
                _ => {}
            }
            match operator {
                Operator::Br { relative_depth } => {
                    self.branch(original, position, labels.find(*relative_depth), false);
                    continue;
                }
                Operator::BrIf { relative_depth } => {
                    self.branch(original, position, labels.find(*relative_depth), true);
                    self.next_stretch();
                    continue;
                }
                Operator::BrTable { targets } => {
                    let all: Vec<u32> = targets.targets().collect::<Result<_, _>>()?;
                    let all: Vec<u32> = all.iter().map(|depth| labels.find(*depth).0).collect();
                    let (default, _) = labels.find(targets.default());
                    self.emit(&[I::BrTable(all.into(), default)]);
                    continue;
                }
                Operator::Loop { blockty } => {
                    self.stretch += 1;
                    let ty = bound.block_type(*blockty)?;
                    let looks = passes.loops.contains(&position);
                    let is_at_head = original.heads.binary_search(&position).is_ok();
                    if looks && !is_at_head {
                        self.begin_loop(ty);
                        self.copies(bound, original, position, labels)?;
                        labels.push(Label::Looking);
                        continue;
                    }
                    self.emit(&[I::Loop(ty)]);
                    self.stretches.push(Some(self.stretch));
                    labels.push(Label::Plain);
                    if looks {
                        self.look();
                    }
                    continue;
                }
                Operator::Block { .. } | Operator::If { .. } => labels.push(Label::Plain),
                Operator::End => {
                    if let Label::Looking = labels.pop() {
                        self.stretch += 1;
                        self.end_loop();
                        continue;
                    }
                }
                _ => {}
            }
            self.function
                .instruction(&bound.instruction(operator.clone())?);
            if begins_stretch(operator) {
                self.next_stretch();
            }
        }
        Ok(())
    }

    /// Writes the copies of the loop at `head` that come before it. Each goes on to the
    /// next where the loop goes back.
    fn copies(
        &mut self,
        bound: &mut Bound,
        original: &Original<'_>,
        head: usize,
        labels: &mut Labels,
    ) -> Result<(), reencode::Error> {
        let Some(small) = original.called.copied.get(&head) else {
            return Ok(());
        };
        let stretch = self.stretch;
        let end = end_of(original.operators, head);
        for _ in 1..small.copies {
            self.emit(&[I::Block(BlockType::Empty)]);
            labels.push(Label::Copied);
            self.write(bound, original, head + 1..end, labels)?;
            labels.pop();
            self.emit(&[I::Br(3), I::End]);
            self.stretch = stretch;
            self.stretches.push(Some(stretch));
        }
        Ok(())
    }

    /// Writes the branch at `position`.
    fn branch(
        &mut self,
        original: &Original<'_>,
        position: usize,
        (depth, label): (u32, Label),
        is_conditional: bool,
    ) {
        let passes = &original.called.passes;
        let (depth, looks) = match label {
            Label::Looking if passes.looked.contains(&position) => (depth + 1, false),
            Label::Looking => (depth, true),
            Label::Plain | Label::Copied => (depth, false),
        };
        let climb = passes.climbs.get(&position).copied();
        match (looks, is_conditional) {
            (true, true) => {
                self.emit(&[I::If(BlockType::Empty)]);
                self.stretches.push(Some(self.stretch));
                self.go_back(depth + 1, climb);
                self.emit(&[I::End]);
            }
            (true, false) => self.go_back(depth, climb),
            (false, true) => self.emit(&[I::BrIf(depth)]),
            (false, false) => self.emit(&[I::Br(depth)]),
        }
    }

    fn next_stretch(&mut self) {
        self.stretch += 1;
        self.stretches.push(Some(self.stretch));
    }
}

/// What has become of a block of the original.
#[derive(Debug, Clone, Copy)]
enum Label {
    /// A block that is as it was.
    Plain,
    /// A loop that was begun by [`Looker::begin_loop`].
    Looking,
    /// A copy of such a loop, in that.
    Copied,
}

/// The open blocks of the original.
struct Labels(Vec<Label>);

impl Labels {
    /// Where the label at `depth` is now: the `$ask` of a loop that looks, and the end of
    /// a copy.
    fn find(&self, depth: u32) -> (u32, Label) {
        let at = self.0.len().saturating_sub(1 + depth as usize);
        let inner = self.0.iter().skip(at + 1);
        let added = inner.map(|label| match label {
            Label::Plain => 0,
            Label::Looking => 2,
            Label::Copied => 3,
        });
        let label = self.0.get(at).copied();
        (depth + added.sum::<u32>(), label.unwrap_or(Label::Plain))
    }

    fn push(&mut self, label: Label) {
        self.0.push(label);
    }

    fn pop(&mut self) -> Label {
        self.0.pop().unwrap_or(Label::Plain)
    }
}
