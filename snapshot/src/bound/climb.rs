//! Loops in which a local variable grows with each round.
//!
//! An interpreter's loop goes on to the next operator of the program that it
//! runs, and what points there grows, but for jumps. A round in which it surely
//! does needs no look: it goes back while a bit of the variable is set that
//! it can't keep for long.

use super::paths::end_of;
use std::collections::BTreeMap;
use wasmparser::{BinaryReaderError, Operator};

/// By how much a variable may grow in a round.
const MOST: u32 = 32;

/// Of so many steps, one looks.
const STEPS: u32 = 16;

/// Branches back of a loop that are worth it.
pub(super) const MANY: usize = 32;

/// The variables that surely grew where a loop is gone back to, and by how much at the
/// most.
pub(super) type Grown = BTreeMap<u32, u32>;

/// A variable that grows by at most a `step`, a power of two, in each round that
/// doesn't look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Climb {
    pub(super) local: u32,
    step: u32,
}

impl Climb {
    /// Bits of which one is set in the variable where there is no look: a variable
    /// that grows by no more than a step can't leave out the step that has none of
    /// them, even where it begins anew at zero. So there are no more than
    /// [`STEPS`] × [`MOST`] such rounds, one after the other.
    pub(super) fn mask(self) -> u32 {
        self.step * (STEPS - 1)
    }

    /// Which of the branches `back` to a loop need no look while a variable has such a
    /// bit: those where the one does that grows at most of them.
    pub(super) fn of(back: BTreeMap<usize, Grown>) -> BTreeMap<usize, Self> {
        let mut votes: BTreeMap<u32, usize> = BTreeMap::new();
        for local in back.values().flat_map(BTreeMap::keys) {
            *votes.entry(*local).or_default() += 1;
        }
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        let Some((local, _)) = most.filter(|(_, votes)| *votes >= MANY) else {
            return BTreeMap::new();
        };
        let steps = back.into_iter();
        let steps = steps.filter_map(|(position, grown)| Some((position, *grown.get(&local)?)));
        let steps: BTreeMap<usize, u32> = steps.collect();
        let step = steps.values().copied().max().unwrap_or(1);
        let step = step.next_power_of_two();
        let positions = steps.into_keys();
        positions
            .map(|position| (position, Self { local, step }))
            .collect()
    }
}

/// What is known of a local variable: it is what another was at the loop's head,
/// and so much more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Value {
    of: u32,
    least: u32,
    most: u32,
}

impl Value {
    fn plus(self, more: u32) -> Option<Self> {
        let (least, most) = (self.least.checked_add(more)?, self.most.checked_add(more)?);
        (most <= MOST).then_some(Self {
            of: self.of,
            least,
            most,
        })
    }

    fn or(self, other: Self) -> Option<Self> {
        (self.of == other.of).then(|| Self {
            of: self.of,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        })
    }
}

/// What is known of each local variable; nothing of code that is not reached.
type State = Option<Vec<Option<Value>>>;

fn join(one: State, other: State) -> State {
    let (Some(mut one), Some(other)) = (one, other) else {
        return None;
    };
    for (one, other) in one.iter_mut().zip(other) {
        *one = one.zip(other).and_then(|(one, other)| one.or(other));
    }
    Some(one)
}

/// Either, if only one is reached.
fn meet(one: State, other: State) -> State {
    match (one, other) {
        (None, other) => other,
        (one, None) => one,
        both => join(both.0, both.1),
    }
}

/// An open block.
struct Frame {
    is_loop: bool,
    /// What is known at its end, and where its `else` begins.
    end: State,
    other: State,
}

/// The branches back to the loop at `head`, by position.
pub(super) fn climbs(
    operators: &[Operator<'_>],
    head: usize,
    locals: u32,
) -> Result<BTreeMap<usize, Grown>, BinaryReaderError> {
    let start = |of| {
        Some(Value {
            of,
            least: 0,
            most: 0,
        })
    };
    let mut state: State = Some((0..locals).map(start).collect());
    let mut frames: Vec<Frame> = Vec::new();
    let mut found = BTreeMap::new();
    // What is on the stack, if that is known, and a number above it.
    let (mut top, mut number) = (None, None);
    for (position, operator) in operators.iter().enumerate().skip(head) {
        let (below, above) = (top.take(), number.take());
        match operator {
            Operator::LocalGet { local_index } => {
                top = state
                    .as_ref()
                    .and_then(|state| state[*local_index as usize]);
            }
            Operator::I32Const { value } => (top, number) = (below, Some(value.cast_unsigned())),
            Operator::I32Add => {
                top = below
                    .zip(above)
                    .and_then(|(below, above): (Value, u32)| below.plus(above));
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                let value = if above.is_some() { None } else { below };
                if let Some(state) = &mut state {
                    state[*local_index as usize] = value;
                }
                if let Operator::LocalTee { .. } = operator {
                    top = value;
                }
            }
            Operator::Loop { .. } | Operator::Block { .. } | Operator::If { .. } => {
                let is_loop = matches!(operator, Operator::Loop { .. });
                if is_loop && position > head {
                    forget(&mut state, operators, position);
                }
                let other = match operator {
                    Operator::If { .. } => state.clone(),
                    _ => None,
                };
                frames.push(Frame {
                    is_loop,
                    end: None,
                    other,
                });
            }
            Operator::Else => {
                if let Some(frame) = frames.last_mut() {
                    frame.end = meet(frame.end.take(), state.take());
                    state = frame.other.take();
                }
            }
            Operator::End => {
                let Some(frame) = frames.pop() else { break };
                state = meet(meet(frame.end, state), frame.other);
                if frames.is_empty() {
                    break;
                }
            }
            _ => {}
        }
        let mut branch = |depth: u32| {
            let Some(at) = frames.len().checked_sub(1 + depth as usize) else {
                return;
            };
            if at > 0 && !frames[at].is_loop {
                frames[at].end = meet(frames[at].end.take(), state.clone());
            } else if at == 0 {
                let grown = state
                    .iter()
                    .flatten()
                    .zip(0..)
                    .filter_map(|(value, index)| {
                        let value = (*value)?;
                        (value.of == index && value.least > 0).then_some((index, value.most))
                    });
                found.insert(position, grown.collect());
            }
        };
        match operator {
            Operator::Br { relative_depth } => {
                branch(*relative_depth);
                state = None;
            }
            Operator::BrIf { relative_depth } => branch(*relative_depth),
            Operator::BrTable { targets } => {
                for depth in targets.targets() {
                    branch(depth?);
                }
                branch(targets.default());
                state = None;
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. } => state = None,
            _ => {}
        }
    }
    Ok(found)
}

/// Forgets what the loop at `head` may change.
fn forget(state: &mut State, operators: &[Operator<'_>], head: usize) {
    let Some(state) = state else { return };
    for operator in &operators[head..end_of(operators, head)] {
        if let Operator::LocalSet { local_index } | Operator::LocalTee { local_index } = operator {
            state[*local_index as usize] = None;
        }
    }
}
