//! One module, ready to answer.

use super::{
    guest::{Guest, Loader, START},
    log::Log,
    modules::Module,
    report::{Report, Severity},
    routes::{self, Dynamic, Route},
};
use crate::{
    Grants, Image, Limits, Mount, MountMode, Outcome, Program, Sandbox, Status, engine::Meter,
    host::Http, wasi::Root,
};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// The export that prints a module's own table of routes.
const ROUTES: &str = "_routes";

/// How long printing that may take: the server does not answer before.
const ROUTES_TIME: Duration = Duration::from_secs(5);

/// Bytes of that table.
const ROUTES_OUTPUT: u64 = 256 << 10;

/// Where a module sees its `packages`.
const PACKAGES: &str = "/packages";

/// What is the same for all modules.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// `--env` and `--env-file`.
    pub(crate) environment: Vec<(String, String)>,
    /// What bounds a module that says nothing else.
    pub(crate) limits: Limits,
    /// Where logs go.
    pub(crate) log_folder: PathBuf,
    /// What an entrypoint that is not there is: Wagi finds that when it is asked
    /// for.
    pub(crate) missing_entrypoint: Severity,
}

/// A module, loaded, and what its runs may reach.
#[derive(Debug)]
pub(crate) struct Handler {
    route: Route,
    argv: Option<String>,
    entrypoint: String,
    /// What it says itself of its routes, in the order in which that is tried.
    dynamic: Vec<Dynamic>,
    pub(crate) guest: Guest,
    grants: Grants,
    limits: Limits,
    log: Log,
}

/// A handler, and by which of its routes it was found.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) handler: Arc<Handler>,
    dynamic: Option<usize>,
}

impl Handler {
    /// Loads what `module` says. What is wrong is in `report`; nothing comes of
    /// it where that is an error.
    pub(crate) fn load(
        module: Module,
        loader: &Loader,
        settings: &Settings,
        report: &mut Report,
    ) -> Option<Self> {
        let limits = limits(&module, &settings.limits);
        let grants = grants(&module, settings);
        check_grants(&module, &grants, &limits, report);
        let at = module.reference.at;
        let guest = match loader.load(module.reference.value.path()) {
            Ok(guest) => guest,
            Err(error) => {
                let (problem, path) = (error.with_causes(), module.reference.value.to_string());
                let message = match problem.contains(&path) {
                    true => format!("module: {problem}"),
                    false => format!("module: {path}: {problem}"),
                };
                report.error(at, message);
                return None;
            }
        };
        let route = module.route.value;
        let dynamic = match guest.module().map(|image| dynamic(image, &route, &limits)) {
            None => Vec::new(),
            Some(Ok(dynamic)) => dynamic,
            Some(Err(problem)) => {
                report.error(
                    at,
                    format!("{ROUTES} of {}: {problem}", module.reference.value),
                );
                return None;
            }
        };
        let given = module.entrypoint.as_ref();
        let named = given.map(|entrypoint| (entrypoint.value.as_str(), entrypoint.at));
        let own = named.unwrap_or((START, at));
        let others = dynamic
            .iter()
            .map(|dynamic| (dynamic.entrypoint.as_str(), at));
        for (entrypoint, at) in std::iter::once(own).chain(others) {
            if let Err((severity, problem)) = check_entrypoint(&guest, entrypoint, settings) {
                match severity {
                    Severity::Error => report.error(at, problem),
                    Severity::Warning => report.warning(at, problem),
                }
            }
        }
        Some(Self {
            log: Log::of(&settings.log_folder, &route),
            entrypoint: own.0.to_owned(),
            route,
            argv: module.argv,
            dynamic,
            guest,
            grants,
            limits,
        })
    }

    /// How it answers `path`, if it does.
    pub(crate) fn find(self: &Arc<Self>, path: &str) -> Option<Hit> {
        let matching = |dynamic: &Dynamic| dynamic.route.rest(path).is_some();
        let dynamic = self.dynamic.iter().position(matching);
        let found = dynamic.is_some() || self.route.rest(path).is_some();
        found.then(|| Hit {
            handler: Arc::clone(self),
            dynamic,
        })
    }

    /// Where it logs to.
    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// All its routes and what they call, in the order in which they are tried.
    pub(crate) fn routes(&self) -> Vec<String> {
        let dynamic = self.dynamic.iter();
        let dynamic = dynamic.map(|dynamic| format!("{} {}", dynamic.route, dynamic.entrypoint));
        let own = format!("{} {}", self.route, self.entrypoint);
        dynamic.chain(std::iter::once(own)).collect()
    }

    /// As it was listed.
    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    pub(crate) fn argv(&self) -> Option<&str> {
        self.argv.as_deref()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Its grants without what is not there now, which the second names.
    pub(crate) fn grants(&self) -> (Grants, Vec<String>) {
        let is_there = |mount: &Mount| mount.host.exists();
        let missing = self.grants.mounts.iter().filter(|mount| !is_there(mount));
        let missing = missing
            .map(|mount| mount.host.display().to_string())
            .collect();
        let mut grants = self.grants.clone();
        grants.mounts.retain(is_there);
        (grants, missing)
    }
}

impl Hit {
    /// The whole route that matched.
    pub(crate) fn route(&self) -> &Route {
        self.dynamic()
            .map_or(&self.handler.route, |dynamic| &dynamic.route)
    }

    /// The export that is called.
    pub(crate) fn entrypoint(&self) -> &str {
        self.dynamic()
            .map_or(&self.handler.entrypoint, |dynamic| &dynamic.entrypoint)
    }

    fn dynamic(&self) -> Option<&Dynamic> {
        self.handler.dynamic.get(self.dynamic?)
    }
}

fn limits(module: &Module, default: &Limits) -> Limits {
    Limits {
        deadline: module.timeout.unwrap_or(default.deadline),
        memory: module.memory.unwrap_or(default.memory),
        output: module.max_output.map_or(default.output, Some),
        http_concurrency: module.http_concurrency.or(default.http_concurrency),
        ..default.clone()
    }
}

pub(super) fn grants(module: &Module, settings: &Settings) -> Grants {
    let env = settings.environment.iter().chain(&module.environment);
    let mut grants = Grants {
        mounts: module
            .volumes
            .iter()
            .map(|volume| volume.value.clone())
            .collect(),
        env: env.cloned().collect(),
        hosts: module.hosts.clone(),
        kv: module.kv.clone(),
        ..Grants::default()
    };
    if let Some(folder) = &module.packages {
        grants.mounts.push(Mount {
            guest: PACKAGES.to_owned(),
            host: folder.clone(),
            mode: MountMode::ReadOnly,
        });
        let before = grants.env.iter().rfind(|(name, _)| name == "PYTHONPATH");
        let path = match before {
            Some((_, path)) if !path.is_empty() => format!("{path}:{PACKAGES}"),
            _ => PACKAGES.to_owned(),
        };
        grants.env.push(("PYTHONPATH".to_owned(), path));
    }
    grants
}

/// What can be known of its grants beforehand.
fn check_grants(module: &Module, grants: &Grants, limits: &Limits, report: &mut Report) {
    let mut there = Vec::new();
    for volume in &module.volumes {
        match std::fs::metadata(&volume.value.host) {
            Ok(_) => there.push(volume.value.clone()),
            Err(error) => {
                let host = volume.value.host.display();
                let message = format!(
                    "volumes: {host}: {error}; the module runs without it until it is there"
                );
                report.warning(volume.at, message);
            }
        }
    }
    if let Err(error) = Root::new(&there, limits.tmp) {
        let at = module.volumes.first().map(|volume| volume.at);
        report.error(at, format!("volumes: {error}"));
    }
    if let Some(folder) = &module.packages
        && !folder.is_dir()
    {
        let message = format!("packages: {} is no folder", folder.display());
        report.warning(module.reference.at, message);
    }
    let meter = Arc::new(Meter::new(None, None));
    if let Err(error) = Http::granted(grants, limits, &meter) {
        report.error(module.reference.at, format!("allowed_hosts: {error}"));
    }
}

fn check_entrypoint(
    guest: &Guest,
    entrypoint: &str,
    settings: &Settings,
) -> Result<(), (Severity, String)> {
    let Some(image) = guest.module() else {
        return match entrypoint {
            START => Ok(()),
            _ => {
                let problem = "entrypoint is for Wasm modules; a program in a language runs whole";
                Err((Severity::Error, problem.to_owned()))
            }
        };
    };
    let problem = match image.export_takes_nothing(entrypoint) {
        Ok(Some(true)) => return Ok(()),
        Ok(Some(false)) => format!("the function {entrypoint:?} takes arguments; none are given"),
        Ok(None) => format!("the module exports no function {entrypoint:?}; set entrypoint"),
        Err(error) => return Err((Severity::Error, error.to_string())),
    };
    Err((settings.missing_entrypoint, problem))
}

/// The routes that a module prints, if it does.
fn dynamic(image: &Image, route: &Route, limits: &Limits) -> Result<Vec<Dynamic>, String> {
    let export = image.export_takes_nothing(ROUTES);
    if export.map_err(|error| error.to_string())?.is_none() {
        return Ok(Vec::new());
    }
    let limits = Limits {
        deadline: Some(ROUTES_TIME),
        output: Some(ROUTES_OUTPUT),
        memory: limits.memory,
        ..Limits::default()
    };
    let program = Program::invoke(ROUTES, [""; 0]);
    let ran = Sandbox::new(image).limits(limits).run(program);
    let outcome = ran.map_err(|error| error.to_string())?;
    match outcome.status {
        Status::Exit(0) => routes::parse_table(route, &outcome.stdout),
        _ => Err(ended(&outcome)),
    }
}

/// How a run ended that did not end well.
pub(crate) fn ended(outcome: &Outcome) -> String {
    let refused = if outcome.memory_refused {
        ", and was refused memory before"
    } else {
        ""
    };
    match &outcome.status {
        Status::Exit(code) => format!("it exited with {code}{refused}"),
        Status::Trap(trap) => format!("it trapped: {trap}{refused}"),
        Status::Limit(limit) => format!("the {limit} limit stopped it"),
    }
}
