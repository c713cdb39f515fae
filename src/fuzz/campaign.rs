//! The loop: LibAFL's, with a target of ours.

use super::{
    Folder, Target, Watch,
    compare::Compare,
    cores::{Link, Linked},
    executor::{Edges, End, Guest, State},
    found::{Found, Replay},
    stats::Summary as Figures,
};
use crate::{Error, ErrorKind};
use libafl::{
    Error as Afl, Evaluator, Fuzzer, HasMetadata, StdFuzzerBuilder,
    corpus::{Corpus, CorpusId, InMemoryCorpus, Testcase},
    events::{EventFirer, EventReceiver, NopEventManager, ProgressReporter, SendExiting},
    executors::ExitKind,
    feedback_and_fast,
    feedbacks::{ConstFeedback, Feedback, MapIndexesMetadata, MaxMapFeedback, StateInitializer},
    inputs::{BytesInput, HasMutatorBytes},
    mutators::{HavocScheduledMutator, I2SRandReplace, Tokens, havoc_mutations, tokens_mutations},
    schedulers::{MinimizerScheduler, QueueScheduler, TestcasePenalty},
    stages::StdMutationalStage,
    state::{HasCorpus, HasExecutions, HasMaxSize},
};
use libafl_bolts::{
    Named,
    rands::StdRand,
    tuples::{Merge, tuple_list},
};
use std::{
    borrow::Cow,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

/// What a campaign begins with where nothing is given: bytes that all differ, so
/// that one shows where it is compared, and a line's end.
const BEGINNINGS: [&[u8]; 2] = [b"abcdefghijklmnop", b"\n"];

/// What is to be done.
pub(crate) struct Plan {
    pub(crate) folder: Folder,
    /// Inputs to begin with.
    pub(crate) inputs: Vec<Vec<u8>>,
    /// A file of tokens.
    pub(crate) dictionary: Option<PathBuf>,
    pub(crate) seed: u64,
    pub(crate) runs: Option<u64>,
    pub(crate) time: Option<Duration>,
    /// Bytes of the longest input.
    pub(crate) max_len: usize,
    pub(crate) replay: Replay,
    pub(crate) stop: Arc<AtomicBool>,
    /// Others that fuzz the same target.
    pub(crate) link: Option<Link>,
}

/// Runs ended well: only those show the way.
struct Ended;

impl Named for Ended {
    fn name(&self) -> &Cow<'static, str> {
        &Cow::Borrowed("ended")
    }
}

impl<S> StateInitializer<S> for Ended {}

impl<EM, OT, S> Feedback<EM, BytesInput, OT, S> for Ended {
    fn is_interesting(
        &mut self,
        _state: &mut S,
        _manager: &mut EM,
        _input: &BytesInput,
        _observers: &OT,
        kind: &ExitKind,
    ) -> Result<bool, Afl> {
        Ok(*kind == ExitKind::Ok)
    }
}

/// The shortest inputs are the best: how long they take differs from run to run.
struct Shortest;

impl TestcasePenalty<BytesInput, State> for Shortest {
    fn compute(_state: &State, entry: &mut Testcase<BytesInput>) -> Result<f64, Afl> {
        let input = entry.input().as_ref();
        Ok(input.map_or(f64::MAX, |input| input.mutator_bytes().len() as f64))
    }
}

type Scheduler =
    MinimizerScheduler<QueueScheduler, Shortest, BytesInput, MapIndexesMetadata, Edges>;

/// Fuzzes `target` until it is time to end. `report` is called each second, and
/// with what came up.
///
/// # Errors
///
/// When the target can't be run, or the folder not be written.
pub(crate) fn campaign(
    target: Target,
    plan: Plan,
    report: impl FnMut(&Figures, &mut Vec<String>) + 'static,
) -> Result<Figures, Error> {
    let runner = target.runner(Watch::Edges)?;
    match plan.link.clone() {
        None => run(target, runner, plan, NopEventManager::new(), report),
        Some(link) => {
            let manager: Linked = link.connect()?;
            run(target, runner, plan, manager, report)
        }
    }
}

fn run<EM>(
    target: Target,
    runner: super::Runner,
    plan: Plan,
    mut manager: EM,
    mut report: impl FnMut(&Figures, &mut Vec<String>) + 'static,
) -> Result<Figures, Error>
where
    EM: EventFirer<BytesInput, State>
        + ProgressReporter<State>
        + SendExiting
        + EventReceiver<BytesInput, State>,
{
    let edges = runner.edges();
    let found = Found::new(
        plan.folder.clone(),
        target.again(),
        edges,
        plan.replay.clone(),
    );
    let started = Instant::now();
    let end = End {
        runs: plan.runs,
        at: plan.time.and_then(|time| started.checked_add(time)),
        stop: Arc::clone(&plan.stop),
    };
    let queue = std::rc::Rc::new(std::cell::Cell::new(0));
    let shown = std::rc::Rc::clone(&queue);
    let figures = move |executions, edges_taken, found: &Found| Figures {
        executions,
        seconds: started.elapsed().as_secs_f64(),
        queue: shown.get(),
        edges_taken,
        edges,
        crashes: found.crashes,
        hangs: found.hangs,
    };
    let now = figures.clone();
    let tick = move |executions, taken, found: &Found, news: &mut Vec<String>| {
        report(&now(executions, taken, found), news);
    };
    let mut guest = Guest::new(runner, found, end, Box::new(tick));

    let feedback = MaxMapFeedback::new(guest.edges());
    let mut feedback = feedback_and_fast!(Ended, feedback);
    // What is found is kept by us.
    let mut objective = ConstFeedback::new(false);
    let rand = StdRand::with_seed(plan.seed);
    let (corpus, solutions) = (InMemoryCorpus::new(), InMemoryCorpus::new());
    let mut state =
        State::new(rand, corpus, solutions, &mut feedback, &mut objective).map_err(failed)?;
    state.set_max_size(plan.max_len);
    if let Some(path) = &plan.dictionary {
        let tokens = Tokens::from_file(path).map_err(|error| {
            let message = format!("the tokens in {} can't be read: {error}", path.display());
            Error::new(ErrorKind::Usage, message)
        })?;
        state.add_metadata(tokens);
    }
    let scheduler: Scheduler = MinimizerScheduler::new(guest.edges(), QueueScheduler::new());
    let mut fuzzer = StdFuzzerBuilder::new()
        .scheduler(scheduler)
        .feedback(feedback)
        .objective(objective)
        .build();
    let replace = HavocScheduledMutator::new(tuple_list!(I2SRandReplace::new()));
    let havoc = HavocScheduledMutator::new(havoc_mutations().merge(tokens_mutations()));
    let mut stages = tuple_list!(
        Compare::new(target),
        StdMutationalStage::new(replace),
        StdMutationalStage::new(havoc),
    );

    let mut kept = Kept::new(plan.folder.clone());
    let mut inputs: Vec<&[u8]> = plan.inputs.iter().map(Vec::as_slice).collect();
    if inputs.is_empty() {
        inputs.extend(BEGINNINGS);
    }
    let mut ended = Ok(());
    for input in &inputs {
        let input = BytesInput::new(input.to_vec());
        ended = fuzzer
            .evaluate_input(&mut state, &mut guest, &mut manager, &input)
            .map(drop);
        if ended.is_err() {
            break;
        }
        queue.set(kept.keep(&state, &mut guest)?);
    }
    if ended.is_ok() && state.corpus().count() == 0 {
        // Nothing tells them apart; one will have to do.
        let input = BytesInput::new(inputs.first().copied().unwrap_or_default().to_vec());
        if guest.found.crashes + guest.found.hangs > 0 {
            return finish(figures(*state.executions(), 0, &guest.found), guest, &plan);
        }
        ended = fuzzer
            .add_input(&mut state, &mut guest, &mut manager, input)
            .map(drop);
    }
    while ended.is_ok() && !guest.is_over(*state.executions()) {
        ended = fuzzer
            .fuzz_one(&mut stages, &mut guest, &mut state, &mut manager)
            .map(drop);
        queue.set(kept.keep(&state, &mut guest)?);
        if ended.is_ok() {
            let second = Duration::from_secs(1);
            ended = manager.maybe_report_progress(&mut state, second);
        }
    }
    queue.set(kept.keep(&state, &mut guest)?);
    match ended {
        Err(Afl::ShuttingDown) | Ok(()) => {}
        Err(error) => return Err(failed(error)),
    }
    let _ = manager.send_exiting();
    let figures = figures(*state.executions(), guest.edges_taken, &guest.found);
    finish(figures, guest, &plan)
}

fn finish(figures: Figures, mut guest: Guest, plan: &Plan) -> Result<Figures, Error> {
    if let Some(failure) = guest.failure.take() {
        return Err(failure);
    }
    // Whoever listens gets the last of it.
    let news = &mut guest.news;
    (guest.tick)(figures.executions, figures.edges_taken, &guest.found, news);
    if plan.link.is_none() {
        save(&plan.folder, &figures)?;
    }
    Ok(figures)
}

/// Puts the figures into the folder.
pub(crate) fn save(folder: &Folder, figures: &Figures) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(figures)
        .map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
    folder.write("stats.json", &text)
}

fn failed(error: Afl) -> Error {
    Error::new(ErrorKind::Engine, format!("the campaign failed: {error}"))
}

/// Puts new inputs of the corpus into the folder.
struct Kept {
    folder: Folder,
    /// The last that is there.
    last: Option<CorpusId>,
    count: usize,
}

impl Kept {
    fn new(folder: Folder) -> Self {
        Self {
            folder,
            last: None,
            count: 0,
        }
    }

    /// How many there are.
    fn keep(&mut self, state: &State, guest: &mut Guest) -> Result<usize, Error> {
        let corpus = state.corpus();
        loop {
            let next = match self.last {
                None => corpus.first(),
                Some(last) => corpus.next(last),
            };
            let Some(id) = next else {
                return Ok(self.count);
            };
            let testcase = corpus.get(id).map_err(failed)?.borrow();
            if let Some(input) = testcase.input() {
                self.folder.keep_input(input.mutator_bytes())?;
            }
            if let Ok(taken) = testcase.metadata::<MapIndexesMetadata>() {
                guest.note_edges(&taken.list);
            }
            self.last = Some(id);
            self.count += 1;
        }
    }
}
