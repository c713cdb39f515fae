//! The command line: words to plain data, one call of the library, an exit
//! code.
#![expect(clippy::print_stdout, reason = "this is what a command is for")]

mod args;
mod bundle;
#[cfg(feature = "server")]
mod check;
#[cfg(feature = "python")]
mod deps;
mod doctor;
#[cfg(feature = "fuzz")]
mod fuzz;
#[cfg(not(feature = "fuzz"))]
#[path = "fuzz_absent.rs"]
mod fuzz;
mod guest;
mod inspect;
mod lockdown;
mod output;
pub(crate) mod progress;
mod repl;
mod run;
#[cfg(feature = "server")]
mod serve;
mod snapshot;
mod split;
mod stubs;

pub use crate::engine::mapping::Heap;

use crate::{Error, Image, image, units};
use clap::{Arg, ArgMatches, Command};
use clap_complete::Shell;
use std::{ffi::OsString, io::Write, process::ExitCode};

/// Exit code of a command line that can't be understood.
const USAGE: u8 = 2;

/// Runs the command with this process's own arguments; or, in a bundle, what
/// that carries.
pub fn main() -> ExitCode {
    match bundled() {
        Ok(None) => {}
        Ok(Some(code)) => return code,
        Err(error) => return failed(&error),
    }
    crate::engine::mapping::use_large_pages();
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let run = run::command();
    let (words, guest_args) = match split::split(words, &run) {
        Ok(split) => split,
        Err(message) => return usage(&message),
    };
    let command = match words.get(1) {
        // All others would take a tenth of a millisecond to build.
        Some(word) if word == "run" => top_level().subcommand(run),
        _ => command(),
    };
    let matches = match command.try_get_matches_from(&words) {
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
        Err(error) => failed(&error),
    }
}

/// Runs the image behind this executable, if there is one.
fn bundled() -> Result<Option<ExitCode>, Error> {
    let Some((opened, options)) = image::bundle::of_this_process()? else {
        return Ok(None);
    };
    crate::engine::mapping::use_large_pages();
    let image = Image::opened(opened)?;
    run::run_bundled(&image, options, std::env::args_os()).map(Some)
}

/// Says what failed; the exit code.
fn failed(error: &Error) -> ExitCode {
    report(&error.with_causes());
    ExitCode::from(if error.kind() == crate::ErrorKind::Usage {
        USAGE
    } else {
        1
    })
}

fn dispatch(matches: &ArgMatches, guest_args: Vec<OsString>) -> Result<ExitCode, Error> {
    match matches.subcommand() {
        Some(("run", matches)) => run::run(matches, guest_args),
        Some(("repl", matches)) => repl::run(matches),
        #[cfg(feature = "server")]
        Some(("serve", matches)) => serve::run(matches),
        #[cfg(feature = "server")]
        Some(("check", matches)) => check::run(matches),
        Some(("snapshot", matches)) => snapshot::run(matches),
        Some(("inspect", matches)) => inspect::run(matches),
        Some(("bundle", matches)) => bundle::run(matches),
        Some(("guest", matches)) => guest::run(matches),
        #[cfg(feature = "python")]
        Some(("deps", matches)) => deps::run(matches),
        Some(("fuzz", matches)) => fuzz::run(matches),
        Some(("doctor", matches)) => doctor::run(matches),
        Some(("stubs", matches)) => stubs::run(matches),
        Some(("completions", matches)) => Ok(completions(matches)),
        _ => {
            let _ = command().print_help();
            Ok(ExitCode::from(USAGE))
        }
    }
}

/// The command line but for its subcommands.
fn top_level() -> Command {
    Command::new("dormouse")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Run untrusted Python, JavaScript and WASI programs, without generating code")
        .after_help(
            "`dormouse FILE …` is `dormouse run FILE …`; `dormouse run --help` lists its options.",
        )
        .disable_help_subcommand(true)
}

/// The whole command line.
fn command() -> Command {
    let commands = top_level()
        .subcommand(run::command())
        .subcommand(repl::command());
    #[cfg(feature = "server")]
    let commands = commands
        .subcommand(serve::command())
        .subcommand(check::command());
    #[cfg(feature = "python")]
    let commands = commands.subcommand(deps::command());
    commands
        .subcommand(snapshot::command())
        .subcommand(inspect::command())
        .subcommand(bundle::command())
        .subcommand(guest::command())
        .subcommand(fuzz::command())
        .subcommand(doctor::command())
        .subcommand(stubs::command())
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
    // At once: a guest that still runs would write into the middle of it. A
    // closed stderr leaves nobody to tell.
    let line = format!("dormouse: {message}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn usage(message: &str) -> ExitCode {
    report(message);
    report("`dormouse run --help` lists the options");
    ExitCode::from(USAGE)
}
