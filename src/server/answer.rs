//! How a run of a guest is told to a client.

use super::tap::{Record, Stream};
use crate::{Limit, Limits, Outcome, Status};
use serde::Serialize;

/// Exit code of a guest that a limit stopped, as the command has it.
const LIMIT: i32 = 124;

/// Exit code of a guest that trapped, as the command has it.
const TRAP: i32 = 134;

/// The answer to a request that ran something.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    /// What was printed, unless it was sent before.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    printed: Option<Printed>,
    exit_code: i32,
    /// Which limit stopped it, if one did.
    limit: Option<String>,
    /// Where it was counted.
    fuel_used: Option<u64>,
    duration_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Of a session: whether it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Printed {
    output: String,
    stdout: String,
    stderr: String,
}

impl Answer {
    /// How a run under `limits` ended that printed `record`.
    pub(crate) fn new(outcome: &Outcome, limits: &Limits, record: Option<&Record>) -> Self {
        let limit = match &outcome.status {
            Status::Limit(limit) => Some(limit.to_string()),
            _ => None,
        };
        Self {
            printed: record.map(|record| Printed {
                output: record.both(),
                stdout: record.one(Stream::Stdout),
                stderr: record.one(Stream::Stderr),
            }),
            exit_code: match &outcome.status {
                Status::Exit(code) => *code,
                Status::Limit(_) => LIMIT,
                Status::Trap(_) => TRAP,
            },
            limit,
            fuel_used: outcome.fuel_used,
            duration_ms: u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX),
            error: problem(outcome, limits),
            ended: None,
        }
    }

    /// The same for a piece of a session, which may have ended it.
    #[must_use]
    pub(crate) fn of_session(mut self, ended: bool) -> Self {
        self.ended = Some(ended);
        if let Some(error) = &mut self.error
            && ended
        {
            error.push_str("; the session is over");
        }
        self
    }

    /// The answer in place of one that there is none of, for whoever has been sent
    /// a part of it.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            printed: None,
            exit_code: 1,
            limit: None,
            fuel_used: None,
            duration_ms: 0,
            error: Some(message.into()),
            ended: None,
        }
    }
}

/// What went wrong in a run, if anything did.
fn problem(outcome: &Outcome, limits: &Limits) -> Option<String> {
    let refused = match outcome.memory_refused {
        true => format!("; it was refused memory beyond {} bytes", limits.memory),
        false => String::new(),
    };
    match &outcome.status {
        Status::Exit(0) => None,
        Status::Exit(code) => Some(match &outcome.error {
            Some(error) => format!("{error}{refused}"),
            None => format!("exited with {code}{refused}"),
        }),
        Status::Trap(trap) => Some(format!("trap: {trap}{refused}")),
        Status::Limit(limit) => Some(stopped(*limit, limits)),
    }
}

fn stopped(limit: Limit, limits: &Limits) -> String {
    let most = match limit {
        Limit::Deadline => format!("{:?}", limits.deadline.unwrap_or_default()),
        Limit::Memory => format!("{} bytes", limits.memory),
        Limit::Output => format!("{} bytes", limits.output.unwrap_or_default()),
        Limit::Fuel => limits.fuel.unwrap_or_default().to_string(),
    };
    format!("stopped: {limit} limit of {most} reached")
}
