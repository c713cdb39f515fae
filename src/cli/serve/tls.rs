//! Encryption's part of the command line.

use super::super::args::usage_error;
use crate::{Error, server::Tls};
use clap::{Arg, ArgMatches};
use std::path::PathBuf;

/// The options.
pub(super) fn arguments() -> Vec<Arg> {
    let file = |long: &'static str| {
        Arg::new(long)
            .long(long)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
    };
    vec![
        file("tls-cert").help("Speak HTTPS, with the certificate in this file (PEM)"),
        file("tls-key").help("The certificate's private key (PEM)"),
    ]
}

/// What `matches` say, or what Wagi's variables do.
///
/// # Errors
///
/// When one comes without the other, or can't be used.
pub(super) fn tls(matches: &ArgMatches) -> Result<Option<Tls>, Error> {
    let file = |long: &str, variable: &str| {
        let given = matches.get_one::<PathBuf>(long).cloned();
        let set = || std::env::var_os(variable).filter(|file| !file.is_empty());
        given.or_else(|| set().map(PathBuf::from))
    };
    let cert = file("tls-cert", "WAGI_TLS_CERT");
    match (cert, file("tls-key", "WAGI_TLS_KEY")) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Tls::open(cert, key).map(Some),
        _ => Err(usage_error(
            "give both --tls-cert and --tls-key, or neither",
        )),
    }
}
