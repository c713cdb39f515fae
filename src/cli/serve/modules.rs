//! The gateway's part of the command line.

use crate::{
    Error,
    server::{Gateway, Host},
};
use clap::{Arg, ArgMatches};
use std::sync::Arc;

/// The gateway's options.
pub(super) fn arguments() -> Vec<Arg> {
    Vec::new()
}

/// The gateway that `matches` describe, if they do.
///
/// # Errors
///
/// When what it is to serve can't be used.
pub(super) fn gateway(
    _matches: &ArgMatches,
    _host: Host,
) -> Result<Option<Arc<dyn Gateway>>, Error> {
    Ok(None)
}
