//! What a campaign finds: crashes and hangs, each kind once.

use super::{
    Folder, Target, Verdict,
    folder::{digest, id},
    runner::path,
    stack::{self, Stack},
    verdict::Crash,
};
use crate::Error;
use std::collections::HashSet;

/// Paths through the code that led to a crash and were looked at, of those that
/// are remembered; beyond, no more are looked at: a campaign that finds so many has
/// found them.
const MAX_PATHS: usize = 10_000;

/// Hangs that are kept: each took its whole time to find.
const MAX_HANGS: usize = 100;

/// What tells new ones from old ones, and keeps them.
pub(super) struct Found {
    folder: Folder,
    stack: Stack,
    /// How the command that replays one begins.
    replay: Replay,
    /// Kinds and paths of crashes that were looked at.
    seen: HashSet<u64>,
    /// Edges that some hang has taken.
    hung: Vec<bool>,
    pub(super) crashes: usize,
    pub(super) hangs: usize,
}

/// How a user sees it again.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    /// The words that begin the command, and those that end it; the file's name
    /// comes between.
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Found {
    pub(super) fn new(folder: Folder, target: Target, edges: usize, replay: Replay) -> Self {
        Self {
            stack: Stack::new(target),
            replay,
            seen: HashSet::new(),
            hung: vec![false; edges],
            crashes: folder.count("crashes"),
            hangs: folder.count("hangs"),
            folder,
        }
    }

    /// Keeps `input`, if how it ended is new. Gives the file's name then.
    pub(super) fn note(
        &mut self,
        input: &[u8],
        verdict: &Verdict,
        counts: &[u8],
    ) -> Result<Option<String>, Error> {
        match verdict {
            Verdict::Fine => Ok(None),
            Verdict::Crash(crash) => self.note_crash(input, verdict, crash, counts),
            Verdict::Hang(limit) => self.note_hang(input, limit, counts),
        }
    }

    fn note_crash(
        &mut self,
        input: &[u8],
        verdict: &Verdict,
        crash: &Crash,
        counts: &[u8],
    ) -> Result<Option<String>, Error> {
        // Told by where it is, no path to it is of interest.
        let path = match &crash.place {
            Some(place) => digest(&[&crash.kind, place]),
            None => digest(&[&crash.kind, &path(counts).to_string()]),
        };
        if self.seen.len() >= MAX_PATHS || !self.seen.insert(path) {
            return Ok(None);
        }
        let stack = self.stack.of(input, verdict)?;
        let key = match (&crash.place, stack.as_slice()) {
            (None, []) => path,
            (place, stack) => {
                let place = place.as_deref().unwrap_or_default();
                let mut parts = vec![crash.kind.as_str(), place];
                parts.extend(stack::distinct(stack).iter().map(String::as_str));
                digest(&parts)
            }
        };
        let name = id(key);
        let mut text = format!("what: {}\n", crash.kind);
        let place = crash.place.as_deref().or(stack.first().map(String::as_str));
        text += &format!("where: {}\n", place.unwrap_or("unknown"));
        text += &self.how("crashes", &name);
        text += &stack::text(&stack);
        text += &crash.text;
        let is_new = self.folder.keep("crashes", &name, input, Some(&text))?;
        self.crashes += usize::from(is_new);
        Ok(is_new.then(|| format!("crashes/{name}: {}", crash.kind)))
    }

    fn note_hang(
        &mut self,
        input: &[u8],
        limit: &str,
        counts: &[u8],
    ) -> Result<Option<String>, Error> {
        let mut is_new = self.hangs == 0;
        for (hung, count) in self.hung.iter_mut().zip(counts) {
            if *count != 0 && !*hung {
                *hung = true;
                is_new = true;
            }
        }
        if !is_new || self.hangs >= MAX_HANGS {
            return Ok(None);
        }
        let name = id(path(counts));
        let text = format!(
            "what: it did not end within its {limit}\n{}",
            self.how("hangs", &name)
        );
        let is_new = self.folder.keep("hangs", &name, input, Some(&text))?;
        self.hangs += usize::from(is_new);
        Ok(is_new.then(|| format!("hangs/{name}: {limit}")))
    }

    /// How it is seen again.
    fn how(&self, kind: &str, name: &str) -> String {
        let file = self.folder.path(kind, name);
        let Replay { before, after } = &self.replay;
        format!("replay: {before}{}{after}\n", file.display())
    }
}
