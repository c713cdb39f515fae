//! Which locals are still wanted where.

use super::body::{Block, Body};
use wasmparser::Operator;

/// Rounds after which a function is left as it is. Each round carries what is
/// live once around every loop, so that as many are needed as loops nest.
const MAX_ROUNDS: usize = 64;

/// Words of sets that are kept for a function: 128 MB. A function with more
/// operators and locals than that is left as it is; CPython's largest has
/// a hundredth.
const MAX_WORDS: usize = 16 << 20;

/// A set of locals.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Locals(Vec<u64>);

impl Locals {
    pub(super) fn none(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    pub(super) fn has(&self, local: u32) -> bool {
        self.0[local as usize / 64] & 1 << (local % 64) != 0
    }

    pub(super) fn add(&mut self, local: u32) {
        self.0[local as usize / 64] |= 1 << (local % 64);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.0.len() as u32 * 64).filter(|local| self.has(*local))
    }

    fn remove(&mut self, local: u32) {
        self.0[local as usize / 64] &= !(1 << (local % 64));
    }

    fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(super) fn add_all(&mut self, others: &Self) {
        for (mine, other) in self.0.iter_mut().zip(&others.0) {
            *mine |= other;
        }
    }
}

/// For each operator the locals whose values are wanted from there on.
pub(super) struct Live(Vec<Locals>);

impl Live {
    /// `None` if that takes too many rounds, or too much memory.
    pub(super) fn of(body: &Body<'_>) -> Option<Self> {
        let none = Locals::none(body.locals.len());
        if none.0.len().saturating_mul(body.ops.len()) > MAX_WORDS {
            return None;
        }
        let mut live = Self(vec![none; body.ops.len() + 1]);
        (0..MAX_ROUNDS).any(|_| !live.round(body)).then_some(live)
    }

    pub(super) fn before(&self, index: usize) -> &Locals {
        &self.0[index]
    }

    /// Where a jump to `block` leads to.
    pub(super) fn at_label(&self, block: &Block) -> &Locals {
        match block.start {
            Some(start) if block.is_loop => &self.0[start + 1],
            _ => &self.0[block.end],
        }
    }

    fn at_depth(&self, inside: &[&Block], depth: u32) -> &Locals {
        let at = inside.len().checked_sub(depth as usize + 1);
        match at.and_then(|at| inside.get(at)) {
            Some(block) => self.at_label(block),
            None => &self.0[self.0.len() - 1],
        }
    }

    /// Goes through the body backwards; whether anything changed.
    fn round(&mut self, body: &Body<'_>) -> bool {
        let mut changed = false;
        let mut inside: Vec<&Block> = Vec::new();
        // Blocks end in the order that they are kept in.
        let mut blocks = body.blocks.iter().rev();
        for index in (0..body.ops.len()).rev() {
            let mut live = self.0[index + 1].clone();
            match &body.ops[index].operator {
                Operator::End => inside.extend(blocks.next()),
                Operator::Else => {
                    if let Some(block) = inside.last() {
                        live = self.0[block.end].clone();
                    }
                }
                Operator::If { .. } => {
                    if let Some(block) = inside.pop() {
                        let other = block.otherwise.map_or(block.end, |at| at + 1);
                        live.add_all(&self.0[other]);
                    }
                }
                Operator::Block { .. } | Operator::Loop { .. } => {
                    inside.pop();
                }
                Operator::LocalGet { local_index } => live.add(*local_index),
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    live.remove(*local_index);
                }
                Operator::Br { relative_depth } => {
                    live = self.at_depth(&inside, *relative_depth).clone();
                }
                Operator::BrIf { relative_depth } => {
                    live.add_all(self.at_depth(&inside, *relative_depth));
                }
                Operator::BrTable { targets } => {
                    live = self.at_depth(&inside, targets.default()).clone();
                    for target in targets.targets().flatten() {
                        live.add_all(self.at_depth(&inside, target));
                    }
                }
                Operator::Return | Operator::Unreachable => live.clear(),
                _ => {}
            }
            if self.0[index] != live {
                self.0[index] = live;
                changed = true;
            }
        }
        changed
    }
}
