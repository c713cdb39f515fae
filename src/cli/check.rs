//! `dormouse check`: a modules.toml, looked at without serving it.

use super::{
    args, report,
    serve::modules::{env_file_argument, settings},
};
use crate::{
    Error,
    gateway::{Loader, Severity, Table},
};
use clap::{Arg, ArgMatches, Command};
use std::{io::Write, path::PathBuf, process::ExitCode};

/// The subcommand and its options.
pub(super) fn command() -> Command {
    Command::new("check")
        .about("Check a modules.toml as `dormouse serve --modules` would load it")
        .after_help(
            "Loads each module, asks it for its routes, and looks for its entrypoints and\n\
             volumes. Exit codes: 0 all can be served; 1 something is wrong, said with its line.",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("The modules.toml; paths in it are below the working directory"),
        )
        .arg(env_file_argument())
        .args(args::arguments())
}

/// Says all that is wrong.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let Some(file) = matches.get_one::<PathBuf>("file") else {
        return Err(args::usage_error("name a modules.toml"));
    };
    // Nothing is logged: nothing runs but for its routes.
    let settings = settings(matches, PathBuf::new(), Severity::Error)?;
    let (table, problems) = Table::load(file, &Loader::default(), &settings);
    for (_, line) in problems.lines() {
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
    let Some(table) = table else {
        let errors = problems.count(Severity::Error);
        let s = if errors == 1 { "" } else { "s" };
        report(&format!("{errors} error{s}; nothing of it would be served"));
        return Ok(ExitCode::FAILURE);
    };
    for route in table.handlers().flat_map(|handler| handler.routes()) {
        // Nor does a closed stdout.
        let _ = writeln!(std::io::stdout(), "{route}");
    }
    Ok(ExitCode::SUCCESS)
}
