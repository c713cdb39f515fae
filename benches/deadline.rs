//! What a deadline costs programs that compute: those of `benches/steady`, in
//! sandboxes of one process, without a deadline, with one, and with metered
//! fuel, by turns. What counts is the processor time of each program at its
//! best.
//!
//! ```sh
//! cargo bench --bench deadline [-- TURNS]
//! ```
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it reports what it measures"
)]

use dormouse::{GuestStore, Image, Language, Limits, Output, Program, Sandbox, Status, Stdin};
use rustix::time::{ClockId, clock_gettime};
use std::{
    io::Write,
    sync::{Arc, Mutex},
    time::Duration,
};

/// As many as there are programs, and some to spare.
const PROGRAMS: usize = 20;

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

/// Each program's name and milliseconds.
fn measure(image: &Image, script: &str, source: &str, limits: Limits) -> Vec<(String, f64)> {
    let lines = Lines::default();
    let outcome = Sandbox::new(image)
        .limits(limits)
        .stdin(Stdin::Bytes("go\nnext\n".repeat(PROGRAMS).into_bytes()))
        .stdout(Output::Writer(Box::new(lines.clone())))
        .run(Program::script(script, source))
        .expect("it runs");
    assert_eq!(outcome.status, Status::Exit(0), "{outcome:?}");
    let lines = lines.0.lock().expect("nobody panics with it");
    lines
        .chunks_exact(2)
        .map(|pair| {
            (
                pair[0].0.clone(),
                (pair[1].1 - pair[0].1).as_secs_f64() * 1e3,
            )
        })
        .collect()
}

fn main() {
    let turns = std::env::args().skip(1).find_map(|word| word.parse().ok());
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
        let mut best: Vec<Vec<(String, f64)>> = Vec::new();
        for _ in 0..turns.unwrap_or(5) {
            for (way, (deadline, fuel)) in ways.iter().enumerate() {
                let limits = Limits {
                    deadline: *deadline,
                    fuel: *fuel,
                    ..Limits::default()
                };
                let times = measure(&image, script, &source, limits);
                match best.get_mut(way) {
                    None => best.push(times),
                    Some(best) => {
                        for ((_, best), (_, time)) in best.iter_mut().zip(times) {
                            *best = best.min(time);
                        }
                    }
                }
            }
        }
        report(script, &best);
    }
}

fn report(script: &str, best: &[Vec<(String, f64)>]) {
    let [free, deadline, fuel] = best else { return };
    println!("{script:14}       ms  deadline  fuel");
    let mut sums = [0.0; 2];
    for ((free, deadline), fuel) in free.iter().zip(deadline).zip(fuel) {
        let ratios = [deadline.1 / free.1, fuel.1 / free.1];
        println!(
            "  {:12} {:8.2}  {:8.3}  {:5.3}",
            free.0, free.1, ratios[0], ratios[1]
        );
        sums = [sums[0] + ratios[0].ln(), sums[1] + ratios[1].ln()];
    }
    let mean = sums.map(|sum| (sum / free.len() as f64).exp());
    println!("  {:12} {:8}  {:8.3}  {:5.3}", "mean", "", mean[0], mean[1]);
}
