//! What bounds a run.

use std::time::Duration;

/// Bounds of one run. The default is the one the command line documents.
///
/// ```
/// use dormouse::{Image, Limit, Limits, Program, Sandbox, Status};
/// use std::time::Duration;
/// let limits = Limits {
///     deadline: Some(Duration::from_secs(1)),
///     memory: 1 << 20,
///     fuel: Some(1_000_000),
///     ..Limits::default()
/// };
/// let image = Image::wasm("loop.wat", b"(module (func (export \"_start\") (loop (br 0))))")?;
/// let outcome = Sandbox::new(&image).limits(limits).run(Program::start("loop"))?;
/// assert_eq!(outcome.status, Status::Limit(Limit::Fuel));
/// # Ok::<(), dormouse::Error>(())
/// ```
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
    /// Bytes of an HTTP body, in a request or an answer.
    pub http_body: u64,
    /// Bytes of a URL.
    pub http_url: usize,
    /// Time that one HTTP request may take, redirects and all.
    pub http_timeout: Duration,
    /// HTTP requests that a guest may have under way at a time; `None` for as
    /// many as calls of its are served at a time.
    pub http_concurrency: Option<usize>,
    /// Bytes of a file that `fs` functions read.
    pub fs_file: u64,
    /// Bytes that `fs` functions write at a time.
    pub fs_write: u64,
    /// Bytes of a path given to `fs` functions.
    pub fs_path: usize,
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
    /// 1 MiB.
    pub const HTTP_BODY: u64 = 1 << 20;
    /// 8,192 bytes: what most servers take.
    pub const HTTP_URL: usize = 8192;
    /// 30 seconds.
    pub const HTTP_TIMEOUT: Duration = Duration::from_secs(30);
    /// 10 MiB, read or written.
    pub const FS_FILE: u64 = 10 << 20;
    /// 4,096 bytes, as on Linux.
    pub const FS_PATH: usize = 4096;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Some(Self::DEADLINE),
            memory: Self::MEMORY,
            output: Some(Self::OUTPUT),
            fuel: None,
            tmp: Self::TMP,
            http_body: Self::HTTP_BODY,
            http_url: Self::HTTP_URL,
            http_timeout: Self::HTTP_TIMEOUT,
            http_concurrency: None,
            fs_file: Self::FS_FILE,
            fs_write: Self::FS_FILE,
            fs_path: Self::FS_PATH,
        }
    }
}
