//! Progress on stderr, where there is a terminal to show it on.

use crate::{Error, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Runs `work` with a spinner that is silent when stderr is no terminal, and
/// invisible until there is something to say.
pub(crate) fn with_progress<T>(
    work: impl FnOnce(&mut dyn FnMut(Progress<'_>)) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut bar = None;
    let done = work(&mut |progress| {
        let bar = bar.get_or_insert_with(spinner);
        bar.set_message(match progress {
            Progress::Waiting => "waiting for another dormouse that does the same".to_owned(),
            Progress::Fetching { package, version } => {
                format!("fetching {package} {version} (once)")
            }
            Progress::Capturing { language } => {
                format!("preparing {language} for later runs (once)")
            }
            Progress::Verifying => "verifying and unpacking".to_owned(),
            Progress::Done => "done".to_owned(),
        });
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    done
}

fn spinner() -> ProgressBar {
    // Draws nothing unless stderr is a terminal.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("dormouse: {msg} {elapsed} {spinner}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}
