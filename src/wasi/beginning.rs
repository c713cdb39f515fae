//! Where the program of a seeded run begins.

use super::{Clock, Random};

/// A language has a past when its program begins: it was started just now, or
/// woken from an image that was made long ago. With a seed the program must not
/// see which, so that clocks and randomness begin with it.
#[derive(Clone)]
pub(crate) struct Beginning {
    clock: Clock,
    random: Random,
    seed: u64,
}

impl Beginning {
    /// The beginning of a run with `seed`, of which `clock` and `random` are.
    pub(crate) fn new(clock: Clock, random: Random, seed: u64) -> Self {
        Self {
            clock,
            random,
            seed,
        }
    }

    /// The program begins now.
    pub(crate) fn now(&self) {
        self.clock.restart();
        self.random.restart(self.seed);
    }
}
