//! What is fuzzed, as the words say.

use super::{args, exits};
use crate::{
    Error, Grants, Image, Limits, Mount, MountMode, Program,
    cli::run::{self, Kind, Start},
    fuzz::{Feed, INPUT, Replay, Setting, Target, program},
    wasi::Random,
};
use clap::ArgMatches;
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

/// Time that one execution may take.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Stands for the input's path among the arguments.
const PLACE: &str = "@@";

/// What the words name.
pub(super) fn target(matches: &ArgMatches) -> Result<Target, Error> {
    let path = path(matches);
    let setting = setting(matches)?;
    let words: Vec<&OsString> = matches.get_many("args").into_iter().flatten().collect();
    match run::kind_of(path).map_err(|_| {
        args::usage_error(format!(
            "{} can't be fuzzed: it is no .wasm, .wat, .py, .js or .mjs file",
            path.display()
        ))
    })? {
        Kind::Source(language) => {
            if !words.is_empty() || matches.contains_id("export") {
                return Err(args::usage_error(
                    "a function has its input as its argument; ARGS and --export are for Wasm",
                ));
            }
            let source = run::read(path)?;
            let function = matches.get_one::<String>("function");
            let function = function.map_or("fuzz", String::as_str);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Ok(Target {
                program: program(language, &name, &source, function)?,
                image: run::guest(language, Start::Plain)?,
                feed: Feed::Stdin,
                setting,
            })
        }
        Kind::Wasm => {
            if matches.contains_id("function") {
                return Err(args::usage_error(
                    "--function is for Python and JavaScript; a Wasm module has --export",
                ));
            }
            let image = Image::open(path)?;
            if image.snapshot().is_some() {
                return Err(args::usage_error(format!(
                    "{} is an image already; fuzz the program that it was made from",
                    path.display()
                )));
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let (words, has_place) = arguments(&words);
            let feed = match matches.get_one::<String>("export") {
                Some(export) => Feed::Export(export.clone()),
                None if has_place => Feed::File,
                None => Feed::Stdin,
            };
            Ok(Target {
                image,
                program: Program::start(name).args(words),
                feed,
                setting,
            })
        }
    }
}

/// The arguments with the input's path in its place; whether it has one.
fn arguments(words: &[&OsString]) -> (Vec<Vec<u8>>, bool) {
    let mut has_place = false;
    let words = words.iter().map(|word| {
        let word = word.to_string_lossy();
        has_place |= word.contains(PLACE);
        word.replace(PLACE, INPUT).into_bytes()
    });
    (words.collect(), has_place)
}

fn path(matches: &ArgMatches) -> &Path {
    let target = matches.get_one::<PathBuf>("target");
    target.map_or(Path::new(""), PathBuf::as_path)
}

fn setting(matches: &ArgMatches) -> Result<Setting, Error> {
    let mounts = matches.get_many::<Mount>("mount").into_iter().flatten();
    let mounts: Vec<Mount> = mounts.cloned().collect();
    if let Some(mount) = mounts.iter().find(|mount| mount.mode > MountMode::ReadOnly) {
        return Err(args::usage_error(format!(
            "--mount {}: a target that is fuzzed may only read; leave out the mode",
            mount.guest
        )));
    }
    let timeout = matches.get_one::<Option<Duration>>("timeout").copied();
    let fuel = matches.get_one::<u64>("fuel").copied();
    Ok(Setting {
        grants: Grants {
            mounts,
            env: matches
                .get_many("env")
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            // What a run draws on is the same each time.
            seed: Some(matches.get_one::<u64>("seed").copied().unwrap_or(0)),
            ..Grants::default()
        },
        timeout: match (timeout, fuel) {
            (Some(timeout), _) => timeout,
            (None, Some(_)) => None,
            (None, None) => Some(TIMEOUT),
        },
        fuel,
        memory: matches.get_one("memory").copied().unwrap_or(Limits::MEMORY),
        exits: exits(matches)?,
    })
}

/// A seed where none is given.
pub(super) fn any_seed() -> Result<u64, Error> {
    let mut seed = [0; 8];
    Random::new(None)?.fill(&mut seed);
    Ok(u64::from_le_bytes(seed))
}

/// How what is found is seen again: by `dormouse run`, if the program reads
/// stdin, and else by ourselves.
pub(super) fn replay_words(matches: &ArgMatches) -> Result<Replay, Error> {
    let path = path(matches);
    let words: Vec<&OsString> = matches.get_many("args").into_iter().flatten().collect();
    let (_, has_place) = arguments(&words);
    let is_wasm = matches!(run::kind_of(path), Ok(Kind::Wasm));
    let mut shared = Vec::new();
    for name in ["env", "mount", "memory", "timeout", "fuel", "seed"] {
        for value in matches.get_raw(name).into_iter().flatten() {
            shared.push(format!("--{name}={}", value.to_string_lossy()));
        }
    }
    if !matches.contains_id("seed") {
        shared.push("--seed=0".to_owned());
    }
    let mut after: Vec<String> = vec![path.display().to_string()];
    after.extend(words.iter().map(|word| word.to_string_lossy().into_owned()));
    if is_wasm && !has_place && !matches.contains_id("export") {
        return Ok(Replay {
            before: format!("dormouse run {} {} < ", line(&shared), line(&after)),
            after: String::new(),
        });
    }
    for name in ["export", "function", "crash-exit"] {
        for value in matches.get_raw(name).into_iter().flatten() {
            shared.push(format!("--{name}={}", value.to_string_lossy()));
        }
    }
    Ok(Replay {
        before: format!("dormouse fuzz {} --replay ", line(&shared)),
        after: format!(" {}", line(&after)),
    })
}

/// Words as a shell reads them.
fn line(words: &[String]) -> String {
    let is_plain = |word: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:@,+%".contains(c);
        !word.is_empty() && word.chars().all(plain)
    };
    let quoted = words.iter().map(|word| match is_plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}
