//! Where the log goes, and how it looks.

use tracing_subscriber::fmt;

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// An object of JSON.
    Json,
}

/// Has this process log to stderr from now on. A second time does nothing.
pub(crate) fn to_stderr(format: Format) {
    let lines = fmt().with_writer(std::io::stderr).with_ansi(false);
    let lines = lines.with_target(false);
    // It fails where the embedder has a log of its own.
    let _ = match format {
        Format::Text => lines.try_init(),
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
}

/// The same, for what must not happen.
pub(crate) fn mistake(message: &str) {
    tracing::error!("{message}");
}

/// One line of the log.
pub(crate) fn line(message: &str) {
    tracing::info!("{message}");
}
