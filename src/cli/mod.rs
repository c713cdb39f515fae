//! The command line: words to plain data, one call of the library, an exit
//! code.
#![expect(clippy::print_stdout, reason = "this is what a command is for")]

mod args;
mod guest;
mod progress;
mod run;
mod split;
mod units;

use crate::Error;
use clap::{Arg, ArgMatches, Command};
use clap_complete::Shell;
use std::{ffi::OsString, io::Write, process::ExitCode};

/// Exit code of a command line that can't be understood.
const USAGE: u8 = 2;

/// Runs the command with this process's own arguments.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let (words, guest_args) = match split::split(words, &run::command()) {
        Ok(split) => split,
        Err(message) => return usage(&message),
    };
    let matches = match command().try_get_matches_from(&words) {
        Ok(matches) => matches,
        Err(error) => {
            let code = if error.use_stderr() { USAGE } else { 0 };
            // A closed stream leaves nobody to tell.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match dispatch(&matches, guest_args) {
        Ok(code) => code,
        Err(error) => {
            report(&describe(&error));
            ExitCode::from(if error.kind() == crate::ErrorKind::Usage {
                USAGE
            } else {
                1
            })
        }
    }
}

fn dispatch(matches: &ArgMatches, guest_args: Vec<OsString>) -> Result<ExitCode, Error> {
    match matches.subcommand() {
        Some(("run", matches)) => run::run(matches, guest_args),
        Some(("guest", matches)) => guest::run(matches),
        Some(("completions", matches)) => Ok(completions(matches)),
        _ => {
            let _ = command().print_help();
            Ok(ExitCode::from(USAGE))
        }
    }
}

/// The whole command line.
fn command() -> Command {
    Command::new("dormouse")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Run untrusted Python, JavaScript and WASI programs, without generating code")
        .after_help(
            "`dormouse FILE …` is `dormouse run FILE …`; `dormouse run --help` lists its options.",
        )
        .disable_help_subcommand(true)
        .subcommand(run::command())
        .subcommand(guest::command())
        .subcommand(
            Command::new("completions")
                .about("Print a completion script for a shell")
                .arg(
                    Arg::new("shell")
                        .value_name("SHELL")
                        .required(true)
                        .value_parser(clap::value_parser!(Shell)),
                ),
        )
}

fn completions(matches: &ArgMatches) -> ExitCode {
    let Some(shell) = matches.get_one::<Shell>("shell") else {
        return ExitCode::from(USAGE);
    };
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut command(), "dormouse", &mut script);
    match std::io::stdout().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// One line of our own on stderr.
fn report(message: &str) {
    // A closed stderr leaves nobody to tell.
    let _ = writeln!(std::io::stderr(), "dormouse: {message}");
}

fn usage(message: &str) -> ExitCode {
    report(message);
    report("`dormouse run --help` lists the options");
    ExitCode::from(USAGE)
}

/// An error and what is behind it, where that says more.
fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
