//! `dormouse stubs`: the types of what guests are given, for editors and
//! checkers.

use crate::{Error, ErrorKind};
use clap::{Arg, ArgMatches, Command};
use std::{path::PathBuf, process::ExitCode};

/// The files, by name.
const STUBS: [(&str, &str); 2] = [
    (
        "dormouse.pyi",
        include_str!("../../runtimes/python/dormouse.pyi"),
    ),
    (
        "dormouse.d.ts",
        include_str!("../../runtimes/javascript/dormouse.d.ts"),
    ),
];

/// The subcommand.
pub(super) fn command() -> Command {
    Command::new("stubs")
        .about("Write the types of what programs are given, for editors and type checkers")
        .arg(
            Arg::new("folder")
                .value_name("DIR")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("Where to; it is made if it isn't there"),
        )
}

/// Runs the subcommand.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let Some(folder) = matches.get_one::<PathBuf>("folder") else {
        return Err(Error::new(ErrorKind::Usage, "a folder is needed"));
    };
    let failed = |what: &str, path: &std::path::Path, error: std::io::Error| {
        let message = format!("can't {what} {}: {error}", path.display());
        Error::new(ErrorKind::Io, message).with_source(error)
    };
    std::fs::create_dir_all(folder).map_err(|error| failed("make the folder", folder, error))?;
    for (name, content) in STUBS {
        let path = folder.join(name);
        std::fs::write(&path, content).map_err(|error| failed("write", &path, error))?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
