//! A function's body with the payments in it.

use super::{Bound, FIRST, PASSES, UNIT, graph::Called, paths::counted_at_heads};
use crate::{cover::begins_stretch, instrument::count};
use wasm_encoder::{
    BlockType, Function, Instruction as I, ValType,
    reencode::{self, Reencode},
};
use wasmparser::{FunctionBody, Operator};

/// Bytes, and elements of tables, that one unit pays for: they are copied some
/// eight times as fast as operators are executed. As a power of two.
const BULK: i32 = 19;

/// What growing a memory or a table may cost the host, in units.
const GROWTH: u32 = 16;

/// A function on its way.
struct Payer {
    function: Function,
    /// The global that has the budget.
    budget: u32,
    /// The function that asks for more.
    refill: u32,
    /// The local that counts up to [`FIRST`], from zero at first.
    counter: u32,
    /// The local for what is left of the budget.
    rest: u32,
    /// The local for sizes, and that for sizes of 64 bits.
    sizes: [u32; 2],
    /// Units for [`PASSES`] passes.
    units: u32,
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
    let counts = u32::from(called.passes.has_loops);
    let pays = called.pays || called.paid_calls().any(|(_, is_frequent)| is_frequent);
    // What is not needed is not there, and costs nothing.
    let (small, wide) = (bulk(false), bulk(true));
    let counts = counts + u32::from(pays);
    locals.push((counts + small, ValType::I32));
    locals.push((wide, ValType::I64));
    locals.retain(|(count, _)| *count > 0);
    let sizes = [counter + counts, counter + counts + small];
    let pass = called.passes.longest;
    let mut payer = Payer {
        function: Function::new(locals),
        budget,
        refill,
        counter,
        rest: counter + u32::from(called.passes.has_loops),
        sizes,
        units: 1 + PASSES.saturating_mul(pass) / UNIT,
        stretch: bound.stretch,
        stretches: vec![Some(bound.stretch)],
    };
    if called.pays {
        payer.enter(called.passes.has_loops, 1 + pass / UNIT);
    }
    payer.all(bound, operators, &heads, &called)?;
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
    fn pay(&mut self, units: u32) {
        let (budget, rest) = (self.budget, self.rest);
        self.emit(&[
            I::GlobalGet(budget),
            I::I32Const(-units.cast_signed()),
            I::I32Add,
            I::LocalTee(rest),
            I::GlobalSet(budget),
            I::LocalGet(rest),
        ]);
        self.refill_below_zero();
    }

    /// Asks the host if what is on the stack is negative.
    fn refill_below_zero(&mut self) {
        self.emit(&[I::I32Const(0), I::I32LtS]);
        self.seldom();
        self.emit(&[I::Call(self.refill)]);
        self.go_on();
    }

    /// Pays for passes to come.
    fn pay_passes(&mut self) {
        self.pay_between(self.units);
        self.prepaid();
    }

    fn prepaid(&mut self) {
        self.emit(&[
            I::I32Const(FIRST.cast_signed() - PASSES.cast_signed()),
            I::LocalSet(self.counter),
        ]);
    }

    fn enter(&mut self, has_loops: bool, units: u32) {
        if has_loops {
            self.pay(self.units);
            self.prepaid();
        } else {
            self.pay(units);
        }
    }

    /// Pays without a local.
    fn pay_between(&mut self, units: u32) {
        self.emit(&[I::GlobalGet(self.budget), I::I32Const(units.cast_signed())]);
        self.pay_rest();
    }

    /// Pays what is on the stack, above the budget.
    fn pay_rest(&mut self) {
        let budget = self.budget;
        self.emit(&[I::I32Sub, I::GlobalSet(budget), I::GlobalGet(budget)]);
        self.refill_below_zero();
    }

    /// Counts, and leaves on the stack whether passes are left.
    fn count(&mut self) {
        let counter = self.counter;
        self.emit(&[
            I::LocalGet(counter),
            I::I32Const(1),
            I::I32Add,
            I::LocalTee(counter),
            I::I32Const(FIRST.cast_signed()),
            I::I32LtS,
        ]);
    }

    /// Goes back to the loop at `depth`.
    fn go_back(&mut self, depth: u32) {
        self.count();
        self.emit(&[I::BrIf(depth)]);
        self.stretches.push(None);
        self.pay_passes();
        self.emit(&[I::Br(depth)]);
    }

    fn count_at_head(&mut self) {
        self.count();
        self.emit(&[I::I32Eqz]);
        self.seldom();
        self.pay_passes();
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
        operators: Vec<Operator<'_>>,
        heads: &[usize],
        called: &Called,
    ) -> Result<(), reencode::Error> {
        // The open blocks, and whether going back to them is counted where it is done.
        let mut frames = vec![false];
        let mut paid_calls = called.paid_calls().peekable();
        for (position, operator) in operators.into_iter().enumerate() {
            if called.passes.paid_at.binary_search(&position).is_ok() {
                self.pay_between(2);
            }
            match paid_calls.next_if(|(paid, _)| *paid == position) {
                Some((_, true)) => self.pay(1),
                Some((_, false)) => self.pay_between(1),
                None => {}
            }
            match (bound.graph.widths.bulk(&operator), &operator) {
                (Some(wide), _) => self.pay_bulk(wide),
                (None, Operator::MemoryGrow { .. } | Operator::TableGrow { .. }) => {
                    self.pay_between(GROWTH);
                }
                _ => {}
            }
            let goes_back = |depth: u32, frames: &[bool]| {
                let at = frames.len().checked_sub(1 + depth as usize);
                at.and_then(|at| frames.get(at)) == Some(&true)
            };
            match operator {
                Operator::Br { relative_depth } if goes_back(relative_depth, &frames) => {
                    self.go_back(relative_depth);
                    continue;
                }
                Operator::BrIf { relative_depth } if goes_back(relative_depth, &frames) => {
                    self.emit(&[I::If(BlockType::Empty)]);
                    self.stretches.push(Some(self.stretch));
                    self.go_back(relative_depth + 1);
                    self.stretch += 1;
                    self.go_on();
                    continue;
                }
                _ => {}
            }
            let at_head = matches!(operator, Operator::Loop { .. }) && heads.contains(&position);
            match operator {
                Operator::Loop { .. } => frames.push(!at_head),
                Operator::Block { .. } | Operator::If { .. } => frames.push(false),
                Operator::End => {
                    frames.pop();
                }
                _ => {}
            }
            if begins_stretch(&operator) {
                self.stretch += 1;
                self.stretches.push(Some(self.stretch));
            }
            self.function.instruction(&bound.instruction(operator)?);
            if at_head {
                self.count_at_head();
            }
        }
        Ok(())
    }
}
