//! What the host and a session's guest say to each other.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of what a guest may say at the end of a run: which error it ended by,
/// or names to complete a word by. The host keeps them.
const MAX_REPLY: usize = 1 << 20;

/// How a reply begins on the channel, where requests are JSON.
pub(super) const REPLY: u8 = b'=';

/// The host asks something, and the guest replies; in turns.
#[derive(Default)]
pub(crate) struct Exchange(Mutex<Said>);

#[derive(Default)]
struct Said {
    question: Option<Vec<u8>>,
    reply: Option<Vec<u8>>,
}

impl Exchange {
    /// What the guest reads next.
    pub(crate) fn ask(&self, question: Vec<u8>) {
        *self.said() = Said {
            question: Some(question),
            reply: None,
        };
    }

    /// The last reply since the question.
    pub(crate) fn take_reply(&self) -> Option<Vec<u8>> {
        self.said().reply.take()
    }

    pub(super) fn take_question(&self) -> Option<Vec<u8>> {
        self.said().question.take()
    }

    /// Whether it is not too much.
    pub(super) fn reply(&self, reply: Vec<u8>) -> bool {
        let fits = reply.len() <= MAX_REPLY;
        if fits {
            self.said().reply = Some(reply);
        }
        fits
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
