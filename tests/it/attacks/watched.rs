//! Running an attack, with an eye on what its process holds.

use super::{MEMORY, OVERHEAD};
use crate::support::{Dir, command, dormouse};
use std::{
    fs,
    io::Read,
    process::{Child, Command, ExitStatus, Stdio},
    sync::LazyLock,
    thread::{self, JoinHandle},
    time::Duration,
};

/// Bytes of each stream that are kept, of its beginning and of its end; a guest may
/// print more.
const KEPT: usize = 64 << 10;

/// How often the process is looked at.
const STEP: Duration = Duration::from_millis(2);

/// What an attack is written in.
pub(crate) enum Written {
    Python,
    JavaScript,
    Wat,
}

/// How an attack has to end.
pub(crate) enum Ends {
    /// In this exit code, with this on stderr.
    Exits(i32, &'static str),
    /// In 0, with this on stdout.
    Prints(&'static str),
    /// By the limit of this name.
    Limit(&'static str),
    /// In any of these ways: which comes first is left open.
    Any(&'static [Ends]),
}

/// What became of a process.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) status: ExitStatus,
    /// The beginning and the end of what it printed, and how much all of it was.
    pub(crate) stdout: String,
    pub(crate) printed: u64,
    pub(crate) stderr: String,
    /// Bytes that it held at the most.
    pub(crate) peak: u64,
}

impl Watched {
    /// Watches `child` to its end.
    pub(crate) fn child(mut child: Child) -> Self {
        let stdout = child.stdout.take().map(drain);
        let stderr = child.stderr.take().map(drain);
        let mut peak = 0;
        let status = loop {
            peak = held(child.id()).unwrap_or(0).max(peak);
            if let Some(status) = child.try_wait().expect("it can be waited for") {
                break status;
            }
            thread::sleep(STEP);
        };
        let (stdout, printed) = drained(stdout);
        Self {
            status,
            stdout,
            printed,
            stderr: drained(stderr).0,
            peak,
        }
    }

    /// Runs `command` to its end, with an empty stdin if none was given.
    pub(crate) fn run(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::child(command.spawn().expect("it starts"))
    }

    /// It held no more than a limit of `memory` bytes allows, and did not crash.
    #[track_caller]
    pub(crate) fn stays_within(&self, memory: u64) -> &Self {
        let bound = memory + OVERHEAD;
        let (peak, bound) = (self.peak >> 20, bound >> 20);
        assert!(peak <= bound, "{peak} MiB are more than {bound}\n{self:?}");
        assert!(self.status.code().is_some(), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self
    }

    /// Why it did not end so.
    fn against(&self, ends: &Ends) -> Option<String> {
        let (code, said) = match ends {
            Ends::Exits(code, says) => (*code, self.stderr.contains(says)),
            Ends::Prints(text) => (0, self.stdout.contains(text)),
            Ends::Limit(name) => {
                let says = format!("dormouse: stopped: {name} limit");
                (124, self.stderr.contains(&says))
            }
            Ends::Any(all) => {
                let against: Option<Vec<_>> = all.iter().map(|ends| self.against(ends)).collect();
                return against.map(|all| all.join("; "));
            }
        };
        let fits = self.status.code() == Some(code) && said;
        (!fits).then(|| format!("it did not end with {code}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn ended(&self, ends: &Ends) -> &Self {
        if let Some(why) = self.against(ends) {
            panic!("{why}");
        }
        self
    }
}

/// The most that process `id` held so far; `None` once it is gone.
pub(crate) fn held(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

type Drained = JoinHandle<(Vec<u8>, u64)>;

fn drain(mut stream: impl Read + Send + 'static) -> Drained {
    thread::spawn(move || {
        let (mut kept, mut end, mut count) = (Vec::new(), Vec::new(), 0);
        let mut part = vec![0; 64 << 10];
        while let Ok(read @ 1..) = stream.read(&mut part) {
            count += read as u64;
            let room = KEPT.saturating_sub(kept.len()).min(read);
            kept.extend_from_slice(&part[..room]);
            end.extend_from_slice(&part[room..read]);
            end.drain(..end.len().saturating_sub(KEPT));
        }
        kept.append(&mut end);
        (kept, count)
    })
}

fn drained(stream: Option<Drained>) -> (String, u64) {
    let (kept, count) = stream.map_or_else(Default::default, |stream| {
        stream.join().expect("it does not panic")
    });
    (String::from_utf8_lossy(&kept).into_owned(), count)
}

/// Both languages' images, made before anything is measured.
static READY: LazyLock<()> = LazyLock::new(|| {
    for (language, code) in [("python", "print(1)"), ("js", "print(1)")] {
        dormouse(["run", "-l", language, "-c", code]).prints("1\n");
    }
});

/// Makes the languages' images, which would be measured otherwise.
pub(crate) fn ready() {
    LazyLock::force(&READY);
}

/// The command that runs `code` under `options`, and the usual limits where those
/// don't say; and the guest's memory limit.
pub(crate) fn attacker(dir: &Dir, how: &Written, options: &[&str], code: &str) -> (Command, u64) {
    let name = match how {
        Written::Python => "attack.py",
        Written::JavaScript => "attack.js",
        Written::Wat => "attack.wat",
    };
    if !matches!(how, Written::Wat) {
        ready();
    }
    let given = |option| {
        let at = options.iter().position(|word| *word == option)?;
        options.get(at + 1).copied()
    };
    let mut command = command();
    command.arg("run").args(options).stdin(Stdio::null());
    if given("--timeout").is_none() {
        command.args(["--timeout", "60s"]);
    }
    let memory = given("--memory").map_or(MEMORY, |memory| {
        let megabytes = memory.strip_suffix("mb").expect("megabytes");
        megabytes.parse::<u64>().expect("a number") << 20
    });
    let bytes = memory.to_string();
    if given("--memory").is_none() {
        command.args(["--memory", &bytes]);
    }
    command.arg(dir.write(name, code));
    (command, memory)
}

/// Runs `code`, which has to end in this way.
#[track_caller]
pub(crate) fn attack(how: &Written, options: &[&str], code: &str, ends: &Ends) -> Watched {
    let dir = Dir::new();
    let (mut command, memory) = attacker(&dir, how, options, code);
    let watched = Watched::run(&mut command);
    watched.stays_within(memory).ended(ends);
    watched
}

/// What a guest takes is seen.
#[test]
fn memory_is_measured() {
    let wat = r#"(module (memory (export "memory") 800) (func (export "_start")
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 52428800))))"#;
    let seen = attack(&Written::Wat, &[], wat, &Ends::Prints("")).peak;
    assert!(seen > 50 << 20, "{seen}");
}
