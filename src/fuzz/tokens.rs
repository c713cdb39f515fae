//! Tokens, each at each place of an input once.
//!
//! What a program asks for step by step is found so: the mutations that are drawn by lot
//! undo an earlier step more often than not, and there are few of them where a run takes
//! milliseconds.

use super::executor::{Guest, State};
use libafl::{
    Error as Afl, Evaluator, HasMetadata,
    corpus::{CorpusId, HasCurrentCorpusId},
    inputs::{BytesInput, HasMutatorBytes},
    mutators::Tokens,
    stages::{Restartable, Stage},
    state::{HasCurrentTestcase, HasMaxSize},
};
use std::collections::HashSet;

/// Runs that an input is worth; one of more bytes has its first ones tried.
const MOST: usize = 4096;

/// Tries the tokens in each input once.
pub(super) struct EachToken {
    done: HashSet<CorpusId>,
}

impl EachToken {
    pub(super) fn new() -> Self {
        Self {
            done: HashSet::new(),
        }
    }
}

/// `input` with `token` over what begins at `at`.
fn with(input: &[u8], at: usize, token: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    bytes.resize(bytes.len().max(at + token.len()), 0);
    bytes[at..at + token.len()].copy_from_slice(token);
    bytes
}

impl<EM, Z> Stage<Guest, EM, State, Z> for EachToken
where
    Z: Evaluator<Guest, EM, BytesInput, State>,
{
    fn perform(
        &mut self,
        fuzzer: &mut Z,
        guest: &mut Guest,
        state: &mut State,
        manager: &mut EM,
    ) -> Result<(), Afl> {
        let id = state.current_corpus_id()?;
        if !id.is_some_and(|id| self.done.insert(id)) {
            return Ok(());
        }
        let Ok(tokens) = state.metadata::<Tokens>() else {
            return Ok(());
        };
        let tokens = tokens.tokens().to_vec();
        let input: BytesInput = state.current_input_cloned()?;
        let input = input.mutator_bytes();
        let places = (0..input.len()).flat_map(|at| tokens.iter().map(move |token| (at, token)));
        for (at, token) in places.take(MOST) {
            let bytes = with(input, at, token);
            if bytes.len() <= state.max_size() && bytes != input {
                fuzzer.evaluate_input(state, guest, manager, &BytesInput::new(bytes))?;
            }
        }
        Ok(())
    }
}

impl Restartable<State> for EachToken {
    fn should_restart(&mut self, _state: &mut State) -> Result<bool, Afl> {
        Ok(true)
    }

    fn clear_progress(&mut self, _state: &mut State) -> Result<(), Afl> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn a_token_takes_the_place_of_what_is_there_and_beyond() {
        assert_eq!(with(b"abcd", 1, b"XY"), b"aXYd");
        assert_eq!(with(b"abcd", 3, b"XY"), b"abcXY");
        assert_eq!(with(b"abcd", 0, b"X"), b"Xbcd");
    }
}
