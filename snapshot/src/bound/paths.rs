//! How long a pass of a function can be.

use super::{FIRST, FREE, UNIT};
use wasmparser::{BinaryReaderError, BlockType, Operator};

/// A pass that grows longer than this pays in its middle.
const STRETCH: u32 = UNIT;

/// What a call costs besides the work of what is called.
pub(super) const CALL: u32 = 8;

/// What is known of a function's passes.
#[derive(Debug, Clone, Default)]
pub(super) struct Passes {
    /// Operators of the longest.
    pub(super) longest: u32,
    pub(super) has_loops: bool,
    /// The operators, by position, before which a unit is paid.
    pub(super) paid_at: Vec<usize>,
}

impl Passes {
    /// Whether callers can pay for them.
    pub(super) fn is_free(&self) -> bool {
        self.for_callers() <= FREE && self.paid_at.is_empty()
    }

    /// What a call does that nothing is paid for within it.
    pub(super) fn for_callers(&self) -> u32 {
        let first = if self.has_loops { FIRST } else { 1 };
        self.longest.saturating_mul(first)
    }
}

/// An open block.
struct Frame {
    is_loop: bool,
    /// How far the longest way to its end is, as far as known.
    end: Option<u32>,
    /// How far it is to the `else`, of an `if` that has none yet.
    other: Option<u32>,
}

impl Frame {
    fn reach(&mut self, far: Option<u32>) {
        self.end = self.end.max(far);
    }
}

/// Follows all ways through a function but back; `cost` is asked for each operator
/// once, in order.
pub(super) fn passes<'a>(
    operators: impl Iterator<Item = Result<Operator<'a>, BinaryReaderError>>,
    mut cost: impl FnMut(&Operator<'_>) -> u32,
) -> Result<Passes, BinaryReaderError> {
    let block = |is_loop, other| Frame {
        is_loop,
        end: None,
        other,
    };
    let mut frames = vec![block(false, None)];
    let mut passes = Passes::default();
    // Unreachable code is `None`.
    let mut far = Some(0);
    for (position, operator) in operators.enumerate() {
        let operator = operator?;
        let cost = cost(&operator);
        match operator {
            Operator::Else => {
                if let Some(frame) = frames.last_mut() {
                    frame.reach(far);
                    far = frame.other.take();
                }
                continue;
            }
            Operator::End => {
                if let Some(mut frame) = frames.pop() {
                    frame.reach(far);
                    frame.reach(frame.other);
                    far = frame.end;
                }
                continue;
            }
            _ => {}
        }
        if let Some(before) = far {
            let mut after = before.saturating_add(cost);
            if after > STRETCH && before > 0 {
                passes.paid_at.push(position);
                after = cost;
            }
            passes.longest = passes.longest.max(after);
            far = Some(after);
        }
        let mut branch = |depth: u32, far| {
            let depth = frames.len().checked_sub(1 + depth as usize);
            if let Some(frame) = depth.and_then(|at| frames.get_mut(at))
                && !frame.is_loop
            {
                frame.reach(far);
            }
        };
        match operator {
            Operator::Br { relative_depth } => {
                branch(relative_depth, far);
                far = None;
            }
            Operator::BrIf { relative_depth } => branch(relative_depth, far),
            Operator::BrTable { targets } => {
                for depth in targets.targets() {
                    branch(depth?, far);
                }
                branch(targets.default(), far);
                far = None;
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => far = None,
            Operator::Block { .. } => frames.push(block(false, None)),
            Operator::Loop { .. } => {
                passes.has_loops = true;
                frames.push(block(true, None));
            }
            Operator::If { .. } => frames.push(block(false, far)),
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
