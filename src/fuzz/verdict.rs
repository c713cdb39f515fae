//! How a run ended, as a fuzzer sees it.

use super::Setting;
use crate::{Limit, Status};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fine,
    Crash(Crash),
    /// A limit of time stopped it.
    Hang(&'static str),
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crash {
    /// What kind of thing: a trap, an exception's type, an exit code.
    pub(crate) kind: String,
    /// Where, as far as the guest itself could tell.
    pub(crate) place: Option<String>,
    /// All that it said.
    pub(crate) text: String,
}

impl Crash {
    fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            place: None,
            text: String::new(),
        }
    }
}

/// What `status` means.
pub(super) fn of(status: &Status, setting: &Setting) -> Verdict {
    match status {
        Status::Exit(code) if setting.exits.has(*code) => {
            Verdict::Crash(Crash::new(format!("exit code {code}")))
        }
        Status::Exit(_) => Verdict::Fine,
        Status::Trap(trap) => Verdict::Crash(Crash::new(format!("trap: {}", trap.message))),
        Status::Limit(Limit::Deadline) => Verdict::Hang("deadline"),
        Status::Limit(Limit::Fuel) => Verdict::Hang("fuel"),
        Status::Limit(Limit::Memory) => Verdict::Crash(Crash::new("memory limit")),
        // There is none here.
        Status::Limit(Limit::Output) => Verdict::Fine,
    }
}
