//! Figures of a campaign.

use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// What a campaign has come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) executions: u64,
    pub(crate) seconds: f64,
    /// Inputs that took new edges, and are the next ones' beginnings.
    pub(crate) queue: usize,
    /// Edges that were taken, and those that there are.
    pub(crate) edges_taken: usize,
    pub(crate) edges: usize,
    pub(crate) crashes: usize,
    pub(crate) hangs: usize,
}

impl Summary {
    pub(crate) fn executions_per_second(&self) -> f64 {
        if self.seconds > 0.0 {
            self.executions as f64 / self.seconds
        } else {
            0.0
        }
    }

    /// What several processes have come to that share a folder.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            executions: self.executions + other.executions,
            seconds: self.seconds.max(other.seconds),
            queue: self.queue.max(other.queue),
            edges_taken: self.edges_taken.max(other.edges_taken),
            edges: self.edges.max(other.edges),
            crashes: self.crashes.max(other.crashes),
            hangs: self.hangs.max(other.hangs),
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.0} s, {} executions ({:.0}/s), queue {}, edges {}/{}, crashes {}, hangs {}",
            self.seconds,
            self.executions,
            self.executions_per_second(),
            self.queue,
            self.edges_taken,
            self.edges,
            self.crashes,
            self.hangs,
        )
    }
}

/// Says when something is due, once a second.
pub(super) struct Pace {
    next: Instant,
}

impl Pace {
    const STEP: Duration = Duration::from_secs(1);

    pub(super) fn new() -> Self {
        Self {
            next: Instant::now() + Self::STEP,
        }
    }

    pub(super) fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = now >= self.next;
        if is_due {
            self.next = now + Self::STEP;
        }
        is_due
    }
}
