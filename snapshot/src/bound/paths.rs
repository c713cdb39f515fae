//! How long a pass of a function can be.

use super::FREE;
use std::collections::BTreeSet;
use wasmparser::{BinaryReaderError, BlockType, Operator};

/// A pass that grows longer than this looks in its middle.
pub(super) const STRETCH: u32 = 1 << 20;

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
}

impl Passes {
    /// Notes a branch from so far.
    fn branch(&mut self, frame: Option<&mut Frame>, far: Far) {
        let Some(frame) = frame.filter(|_| far.is_some()) else {
            return;
        };
        match frame.head {
            Some(head) => _ = self.loops.insert(head),
            None => frame.end = frame.end.max(far),
        }
    }

    /// Whether callers need not look for them.
    pub(super) fn is_free(&self) -> bool {
        self.longest <= FREE && self.looks_at.is_empty()
    }
}

/// How far the longest way to somewhere is from where a look was. Unreachable code
/// is at no way's end.
type Far = Option<u32>;

/// An open block.
#[derive(Default)]
struct Frame {
    /// Of a loop that is reached, where it is.
    head: Option<usize>,
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
            passes.branch(frame, far);
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
                head: far.map(|_| position),
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
