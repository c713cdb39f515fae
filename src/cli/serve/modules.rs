//! The gateway's part of the command line.

use super::super::{args, units};
use crate::{
    Error, ErrorKind, Grants,
    gateway::{HostName, Loader, MAX_BODY, Served, Settings, Setup, Severity, env_file},
    server::{Gateway, Host},
};
use clap::{Arg, ArgAction, ArgMatches, builder::ValueParser};
use std::{path::PathBuf, sync::Arc};

/// 16 MiB: what a module prints is held in memory until it is sent, as is what all
/// others print.
const OUTPUT: u64 = 16 << 20;

/// The gateway's options.
pub(super) fn arguments() -> Vec<Arg> {
    let path = || clap::value_parser!(PathBuf);
    vec![
        option("modules", "FILE", path())
            .help("Answer requests by the modules that this modules.toml lists"),
        env_file_argument(),
        option("hostname", "HOST[:PORT]", ValueParser::new(host_name))
            .help("What modules are told the server is called, where a request does not say"),
        option("log-dir", "DIR", path())
            .help("Where modules' stderr is kept [default: a new temporary folder]"),
        option("max-body", "SIZE", ValueParser::new(units::size))
            .help("Bytes of a request's body, for modules [default: 10mb]"),
    ]
}

/// `--env-file`, which `check` has too.
pub(in crate::cli) fn env_file_argument() -> Arg {
    option("env-file", "FILE", clap::value_parser!(PathBuf))
        .action(ArgAction::Append)
        .help("Set the environment variables in this file for modules, NAME=VALUE on each line")
}

fn option(long: &'static str, value_name: &'static str, parser: ValueParser) -> Arg {
    Arg::new(long)
        .long(long)
        .value_name(value_name)
        .value_parser(parser)
}

fn host_name(text: &str) -> Result<HostName, String> {
    HostName::parse(text)
        .ok_or_else(|| "expected HOST or HOST:PORT, such as example.com".to_owned())
}

/// What the gateway that `matches` describe is made of, if they describe one.
///
/// # Errors
///
/// When the command line or a file that it names says what can't be.
pub(super) fn setup(matches: &ArgMatches) -> Result<Option<Setup>, Error> {
    let Some(file) = matches.get_one::<PathBuf>("modules") else {
        return Ok(None);
    };
    check_grants(matches)?;
    let max_body = matches.get_one::<u64>("max-body").copied();
    let max_body = max_body.map_or(MAX_BODY, |bytes| {
        usize::try_from(bytes).unwrap_or(usize::MAX)
    });
    let setup = Setup {
        file: file.clone(),
        settings: settings(matches, log_folder(matches)?, Severity::Warning)?,
        host_name: matches.get_one("hostname").cloned().unwrap_or_default(),
        max_body,
        loader: Loader::default(),
    };
    Ok(Some(setup))
}

/// The gateway that `setup` describes; `say` tells people what they should know.
///
/// # Errors
///
/// When what it is to serve can't be used.
pub(super) fn gateway(
    setup: Setup,
    host: Host,
    say: &dyn Fn(&str),
) -> Result<Arc<dyn Gateway>, Error> {
    say(&format!(
        "logs of modules: {}",
        setup.settings.log_folder.display()
    ));
    Ok(Served::load(setup, host)?)
}

/// What a command line grants is the API's: modules have grants of their own, and
/// whoever grants them something here would wait for it in vain.
fn check_grants(matches: &ArgMatches) -> Result<(), Error> {
    let given = Grants {
        env: Vec::new(),
        ..args::grants(matches)
    };
    if matches.contains_id("lang") || given == Grants::default() {
        return Ok(());
    }
    Err(args::usage_error(
        "of the grants only --env and --env-file are for modules; say the others in the file, as \
         volumes, kv, allowed_hosts or packages",
    ))
}

/// What is the same for all modules.
///
/// # Errors
///
/// When a file of variables can't be read.
pub(in crate::cli) fn settings(
    matches: &ArgMatches,
    log_folder: PathBuf,
    missing_entrypoint: Severity,
) -> Result<Settings, Error> {
    let files = matches.get_many::<PathBuf>("env-file");
    let mut environment = Vec::new();
    for file in files.into_iter().flatten() {
        environment.extend(env_file::read(file)?);
    }
    let given = matches.get_many::<(String, String)>("env");
    environment.extend(given.into_iter().flatten().cloned());
    let mut limits = args::limits(matches);
    if !matches.contains_id("max-output") {
        limits.output = Some(OUTPUT);
    }
    Ok(Settings {
        environment,
        limits,
        log_folder,
        missing_entrypoint,
    })
}

/// `--log-dir`, or `$WAGI_LOG_DIR`, or a new folder, which stays.
fn log_folder(matches: &ArgMatches) -> Result<PathBuf, Error> {
    if let Some(folder) = matches.get_one::<PathBuf>("log-dir") {
        return Ok(folder.clone());
    }
    if let Some(folder) = std::env::var_os("WAGI_LOG_DIR").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let folder = tempfile::Builder::new().prefix("dormouse-logs-").tempdir();
    let folder = folder.map_err(|error| {
        let message = format!("no folder for logs can be made: {error}; name one with --log-dir");
        Error::new(ErrorKind::Io, message).with_source(error)
    })?;
    Ok(folder.keep())
}
