//! Inputs that took new edges, on their way from LibAFL's corpus into the folder.

use super::{
    Folder,
    campaign::failed,
    executor::{Guest, State},
};
use crate::Error;
use libafl::{
    HasMetadata,
    corpus::{Corpus, CorpusId},
    feedbacks::MapIndexesMetadata,
    inputs::HasMutatorBytes,
    state::HasCorpus,
};

/// Puts new inputs of the corpus into the folder.
pub(super) struct Kept {
    folder: Folder,
    /// The last that is there.
    last: Option<CorpusId>,
}

impl Kept {
    pub(super) fn new(folder: Folder) -> Self {
        Self { folder, last: None }
    }

    /// Keeps those that came since it was last called.
    pub(super) fn keep(&mut self, state: &State, guest: &mut Guest) -> Result<(), Error> {
        let corpus = state.corpus();
        loop {
            let next = match self.last {
                None => corpus.first(),
                Some(last) => corpus.next(last),
            };
            let Some(id) = next else {
                return Ok(());
            };
            let testcase = corpus.get(id).map_err(failed)?.borrow();
            if let Some(input) = testcase.input() {
                self.folder.keep_input(input.mutator_bytes())?;
            }
            if let Ok(taken) = testcase.metadata::<MapIndexesMetadata>() {
                guest.note_edges(&taken.list);
            }
            self.last = Some(id);
            guest.queue += 1;
        }
    }
}
