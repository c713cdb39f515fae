//! What moves, and what goes in and out.

use super::{
    Signature,
    body::{Block, Body},
    live::{Live, Locals},
};
use wasm_encoder::ValType;
use wasmparser::Operator;

/// The operators from `start` up to, but not with, `end`, which ends the
/// innermost of `inside` or its first arm.
pub(super) struct Region {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The blocks around it, the function's own first.
    pub(super) inside: Vec<Block>,
}

/// Where a region leads to, in the order of the numbers that its function
/// returns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exit {
    /// On behind it.
    Fall,
    /// Out of the function.
    Return,
    /// To the label at this depth, seen from just around the region.
    Jump(u32),
}

/// A region that can move.
pub(super) struct Plan {
    pub(super) region: Region,
    pub(super) exits: Vec<Exit>,
    /// Locals that its function takes.
    pub(super) ins: Vec<u32>,
    /// Locals that its function gives back.
    pub(super) outs: Vec<u32>,
    /// Locals that it mentions beyond `ins`.
    pub(super) own: Vec<u32>,
}

impl Plan {
    /// `None` if values other than locals go out of it by a jump.
    pub(super) fn of(body: &Body<'_>, live: &Live, region: Region) -> Option<Self> {
        let mut found = Found {
            body,
            region: &region,
            exits: Vec::new(),
            mentioned: Locals::none(body.locals.len()),
            written: Locals::none(body.locals.len()),
        };
        found.look()?;
        let Found {
            mut exits,
            mentioned,
            written,
            ..
        } = found;
        exits.sort_unstable();
        let mut wanted = Locals::none(body.locals.len());
        for exit in &exits {
            match exit {
                Exit::Jump(depth) => wanted.add_all(live.at_label(region.block(*depth)?)),
                Exit::Fall => wanted.add_all(live.before(region.end)),
                Exit::Return => {}
            }
        }
        let given = live.before(region.start);
        let mut plan = Self {
            ins: Vec::new(),
            own: Vec::new(),
            outs: Vec::new(),
            exits,
            region,
        };
        for local in mentioned.iter() {
            if given.has(local) {
                plan.ins.push(local);
            } else {
                plan.own.push(local);
            }
        }
        let outs = written.iter().filter(|local| wanted.has(*local));
        plan.outs.extend(outs);
        Some(plan)
    }

    pub(super) fn returns(&self) -> bool {
        self.exits.contains(&Exit::Return)
    }

    /// Its function's type: locals in; locals, what is to be returned, and the
    /// exit's number out.
    pub(super) fn signature(&self, body: &Body<'_>) -> Signature {
        let types = |locals: &[u32]| -> Vec<ValType> {
            locals
                .iter()
                .map(|local| body.locals[*local as usize])
                .collect()
        };
        let mut results = types(&self.outs);
        if self.returns() {
            results.extend(&body.results);
        }
        if self.exits.len() > 1 {
            results.push(ValType::I32);
        }
        (types(&self.ins), results)
    }

    /// The number of an exit.
    pub(super) fn number(&self, exit: Exit) -> u32 {
        let at = self.exits.iter().position(|other| *other == exit);
        at.unwrap_or_default() as u32
    }
}

impl Region {
    /// The block whose label has this depth just around the region.
    fn block(&self, depth: u32) -> Option<&Block> {
        let at = self.inside.len().checked_sub(depth as usize + 1)?;
        self.inside.get(at)
    }

    /// What a jump from just inside the region is.
    pub(super) fn exit(&self, depth: u32) -> Option<Exit> {
        let block = self.block(depth)?;
        Some(match block.start {
            None => Exit::Return,
            Some(_) if depth == 0 && !block.is_loop => Exit::Fall,
            Some(_) => Exit::Jump(depth),
        })
    }

    /// What coming to its end is.
    pub(super) fn end_exit(&self) -> Exit {
        match self.inside.last() {
            Some(block) if block.start.is_none() => Exit::Return,
            _ => Exit::Fall,
        }
    }
}

struct Found<'a> {
    body: &'a Body<'a>,
    region: &'a Region,
    exits: Vec<Exit>,
    mentioned: Locals,
    written: Locals,
}

impl Found<'_> {
    fn look(&mut self) -> Option<()> {
        let mut nested = 0;
        for index in self.region.start..self.region.end {
            match &self.body.ops[index].operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => nested += 1,
                Operator::End => nested -= 1,
                Operator::LocalGet { local_index } => self.mentioned.add(*local_index),
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    self.mentioned.add(*local_index);
                    self.written.add(*local_index);
                }
                Operator::Br { relative_depth } => self.jump(*relative_depth, nested, true)?,
                Operator::BrIf { relative_depth } => self.jump(*relative_depth, nested, false)?,
                Operator::BrTable { targets } => {
                    self.jump(targets.default(), nested, false)?;
                    for target in targets.targets() {
                        self.jump(target.ok()?, nested, false)?;
                    }
                }
                Operator::Return => self.add(Exit::Return),
                _ => {}
            }
        }
        let end = &self.body.ops[self.region.end];
        if !end.dead {
            let exit = self.region.end_exit();
            if exit == Exit::Fall && self.region.block(0)?.has_results {
                return None;
            }
            self.add(exit);
        }
        Some(())
    }

    /// `None` if the jump carries values, unless it is a plain one out of the
    /// function.
    fn jump(&mut self, depth: u32, nested: u32, is_plain: bool) -> Option<()> {
        let Some(depth) = depth.checked_sub(nested) else {
            return Some(());
        };
        let block = self.region.block(depth)?;
        let exit = self.region.exit(depth)?;
        if block.has_results && !block.is_loop && !(is_plain && exit == Exit::Return) {
            return None;
        }
        self.add(exit);
        Some(())
    }

    fn add(&mut self, exit: Exit) {
        if !self.exits.contains(&exit) {
            self.exits.push(exit);
        }
    }
}
