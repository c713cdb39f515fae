//! What the user sees of a campaign.

use super::FOUND;
use crate::{
    cli::report,
    fuzz::{Folder, Summary},
};
use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

/// Seconds between lines where there is no terminal.
const SELDOM: u64 = 10;

/// Shows how a campaign goes.
pub(super) struct Show {
    /// Whether it is another process of ours that reads this.
    is_worker: bool,
    is_terminal: bool,
    ticks: u64,
}

impl Show {
    pub(super) fn new(is_worker: bool) -> Self {
        Self {
            is_worker,
            is_terminal: std::io::stderr().is_terminal(),
            ticks: 0,
        }
    }

    /// Shows what there is after another second.
    pub(super) fn tick(&mut self, figures: &Summary, news: &mut Vec<String>) {
        if self.is_worker {
            if let Ok(line) = serde_json::to_string(&(figures, std::mem::take(news))) {
                // Without anybody who reads there is nobody to tell.
                let _ = writeln!(std::io::stdout(), "{line}");
            }
            return;
        }
        for found in news.drain(..) {
            self.wipe();
            report(&format!("found {found}"));
        }
        if self.is_terminal {
            let _ = write!(std::io::stderr(), "\r{figures}\x1b[K");
            let _ = std::io::stderr().flush();
        } else if self.ticks.is_multiple_of(SELDOM) {
            report(&figures.to_string());
        }
        self.ticks += 1;
    }

    fn wipe(&self) {
        if self.is_terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Says what came of it; the exit code.
pub(super) fn end(folder: &Folder, summary: &Summary) -> ExitCode {
    if std::io::stderr().is_terminal() {
        let _ = writeln!(std::io::stderr());
    }
    report(&format!(
        "ended: {summary}; {}",
        folder.path("", "").display()
    ));
    if summary.crashes + summary.hangs > 0 {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    }
}
