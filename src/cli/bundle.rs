//! `dormouse bundle`: an image and this executable, as one file.

use super::{args, lockdown, output};
use crate::{
    Error, ErrorKind,
    image::{
        bundle,
        cache::Images,
        opened::{self, Found},
        saved,
    },
};
use clap::{Arg, ArgMatches, Command};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The subcommand and its options.
pub(super) fn command() -> Command {
    Command::new("bundle")
        .about("Make one executable of an image, that needs nothing installed")
        .override_usage("dormouse bundle [OPTIONS] IMAGE -o EXECUTABLE")
        .after_help(
            "All words that the executable is started with are the program's. What the options\n\
             grant here, the program has each time; host paths that are relative begin where it\n\
             is started.",
        )
        .arg(
            Arg::new("image")
                .value_name("IMAGE")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("What `dormouse snapshot` made, or a bundle with another image"),
        )
        .arg(output::argument(
            "EXECUTABLE",
            "Where to put the executable",
        ))
        .arg(lockdown::argument())
        .args(args::arguments())
}

/// Makes the bundle that `matches` describe.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    lockdown::check(matches)?;
    let path: &Path = matches
        .get_one::<PathBuf>("image")
        .map_or(Path::new(""), PathBuf::as_path);
    let Found::Image(image) = opened::open(path, Images::open_default().as_ref())? else {
        return Err(Error::new(
            ErrorKind::Image,
            format!(
                "{} is no Dormouse image; make one with: dormouse snapshot {} -o IMAGE",
                path.display(),
                path.display()
            ),
        ));
    };
    let executable = bundle::this_executable().map_err(|error| {
        Error::new(
            ErrorKind::Io,
            format!("the running executable can't be opened: {error}"),
        )
    })?;
    let mut words = args::words(matches)?;
    if lockdown::is_asked(matches) {
        words.push("--lockdown".to_owned());
    }
    let bytes = bundle::make(&executable, &image.bytes, &words)?;
    saved::write(output::path(matches), &bytes, 0o755)?;
    Ok(ExitCode::SUCCESS)
}
