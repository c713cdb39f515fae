//! A target as LibAFL runs it.

use super::{Error, Runner, Summary, Verdict, found::Found, stats::Pace};
use libafl::{
    Error as Afl,
    corpus::InMemoryCorpus,
    executors::{Executor, ExitKind, HasObservers},
    inputs::{BytesInput, HasMutatorBytes},
    observers::{CanTrack, ExplicitTracking, HitcountsMapObserver, StdMapObserver},
    state::{HasExecutions, StdState},
};
use libafl_bolts::{
    ToSliceMut,
    rands::StdRand,
    tuples::{RefIndexable, tuple_list, tuple_list_type},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// All that LibAFL keeps.
pub(super) type State =
    StdState<InMemoryCorpus<BytesInput>, BytesInput, StdRand, InMemoryCorpus<BytesInput>>;

/// How often each edge was taken, by orders of magnitude; which were taken is
/// remembered for each input that is kept.
pub(super) type Edges =
    ExplicitTracking<HitcountsMapObserver<StdMapObserver<'static, u8, false>>, true, false>;

/// When a campaign ends.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) runs: Option<u64>,
    pub(super) at: Option<Instant>,
    pub(super) stop: Arc<AtomicBool>,
}

/// Is told each second how it goes, and what came up.
pub(super) type Report = Box<dyn FnMut(&Summary, &mut Vec<String>)>;

/// What runs the target for LibAFL.
pub(super) struct Guest {
    pub(super) runner: Runner,
    pub(super) found: Found,
    observers: tuple_list_type!(Edges),
    started: Instant,
    end: End,
    /// Inputs that were kept.
    pub(super) queue: usize,
    /// Which edges were ever taken, and how many.
    taken: Vec<bool>,
    edges_taken: usize,
    /// What came up since that was last told.
    pub(super) news: Vec<String>,
    /// Why nothing can be run any more.
    pub(super) failure: Option<Error>,
    pace: Pace,
    report: Report,
}

impl Guest {
    pub(super) fn new(runner: Runner, found: Found, end: End, report: Report) -> Self {
        let size = runner.size().max(1);
        let map = StdMapObserver::owned("edges", vec![0; size]);
        Self {
            observers: tuple_list!(HitcountsMapObserver::new(map).track_indices()),
            started: Instant::now(),
            queue: 0,
            taken: vec![false; size],
            edges_taken: 0,
            news: Vec::new(),
            failure: None,
            pace: Pace::new(),
            runner,
            found,
            end,
            report,
        }
    }

    /// What it has come to after so many runs.
    pub(super) fn summary(&self, executions: u64) -> Summary {
        Summary {
            executions,
            seconds: self.started.elapsed().as_secs_f64(),
            queue: self.queue,
            edges_taken: self.edges_taken,
            edges: self.runner.edges(),
            crashes: self.found.crashes,
            hangs: self.found.hangs,
        }
    }

    /// Tells how it goes.
    pub(super) fn tell(&mut self, executions: u64) {
        let summary = self.summary(executions);
        (self.report)(&summary, &mut self.news);
    }

    pub(super) fn edges(&self) -> &Edges {
        &self.observers.0
    }

    /// Whether it is over after so many runs.
    pub(super) fn is_over(&self, runs: u64) -> bool {
        self.failure.is_some()
            || self.end.runs.is_some_and(|most| runs >= most)
            || self.end.stop.load(Ordering::Relaxed)
            // Some microseconds of a run are spent for a look at the clock.
            || (self.end.at.is_some_and(|at| Instant::now() >= at))
    }

    fn run(&mut self, input: &[u8]) -> Result<Verdict, Error> {
        let verdict = self.runner.run(input)?;
        let counts = self.runner.watched();
        let map: &mut [u8] = self.observers.0.as_mut().to_slice_mut();
        let length = counts.len().min(map.len());
        if let (Some(map), Some(counts)) = (map.get_mut(..length), counts.get(..length)) {
            map.copy_from_slice(counts);
        }
        if verdict != Verdict::Fine
            && let Some(news) = self.found.note(input, &verdict, counts)?
        {
            self.news.push(news);
        }
        Ok(verdict)
    }

    /// Counts what the last run took, which is kept.
    pub(super) fn note_edges(&mut self, taken: &[usize]) {
        for edge in taken {
            if let Some(taken) = self.taken.get_mut(*edge)
                && !*taken
            {
                *taken = true;
                self.edges_taken += 1;
            }
        }
    }
}

impl<EM, Z> Executor<EM, BytesInput, State, Z> for Guest {
    fn run_target(
        &mut self,
        _fuzzer: &mut Z,
        state: &mut State,
        _manager: &mut EM,
        input: &BytesInput,
    ) -> Result<ExitKind, Afl> {
        if self.is_over(*state.executions()) {
            return Err(Afl::shutting_down());
        }
        *state.executions_mut() += 1;
        if self.pace.is_due() {
            self.tell(*state.executions());
        }
        match self.run(input.mutator_bytes()) {
            Ok(Verdict::Fine) => Ok(ExitKind::Ok),
            Ok(Verdict::Crash(_)) => Ok(ExitKind::Crash),
            Ok(Verdict::Hang(_)) => Ok(ExitKind::Timeout),
            Err(error) => {
                self.failure = Some(error);
                Err(Afl::shutting_down())
            }
        }
    }
}

impl HasObservers for Guest {
    type Observers = tuple_list_type!(Edges);

    fn observers(&self) -> RefIndexable<&Self::Observers, Self::Observers> {
        RefIndexable::from(&self.observers)
    }

    fn observers_mut(&mut self) -> RefIndexable<&mut Self::Observers, Self::Observers> {
        RefIndexable::from(&mut self.observers)
    }
}
