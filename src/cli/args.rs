//! Grants and limits: from flags to plain data.

use super::units;
use crate::{Error, ErrorKind, Grants, Kv, Limits, Mount, MountMode, Packages};
use clap::{Arg, ArgAction, ArgMatches};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The flags that grant something or bound it.
pub(super) fn arguments() -> Vec<Arg> {
    let mut all = granting();
    all.extend(bounding());
    all
}

fn granting() -> Vec<Arg> {
    vec![
        value("mount", "GUEST:HOST[:MODE]")
            .action(ArgAction::Append)
            .value_parser(mount)
            .help("Show the guest a host folder or file: ro (default), rw, or rwc (may create)"),
        value("env", "NAME=VALUE")
            .action(ArgAction::Append)
            .value_parser(env)
            .help("Set an environment variable"),
        flag("kv").help("Let the guest keep values by key, in memory"),
        value("kv-file", "FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .conflicts_with("kv")
            .help("Let the guest keep values by key, in a file that later runs find them in"),
        value("allow-host", "HOST[:PORT]")
            .action(ArgAction::Append)
            .help("Let the guest send HTTP requests to a host and its subdomains"),
        value("http-ca", "FILE")
            .action(ArgAction::Append)
            .value_parser(clap::value_parser!(PathBuf))
            .help("Trust the certificates in this PEM file for https, and no others"),
        value("packages", "DIR")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Show the guest a folder of packages at /packages, and have Python look there"),
        flag("allow-pkg-install").help("Let the guest install Python packages"),
        value("allow-pkg", "NAME[SPEC]")
            .action(ArgAction::Append)
            .help("Let the guest install this package, such as requests>=2.32, and no other"),
        value("seed", "N")
            .value_parser(clap::value_parser!(u64))
            .help("Make clocks and randomness the same for each run with this seed"),
    ]
}

fn bounding() -> Vec<Arg> {
    vec![
        value("timeout", "DURATION")
            .value_parser(units::duration)
            .help("Wall-clock time the guest may take; 0 for no limit [default: 30s]"),
        size("memory").help("Linear memory the guest may have [default: 256mb]"),
        size("max-output").help("Bytes the guest may print; 0 for no limit [default: 64mb]"),
        value("fuel", "N")
            .value_parser(clap::value_parser!(u64))
            .help("Stop after about N Wasm instructions, the same for each run (slower)"),
        size("http-max-body").help("Bytes of an HTTP body, sent or received [default: 1mb]"),
        size("http-max-url").help("Bytes of a URL [default: 8192]"),
        value("http-timeout", "DURATION")
            .value_parser(units::duration)
            .help("Time one HTTP request may take [default: 30s]"),
        size("fs-max-file").help("Bytes of a file that fs functions read [default: 10mb]"),
        size("fs-max-write").help("Bytes that fs functions write at a time [default: 10mb]"),
        size("fs-max-path").help("Bytes of a path given to fs functions [default: 4096]"),
    ]
}

/// An option that takes a value.
fn value(long: &'static str, value_name: &'static str) -> Arg {
    Arg::new(long).long(long).value_name(value_name)
}

/// An option that takes a number of bytes.
fn size(long: &'static str) -> Arg {
    value(long, "SIZE").value_parser(units::size)
}

/// An option that takes nothing.
fn flag(long: &'static str) -> Arg {
    Arg::new(long).long(long).action(ArgAction::SetTrue)
}

/// What the flags grant.
pub(super) fn grants(matches: &ArgMatches) -> Grants {
    let folder = matches.get_one::<PathBuf>("packages");
    let allowed: Vec<String> = all(matches, "allow-pkg");
    let mut grants = Grants {
        mounts: all(matches, "mount"),
        env: all(matches, "env"),
        seed: matches.get_one("seed").copied(),
        kv: match matches.get_one::<PathBuf>("kv-file") {
            Some(file) => Kv::File(file.clone()),
            None if matches.get_flag("kv") => Kv::Memory,
            None => Kv::None,
        },
        hosts: all(matches, "allow-host"),
        http_ca: all(matches, "http-ca"),
        packages: Packages {
            folder: folder.cloned(),
            install: matches.get_flag("allow-pkg-install") || !allowed.is_empty(),
            allowed,
        },
    };
    if let Some(folder) = folder {
        add_packages(&mut grants, folder);
    }
    grants
}

/// Every value of a flag that may be repeated.
fn all<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, id: &str) -> Vec<T> {
    let values = matches.get_many(id);
    values.into_iter().flatten().cloned().collect()
}

/// Where `--packages` lie for the guest.
const PACKAGES: &str = "/packages";

/// A mount, and the word that Python finds modules by: last, so that what the
/// user says comes first.
fn add_packages(grants: &mut Grants, folder: &Path) {
    grants.mounts.push(Mount {
        guest: PACKAGES.to_owned(),
        host: folder.to_owned(),
        mode: MountMode::ReadOnly,
    });
    let path = grants.env.iter().rfind(|(name, _)| name == "PYTHONPATH");
    let path = match path {
        Some((_, path)) if !path.is_empty() => format!("{path}:{PACKAGES}"),
        _ => PACKAGES.to_owned(),
    };
    grants.env.push(("PYTHONPATH".to_owned(), path));
}

/// The flags of `matches` that grant or bound something, as they were given.
///
/// # Errors
///
/// When one is not Unicode.
pub(super) fn words(matches: &ArgMatches) -> Result<Vec<String>, Error> {
    let mut words = Vec::new();
    for argument in arguments() {
        let (id, Some(long)) = (argument.get_id().as_str(), argument.get_long()) else {
            continue;
        };
        if matches!(argument.get_action(), ArgAction::SetTrue) {
            words.extend(matches.get_flag(id).then(|| format!("--{long}")));
            continue;
        }
        for value in matches.get_raw(id).into_iter().flatten() {
            let value = value
                .to_str()
                .ok_or_else(|| usage_error(format!("the value of --{long} is not Unicode")))?;
            words.push(format!("--{long}={value}"));
        }
    }
    Ok(words)
}

/// How the flags bound it.
pub(super) fn limits(matches: &ArgMatches) -> Limits {
    let default = Limits::default();
    let bytes = |id, default| matches.get_one::<u64>(id).copied().unwrap_or(default);
    let length = |id, default| usize::try_from(bytes(id, default as u64)).unwrap_or(usize::MAX);
    Limits {
        deadline: matches
            .get_one::<Option<Duration>>("timeout")
            .copied()
            .unwrap_or(default.deadline),
        memory: bytes("memory", default.memory),
        output: match matches.get_one::<u64>("max-output") {
            Some(0) => None,
            Some(bytes) => Some(*bytes),
            None => default.output,
        },
        fuel: matches.get_one("fuel").copied(),
        tmp: default.tmp,
        http_body: bytes("http-max-body", default.http_body),
        http_url: length("http-max-url", default.http_url),
        http_timeout: match matches.get_one::<Option<Duration>>("http-timeout") {
            Some(timeout) => timeout.unwrap_or(Duration::MAX),
            None => default.http_timeout,
        },
        http_concurrency: default.http_concurrency,
        fs_file: bytes("fs-max-file", default.fs_file),
        fs_write: bytes("fs-max-write", default.fs_write),
        fs_path: length("fs-max-path", default.fs_path),
    }
}

/// Reads `GUEST:HOST[:MODE]`. A host path may hold colons: only a last part
/// that is a mode is one.
pub(super) fn mount(text: &str) -> Result<Mount, String> {
    let (guest, rest) = text
        .split_once(':')
        .ok_or("expected GUEST:HOST or GUEST:HOST:MODE, such as /data:./data:ro")?;
    let (host, mode) = match rest.rsplit_once(':') {
        Some((host, "ro")) => (host, MountMode::ReadOnly),
        Some((host, "rw")) => (host, MountMode::ReadWrite),
        Some((host, "rwc")) => (host, MountMode::ReadWriteCreate),
        Some((host, mode)) if !PathBuf::from(rest).exists() && !mode.contains(['/', '\\']) => {
            let _ = host;
            return Err(format!(
                "invalid mount mode {mode:?}; there are ro, rw and rwc"
            ));
        }
        _ => (rest, MountMode::ReadOnly),
    };
    if !guest.starts_with('/') {
        return Err(format!("the guest path {guest:?} must begin with /"));
    }
    if host.is_empty() {
        return Err("the host path is empty".to_owned());
    }
    Ok(Mount {
        guest: guest.to_owned(),
        host: host.into(),
        mode,
    })
}

pub(super) fn env(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some(("", _)) | None => Err("expected NAME=VALUE".to_owned()),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
    }
}

/// A command line that contradicts itself.
pub(super) fn usage_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts() {
        let parsed = mount("/data:./x:rwc").expect("a mount");
        assert_eq!(parsed.guest, "/data");
        assert_eq!(parsed.host, PathBuf::from("./x"));
        assert_eq!(parsed.mode, MountMode::ReadWriteCreate);
        assert_eq!(mount("/:/tmp").expect("a mount").mode, MountMode::ReadOnly);
        for wrong in [
            "/data",
            "data:/tmp:ro",
            "/d::ro",
            "/d:/nowhere:rx",
            "/d:/nowhere:RO",
        ] {
            assert!(mount(wrong).is_err(), "{wrong}");
        }
    }
}
