//! How long a pass of a function can be.

use super::{
    AHEAD, FIRST, FREE, ROUNDS,
    climb::{Back, Climb},
};
use std::collections::BTreeMap;
use wasmparser::{BinaryReaderError, BlockType, Operator};

/// A pass that grows longer than this pays in its middle.
pub(super) const STRETCH: u32 = 1 << 16;

/// Operators of a round that need not be counted, if it is one of many, at the
/// most.
const BRIEF: u32 = 1 << 11;

/// Operators of a function that aren't counted, at the most. So [`CLIMBS`] and
/// [`FIRST_CLIMBS`] times as many are what it has paid ahead.
pub(super) const UNCOUNTED: u32 = 1 << 19;

/// How often such a loop can be gone back to where that is counted, before it pays
/// again; and at first, as its callers pay for that.
const CLIMBS: u32 = 16;
const FIRST_CLIMBS: u32 = 4;

/// Branches back of a loop that are worth it: where there are fewer, as in a matcher
/// of patterns, too many others pay for them.
pub(super) const MANY: usize = 32;

/// What a call costs besides the work of what is called.
pub(super) const CALL: u32 = 8;

/// What is known of a function's passes.
#[derive(Debug, Clone, Default)]
pub(super) struct Passes {
    /// Operators of the longest.
    pub(super) longest: u32,
    /// For what goes back in a loop, by position, the operators of the longest way
    /// there from the loop's head.
    pub(super) rounds: BTreeMap<usize, u32>,
    /// The longest of these for each loop, by position.
    pub(super) loops: BTreeMap<usize, u32>,
    /// The operators, by position, before which [`STRETCH`] operators are paid.
    pub(super) paid_at: Vec<usize>,
    /// The branches back, by position, that need no counting while a variable
    /// [climbs](super::climb), and which does.
    pub(super) climbs: BTreeMap<usize, Climb>,
    /// Operators of all rounds that are not counted for that.
    pub(super) uncounted: u32,
    /// What that is for each loop with such branches, by position.
    pub(super) climbing: BTreeMap<usize, u32>,
}

impl Passes {
    pub(super) fn has_loops(&self) -> bool {
        !self.loops.is_empty()
    }

    /// Operators of the longest round.
    pub(super) fn longest_round(&self) -> u32 {
        self.loops.values().copied().max().unwrap_or_default()
    }

    /// Has the branches that go `back` to the loop at `head` counted no more where
    /// the variable that grows at most of them does. All others pay for the rounds
    /// that may follow them.
    pub(super) fn climb(&mut self, head: usize, back: &BTreeMap<usize, Back>) {
        let is_brief = |position: &usize| self.rounds.get(position).is_some_and(|r| *r <= BRIEF);
        let brief = back.iter().filter(|(position, _)| is_brief(position));
        let mut votes: BTreeMap<u32, usize> = BTreeMap::new();
        for local in brief.clone().flat_map(|(_, back)| back.grown.keys()) {
            *votes.entry(*local).or_default() += 1;
        }
        let Some((local, votes)) = votes.into_iter().max_by_key(|(_, votes)| *votes) else {
            return;
        };
        if votes < MANY {
            return;
        }
        let free = brief.filter_map(|(position, back)| Some((*position, *back.grown.get(&local)?)));
        let free: BTreeMap<usize, u32> = free.collect();
        let step = free.values().copied().max().unwrap_or(1);
        let climb = Climb {
            local,
            step: step.next_power_of_two(),
        };
        let longest = free
            .keys()
            .filter_map(|position| self.rounds.get(position))
            .max();
        let longest = longest.copied().unwrap_or_default();
        let uncounted = longest.saturating_mul(climb.rounds());
        if self.uncounted.saturating_add(uncounted) > UNCOUNTED {
            return;
        }
        for position in back.keys() {
            let round = self.rounds.entry(*position).or_default();
            *round = round.saturating_add(uncounted);
        }
        self.uncounted = self.uncounted.saturating_add(uncounted);
        self.climbing.insert(head, uncounted);
        self.climbs
            .extend(free.into_keys().map(|position| (position, climb)));
    }

    /// Notes a branch from `position`, which is so far.
    fn branch(&mut self, frame: Option<&mut Frame>, position: usize, far: Option<Far>) {
        let (Some(frame), Some(far)) = (frame, far) else {
            return;
        };
        let Some((head, before)) = frame.head else {
            frame.end = furthest(frame.end, Some(far));
            return;
        };
        // All ways here lead over the head, so the longest does. What is longer
        // is paid for in its middle.
        let round = far.all.saturating_sub(before).clamp(1, 2 * STRETCH);
        for (rounds, at) in [(&mut self.rounds, position), (&mut self.loops, head)] {
            let longest = rounds.entry(at).or_default();
            *longest = round.max(*longest);
        }
    }

    /// Whether callers can pay for them.
    pub(super) fn is_free(&self) -> bool {
        self.for_callers() <= FREE && self.paid_at.is_empty()
    }

    /// What a call does that nothing is paid for within it.
    pub(super) fn for_callers(&self) -> u32 {
        let first = self.first().saturating_add(self.uncounted);
        self.longest.saturating_add(first)
    }

    /// Operators that its loops may take before it pays for them.
    pub(super) fn first(&self) -> u32 {
        let uncounted = self.uncounted.saturating_mul(FIRST_CLIMBS);
        match self.has_loops() {
            true => uncounted.saturating_add(FIRST),
            false => 0,
        }
    }

    /// Operators that it pays for at once when it goes back in loops.
    pub(super) fn ahead(&self) -> u32 {
        let uncounted = self.uncounted.saturating_mul(CLIMBS);
        let rounds = self.longest_round().saturating_mul(ROUNDS);
        AHEAD.max(rounds).max(uncounted)
    }
}

/// How far the longest way to somewhere is. Unreachable code is at no way's end.
#[derive(Debug, Clone, Copy)]
struct Far {
    /// From the beginning.
    all: u32,
    /// From where something was paid in the middle of it.
    since: u32,
}

impl Far {
    fn further(self, cost: u32) -> Self {
        Self {
            all: self.all.saturating_add(cost),
            since: self.since.saturating_add(cost),
        }
    }
}

/// The further of both.
fn furthest(one: Option<Far>, other: Option<Far>) -> Option<Far> {
    let (Some(one), Some(other)) = (one, other) else {
        return one.or(other);
    };
    Some(Far {
        all: one.all.max(other.all),
        since: one.since.max(other.since),
    })
}

/// An open block.
#[derive(Default)]
struct Frame {
    /// Of a loop, where it is, and how far its head.
    head: Option<(usize, u32)>,
    /// How far its end is, as far as known.
    end: Option<Far>,
    /// How far it is to the `else`, of an `if` that has none yet.
    other: Option<Far>,
}

/// Follows all ways through a function but back; `cost` is asked for each operator
/// once, in order.
pub(super) fn passes<'a>(
    operators: impl Iterator<Item = Result<Operator<'a>, BinaryReaderError>>,
    mut cost: impl FnMut(&Operator<'_>) -> u32,
) -> Result<Passes, BinaryReaderError> {
    let mut frames = vec![Frame::default()];
    let mut passes = Passes::default();
    let mut far = Some(Far { all: 0, since: 0 });
    for (position, operator) in operators.enumerate() {
        let operator = operator?;
        let cost = cost(&operator);
        match operator {
            Operator::Else => {
                if let Some(frame) = frames.last_mut() {
                    frame.end = furthest(frame.end, far);
                    far = frame.other.take();
                }
                continue;
            }
            Operator::End => {
                if let Some(frame) = frames.pop() {
                    far = furthest(furthest(frame.end, far), frame.other);
                }
                continue;
            }
            _ => {}
        }
        if let Some(before) = far {
            let mut after = before.further(cost);
            if after.since > STRETCH && before.since > 0 {
                passes.paid_at.push(position);
                after.since = cost;
            }
            passes.longest = passes.longest.max(after.since);
            far = Some(after);
        }
        let mut branch = |depth: u32| {
            let frame = frames.len().checked_sub(1 + depth as usize);
            let frame = frame.and_then(|at| frames.get_mut(at));
            passes.branch(frame, position, far);
        };
        match operator {
            Operator::Br { relative_depth } => {
                branch(relative_depth);
                far = None;
            }
            Operator::BrIf { relative_depth } => branch(relative_depth),
            Operator::BrTable { targets } => {
                for depth in targets.targets() {
                    branch(depth?);
                }
                branch(targets.default());
                far = None;
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => far = None,
            Operator::Block { .. } => frames.push(Frame::default()),
            Operator::Loop { .. } => frames.push(Frame {
                head: far.map(|far| (position, far.all)),
                ..Frame::default()
            }),
            Operator::If { .. } => frames.push(Frame {
                other: far,
                ..Frame::default()
            }),
            _ => {}
        }
    }
    Ok(passes)
}

/// The loops of a function, by position, that are to be counted at their heads:
/// those with parameters, and those that a `br_table` goes back to. For the
/// others that is done where code goes back, which is cheaper: it takes the place
/// of the branch.
pub(super) fn counted_at_heads(
    operators: &[Operator<'_>],
) -> Result<Vec<usize>, BinaryReaderError> {
    let mut heads = Vec::new();
    let mut frames = vec![None];
    for (position, operator) in operators.iter().enumerate() {
        match operator {
            Operator::Loop { blockty } => {
                frames.push(Some(position));
                if matches!(blockty, BlockType::FuncType(_)) {
                    heads.push(position);
                }
            }
            Operator::Block { .. } | Operator::If { .. } => frames.push(None),
            Operator::End => {
                frames.pop();
            }
            Operator::BrTable { targets } => {
                let default = std::iter::once(Ok(targets.default()));
                for depth in targets.targets().chain(default) {
                    let at = frames.len().checked_sub(1 + depth? as usize);
                    if let Some(Some(head)) = at.and_then(|at| frames.get(at)) {
                        heads.push(*head);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(heads)
}
