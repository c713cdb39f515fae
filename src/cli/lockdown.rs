//! `--lockdown`: the process gives up what its guests don't need.

use super::args;
use crate::{
    Error, Grants, GuestStore,
    lockdown::{Lockdown, Reach},
};
use clap::{Arg, ArgAction, ArgMatches};

/// The option.
pub(super) fn argument() -> Arg {
    Arg::new("lockdown")
        .long("lockdown")
        .action(ArgAction::SetTrue)
        .help("Have the system refuse this process what its guest doesn't need, or not run at all")
}

/// Whether it was given.
pub(super) fn is_asked(matches: &ArgMatches) -> bool {
    matches.get_flag("lockdown")
}

/// What is to be left, if it was given: what `grants` need, and to read the cache.
///
/// # Errors
///
/// When the grants and the option exclude each other.
pub(super) fn plan(matches: &ArgMatches, grants: &Grants) -> Result<Option<Lockdown>, Error> {
    if !is_asked(matches) {
        return Ok(None);
    }
    let mut lockdown = Lockdown::default();
    lockdown.add(grants)?;
    // A module needs none, so that it may be missing.
    if let Ok(store) = GuestStore::open_default() {
        lockdown.reach(store.folder(), Reach::Read);
    }
    Ok(Some(lockdown))
}

/// Refuses what can't be had together before anything is made for it.
///
/// # Errors
///
/// As for [`plan`].
pub(super) fn check(matches: &ArgMatches) -> Result<(), Error> {
    match is_asked(matches) {
        true => Lockdown::check(&args::grants(matches)),
        false => Ok(()),
    }
}
