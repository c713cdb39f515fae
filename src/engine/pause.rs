//! Why a host function does not return at once though the guest goes on.

use std::fmt;

/// What a host function ends with in place of a result when its guest is to
/// pause. The call is resumed with a result later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// The guest reads what its host has to say next, which is nothing yet.
    Idle,
    /// It is interrupted in what it does.
    Interrupt,
    /// The same; what it waited for is said to be there.
    EarlyEnd,
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "the guest waits for its host",
            Self::Interrupt | Self::EarlyEnd => "interrupted",
        })
    }
}

impl std::error::Error for Pause {}

impl wasmi::errors::HostError for Pause {}

impl Pause {
    /// The pause that `stop` stands for, if it does for one.
    pub(crate) fn of(stop: &super::Stop) -> Option<Self> {
        stop.downcast_ref().copied()
    }
}

/// `stop` on its way up through wasi-common.
pub(crate) fn carried(stop: &super::Stop) -> anyhow::Error {
    match Pause::of(stop) {
        Some(pause) => anyhow::Error::new(pause),
        None => anyhow::Error::msg(stop.to_string()),
    }
}

/// What came up through wasi-common.
pub(crate) fn arrived(error: &anyhow::Error) -> super::Stop {
    match error.downcast_ref::<Pause>() {
        Some(pause) => super::Stop::host(*pause),
        None => super::Stop::new(error.to_string()),
    }
}
