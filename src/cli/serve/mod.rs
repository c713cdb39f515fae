//! `dormouse serve`: sandboxes and sessions over HTTP.

pub(super) mod modules;
mod tls;

use super::{args, lockdown, progress::with_progress, report, units};
use crate::{
    Error, ErrorKind, GuestStore, Image, Language,
    gateway::Setup,
    lockdown::Lockdown,
    server::{Api, Config, Server, logs},
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::{
    net::{SocketAddr, ToSocketAddrs},
    num::NonZero,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// The subcommand and its options.
pub(super) fn command() -> Command {
    Command::new("serve")
        .about("Run code that comes over HTTP, in sandboxes and sessions")
        .override_usage("dormouse serve [OPTIONS] -l LANG")
        .after_help(
            "POST /execute {\"code\": …, \"lang\"?, \"timeout\"?} runs code in a new sandbox;\n\
             POST /sessions {\"lang\"?} opens a session, POST /sessions/ID/exec runs code in it,\n\
             DELETE /sessions/ID closes it; GET /sessions, /health, /metrics, /openapi.json.\n\
             Grants and limits are those of every request and every session. SIGTERM ends it\n\
             once what runs has ended, or --grace is over.",
        )
        .arg(
            value("listen", "ADDRESS")
                .default_value("127.0.0.1:8080")
                .value_parser(address)
                .help("Where to listen; port 0 for one that is free"),
        )
        .arg(
            value("lang", "LANG")
                .short('l')
                .action(ArgAction::Append)
                .value_parser(language)
                .help("Serve python (py) or javascript (js); may be repeated, the first is the default"),
        )
        .args(serving())
        .args(modules::arguments())
        .args(tls::arguments())
        .arg(lockdown::argument())
        .args(args::arguments())
}

fn serving() -> Vec<Arg> {
    vec![
        value("workers", "N")
            .value_parser(clap::value_parser!(NonZero<usize>))
            .help("Guests that run at a time [default: one per core]"),
        value("queue", "N")
            .value_parser(clap::value_parser!(usize))
            .help("Requests that may wait for one of them [default: 32 per worker]"),
        value("connections", "N")
            .value_parser(clap::value_parser!(NonZero<usize>))
            .help("Connections held at a time [default: 1024]"),
        value("max-sessions", "N")
            .value_parser(clap::value_parser!(usize))
            .help("Sessions that there may be at a time [default: 100]"),
        value("idle", "DURATION")
            .value_parser(units::duration)
            .help("How long a session is kept that is not used; 0 for ever [default: 15m]"),
        value("token-file", "FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Ask for the bearer token in this file, except at /health"),
        flag("insecure").help("Let other machines come without a token"),
        value("grace", "DURATION")
            .value_parser(units::duration)
            .help("How long running guests may take once the server is to end [default: 10s]"),
        value("log-format", "FORMAT")
            .default_value("text")
            .value_parser(["text", "json"])
            .help("How the log on stderr looks: text or json"),
    ]
}

/// An option that takes a value.
fn value(long: &'static str, value_name: &'static str) -> Arg {
    Arg::new(long).long(long).value_name(value_name)
}

/// An option that takes nothing.
fn flag(long: &'static str) -> Arg {
    Arg::new(long).long(long).action(ArgAction::SetTrue)
}

fn language(name: &str) -> Result<Language, String> {
    if name == "wasm" {
        return Err(
            "a Wasm module runs no source code; there are python and javascript".to_owned(),
        );
    }
    name.parse().map_err(|error: Error| error.to_string())
}

/// Reads `HOST:PORT`, or `:PORT` for all addresses of this machine.
fn address(text: &str) -> Result<SocketAddr, String> {
    let text = match text.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => text.to_owned(),
    };
    let expected = "expected HOST:PORT, such as 127.0.0.1:8080";
    text.to_socket_addrs()
        .map_err(|error| format!("{expected}: {error}"))?
        .next()
        .ok_or_else(|| expected.to_owned())
}

/// Serves as `matches` say, until it is told to end.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let format = match matches.get_one::<String>("log-format").map(|s| &**s) {
        Some("json") => logs::Format::Json,
        _ => logs::Format::Text,
    };
    logs::to_stderr(format);
    std::panic::set_hook(Box::new(|panic| logs::mistake(&panic.to_string())));
    let say = |message: &str| match format {
        logs::Format::Text => report(message),
        logs::Format::Json => logs::line(message),
    };
    if !matches.contains_id("modules") && !matches.contains_id("lang") {
        return Err(args::usage_error(
            "nothing to serve: give -l python, -l javascript or --modules FILE",
        ));
    }
    lockdown::check(matches)?;
    let config = config(matches)?;
    let tls = tls::tls(matches)?;
    let setup = modules::setup(matches)?;
    let lockdown = plan(matches, setup.as_ref())?;
    // While there is no other thread.
    if let Some(lockdown) = &lockdown {
        lockdown.lock_files()?;
    }
    let server = Server::bind(config)?;
    // It listens, and no guest has run.
    if let Some(lockdown) = &lockdown {
        lockdown.lock_calls()?;
    }
    let server = match setup {
        Some(setup) => {
            let gateway = modules::gateway(setup, server.host(), &say)?;
            server.gateway(gateway)
        }
        None => server,
    };
    let server = match tls {
        Some(tls) => server.tls(tls),
        None => server,
    };
    // Until here, while modules are loaded, they end the process at once.
    let server = server.obey_signals();
    say(&format!("listening on {}", server.url()));
    let ended = server.run()?;
    match ended.cut.len() {
        0 => {}
        1 => say("1 request was cut: it had not ended within --grace"),
        n => say(&format!(
            "{n} requests were cut: they had not ended within --grace"
        )),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is to be left of the process, if it is to be locked down.
fn plan(matches: &ArgMatches, setup: Option<&Setup>) -> Result<Option<Lockdown>, Error> {
    let Some(mut lockdown) = lockdown::plan(matches, &args::grants(matches))? else {
        return Ok(None);
    };
    lockdown.serves();
    if let Some(setup) = setup {
        setup.leave(&mut lockdown)?;
    }
    Ok(Some(lockdown))
}

/// What the server is made of.
fn config(matches: &ArgMatches) -> Result<Config, Error> {
    let default = Config::default();
    let workers = matches
        .get_one("workers")
        .copied()
        .unwrap_or(default.workers);
    let queue = workers.get().saturating_mul(Config::QUEUE_PER_WORKER);
    Ok(Config {
        listen: matches.get_one("listen").copied().unwrap_or(default.listen),
        api: api(matches)?,
        workers,
        queue: matches.get_one("queue").copied().unwrap_or(queue),
        connections: matches
            .get_one("connections")
            .copied()
            .unwrap_or(default.connections),
        grace: match matches.get_one::<Option<Duration>>("grace") {
            Some(grace) => grace.unwrap_or_default(),
            None => default.grace,
        },
    })
}

/// The sessions API, if a language is served.
fn api(matches: &ArgMatches) -> Result<Option<Api>, Error> {
    let mut languages: Vec<Language> = Vec::new();
    for language in matches.get_many::<Language>("lang").into_iter().flatten() {
        if !languages.contains(language) {
            languages.push(*language);
        }
    }
    if languages.is_empty() {
        return Ok(None);
    }
    let images = languages
        .into_iter()
        .map(|language| Ok((language, image(language, matches)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let mut api = Api::new(images);
    let output = api.limits.output;
    api.grants = args::grants(matches);
    api.limits = args::limits(matches);
    if !matches.contains_id("max-output") {
        api.limits.output = output;
    }
    if let Some(most) = matches.get_one("max-sessions") {
        api.max_sessions = *most;
    }
    if let Some(idle) = matches.get_one::<Option<Duration>>("idle") {
        api.idle = idle.unwrap_or(Duration::MAX);
    }
    if let Some(file) = matches.get_one::<PathBuf>("token-file") {
        api.token = Some(token(file)?);
    }
    api.insecure = matches.get_flag("insecure");
    Ok(Some(api))
}

/// What the guests of `language` are woken from, made if it is not there yet.
fn image(language: Language, matches: &ArgMatches) -> Result<Image, Error> {
    let store = GuestStore::open_default()?;
    let seeded = matches.contains_id("seed");
    // Where fuel is counted, that ends guests too.
    let counts_fuel = matches.contains_id("fuel");
    with_progress(|progress| match (counts_fuel, seeded) {
        (false, _) => store.bounded_image(language, seeded, progress),
        (true, false) => store.image(language, progress),
        (true, true) => store.seeded_image(language, progress),
    })
}

/// The token in `file`: its text but for white space around it.
fn token(file: &Path) -> Result<String, Error> {
    let problem = |problem: &dyn std::fmt::Display| {
        Error::new(
            ErrorKind::Io,
            format!("the token file {}: {problem}", file.display()),
        )
    };
    let text = std::fs::read_to_string(file).map_err(|error| problem(&error))?;
    let token = text.trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(problem(&"it must hold one word of plain characters"));
    }
    Ok(token.to_owned())
}
