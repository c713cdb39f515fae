//! `dormouse deps`: folders of Python packages.

use super::{args::usage_error, report};
use crate::{
    Error, ErrorKind,
    packages::{self, Installation, Requirement},
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

/// Where packages go unless told otherwise.
const FOLDER: &str = ".dormouse/python/packages";

/// What is shown of what the installer says. The rest is said better at the
/// end, or is about the installer.
const PROGRESS: [&str; 7] = [
    "Collecting ",
    "Downloading ",
    "Installing ",
    "INFO: ",
    "Processing ",
    "Using cached ",
    "WARNING: Retrying ",
];

/// How long an installation may take: that of a slow network.
const LONGEST: Duration = Duration::from_secs(1800);

/// The subcommand and its own.
pub(super) fn command() -> Command {
    let folder = || {
        Arg::new("packages")
            .long("packages")
            .value_name("DIR")
            .value_parser(clap::value_parser!(PathBuf))
            .default_value(FOLDER)
            .help("The folder of packages, as for `dormouse run --packages`")
    };
    let packages = |help: &'static str| {
        Arg::new("package")
            .value_name("PACKAGE")
            .required(true)
            .action(ArgAction::Append)
            .num_args(1..)
            .help(help)
    };
    Command::new("deps")
        .about("Install, list or remove Python packages for the sandbox")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(
            Command::new("install")
                .about("Install packages, and what they need, through the host's pip")
                .arg(folder())
                .arg(packages("A name, such as requests or 'pydantic>=1,<2'")),
        )
        .subcommand(
            Command::new("list")
                .about("Show what is installed")
                .arg(folder()),
        )
        .subcommand(
            Command::new("remove")
                .about("Remove packages")
                .arg(folder())
                .arg(packages("A name")),
        )
}

/// Runs the subcommand that `matches` name.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let Some((name, matches)) = matches.subcommand() else {
        return Ok(ExitCode::from(super::USAGE));
    };
    let default = PathBuf::from(FOLDER);
    let folder = matches.get_one("packages").unwrap_or(&default);
    match name {
        "install" => install(folder, &words(matches)),
        "remove" => remove(folder, &words(matches)),
        _ => list(folder),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn words(matches: &ArgMatches) -> Vec<String> {
    let words = matches.get_many("package");
    words.into_iter().flatten().cloned().collect()
}

fn install(folder: &Path, words: &[String]) -> Result<(), Error> {
    let requirements = words.iter().map(|word| {
        word.parse::<Requirement>().map_err(|wrong| {
            usage_error(format!(
                "{wrong}: {word:?}; expected a name, such as requests or 'pydantic>=1,<2'"
            ))
        })
    });
    let requirements: Vec<Requirement> = requirements.collect::<Result<_, _>>()?;
    report(&format!("installing into {}", folder.display()));
    let installed = Installation {
        folder,
        requirements: &requirements,
        until: Some(Instant::now() + LONGEST),
        says: Arc::new(|line| {
            if PROGRESS
                .iter()
                .any(|word| line.trim_start().starts_with(word))
            {
                report(line.trim_start());
            }
        }),
    }
    .run()
    .map_err(|trouble| Error::new(ErrorKind::Guest, trouble.to_string()))?;
    for package in installed {
        println!("{} {}", package.name, package.version);
    }
    Ok(())
}

fn list(folder: &Path) -> Result<(), Error> {
    let packages = read(folder)?;
    if packages.is_empty() {
        println!("No packages installed.");
    }
    for package in packages {
        println!("{} {}", package.name, package.version);
    }
    Ok(())
}

/// All that are named, or none.
fn remove(folder: &Path, names: &[String]) -> Result<(), Error> {
    let packages = read(folder)?;
    let found = names.iter().map(|name| {
        packages
            .iter()
            .find(|package| package.is_called(name))
            .ok_or_else(|| {
                let message = format!(
                    "{name} is not installed in {}; `dormouse deps list` shows what is",
                    folder.display()
                );
                Error::new(ErrorKind::Guest, message)
            })
    });
    for package in found.collect::<Result<Vec<_>, _>>()? {
        packages::remove(folder, package).map_err(|error| {
            let message = format!("{} could not be removed: {error}", package.name);
            Error::new(ErrorKind::Io, message)
        })?;
        println!("removed {} {}", package.name, package.version);
    }
    Ok(())
}

fn read(folder: &Path) -> Result<Vec<packages::Package>, Error> {
    packages::list(folder).map_err(|error| {
        let message = format!("{} can't be read: {error}", folder.display());
        Error::new(ErrorKind::Io, message)
    })
}
