//! The host's installer, as a child process: never through a shell, and bounded
//! in time and output.

use super::{Trouble, leaving::Running, requirement::Requirement};
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// Ways to call it, the likeliest first.
const CALLS: [&[&str]; 5] = [
    &["python3", "-m", "pip"],
    &["pip3"],
    &["pip"],
    &["python", "-m", "pip"],
    &["uv", "tool", "run", "pip"],
];

/// The Python that packages are for, which is that of the guest, and what they
/// may be made of: nothing that belongs to a platform.
const TARGET: [&str; 9] = [
    "--only-binary=:all:",
    "--python-version",
    "3.12",
    "--implementation",
    "py",
    "--abi",
    "none",
    "--platform",
    "any",
];

/// Settings of the user's that would have packages go elsewhere.
const UNWANTED: [&str; 6] = [
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_REQUIREMENT",
    "PIP_EDITABLE",
];

/// Bytes of output that are kept; a failed resolution has some ten thousand.
const MAX_OUTPUT: usize = 256 << 10;

/// How often it is looked whether it has ended.
const POLL: Duration = Duration::from_millis(10);

/// How long its output is waited for after its end: something that it left
/// running may hold that open.
const AFTERWARDS: Duration = Duration::from_secs(1);

/// Hears each line of output, when it comes.
pub(crate) type Says = Arc<dyn Fn(&str) + Send + Sync>;

/// The installer that was found.
pub(super) struct Pip<'a> {
    call: &'static [&'static str],
    /// An empty folder, in which no word is a file's name.
    folder: &'a Path,
    until: Option<Instant>,
}

/// A call of it that has ended.
pub(super) struct Ended {
    pub(super) success: bool,
    pub(super) output: String,
}

impl<'a> Pip<'a> {
    /// Finds one on the `PATH`.
    pub(super) fn find(folder: &'a Path, until: Option<Instant>) -> Result<Self, Trouble> {
        for call in CALLS {
            let pip = Self {
                call,
                folder,
                until,
            };
            match pip.run(["--version"], &silent()) {
                Ok(ended) if ended.success => return Ok(pip),
                Err(trouble @ Trouble::TimedOut) => return Err(trouble),
                _ => {}
            }
        }
        Err(Trouble::NoInstaller)
    }

    /// Installs `requirements` and what they need into `target`.
    pub(super) fn install(
        &self,
        requirements: &[Requirement],
        target: &Path,
        says: &Says,
    ) -> Result<Ended, Trouble> {
        let mut words = vec![OsStr::new("install"), OsStr::new("--no-compile")];
        words.extend([OsStr::new("--target"), target.as_os_str()]);
        self.resolve(words, requirements, says)
    }

    /// The versions of `requirements` that would be installed.
    pub(super) fn would_install(&self, requirements: &[Requirement]) -> Option<Vec<String>> {
        let report = self.folder.with_extension("report");
        let mut words = vec![OsStr::new("install"), OsStr::new("--dry-run")];
        words.extend([OsStr::new("--report"), report.as_os_str()]);
        let unused = self.folder.join("unused");
        words.extend([OsStr::new("--target"), unused.as_os_str()]);
        let ended = self.resolve(words, requirements, &silent()).ok()?;
        if !ended.success {
            return None;
        }
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(report).ok()?).ok()?;
        let installs = report["install"].as_array()?.iter();
        let versions = installs.filter_map(|install| {
            let metadata = &install["metadata"];
            let name: Requirement = metadata["name"].as_str()?.parse().ok()?;
            let is_asked_for = requirements.iter().any(|asked| asked.name == name.name);
            is_asked_for
                .then(|| Some(format!("{} {}", name.name, metadata["version"].as_str()?)))?
        });
        Some(versions.collect())
    }

    /// Whether there is a package `name`, of whatever kind.
    pub(super) fn knows(&self, name: &str) -> bool {
        let ended = self.run(["index", "versions", name], &silent());
        ended.is_ok_and(|ended| ended.success)
    }

    fn resolve(
        &self,
        words: Vec<&OsStr>,
        requirements: &[Requirement],
        says: &Says,
    ) -> Result<Ended, Trouble> {
        let names: Vec<String> = requirements.iter().map(ToString::to_string).collect();
        let mut words: Vec<&OsStr> = words;
        words.extend(["--progress-bar=off", "--no-warn-conflicts"].map(OsStr::new));
        words.extend(TARGET.map(OsStr::new));
        words.push(OsStr::new("--"));
        words.extend(names.iter().map(OsStr::new));
        self.run(words, says)
    }

    fn run<W: AsRef<OsStr>>(
        &self,
        words: impl IntoIterator<Item = W>,
        says: &Says,
    ) -> Result<Ended, Trouble> {
        let mut command = Command::new(self.call[0]);
        command
            .args(&self.call[1..])
            .args(words)
            .current_dir(self.folder)
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_NO_INPUT", "1")
            .env("PIP_ROOT_USER_ACTION", "ignore")
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for name in UNWANTED {
            command.env_remove(name);
        }
        let mut child = command.spawn().map_err(Trouble::Io)?;
        let kept = Arc::new(Mutex::new(String::new()));
        let (done, is_done) = mpsc::channel();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let child = Running::new(child);
        listen(stdout, &kept, says, &done);
        listen(stderr, &kept, says, &done);
        drop(done);
        let success = loop {
            if let Some(status) = child.child().try_wait().map_err(Trouble::Io)? {
                break status.success();
            }
            if self.until.is_some_and(|until| Instant::now() >= until) {
                return Err(Trouble::TimedOut);
            }
            thread::sleep(POLL);
        };
        // Until both have hung up, or for as long as that may take.
        let patience = Instant::now() + AFTERWARDS;
        while let Ok(()) = is_done.recv_timeout(patience.saturating_duration_since(Instant::now()))
        {
        }
        let output = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(Ended { success, output })
    }
}

fn silent() -> Says {
    Arc::new(|_| ())
}

/// Keeps the lines of `stream`, and tells them, on a thread.
fn listen(
    stream: Option<impl Read + Send + 'static>,
    kept: &Arc<Mutex<String>>,
    says: &Says,
    done: &mpsc::Sender<()>,
) {
    let Some(stream) = stream else { return };
    let (kept, says, done) = (Arc::clone(kept), Arc::clone(says), done.clone());
    let listen = move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut part = reader.by_ref().take(MAX_OUTPUT as u64);
            match part.read_until(b'\n', &mut line) {
                Ok(read) if read > 0 => {}
                _ => break,
            }
            let line = String::from_utf8_lossy(&line);
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() + line.len() <= MAX_OUTPUT {
                kept.push_str(&line);
            }
            drop(kept);
            says(line.trim_end());
        }
        let _ = done.send(());
    };
    // Without a thread the stream is closed, and the installer fails.
    let _ = thread::Builder::new().spawn(listen);
}
