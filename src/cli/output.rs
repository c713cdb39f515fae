//! Files that a command makes.

use crate::{Error, ErrorKind, image::folder::place};
use clap::{Arg, ArgMatches};
use std::{
    fs::File,
    path::{Path, PathBuf},
};

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

/// Writes `bytes` to the file that the option names, whole or not at all.
///
/// # Errors
///
/// When it can't be written.
pub(super) fn write(
    matches: &ArgMatches,
    bytes: &[u8],
    mode: u32,
) -> Result<(PathBuf, File), Error> {
    let path = matches
        .get_one::<PathBuf>("output")
        .cloned()
        .unwrap_or_default();
    let failed = |problem: &dyn std::fmt::Display| {
        Error::new(
            ErrorKind::Io,
            format!("{} can't be written: {problem}", path.display()),
        )
    };
    let name = path
        .file_name()
        .filter(|_| !path.is_dir())
        .ok_or_else(|| failed(&"it is a folder"))?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let file = place(folder, name, bytes, mode).map_err(|error| failed(&error))?;
    Ok((path, file))
}
