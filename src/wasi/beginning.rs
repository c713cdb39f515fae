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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::Meter,
        wasi::{PREPARING, Secret},
    };
    use std::{sync::Arc, time::Duration};

    /// Two draws and three looks at the clocks after a past of so many of each.
    fn seen(secret: Secret, past: usize, base: Duration) -> ([u8; 64], [Duration; 3]) {
        let clock = Clock::new(true, Arc::new(Meter::new(None, None))).going_on_from(base);
        let random = Random::of(secret);
        for _ in 0..past {
            random.fill(&mut [0; 7]);
            clock.monotonic();
        }
        Beginning::new(clock.clone(), random.clone(), 5).now();
        let mut drawn = [0; 64];
        drawn.chunks_mut(32).for_each(|chunk| random.fill(chunk));
        let times = [clock.unix_time(), clock.monotonic(), clock.cpu_time()];
        (drawn, times)
    }

    #[test]
    fn what_comes_before_the_beginning_does_not_matter() {
        let first = seen(PREPARING, 0, Duration::ZERO);
        assert_eq!(first, seen(PREPARING, 9, Duration::ZERO));
        assert_eq!(first, seen([1; 32], 1000, Duration::from_millis(20)));
    }

    #[test]
    fn time_never_goes_back_to_before_the_image() {
        let base = Duration::from_secs(1000);
        let (_, [_, monotonic, _]) = seen(PREPARING, 3, base);
        assert!(monotonic > base, "{monotonic:?}");
    }
}
