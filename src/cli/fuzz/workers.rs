//! Several processes, and the one that started them.

use super::ArgMatches;
use crate::{Error, ErrorKind, fuzz::Target};
use std::process::ExitCode;

/// How many processes fuzz.
pub(super) fn cores(matches: &ArgMatches) -> u16 {
    matches.get_one::<u16>("cores").copied().unwrap_or(1)
}

/// Whether there is more than this one.
pub(super) fn are_wanted(matches: &ArgMatches) -> bool {
    !matches.contains_id("worker")
        && (cores(matches) > 1 || matches.contains_id("listen") || matches.contains_id("join"))
}

pub(super) fn run(_target: &Target, _matches: &ArgMatches) -> Result<ExitCode, Error> {
    Err(Error::new(ErrorKind::Usage, "--cores: not yet"))
}
