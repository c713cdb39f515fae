//! Files that a command makes.

use clap::{Arg, ArgMatches};
use std::path::{Path, PathBuf};

/// The option that names the file.
pub(super) fn argument(value_name: &'static str, help: &'static str) -> Arg {
    Arg::new("output")
        .short('o')
        .long("output")
        .value_name(value_name)
        .required(true)
        .value_parser(clap::value_parser!(PathBuf))
        .help(help)
}

/// The file that the option names.
pub(super) fn path(matches: &ArgMatches) -> &Path {
    matches
        .get_one::<PathBuf>("output")
        .map_or(Path::new(""), PathBuf::as_path)
}
