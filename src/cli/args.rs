//! Grants and limits: from flags to plain data.

use super::units;
use crate::{Error, ErrorKind, Grants, Limits, Mount, MountMode};
use clap::{Arg, ArgAction, ArgMatches};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The flags that grant something or bound it.
pub(super) fn arguments() -> Vec<Arg> {
    vec![
        Arg::new("mount")
            .long("mount")
            .value_name("GUEST:HOST[:MODE]")
            .action(ArgAction::Append)
            .value_parser(mount)
            .help("Show the guest a host folder or file: ro (default), rw, or rwc (may create)"),
        Arg::new("packages")
            .long("packages")
            .value_name("DIR")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Show the guest a folder of packages at /packages, and have Python look there"),
        Arg::new("env")
            .long("env")
            .value_name("NAME=VALUE")
            .action(ArgAction::Append)
            .value_parser(env)
            .help("Set an environment variable"),
        Arg::new("seed")
            .long("seed")
            .value_name("N")
            .value_parser(clap::value_parser!(u64))
            .help("Make clocks and randomness the same for each run with this seed"),
        Arg::new("timeout")
            .long("timeout")
            .value_name("DURATION")
            .value_parser(units::duration)
            .help("Wall-clock time the guest may take; 0 for no limit [default: 30s]"),
        Arg::new("memory")
            .long("memory")
            .value_name("SIZE")
            .value_parser(units::size)
            .help("Linear memory the guest may have [default: 256mb]"),
        Arg::new("max-output")
            .long("max-output")
            .value_name("SIZE")
            .value_parser(units::size)
            .help("Bytes the guest may print; 0 for no limit [default: 64mb]"),
        Arg::new("fuel")
            .long("fuel")
            .value_name("N")
            .value_parser(clap::value_parser!(u64))
            .help("Stop after about N Wasm instructions, the same for each run (slower)"),
    ]
}

/// What the flags grant.
pub(super) fn grants(matches: &ArgMatches) -> Grants {
    let mut grants = Grants {
        mounts: all(matches, "mount"),
        env: all(matches, "env"),
        seed: matches.get_one("seed").copied(),
    };
    if let Some(folder) = matches.get_one::<PathBuf>("packages") {
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
    Limits {
        deadline: matches
            .get_one::<Option<Duration>>("timeout")
            .copied()
            .unwrap_or(default.deadline),
        memory: matches.get_one("memory").copied().unwrap_or(default.memory),
        output: match matches.get_one::<u64>("max-output") {
            Some(0) => None,
            Some(bytes) => Some(*bytes),
            None => default.output,
        },
        fuel: matches.get_one("fuel").copied(),
        tmp: default.tmp,
    }
}

/// Reads `GUEST:HOST[:MODE]`. A host path may hold colons: only a last part
/// that is a mode is one.
fn mount(text: &str) -> Result<Mount, String> {
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

fn env(text: &str) -> Result<(String, String), String> {
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
