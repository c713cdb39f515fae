//! `dormouse fuzz`, where it was not built.

use super::args;
use crate::Error;
use clap::{Arg, ArgMatches, Command};
use std::{ffi::OsString, process::ExitCode};

/// The subcommand, whatever its options.
pub(super) fn command() -> Command {
    Command::new("fuzz")
        .about("Fuzz a program or a function (not in this build)")
        .arg(
            Arg::new("words")
                .num_args(0..)
                .trailing_var_arg(true)
                .allow_hyphen_values(true)
                .value_parser(clap::value_parser!(OsString))
                .hide(true),
        )
}

/// Says how to get it.
pub(super) fn run(_matches: &ArgMatches) -> Result<ExitCode, Error> {
    Err(args::usage_error(
        "this build of dormouse has no fuzzing (its feature `fuzz`); build it with \
         `cargo build --release --features fuzz`",
    ))
}
