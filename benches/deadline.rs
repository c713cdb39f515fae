//! What a deadline costs programs that compute: those of `benches/steady`, in
//! sandboxes without a deadline, with one, and with metered fuel, by turns. What
//! counts is the processor time of each program at its best, in any of some processes:
//! where code and memory come to lie is another matter in each, and makes a
//! difference of several percent.
//!
//! ```sh
//! cargo bench --bench deadline [-- TURNS [PROCESSES]]
//! ```
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it reports what it measures"
)]

use dormouse::{GuestStore, Image, Language, Limits, Output, Program, Sandbox, Status, Stdin};
use rustix::time::{ClockId, clock_gettime};
use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

/// As many as there are programs, and some to spare.
const PROGRAMS: usize = 20;

/// How often each program is timed in a run, which is for some milliseconds.
const SAMPLES: usize = 8;

/// Its rounds each time, in Python and in JavaScript.
const ROUNDS: [&str; 2] = ["3", "8"];

/// The lines that a script printed, and the processor time used by then.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(String, Duration)>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        let now = Duration::new(
            now.tv_sec.cast_unsigned(),
            now.tv_nsec.cast_unsigned() as u32,
        );
        let text = String::from_utf8_lossy(bytes);
        let mut lines = self.0.lock().expect("nobody panics with it");
        lines.extend(text.split_whitespace().map(|line| (line.to_owned(), now)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Each program's name and milliseconds at its best.
fn measure(image: &Image, script: &str, source: &str, limits: Limits) -> Vec<(String, f64)> {
    let lines = Lines::default();
    let words = format!("{}next\n", "go\n".repeat(SAMPLES)).repeat(PROGRAMS);
    let rounds = ROUNDS[usize::from(script.ends_with(".mjs"))];
    let outcome = Sandbox::new(image)
        .limits(limits)
        .stdin(Stdin::Bytes(words.into_bytes()))
        .stdout(Output::Writer(Box::new(lines.clone())))
        .run(Program::script(script, source).args([rounds]))
        .expect("it runs");
    assert_eq!(outcome.status, Status::Exit(0), "{outcome:?}");
    let lines = lines.0.lock().expect("nobody panics with it");
    let mut best: Vec<(String, f64)> = Vec::new();
    for samples in lines.chunks_exact(SAMPLES + 1) {
        let times = samples.windows(2).map(|pair| pair[1].1 - pair[0].1);
        let time = times.min().unwrap_or_default();
        best.push((samples[0].0.clone(), time.as_secs_f64() * 1e3));
    }
    best
}

/// What a process says that it is one of several.
const ONE: &str = "one";

/// Without a deadline, with one, with metered fuel: milliseconds.
type Times = [f64; 3];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut numbers = words.iter().filter_map(|word| word.parse::<usize>().ok());
    let (turns, processes) = (numbers.next().unwrap_or(2), numbers.next().unwrap_or(8));
    if words.iter().any(|word| word == ONE) {
        return one(turns);
    }
    let mut best: BTreeMap<(String, usize, String), Times> = BTreeMap::new();
    for _ in 0..processes {
        let output = Command::new(std::env::current_exe().expect("it has a name"))
            .args([ONE, &turns.to_string()])
            .stderr(Stdio::inherit())
            .output()
            .expect("it is started");
        assert!(output.status.success(), "{}", output.status);
        let lines = String::from_utf8(output.stdout).expect("it is text");
        for (at, line) in lines.lines().enumerate() {
            let words: Vec<&str> = line.split(' ').collect();
            let [script, program, times @ ..] = &words[..] else {
                continue;
            };
            let key = ((*script).to_owned(), at, (*program).to_owned());
            let best = best.entry(key).or_insert([f64::MAX; 3]);
            for (best, time) in best.iter_mut().zip(times) {
                *best = best.min(time.parse().expect("it is a number"));
            }
        }
    }
    for script in ["python.py", "javascript.mjs"] {
        let programs = best.iter().filter(|((of, ..), _)| of == script);
        report(
            script,
            programs.map(|((.., program), times)| (program.as_str(), *times)),
        );
    }
}

/// Prints a line for each program: its script, its name, and its times.
fn one(turns: usize) {
    let store = GuestStore::open_default().expect("a cache");
    let hour = Some(Duration::from_secs(3600));
    let ways = [(None, None), (hour, None), (hour, Some(u64::MAX))];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/steady/");
    for (language, script) in [
        (Language::Python, "python.py"),
        (Language::JavaScript, "javascript.mjs"),
    ] {
        let image = match store.image(language, &mut |_| {}) {
            Ok(image) => image,
            Err(error) => {
                eprintln!("{language} is not measured: {error}");
                continue;
            }
        };
        let source = std::fs::read_to_string(format!("{folder}{script}")).expect("it is there");
        let mut best: Vec<(String, Times)> = Vec::new();
        for _ in 0..turns {
            for (way, (deadline, fuel)) in ways.iter().enumerate() {
                let limits = Limits {
                    deadline: *deadline,
                    fuel: *fuel,
                    ..Limits::default()
                };
                let times = measure(&image, script, &source, limits);
                best.resize(times.len(), (String::new(), [f64::MAX; 3]));
                for ((name, best), (program, time)) in best.iter_mut().zip(times) {
                    *name = program;
                    best[way] = best[way].min(time);
                }
            }
        }
        for (program, [free, deadline, fuel]) in best {
            println!("{script} {program} {free} {deadline} {fuel}");
        }
    }
}

fn report<'a>(script: &str, programs: impl Iterator<Item = (&'a str, Times)>) {
    println!("{script:14}       ms  deadline  fuel");
    let (mut sums, mut count) = ([0.0; 2], 0.0);
    for (program, [free, deadline, fuel]) in programs {
        let ratios = [deadline / free, fuel / free];
        println!(
            "  {program:12} {free:8.2}  {:8.3}  {:5.3}",
            ratios[0], ratios[1]
        );
        sums = [sums[0] + ratios[0].ln(), sums[1] + ratios[1].ln()];
        count += 1.0;
    }
    let mean = sums.map(|sum| (sum / count).exp());
    println!("  {:12} {:8}  {:8.3}  {:5.3}", "mean", "", mean[0], mean[1]);
}
