//! The host's side of a run, as its grants and limits have it.

use super::{DeadlineBy, Sandbox};
use crate::{
    Error, ErrorKind, Kv as Grant, Program,
    engine::Meter,
    files::RunFiles,
    host::{self, Device, Exchange, Fs, Functions, Http, Kv, Packages},
    instance::State,
    language::start::Start,
    wasi::{Beginning, Clock, Context, PREPARING, Random, Root, Stdio},
};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

impl Sandbox {
    /// What shows the time to the guest, and what it draws from.
    fn clock_and_random(&self, meter: &Arc<Meter>) -> Result<(Clock, Random), Error> {
        let is_seeded = self.grants.seed.is_some() || self.secret.is_some();
        let clock = Clock::new(is_seeded, Arc::clone(meter));
        let starts = self.image.guest_language().is_some() && self.image.snapshot().is_none();
        let random = match (self.secret, self.grants.seed) {
            (Some(secret), _) => Random::of(secret),
            // The seed is for the program.
            (None, Some(_)) if starts => Random::of(PREPARING),
            (None, seed) => Random::new(seed)?,
        };
        Ok((clock, random))
    }

    /// The values by key that the guest may keep. They must not be in a file that
    /// it can write itself: it could change what was found to be whole.
    fn open_kv(&self, root: &Root) -> Result<Option<Arc<Kv>>, Error> {
        if let Grant::File(file) = &self.grants.kv {
            let folder = file.parent().filter(|path| !path.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            let paths = [file, folder];
            if let Some(guest) = paths.iter().find_map(|path| root.writable_mount(path)) {
                let message = format!(
                    "the kv file {} lies where the guest may write, in the mount {guest}; \
                     put it elsewhere, or mount that read-only",
                    file.display()
                );
                return Err(Error::new(ErrorKind::Grant, message));
            }
        }
        Kv::open(&self.grants.kv)
    }

    /// The host's side of the run.
    pub(crate) fn state(&mut self, started: Instant, program: &Program) -> Result<State, Error> {
        let deadline = self.limits.deadline.and_then(|d| started.checked_add(d));
        let (deadline, until) = match self.deadline {
            DeadlineBy::Metering => (deadline, None),
            DeadlineBy::Caller => (None, deadline),
        };
        let meter = match self.meter.clone() {
            Some(meter) => {
                meter.renew(deadline, self.limits.output);
                meter
            }
            None => Arc::new(Meter::new(deadline, self.limits.output)),
        };
        self.packages = match &self.packages {
            Some(packages) => Some(packages.copied(&meter)),
            None => Packages::granted(&mut self.grants, until, &meter)?,
        };
        let stdio = Stdio::new(
            std::mem::take(&mut self.stdin),
            std::mem::take(&mut self.stdout),
            std::mem::take(&mut self.stderr),
            &meter,
        )
        .map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("a standard stream is not usable: {error}"),
            )
            .with_source(error)
        })?;
        let image = self.image.clone();
        let snapshot = image.snapshot();
        let base = snapshot.map_or(0, |snapshot| snapshot.manifest.clock.monotonic);
        let base = self.goes_on_at.unwrap_or(Duration::from_nanos(base));
        let (clock, random) = self.clock_and_random(&meter)?;
        let clock = clock.going_on_from(base);
        let beginning = self
            .grants
            .seed
            .filter(|_| self.goes_on_at.is_none())
            .map(|seed| Beginning::new(clock.clone(), random.clone(), seed));
        let (times, draws) = (clock.clone(), random.clone());
        let mut root = Root::new(&self.grants.mounts, self.limits.tmp)?
            .with_clock(move || std::time::UNIX_EPOCH + times.unix_time())
            .with_random(Arc::new(move |bytes: &mut [u8]| draws.fill(bytes)));
        if let Some((path, bytes)) = self.file.take() {
            root = root.with_file(&path, bytes);
        }
        let guest_path = program
            .host_path
            .as_deref()
            .and_then(|path| root.guest_path(path));
        let files = RunFiles::default();
        if self.kv.is_none() {
            self.kv = self.open_kv(&root)?;
        }
        let has_mounts = !self.grants.mounts.is_empty();
        let times = clock.clone();
        let built_in = host::functions(&host::Setting {
            unix_time: Arc::new(move || times.unix_time()),
            kv: self.kv.clone(),
            fs: has_mounts.then(|| Arc::new(Fs::new(Box::new(files.clone()), &self.limits))),
            http: Http::granted(&self.grants, &self.limits, &meter)?,
            packages: self.packages.clone(),
        });
        let functions = Functions::from(built_in.and(&self.functions));
        let functions = Arc::new(functions.bounded(&self.limits, &meter));
        let shared = Arc::clone(&functions);
        root = root.with_device(host::DEVICE, move || {
            Box::new(Device::new(Arc::clone(&shared)))
        });
        let start = Start {
            functions: &functions,
            program,
            grants: &self.grants,
            guest_path,
            is_terminal: stdio.is_terminal(1) || self.line_buffered,
            capturing: self.capturing,
            wakes: snapshot.is_some(),
            beginning,
        };
        let given = start.give(self.image.guest_language(), root);
        let root = given.root;
        files.show(&root);
        let mut context = Context::new(root, stdio, clock, random)?;
        context.set_strings(given.args, given.env);
        if let Some((fd, device)) = given.channel {
            context.open_device(fd, Box::new(device));
        }
        let mut state = State::new(context, self.limits.memory, self.limits.fuel, meter);
        state.beginning = given.beginning;
        state.functions = functions;
        if given.exchange.is_some() {
            *state.language::<Option<Arc<Exchange>>>() = given.exchange;
        }
        #[cfg(feature = "javascript")]
        if given.guest_path.is_some() {
            state
                .language::<crate::language::javascript::Data>()
                .guest_path = given.guest_path;
        }
        Ok(state)
    }

    /// A sandbox for a copy of what runs in this one with `state`: the same
    /// grants, limits and functions, and values by key that are a copy where
    /// they are in memory. Its stdin is empty, its output captured.
    pub(crate) fn for_copy(&self, state: &State) -> Self {
        Self {
            grants: self.grants.clone(),
            limits: self.limits.clone(),
            functions: self.functions.clone(),
            kv: self.kv.as_ref().map(Kv::copied),
            packages: self.packages.clone(),
            line_buffered: self.line_buffered,
            goes_on_at: Some(state.wasi().clock().monotonic()),
            ..Self::new(&self.image)
        }
    }
}
