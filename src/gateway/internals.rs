//! The gateway's parts, for the targets in `fuzz`; no part of the interface.

use super::{
    answer, env_file,
    environment::{Client, HostName, Matched},
    modules,
    report::Report,
    routes::{Route, parse_table},
};
use crate::Mount;
use http::{HeaderMap, Method, Request};
use std::{collections::BTreeMap, net::IpAddr, path::Path};

/// What is sent to a client.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its header.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// Whether it is the module's own.
    pub is_own: bool,
    /// What the log says.
    pub said: Vec<String>,
}

/// The answer to a request by `method` where a module printed `printed`.
pub fn cgi(printed: Vec<u8>, method: &Method) -> Answer {
    let (answer, is_own, said) = match answer::parse(printed, method) {
        Ok(parsed) => (parsed.answer, true, parsed.dropped),
        Err(malformed) => (malformed.answer(), false, vec![malformed.to_string()]),
    };
    let (parts, body) = answer.into_parts();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
        is_own,
        said,
    }
}

/// What a module is told of a request.
#[derive(Debug)]
pub struct Told {
    /// Its arguments.
    pub words: Vec<String>,
    /// Its environment.
    pub variables: BTreeMap<String, String>,
}

/// What the module at `route` is told of `request`, if it answers that.
pub fn told(
    request: Request<()>,
    length: usize,
    route: &str,
    template: Option<&str>,
    given: &[(String, String)],
) -> Option<Told> {
    let (parts, ()) = request.into_parts();
    let route = Route::parse(route).ok()?;
    route.rest(parts.uri.path())?;
    let client = Client {
        address: IpAddr::from([127, 0, 0, 1]),
        secure: false,
        default_host: HostName::default(),
    };
    let matched = Matched {
        parts: &parts,
        length,
        client: &client,
        route: &route,
    };
    Some(Told {
        words: matched.words(template),
        variables: matched.variables(given),
    })
}

/// Whether `text` is a route; then, for each of `paths`, what comes behind it
/// where it matches.
pub fn route<'a>(text: &str, paths: &[&'a str]) -> Option<Vec<Option<&'a str>>> {
    let route = Route::parse(text).ok()?;
    Some(paths.iter().map(|path| route.rest(path)).collect())
}

/// Whether one route matches all that another does.
pub fn covers(one: &str, other: &str) -> Option<bool> {
    Some(Route::parse(one).ok()?.covers(&Route::parse(other).ok()?))
}

/// The routes and functions of a module's own table, in the order of trying.
///
/// # Errors
///
/// What is wrong with it.
pub fn table(parent: &str, printed: &[u8]) -> Result<Vec<(String, String)>, String> {
    let pairs = parse_table(&Route::parse(parent)?, printed)?;
    let pair = |one: super::routes::Dynamic| (one.route.to_string(), one.entrypoint);
    Ok(pairs.into_iter().map(pair).collect())
}

/// A module of `modules.toml`.
#[derive(Debug)]
pub struct Listed {
    /// Its route.
    pub route: String,
    /// Its variables.
    pub environment: Vec<(String, String)>,
    /// What it sees of the host.
    pub mounts: Vec<Mount>,
}

/// What a `modules.toml` lists, what is said about it, and whether it is used.
pub fn modules(text: &str) -> (Vec<Listed>, Vec<String>, bool) {
    let mut report = Report::new(Path::new("modules.toml"));
    let listed = modules::parse(text, &mut report)
        .into_iter()
        .map(|module| Listed {
            route: module.route.value.to_string(),
            environment: module.environment,
            mounts: module.volumes.into_iter().map(|one| one.value).collect(),
        })
        .collect();
    let lines = report.lines().into_iter().map(|(_, line)| line).collect();
    (listed, lines, !report.has_errors())
}

/// The variables of a file of them.
///
/// # Errors
///
/// The line of what is none, and why.
pub fn variables(text: &str) -> Result<Vec<(String, String)>, (usize, &'static str)> {
    env_file::parse(text)
}
