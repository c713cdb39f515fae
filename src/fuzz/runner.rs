//! One instance of a target, run again and again.

use super::{Feed, Target, Verdict, Watch, driver, verdict};
use crate::{
    Error, ErrorKind, Image, Language, Output, Program,
    engine::Stop,
    instance::{Failure, Instance, WakeError},
    language,
    sandbox::status_of,
};
use dormouse_snapshot::{CALLS, COMPARES, DEPTH, EDGES};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Instant,
};
use wasmi::Val;

/// Bytes that are kept of what a guest prints, for those who tell by it what went
/// wrong.
const MAX_OUTPUT: usize = 64 << 10;

/// What runs a target.
pub(crate) struct Runner {
    target: Target,
    /// What goes on from where it asks for its input.
    image: Image,
    program: Program,
    watch: Watch,
    edges: usize,
    /// Of a Python function how often each edge of its interpreter was taken, and after
    /// these its own lines and branches; empty for what is not.
    counts: Vec<u8>,
    /// Of a Python function what its constants look like in an input.
    pub(super) tokens: Vec<Vec<u8>>,
    instance: Option<Instance>,
}

impl Runner {
    pub(super) fn new(
        target: &Target,
        image: Image,
        said: &[u8],
        watch: Watch,
        edges: usize,
    ) -> Result<Self, Error> {
        let program = Program::start(target.program.name.clone());
        let program = program.args(target.program.args.iter().cloned());
        let is_python = target
            .image
            .guest_language()
            .is_some_and(Language::is_python);
        let counts = match watch {
            Watch::Edges if is_python => vec![0; edges + driver::PLACES],
            _ => Vec::new(),
        };
        Ok(Self {
            counts,
            tokens: driver::tokens(said),
            target: target.again(),
            image,
            program,
            watch,
            edges,
            instance: None,
        })
    }

    /// How many edges the target has.
    pub(crate) fn edges(&self) -> usize {
        self.edges
    }

    /// How many counts there are of a run.
    pub(super) fn size(&self) -> usize {
        self.edges.max(self.counts.len())
    }

    /// Runs the target with `input`.
    ///
    /// # Errors
    ///
    /// When the host can't run it. What it does wrong is in the verdict.
    pub(crate) fn run(&mut self, input: &[u8]) -> Result<Verdict, Error> {
        let is_function = self.target.is_function();
        let mut sandbox = self.target.sandbox(&self.image, input.to_vec());
        sandbox = sandbox.stdout(Output::Discard);
        if !is_function {
            sandbox = sandbox.stderr(Output::Discard);
        }
        let state = sandbox.state(Instant::now(), &self.program)?;
        let prepared = self.image.prepared(sandbox.metering())?;
        let made = match self.instance.take() {
            Some(instance) => instance.reset(prepared, state),
            None => {
                let reserving = self
                    .image
                    .reserve(sandbox.metering(), self.target.setting.memory);
                Instance::of(prepared, state, reserving).map_err(WakeError::Failed)
            }
        };
        let mut instance = match made {
            Ok(instance) => instance,
            Err(WakeError::Failed(Failure::Error(error))) => return Err(error),
            Err(WakeError::Failed(Failure::Stop(stop, state))) => {
                let status = status_of(Err(&stop), &state);
                return Ok(verdict::of(&status, &self.target.setting));
            }
            Err(WakeError::TooLarge(_)) => {
                return Err(Error::new(
                    ErrorKind::Engine,
                    "the target has more memory already than --memory lets it have",
                ));
            }
        };
        let ended = match &self.target.feed {
            Feed::Export(export) => call(&mut instance, export, input)?,
            _ => language::run(&self.image, &mut instance, &self.program)?.map(drop),
        };
        let status = status_of(ended.as_ref().copied(), instance.state());
        let verdict = if is_function {
            let mut said = instance.state().stdio().err.take();
            if !self.counts.is_empty() {
                let (edges, own) = self.counts.split_at_mut(self.edges);
                let taken = instance.memory(EDGES).unwrap_or_default();
                let taken = taken.get(..edges.len()).unwrap_or_default();
                edges[..taken.len()].copy_from_slice(taken);
                driver::count_taken(&said, own);
            }
            said.truncate(MAX_OUTPUT);
            driver::verdict(&status, &said, &self.target.setting)
        } else {
            verdict::of(&status, &self.target.setting)
        };
        self.instance = Some(instance);
        Ok(verdict)
    }

    /// What the last run left where it is watched.
    pub(crate) fn watched(&self) -> &[u8] {
        if !self.counts.is_empty() {
            return &self.counts;
        }
        let export = match self.watch {
            Watch::Edges => EDGES,
            Watch::Compares => COMPARES,
            Watch::Calls => CALLS,
        };
        let memory = self.instance.as_ref();
        let memory = memory.and_then(|instance| instance.memory(export));
        let memory = memory.unwrap_or_default();
        match self.watch {
            Watch::Edges => memory.get(..self.edges).unwrap_or(memory),
            _ => memory,
        }
    }

    /// How many functions were active when the last run ended.
    pub(super) fn depth(&self) -> u32 {
        let instance = self.instance.as_ref();
        instance
            .and_then(|instance| instance.global(DEPTH))
            .unwrap_or_default()
    }

    /// Lets go of the instance: the next run has a new one.
    pub(crate) fn renew(&mut self) {
        self.instance = None;
    }
}

/// Which edges were taken, in a number. Not how often: that is what a fuzzer sees
/// most of in one and the same fault.
pub(super) fn path(counts: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (edge, count) in counts.iter().enumerate() {
        if *count != 0 {
            edge.hash(&mut hasher);
        }
    }
    hasher.finish()
}

/// Which edges were taken how often, in a number; and how many there were.
pub(crate) fn fingerprint(counts: &[u8]) -> (u64, usize) {
    let mut hasher = DefaultHasher::new();
    counts.hash(&mut hasher);
    (
        hasher.finish(),
        counts.iter().filter(|count| **count != 0).count(),
    )
}

/// Puts `input` into the guest's memory, and calls `export` with it.
fn call(instance: &mut Instance, export: &str, input: &[u8]) -> Result<Result<(), Stop>, Error> {
    let lacks = |what: &str| Error::new(ErrorKind::Invoke, format!("--export {export}: {what}"));
    let function = instance.func(export);
    let function = function.ok_or_else(|| lacks("there is no such exported function"))?;
    let malloc = instance.func("malloc").ok_or_else(|| {
        lacks("the module must also export malloc, for its input; link with --export=malloc")
    })?;
    let length = i32::try_from(input.len()).map_err(|_| lacks("the input is too long"))?;
    let mut place = [Val::I32(0)];
    if let Err(stop) = instance.call(malloc, &[Val::I32(length.max(1))], &mut place) {
        return Ok(Err(stop));
    }
    let place = place[0].i32().unwrap_or_default();
    let raw = *instance.raw();
    let memory = raw.get_memory(instance.store(), "memory");
    let memory = memory.ok_or_else(|| lacks("the module exports no memory"))?;
    let at = place.cast_unsigned() as usize;
    let room = memory.data_mut(instance.store_mut()).get_mut(at..);
    let room = room.and_then(|room| room.get_mut(..input.len()));
    match room {
        Some(room) if place != 0 => room.copy_from_slice(input),
        _ => return Err(lacks("malloc found no room for the input")),
    }
    let ty = function.ty(instance.store());
    let mut results: Vec<Val> = ty
        .results()
        .iter()
        .map(|ty| Val::default_for_ty(*ty))
        .collect();
    Ok(instance.call(function, &[Val::I32(place), Val::I32(length)], &mut results))
}
