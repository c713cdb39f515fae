//! `dormouse guest`: the language guests in the cache.

use super::progress::with_progress;
use crate::{Error, GuestState, GuestStore, GuestSummary, Language};
use clap::{Arg, ArgMatches, Command};
use std::{path::PathBuf, process::ExitCode};

/// The subcommand and its own.
pub(super) fn command() -> Command {
    let language = || {
        Arg::new("language")
            .value_name("LANG")
            .value_parser(|name: &str| name.parse::<Language>().map_err(|error| error.to_string()))
    };
    Command::new("guest")
        .about("List, fetch, add or remove the language guests")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(Command::new("list").about("Show which guests there are, and where"))
        .subcommand(
            Command::new("fetch")
                .about("Fetch the pinned guests, or those of the languages named")
                .arg(
                    language()
                        .num_args(0..)
                        .help("python or javascript [default: both]"),
                ),
        )
        .subcommand(
            Command::new("add")
                .about("Use another build of a language's guest")
                .arg(language().required(true).help("python or javascript"))
                .arg(
                    Arg::new("file")
                        .value_name("FILE")
                        .required(true)
                        .value_parser(clap::value_parser!(PathBuf))
                        .help("A Wasm file"),
                ),
        )
        .subcommand(
            Command::new("remove")
                .about("Go back from an added guest to the pinned one; or drop that from the cache")
                .arg(language().required(true).help("python or javascript")),
        )
}

/// Runs the subcommand that `matches` name.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let store = GuestStore::open_default()?;
    let one = |matches: &ArgMatches| matches.get_one::<Language>("language").copied();
    match matches.subcommand() {
        Some(("fetch", matches)) => {
            let named: Vec<Language> = matches
                .get_many("language")
                .into_iter()
                .flatten()
                .copied()
                .collect();
            let languages = if named.is_empty() {
                Language::ALL.to_vec()
            } else {
                named
            };
            for language in languages {
                with_progress(|progress| store.fetch(language, progress))?;
            }
        }
        Some(("add", matches)) => {
            if let (Some(language), Some(file)) = (one(matches), matches.get_one::<PathBuf>("file"))
            {
                store.add(language, file)?;
            }
        }
        Some(("remove", matches)) => {
            if let Some(language) = one(matches)
                && !store.remove(language)?
            {
                super::report(&format!("there is no {language} guest in the cache"));
            }
        }
        _ => store.list()?.iter().for_each(print),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(guest: &GuestSummary) {
    let state = match guest.state {
        GuestState::Missing => "not fetched yet".to_owned(),
        GuestState::Fetched(size) => format!("fetched, {size} bytes"),
        GuestState::Added(size) => format!("added, {size} bytes"),
    };
    println!(
        "{}\t{} {}\t{state}\t{}",
        guest.language,
        guest.name,
        guest.version,
        guest.path.display()
    );
}
