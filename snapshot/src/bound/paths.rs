//! How long a pass of a function can be.

use super::{FREE, climb::Climb};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{BinaryReaderError, BlockType, Operator};

/// A pass that grows longer than this looks in its middle.
pub(super) const STRETCH: u32 = 1 << 20;

/// Operators of a round that may go without a look, if there are few such rounds, one
/// after the other.
const BRIEF: u32 = 1 << 11;

/// What a call costs besides the work of what is called.
pub(super) const CALL: u32 = 8;

/// What is known of a function's passes.
#[derive(Debug, Clone, Default)]
pub(super) struct Passes {
    /// Operators of the longest.
    pub(super) longest: u32,
    /// The loops, by position, that are gone back to.
    pub(super) loops: BTreeSet<usize>,
    /// The operators, by position, before which [`STRETCH`] operators were done.
    pub(super) looks_at: Vec<usize>,
    /// For each loop, by position, what goes back to it after a brief round.
    pub(super) brief: BTreeMap<usize, BTreeSet<usize>>,
    /// The branches back, by position, that don't look while a variable
    /// [climbs](super::climb).
    pub(super) climbs: BTreeMap<usize, Climb>,
}

impl Passes {
    /// Notes a branch from `position`, which is so far.
    fn branch(&mut self, frame: Option<&mut Frame>, position: usize, far: Far) {
        let (Some(frame), Some(after)) = (frame, far) else {
            return;
        };
        let Some((head, before)) = frame.head else {
            frame.end = frame.end.max(far);
            return;
        };
        self.loops.insert(head);
        // All ways here lead over the head, so the longest does.
        if after
            .checked_sub(before)
            .is_some_and(|round| round <= BRIEF)
        {
            self.brief.entry(head).or_default().insert(position);
        }
    }

    /// Whether callers need not look for them.
    pub(super) fn is_free(&self) -> bool {
        // What climbs does more than a pass without a look.
        self.longest <= FREE && self.looks_at.is_empty() && self.climbs.is_empty()
    }
}

/// How far the longest way to somewhere is from where a look was. Unreachable code
/// is at no way's end.
type Far = Option<u32>;

/// An open block.
#[derive(Default)]
struct Frame {
    /// Of a loop that is reached, where it is, and how far its head.
    head: Option<(usize, u32)>,
    /// How far its end is, as far as known.
    end: Far,
    /// How far it is to the `else`, of an `if` that has none yet.
    other: Far,
}

/// Follows all ways through a function but back; `cost` is asked for each operator
/// once, in order.
pub(super) fn passes<'a>(
    operators: impl Iterator<Item = Result<Operator<'a>, BinaryReaderError>>,
    mut cost: impl FnMut(&Operator<'_>) -> u32,
) -> Result<Passes, BinaryReaderError> {
    let mut frames = vec![Frame::default()];
    let mut passes = Passes::default();
    let mut far = Some(0_u32);
    for (position, operator) in operators.enumerate() {
        let operator = operator?;
        let cost = cost(&operator);
        match operator {
            Operator::Else => {
                if let Some(frame) = frames.last_mut() {
                    frame.end = frame.end.max(far);
                    far = frame.other.take();
                }
                continue;
            }
            Operator::End => {
                if let Some(frame) = frames.pop() {
                    far = frame.end.max(far).max(frame.other);
                }
                continue;
            }
            _ => {}
        }
        if let Some(before) = far {
            let mut after = before.saturating_add(cost);
            if after > STRETCH && before > 0 {
                passes.looks_at.push(position);
                after = cost;
            }
            passes.longest = passes.longest.max(after);
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
                head: far.map(|far| (position, far)),
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
