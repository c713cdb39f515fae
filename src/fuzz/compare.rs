//! What the current input is compared with, for it to be put in its place.

use super::{
    Runner, Target, Watch,
    executor::{Guest, State},
};
use dormouse_snapshot::compared;
use libafl::{
    Error as Afl, HasMetadata,
    inputs::{BytesInput, HasMutatorBytes},
    observers::{CmpValues, CmpValuesMetadata},
    stages::{Restartable, Stage},
    state::HasCurrentTestcase,
};
use std::collections::BTreeSet;

/// Pairs that are kept of a run: more than any short program compares, and few
/// enough that each is tried.
const MAX_PAIRS: usize = 4096;

/// Runs the current input once more, looking at what it is compared with.
pub(super) struct Compare {
    target: Target,
    /// Captured for the first input.
    runner: Option<Runner>,
    /// Whether there is nothing to look with.
    is_off: bool,
}

impl Compare {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            runner: None,
            is_off: false,
        }
    }

    /// The pairs of operands that were not equal, each once, in an order that is
    /// always the same.
    fn pairs(&mut self, input: &[u8]) -> Option<BTreeSet<(u64, u64)>> {
        if self.runner.is_none() && !self.is_off {
            self.runner = self.target.runner(Watch::Compares).ok();
            self.is_off = self.runner.is_none();
        }
        let runner = self.runner.as_mut()?;
        runner.run(input).ok()?;
        let pairs = compared(runner.watched()).filter(|(left, right)| left != right);
        // An interpreter compares a lot beside the input.
        let pairs = pairs.filter(|(left, right)| {
            let size = size(*left, *right);
            occurs(input, *left, size) || occurs(input, *right, size)
        });
        Some(pairs.take(MAX_PAIRS).collect())
    }
}

/// Bytes that hold both.
fn size(left: u64, right: u64) -> usize {
    match left.max(right) {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

/// Whether `value`, in `size` bytes of either order, is somewhere in `input`.
fn occurs(input: &[u8], value: u64, size: usize) -> bool {
    let (little, big) = (value.to_le_bytes(), value.to_be_bytes());
    let (little, big) = (&little[..size], &big[8 - size..]);
    input
        .windows(size)
        .any(|part| part == little || part == big)
}

/// A pair in the smallest size that holds both.
fn value(left: u64, right: u64) -> CmpValues {
    let narrow = (u32::try_from(left), u32::try_from(right));
    let (Ok(left), Ok(right)) = narrow else {
        return CmpValues::U64((left, right, false));
    };
    let narrow = (u16::try_from(left), u16::try_from(right));
    let (Ok(left), Ok(right)) = narrow else {
        return CmpValues::U32((left, right, false));
    };
    match (u8::try_from(left), u8::try_from(right)) {
        (Ok(left), Ok(right)) => CmpValues::U8((left, right, false)),
        _ => CmpValues::U16((left, right, false)),
    }
}

impl<EM, Z> Stage<Guest, EM, State, Z> for Compare {
    fn perform(
        &mut self,
        _fuzzer: &mut Z,
        _guest: &mut Guest,
        state: &mut State,
        _manager: &mut EM,
    ) -> Result<(), Afl> {
        let input: BytesInput = state.current_input_cloned()?;
        let pairs = self.pairs(input.mutator_bytes());
        let list = pairs.into_iter().flatten();
        let list = list.map(|(left, right)| value(left, right)).collect();
        state.add_metadata(CmpValuesMetadata { list });
        Ok(())
    }
}

impl Restartable<State> for Compare {
    fn should_restart(&mut self, _state: &mut State) -> Result<bool, Afl> {
        Ok(true)
    }

    fn clear_progress(&mut self, _state: &mut State) -> Result<(), Afl> {
        Ok(())
    }
}
