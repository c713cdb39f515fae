//! What bounds a run.

use std::time::Duration;

/// Bounds of one run. The default is the one the command line documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time the guest may take; `None` for no deadline.
    pub deadline: Option<Duration>,
    /// Bytes that the guest's linear memories may hold, all together.
    pub memory: u64,
    /// Bytes that the guest may write to stdout and stderr together; `None`
    /// for as many as it likes.
    pub output: Option<u64>,
    /// Units of wasmi fuel the guest may burn; `None` to not meter at all,
    /// which is faster.
    pub fuel: Option<u64>,
    /// Bytes that the guest's private `/tmp` may hold.
    pub tmp: u64,
}

impl Limits {
    /// 30 seconds.
    pub const DEADLINE: Duration = Duration::from_secs(30);
    /// 256 MiB.
    pub const MEMORY: u64 = 256 << 20;
    /// 64 MiB: far above what a person reads, and bounded where a caller
    /// keeps it in memory.
    pub const OUTPUT: u64 = 64 << 20;
    /// 64 MiB: `/tmp` lives in the host's memory.
    pub const TMP: u64 = 64 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Some(Self::DEADLINE),
            memory: Self::MEMORY,
            output: Some(Self::OUTPUT),
            fuel: None,
            tmp: Self::TMP,
        }
    }
}
