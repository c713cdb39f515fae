//! The cache, and what it has for each language.

use super::{Finding, size};
use crate::{
    Error, GuestState, GuestStore, GuestSummary, Language,
    image::{
        ready::{Kind, kept},
        trust::sha256,
    },
};
use std::{fs, path::Path};

pub(super) fn findings(has_npm: bool) -> Vec<Finding> {
    let store = match GuestStore::open_default() {
        Ok(store) => store,
        Err(error) => {
            return vec![Finding::problem(
                "cache",
                error.to_string(),
                "Wasm modules run without it, languages don't",
            )];
        }
    };
    let cache = Cache::of(&store);
    let mut findings = vec![cache.finding];
    let Some(can_write) = cache.can_write else {
        return findings;
    };
    match store.list() {
        Ok(all) => {
            for guest in &all {
                findings.push(guest_of(&store, guest, has_npm && can_write));
                findings.push(images_of(&store, guest.language, can_write));
            }
        }
        Err(error) => findings.push(Finding::problem(
            "guests",
            error.to_string(),
            "see `dormouse guest list`",
        )),
    }
    findings
}

/// The folder.
struct Cache {
    finding: Finding,
    /// None where it is not used at all.
    can_write: Option<bool>,
}

impl Cache {
    fn of(store: &GuestStore) -> Self {
        let (name, folder) = ("cache", store.folder());
        let path = folder.display();
        if !folder.exists() {
            return match nearest(folder).is_some_and(can_write) {
                true => Self {
                    finding: Finding::ok(name, format!("{path}, which is made when it is needed")),
                    can_write: Some(true),
                },
                false => Self {
                    finding: Finding::problem(
                        name,
                        format!("{path} does not exist, and can't be made"),
                        "name a folder that you may write to in DORMOUSE_CACHE",
                    ),
                    can_write: None,
                },
            };
        }
        if let Err(error) = store.check_private() {
            return Self {
                finding: Finding::problem(
                    name,
                    error.to_string(),
                    "nothing is taken from a folder that others can put something into",
                ),
                can_write: None,
            };
        }
        if can_write(folder) {
            return Self {
                finding: Finding::ok(name, path.to_string()),
                can_write: Some(true),
            };
        }
        Self {
            finding: Finding::note(
                name,
                format!("{path} can't be written to"),
                "what is in it is used; what is not can't be fetched, nor images be kept",
            ),
            can_write: Some(false),
        }
    }
}

/// The first folder above `path` that exists.
fn nearest(path: &Path) -> Option<&Path> {
    path.ancestors()
        .map(|above| match above.as_os_str().is_empty() {
            true => Path::new("."),
            false => above,
        })
        .find(|above| above.exists())
}

/// Whether files can be made in `folder`, by making one, for a moment: rights alone
/// don't tell.
fn can_write(folder: &Path) -> bool {
    let file = folder.join(format!("doctor-{}", std::process::id()));
    let made = fs::File::create_new(&file).is_ok();
    made && fs::remove_file(&file).is_ok()
}

/// The interpreter itself.
fn guest_of(store: &GuestStore, guest: &GuestSummary, can_fetch: bool) -> Finding {
    let name = guest.language.to_string();
    let what = match guest.version.is_empty() || guest.name.ends_with(&guest.version) {
        true => guest.name.clone(),
        false => format!("{} {}", guest.name, guest.version),
    };
    let again = match guest.state {
        GuestState::Added(_) => format!(
            "add it again with `dormouse guest add {name} FILE`, or go back to the pinned one with \
             `dormouse guest remove {name}`"
        ),
        _ => format!("`dormouse guest fetch {name}` brings it anew"),
    };
    match fs::read(&guest.path) {
        Ok(wasm) => match store.identity(guest.language) {
            Ok((_, digest)) if sha256(&wasm) == digest => {
                let bytes = size(wasm.len() as u64);
                Finding::ok(&name, format!("{what}, {bytes}, as its digest says"))
            }
            Ok(_) => {
                let path = guest.path.display();
                Finding::problem(&name, format!("{what}: {path} is damaged"), again)
            }
            Err(error) => Finding::problem(&name, error.to_string(), again),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let says = format!("{what} is not in the cache");
            match (&guest.state, can_fetch) {
                (GuestState::Added(_), _) => Finding::problem(&name, says, again),
                (_, true) => Finding::note(
                    &name,
                    says,
                    format!("the first run fetches it; `dormouse guest fetch {name}` does so now"),
                ),
                (_, false) => Finding::problem(
                    &name,
                    format!("{says}, and can't be fetched"),
                    format!(
                        "it takes npm and a cache that can be written to; or `dormouse guest add {name} FILE`"
                    ),
                ),
            }
        }
        Err(error) => {
            let path = guest.path.display();
            Finding::problem(&name, format!("{what}: {path}: {error}"), again)
        }
    }
}

/// What it is woken from.
fn images_of(store: &GuestStore, language: Language, can_write: bool) -> Finding {
    let name = format!("{language} image");
    let kinds = [("", false), ("with deadlines", true)];
    let all: Result<Vec<_>, Error> = kinds
        .into_iter()
        .map(|(what, bounded)| {
            let kind = Kind {
                bounded,
                ..Kind::default()
            };
            Ok((what, kept(store, language, kind)?))
        })
        .collect();
    let all = match all {
        Ok(all) => all,
        Err(error) => {
            return Finding::note(
                &name,
                error.to_string(),
                "until then it is started from its beginning, which takes longer",
            );
        }
    };
    let there = all.iter().filter_map(|(what, bytes)| {
        let bytes = size(u64::try_from((*bytes)?).unwrap_or(u64::MAX));
        Some(match what.is_empty() {
            true => bytes,
            false => format!("{bytes} {what}"),
        })
    });
    let there: Vec<String> = there.collect();
    match (all.first(), can_write) {
        (Some((_, Some(_))), _) => Finding::ok(
            &name,
            format!(
                "made by this installation and unchanged, {}",
                there.join(", ")
            ),
        ),
        (_, true) => Finding::note(
            &name,
            "not made yet by this executable",
            "the first run makes it, which takes seconds, once",
        ),
        (_, false) => Finding::note(
            &name,
            "not there, and can't be kept",
            "it is started from its beginning, which takes longer",
        ),
    }
}
