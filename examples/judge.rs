//! An online judge: runs a batch of untrusted programs in parallel, each on each
//! test under limits, and says how they did.
//!
//! ```sh
//! cargo run --release --example judge
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use dormouse::{
    Error, GuestStore, Image, Language, Limit, Limits, Outcome, Program, Sandbox, Status, Stdin,
};
use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The task: add all numbers of a line. Input, and what is to be printed.
const TESTS: [(&str, &str); 3] = [
    ("1 2 3\n", "6"),
    ("-5 5\n", "0"),
    ("1000000000000 1\n", "1000000000001"),
];

const LIMITS: fn() -> Limits = || Limits {
    deadline: Some(Duration::from_secs(3)),
    memory: 64 << 20,
    output: Some(4096),
    ..Limits::default()
};

struct Submission {
    name: &'static str,
    language: Language,
    source: &'static str,
}

const SUBMISSIONS: [Submission; 8] = [
    python("ada.py", "print(sum(map(int, input().split())))"),
    python(
        "bob.py",
        "print(sum(int(c) for c in input() if c.isdigit()))",
    ),
    python("cai.py", "while True: pass"),
    python("dan.py", "rows = [bytearray(1 << 20) for _ in range(1000)]"),
    python("eve.py", "open('/etc/passwd').read()"),
    javascript(
        "fay.js",
        "console.log(std.in.getline().split(' ').reduce((sum, n) => sum + BigInt(n), 0n).toString())",
    ),
    javascript("gil.js", "for (;;) console.log('I am sure it is', 42)"),
    javascript(
        "hal.js",
        "console.log(std.in.getline().split(' ').reduce((a, b) => (a | 0) + (b | 0)))",
    ),
];

const fn python(name: &'static str, source: &'static str) -> Submission {
    Submission {
        name,
        language: Language::Python,
        source,
    }
}

const fn javascript(name: &'static str, source: &'static str) -> Submission {
    Submission {
        name,
        language: Language::JavaScript,
        source,
    }
}

/// How a program did in a test, or in all of them: the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Accepted,
    WrongAnswer,
    RuntimeError,
    OutputLimit,
    MemoryLimit,
    TimeLimit,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Accepted => "accepted",
            Self::WrongAnswer => "wrong answer",
            Self::RuntimeError => "runtime error",
            Self::OutputLimit => "output limit",
            Self::MemoryLimit => "memory limit",
            Self::TimeLimit => "time limit",
        })
    }
}

fn verdict(outcome: &Outcome, expected: &str) -> Verdict {
    match &outcome.status {
        Status::Exit(0) if outcome.stdout.trim_ascii() == expected.as_bytes() => Verdict::Accepted,
        Status::Exit(0) => Verdict::WrongAnswer,
        Status::Limit(Limit::Deadline | Limit::Fuel) => Verdict::TimeLimit,
        Status::Limit(Limit::Output) => Verdict::OutputLimit,
        Status::Limit(_) => Verdict::MemoryLimit,
        // The guest was told that there is no more, and gave up.
        _ if outcome.memory_refused => Verdict::MemoryLimit,
        _ => Verdict::RuntimeError,
    }
}

/// Runs one submission, test by test, until one fails.
fn judge(image: &Image, submission: &Submission) -> Result<(Verdict, Duration), Error> {
    let mut longest = Duration::ZERO;
    for (input, expected) in TESTS {
        let outcome = Sandbox::new(image)
            .limits(LIMITS())
            .stdin(Stdin::Bytes(input.into()))
            .run(Program::script(submission.name, submission.source))?;
        longest = longest.max(outcome.duration);
        match verdict(&outcome, expected) {
            Verdict::Accepted => {}
            failed => return Ok((failed, longest)),
        }
    }
    Ok((Verdict::Accepted, longest))
}

fn main() -> Result<(), Error> {
    let store = GuestStore::open_default()?;
    let image = |language| {
        let image = store.image(language, &mut |_| {})?;
        image.prepare_for_deadlines(&mut |_| {})?;
        Ok::<_, Error>(image)
    };
    let (python, javascript) = (image(Language::Python)?, image(Language::JavaScript)?);

    let results = SUBMISSIONS.each_ref().map(|_| OnceLock::new());
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((index, submission)) = take(&next) {
            let image = match submission.language {
                Language::Python => &python,
                _ => &javascript,
            };
            let _ = results[index].set(judge(image, submission));
        }
    };
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    for (submission, result) in SUBMISSIONS.iter().zip(results) {
        match result.into_inner() {
            Some(Ok((verdict, time))) => {
                println!(
                    "{:<8} {verdict:<14} {:>6} ms",
                    submission.name,
                    time.as_millis()
                );
            }
            Some(Err(error)) => println!("{:<8} not judged: {error}", submission.name),
            None => println!("{:<8} not judged", submission.name),
        }
    }
    println!(
        "{} programs in {:.1?}",
        SUBMISSIONS.len(),
        started.elapsed()
    );
    Ok(())
}

/// What is to be judged next.
fn take(next: &AtomicUsize) -> Option<(usize, &'static Submission)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, SUBMISSIONS.get(index)?))
}
