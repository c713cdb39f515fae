//! How long a pass of a function can be.

use super::{FREE, climb::Climb};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{BinaryReaderError, BlockType, Operator};

/// A pass that grows longer than this looks in its middle.
pub(super) const STRETCH: u32 = 1 << 20;

/// Operators of a round that may go without a look, if there are few such rounds, one
/// after the other.
const BRIEF: u32 = 1 << 11;

/// Operators of a loop that may be in it more than once, all copies together.
const COPIED: u32 = 128;

/// How often a loop may be in itself.
const COPIES: u32 = 8;

/// What a call costs besides the work of what is called.
pub(super) const CALL: u32 = 8;

/// What an operator does.
pub(super) struct Step {
    pub(super) cost: u32,
    /// Whether there is surely a look in it, or before it.
    pub(super) looks: bool,
}

/// What is known of a function's passes.
#[derive(Debug, Clone, Default)]
pub(super) struct Passes {
    /// Operators of the longest.
    pub(super) longest: u32,
    /// The loops, by position, that are gone back to after rounds without a look.
    pub(super) loops: BTreeSet<usize>,
    /// The branches back, by position, after rounds that have looked.
    pub(super) looked: BTreeSet<usize>,
    /// Loops that are small enough to be copied.
    pub(super) small: BTreeMap<usize, Small>,
    /// The operators, by position, before which [`STRETCH`] operators were done.
    pub(super) looks_at: Vec<usize>,
    /// For each loop, by position, what goes back to it after a brief round.
    pub(super) brief: BTreeMap<usize, BTreeSet<usize>>,
    /// The branches back, by position, that don't look while a variable
    /// [climbs](super::climb).
    pub(super) climbs: BTreeMap<usize, Climb>,
}

/// A loop without others in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Small {
    /// How many there can be.
    pub(super) copies: u32,
    /// What all but the last cost at the most.
    pub(super) extra: u32,
}

impl Small {
    /// A loop of so many operators that cost so much, if copies of it are worth it.
    fn of(operators: u32, cost: u32) -> Option<Self> {
        let copies = (COPIED / operators.max(1)).min(COPIES);
        (copies > 1 && cost <= BRIEF).then(|| Self {
            copies,
            extra: cost * (copies - 1),
        })
    }
}

impl Passes {
    /// Notes a branch from `position`, which is so far, to the frame `at`.
    fn branch(&mut self, frames: &mut [Frame], at: usize, position: usize, far: Far) {
        let (Some(frame), Some(after)) = (frames.get_mut(at), far) else {
            return;
        };
        let Some((head, before)) = frame.head else {
            frame.end = join(frame.end, far);
            return;
        };
        if after.looked > at {
            self.looked.insert(position);
            return;
        }
        self.loops.insert(head);
        // All ways here lead over the head, so the longest does.
        if after
            .far
            .checked_sub(before)
            .is_some_and(|round| round <= BRIEF)
        {
            self.brief.entry(head).or_default().insert(position);
        }
    }

    /// Notes what is known of a block at its end.
    fn leave(&mut self, frame: &Frame, around: Option<&mut Frame>) {
        if let Some((head, _)) = frame.head
            && !frame.has_loop
            && let Some(small) = Small::of(frame.operators, frame.cost)
        {
            self.small.insert(head, small);
        }
        if let Some(around) = around {
            around.operators = around.operators.saturating_add(frame.operators);
            around.cost = around.cost.saturating_add(frame.cost);
            around.has_loop |= frame.has_loop || frame.head.is_some();
        }
    }

    /// Whether callers need not look for them.
    pub(super) fn is_free(&self) -> bool {
        // What climbs does more than a pass without a look.
        self.longest <= FREE && self.looks_at.is_empty() && self.climbs.is_empty()
    }
}

/// What is known of all ways to somewhere.
#[derive(Debug, Clone, Copy)]
struct Reached {
    /// How far the longest is from where a look was.
    far: u32,
    /// How many of the open blocks, from the outermost, they looked in, since they were
    /// at the head of each.
    looked: usize,
}

/// Unreachable code is at no way's end.
type Far = Option<Reached>;

/// What is known where two ways meet.
fn join(one: Far, other: Far) -> Far {
    let (Some(a), Some(b)) = (one, other) else {
        return one.or(other);
    };
    Some(Reached {
        far: a.far.max(b.far),
        looked: a.looked.min(b.looked),
    })
}

/// An open block.
#[derive(Default)]
struct Frame {
    /// Of a loop that is reached, where it is, and how far its head.
    head: Option<(usize, u32)>,
    /// How far its end is, as far as known.
    end: Far,
    /// How far it is to the `else`, of an `if` that has none yet.
    other: Far,
    /// How many operators are in it, and what they cost.
    operators: u32,
    cost: u32,
    has_loop: bool,
}

/// Follows all ways through a function but back; `step` is asked for each operator
/// once, in order.
pub(super) fn passes<'a>(
    operators: impl Iterator<Item = Result<Operator<'a>, BinaryReaderError>>,
    mut step: impl FnMut(&Operator<'_>) -> Step,
) -> Result<Passes, BinaryReaderError> {
    let mut frames = vec![Frame::default()];
    let mut passes = Passes::default();
    let mut far = Some(Reached { far: 0, looked: 0 });
    for (position, operator) in operators.enumerate() {
        let operator = operator?;
        let Step { cost, looks } = step(&operator);
        if let Some(frame) = frames.last_mut() {
            frame.operators = frame.operators.saturating_add(1);
            frame.cost = frame.cost.saturating_add(cost);
        }
        match operator {
            Operator::Else => {
                if let Some(frame) = frames.last_mut() {
                    frame.end = join(frame.end, far);
                    far = frame.other.take();
                }
                continue;
            }
            Operator::End => {
                if let Some(frame) = frames.pop() {
                    passes.leave(&frame, frames.last_mut());
                    far = join(join(frame.end, far), frame.other);
                }
                if let Some(far) = &mut far {
                    far.looked = far.looked.min(frames.len());
                }
                continue;
            }
            _ => {}
        }
        if let Some(before) = far {
            let mut after = Reached {
                far: before.far.saturating_add(cost),
                looked: before.looked,
            };
            let is_long = after.far > STRETCH && before.far > 0;
            if is_long {
                passes.looks_at.push(position);
                after.far = cost;
            }
            if is_long || looks {
                after.looked = frames.len();
            }
            passes.longest = passes.longest.max(after.far);
            far = Some(after);
        }
        let mut branch = |depth: u32| {
            if let Some(at) = frames.len().checked_sub(1 + depth as usize) {
                passes.branch(&mut frames, at, position, far);
            }
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
                head: far.map(|far| (position, far.far)),
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

/// The loops of a function, by position, that are to look at their heads:
/// those with parameters, and those that a `br_table` goes back to. For the
/// others that is done where code goes back, which is cheaper: it takes the place
/// of the branch.
pub(super) fn looks_at_heads(operators: &[Operator<'_>]) -> Result<Vec<usize>, BinaryReaderError> {
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
    heads.sort_unstable();
    Ok(heads)
}

/// Where the block that begins at `head` ends.
pub(super) fn end_of(operators: &[Operator<'_>], head: usize) -> usize {
    let mut depth = 0;
    for (position, operator) in operators.iter().enumerate().skip(head) {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
            Operator::End => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return position;
        }
    }
    operators.len()
}
