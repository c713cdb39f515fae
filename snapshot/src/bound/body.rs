//! A function's body with the payments in it.

use super::{
    Bound, UNIT,
    climb::Climb,
    graph::{COPIES, Called},
    paths::{STRETCH, counted_at_heads},
};
use crate::{cover::begins_stretch, instrument::count};
use std::collections::BTreeMap;
use wasm_encoder::{
    BlockType, Function, Instruction as I, ValType,
    reencode::{self, Reencode},
};
use wasmparser::{FunctionBody, Operator};

/// Bytes, and elements of tables, that one unit pays for: they are copied at least
/// four times as fast as operators are executed. As a power of two.
///
/// Fewer are paid for as part of a pass, see [`BULK`](super::graph::BULK).
const BULK: i32 = 12;

/// What growing a memory or a table may cost the host, in operators.
const GROWTH: u32 = 1 << 20;

/// The units that pay for `operators`.
fn units(operators: u32) -> i32 {
    (1 + operators / UNIT).cast_signed()
}

/// A function on its way.
struct Payer {
    function: Function,
    /// The global that has the budget.
    budget: u32,
    /// The function that asks for more.
    refill: u32,
    /// The local that counts operators, from zero at first.
    counter: u32,
    /// As many as its callers paid for.
    first: u32,
    /// The local for what is left of the budget.
    rest: u32,
    /// The local for sizes, and that for sizes of 64 bits.
    sizes: [u32; 2],
    /// Operators that are paid for at once when it goes back in loops.
    ahead: u32,
    /// Operators of the longest round.
    round: u32,
    /// The stretch of the original that the operators are in.
    stretch: u32,
    /// That of each stretch of this function after the first, if it is of one.
    stretches: Vec<Option<u32>>,
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
    let heads = counted_at_heads(&operators)?;
    let mut locals = Vec::new();
    let mut counter = called.params;
    for local in body.get_locals_reader()? {
        let (count, ty) = local?;
        counter = counter.saturating_add(count);
        locals.push((count, bound.val_type(ty)?));
    }
    let graph = &bound.graph;
    let refill = graph.imports + 1 + count(graph.functions.len());
    let budget = graph.globals;
    let bulk = |wide| {
        let of_width = |operator| graph.widths.bulk(operator) == Some(wide);
        u32::from(operators.iter().any(of_width))
    };
    let has_loops = called.passes.has_loops();
    let pays = called.pays || called.paid_calls().any(|paid| paid.is_frequent);
    // What is not needed is not there, and costs nothing.
    let (small, wide) = (bulk(false), bulk(true));
    let counts = u32::from(has_loops) + u32::from(pays);
    locals.push((counts + small, ValType::I32));
    locals.push((wide, ValType::I64));
    locals.retain(|(count, _)| *count > 0);
    let sizes = [counter + counts, counter + counts + small];
    let round = called.passes.longest_round();
    let mut payer = Payer {
        function: Function::new(locals),
        budget,
        refill,
        counter,
        rest: counter + u32::from(has_loops),
        sizes,
        first: called.passes.first(),
        ahead: called.passes.ahead(),
        round: round.saturating_add(called.passes.uncounted),
        stretch: bound.stretch,
        stretches: vec![Some(bound.stretch)],
    };
    if called.pays {
        payer.pay(units(called.passes.for_callers()));
    }
    payer.all(bound, &operators, &heads, &called)?;
    bound.stretch = payer.stretch + 1;
    bound.stretches.append(&mut payer.stretches);
    Ok(payer.function)
}

impl Payer {
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

    /// Pays `units`, with the help of a local.
    fn pay(&mut self, units: i32) {
        let (budget, rest) = (self.budget, self.rest);
        self.emit(&[
            I::GlobalGet(budget),
            I::I32Const(-units),
            I::I32Add,
            I::LocalTee(rest),
            I::GlobalSet(budget),
            I::LocalGet(rest),
        ]);
        self.refill_below_zero();
    }

    /// Pays without a local.
    fn pay_between(&mut self, units: i32) {
        self.emit(&[I::GlobalGet(self.budget), I::I32Const(units)]);
        self.pay_rest();
    }

    /// Pays what is on the stack, above the budget.
    fn pay_rest(&mut self) {
        self.subtract();
        self.refill_below_zero();
    }

    /// Takes what is on the stack from the budget, which is below, and leaves what
    /// remains there.
    fn subtract(&mut self) {
        let budget = self.budget;
        self.emit(&[I::I32Sub, I::GlobalSet(budget), I::GlobalGet(budget)]);
    }

    /// Asks the host if what is on the stack is negative.
    fn refill_below_zero(&mut self) {
        self.emit(&[I::I32Const(0), I::I32LtS]);
        self.seldom();
        self.emit(&[I::Call(self.refill)]);
        self.go_on();
    }

    /// Pays for rounds to come.
    fn pay_ahead(&mut self) {
        let units = units(self.ahead + self.round * COPIES);
        self.emit(&[I::GlobalGet(self.budget), I::I32Const(units)]);
        self.subtract();
        self.emit(&[I::I32Const(0), I::I32LtS]);
        self.seldom();
        self.emit(&[I::Call(self.refill), I::End]);
        // It is too short to be worth a detour.
        self.stretches.push(self.stretches[0]);
        let counted = self.first.cast_signed() - self.ahead.cast_signed();
        self.emit(&[I::I32Const(counted), I::LocalSet(self.counter)]);
    }

    /// Counts a round of `operators`, and leaves on the stack whether they were
    /// paid for.
    fn count(&mut self, operators: u32) {
        let counter = self.counter;
        self.emit(&[
            I::LocalGet(counter),
            I::I32Const(operators.cast_signed()),
            I::I32Add,
            I::LocalTee(counter),
            I::I32Const(self.first.cast_signed()),
            I::I32LtS,
        ]);
    }

    /// Begins a loop that is gone back to where it pays behind its end, if need
    /// be:
    ///
    /// ```wat
    /// (block $on
    ///   (loop $back
    ///     (block $pay … (br $on))
    ///     …
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
        self.stretches.push(self.stretches[0]);
        self.pay_ahead();
        self.emit(&[I::Br(0), I::End]);
        self.stretches.push(None);
        self.emit(&[I::Unreachable, I::End]);
        self.stretches.push(Some(self.stretch));
    }

    /// Goes back to the loop that has its `$pay` at `depth` while what climbs has not
    /// come to where a round is counted.
    fn go_back_climbing(&mut self, depth: u32, climb: Climb) {
        self.emit(&[
            I::LocalGet(climb.local),
            I::I32Const(climb.mask().cast_signed()),
            I::I32And,
            I::BrIf(depth + 1),
        ]);
        self.stretches.push(Some(self.stretch));
    }

    /// Counts the rounds of a loop to come that may not be counted.
    fn count_uncounted(&mut self, operators: u32) {
        self.emit(&[
            I::LocalGet(self.counter),
            I::I32Const(operators.cast_signed()),
            I::I32Add,
            I::LocalSet(self.counter),
        ]);
    }

    /// Goes back to the loop that has its `$pay` at `depth`, after a round of
    /// `operators`.
    fn go_back(&mut self, depth: u32, operators: u32) {
        self.count(operators);
        self.emit(&[I::BrIf(depth + 1)]);
        self.stretches.push(None);
        self.emit(&[I::Br(depth)]);
    }

    fn count_at_head(&mut self, operators: u32) {
        self.count(operators);
        self.emit(&[I::I32Eqz, I::If(BlockType::Empty)]);
        self.stretches.push(self.stretches[0]);
        self.pay_ahead();
        self.go_on();
    }

    /// Pays for a size that is on the stack, and stays there.
    fn pay_bulk(&mut self, wide: bool) {
        let size = self.sizes[usize::from(wide)];
        self.emit(&[I::LocalTee(size), I::LocalGet(size)]);
        if wide {
            self.emit(&[I::I64Const(1 << BULK), I::I64GeU]);
        } else {
            self.emit(&[I::I32Const(1 << BULK), I::I32GeU]);
        }
        self.seldom();
        self.emit(&[I::GlobalGet(self.budget), I::LocalGet(size)]);
        if wide {
            // What is larger is larger than any memory, and traps.
            let mask = i64::from(u32::MAX >> 8);
            self.emit(&[I::I64Const(i64::from(BULK)), I::I64ShrU, I::I64Const(mask)]);
            self.emit(&[I::I64And, I::I32WrapI64]);
        } else {
            self.emit(&[I::I32Const(BULK), I::I32ShrU]);
        }
        self.pay_rest();
        self.go_on();
    }

    fn all(
        &mut self,
        bound: &mut Bound,
        operators: &[Operator<'_>],
        heads: &[usize],
        called: &Called,
    ) -> Result<(), reencode::Error> {
        let mut labels = Labels(vec![Label::Plain]);
        let paid_calls: BTreeMap<_, _> = called.paid_calls().map(|p| (p.position, p)).collect();
        let mut again: Option<Again> = None;
        let mut next = 0;
        while let Some(operator) = operators.get(next) {
            let position = next;
            next += 1;
            if called.passes.paid_at.binary_search(&position).is_ok() {
                self.pay_between(units(STRETCH));
            }
            match paid_calls.get(&position) {
                Some(paid) if paid.is_frequent => self.pay(units(paid.operators)),
                Some(paid) => self.pay_between(units(paid.operators)),
                None => {}
            }
            match (bound.graph.widths.bulk(operator), operator) {
                (Some(wide), _) => self.pay_bulk(wide),
                (None, Operator::MemoryGrow { .. } | Operator::TableGrow { .. }) => {
                    self.pay_between(units(GROWTH));
                }
                _ => {}
            }
            // It is not known of what is never reached.
            let round = called.passes.rounds.get(&position).copied().unwrap_or(1);
            let climb = called.passes.climbs.get(&position).copied();
            match operator {
                Operator::Br { relative_depth } => {
                    let (depth, label) = labels.find(*relative_depth);
                    match label {
                        Label::Counted(all) => {
                            if let Some(climb) = climb {
                                self.go_back_climbing(depth, climb);
                            }
                            self.go_back(depth, all.unwrap_or(round));
                        }
                        _ => self.emit(&[I::Br(depth)]),
                    }
                    continue;
                }
                Operator::BrIf { relative_depth } => {
                    let (depth, label) = labels.find(*relative_depth);
                    match label {
                        Label::Counted(all) => {
                            self.emit(&[I::If(BlockType::Empty)]);
                            self.stretches.push(Some(self.stretch));
                            if let Some(climb) = climb {
                                self.go_back_climbing(depth + 1, climb);
                            }
                            self.go_back(depth + 1, all.unwrap_or(round));
                            self.emit(&[I::End]);
                        }
                        _ => self.emit(&[I::BrIf(depth)]),
                    }
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
                    let round = called.passes.loops.get(&position).copied();
                    let is_counted_at_head = heads.contains(&position);
                    if let (Some(round), false) = (round, is_counted_at_head) {
                        if let Some(uncounted) = called.passes.climbing.get(&position) {
                            self.count_uncounted(*uncounted);
                        }
                        self.begin_loop(ty);
                        if called.is_copied(position, operators) {
                            again = Some(Again {
                                start: next,
                                stretch: self.stretch,
                                round: round * COPIES,
                                left: COPIES - 1,
                            });
                            self.emit(&[I::Block(BlockType::Empty)]);
                            labels.push(Label::Again);
                        } else {
                            labels.push(Label::Counted(None));
                        }
                        continue;
                    }
                    self.emit(&[I::Loop(ty)]);
                    self.stretches.push(Some(self.stretch));
                    labels.push(Label::Plain);
                    if let Some(round) = round {
                        self.count_at_head(round);
                    }
                    continue;
                }
                Operator::Block { .. } | Operator::If { .. } => labels.push(Label::Plain),
                Operator::End => match (labels.pop(), &mut again) {
                    (Label::Again, Some(again)) => {
                        self.emit(&[I::Br(3), I::End]);
                        self.stretches.push(Some(again.stretch));
                        (next, self.stretch) = (again.start, again.stretch);
                        again.left -= 1;
                        if again.left > 0 {
                            self.emit(&[I::Block(BlockType::Empty)]);
                            labels.push(Label::Again);
                        } else {
                            labels.push(Label::Counted(Some(again.round)));
                        }
                        continue;
                    }
                    (Label::Counted(_), _) => {
                        self.stretch += 1;
                        self.end_loop();
                        continue;
                    }
                    _ => {}
                },
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

    fn next_stretch(&mut self) {
        self.stretch += 1;
        self.stretches.push(Some(self.stretch));
    }
}

/// A loop that is written several times.
struct Again {
    /// Where its body begins, and the stretch there.
    start: usize,
    stretch: u32,
    /// Operators of a round through all copies.
    round: u32,
    /// Copies to come.
    left: u32,
}

/// What has become of a block of the original.
#[derive(Debug, Clone, Copy)]
enum Label {
    /// A block that is as it was.
    Plain,
    /// A loop that was begun by [`Payer::begin_loop`]; the last of its copies counts
    /// the rounds of all.
    Counted(Option<u32>),
    /// A copy of such a loop, with another behind it.
    Again,
}

/// The open blocks of the original.
struct Labels(Vec<Label>);

impl Labels {
    /// Where the label at `depth` is now, or, if that goes back, the `$pay` of the
    /// loop or what comes before the next copy of it.
    fn find(&self, depth: u32) -> (u32, Label) {
        let at = self.0.len().saturating_sub(1 + depth as usize);
        let inner = self.0.iter().skip(at + 1);
        let added = inner.map(|label| match label {
            Label::Plain => 0,
            Label::Counted(_) => 2,
            Label::Again => 3,
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
