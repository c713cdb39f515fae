//! The loop: LibAFL's, with a target of ours.

use super::{
    Folder, Summary, Target, Watch,
    compare::Compare,
    cores::Link,
    executor::{Edges, End, Guest, Report, State},
    found::{Found, Replay},
    kept::Kept,
    tokens::EachToken,
};
use crate::{Error, ErrorKind};
use libafl::{
    Error as Afl, Evaluator, Fuzzer, HasMetadata, StdFuzzerBuilder,
    corpus::{Corpus, InMemoryCorpus, Testcase},
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

impl Plan {
    /// What to run first.
    fn beginnings(&self) -> Vec<&[u8]> {
        if self.inputs.is_empty() {
            return BEGINNINGS.to_vec();
        }
        self.inputs.iter().map(Vec::as_slice).collect()
    }
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
pub(crate) fn campaign(target: Target, plan: Plan, report: Report) -> Result<Summary, Error> {
    let runner = target.runner(Watch::Edges)?;
    let (folder, edges) = (plan.folder.clone(), runner.size());
    let found = Found::new(folder, target.again(), edges, plan.replay.clone());
    let end = End {
        runs: plan.runs,
        at: plan.time.and_then(|time| Instant::now().checked_add(time)),
        stop: Arc::clone(&plan.stop),
    };
    let guest = Guest::new(runner, found, end, report);
    match &plan.link {
        None => run(target, guest, &plan, NopEventManager::new()),
        Some(link) => run(target, guest, &plan, link.connect()?),
    }
}

/// The loop, of a process that others may be told by through `manager`.
fn run<EM>(target: Target, mut guest: Guest, plan: &Plan, mut manager: EM) -> Result<Summary, Error>
where
    EM: EventFirer<BytesInput, State>
        + ProgressReporter<State>
        + SendExiting
        + EventReceiver<BytesInput, State>,
{
    let feedback = MaxMapFeedback::new(guest.edges());
    let mut feedback = feedback_and_fast!(Ended, feedback);
    // What is found is kept by us.
    let mut objective = ConstFeedback::new(false);
    let rand = StdRand::with_seed(plan.seed);
    let (corpus, solutions) = (InMemoryCorpus::new(), InMemoryCorpus::new());
    let mut state =
        State::new(rand, corpus, solutions, &mut feedback, &mut objective).map_err(failed)?;
    state.set_max_size(plan.max_len);
    add_tokens(&mut state, plan, &guest.runner.tokens)?;
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
        EachToken::new(),
        StdMutationalStage::new(replace),
        StdMutationalStage::new(havoc),
    );

    let mut kept = Kept::new(plan.folder.clone());
    let inputs = plan.beginnings();
    let mut ended = Ok(());
    for input in &inputs {
        let input = BytesInput::new(input.to_vec());
        let evaluated = fuzzer.evaluate_input(&mut state, &mut guest, &mut manager, &input);
        ended = evaluated.map(drop);
        kept.keep(&state, &mut guest)?;
        if ended.is_err() {
            break;
        }
    }
    if ended.is_ok() && state.corpus().count() == 0 {
        let input = BytesInput::new(inputs.first().copied().unwrap_or_default().to_vec());
        if guest.found.crashes + guest.found.hangs > 0 {
            let news = "nothing else: every input that it begins with crashes or hangs";
            guest.news.push(news.to_owned());
            ended = Err(Afl::shutting_down());
        } else {
            // Nothing tells them apart; one will have to do.
            let added = fuzzer.add_input(&mut state, &mut guest, &mut manager, input);
            ended = added.map(drop);
        }
    }
    while ended.is_ok() && !guest.is_over(*state.executions()) {
        let fuzzed = fuzzer.fuzz_one(&mut stages, &mut guest, &mut state, &mut manager);
        kept.keep(&state, &mut guest)?;
        let second = Duration::from_secs(1);
        ended = fuzzed.and_then(|_| manager.maybe_report_progress(&mut state, second));
    }
    match ended {
        Err(Afl::ShuttingDown) | Ok(()) => {}
        Err(error) => return Err(failed(error)),
    }
    // Whoever isn't told sees it from the connection's end.
    let _ = manager.send_exiting();
    finish(*state.executions(), guest, plan)
}

/// Has the user's tokens, and the target's `own`, be tried.
fn add_tokens(state: &mut State, plan: &Plan, own: &[Vec<u8>]) -> Result<(), Error> {
    let mut tokens = Tokens::new();
    if let Some(path) = &plan.dictionary {
        tokens.add_from_file(path).map_err(|error| {
            let message = format!("the tokens in {} can't be read: {error}", path.display());
            Error::new(ErrorKind::Usage, message)
        })?;
    }
    tokens.add_tokens(own);
    if !tokens.tokens().is_empty() {
        state.add_metadata(tokens);
    }
    Ok(())
}

fn finish(executions: u64, mut guest: Guest, plan: &Plan) -> Result<Summary, Error> {
    if let Some(failure) = guest.failure.take() {
        return Err(failure);
    }
    // Whoever listens gets the last of it.
    guest.tell(executions);
    let summary = guest.summary(executions);
    if plan.link.is_none() {
        save(&plan.folder, &summary)?;
    }
    Ok(summary)
}

/// Puts the figures into the folder.
pub(crate) fn save(folder: &Folder, summary: &Summary) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(summary)
        .map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?;
    folder.write("stats.json", &text)
}

pub(super) fn failed(error: Afl) -> Error {
    Error::new(ErrorKind::Engine, format!("the campaign failed: {error}"))
}
