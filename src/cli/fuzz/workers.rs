//! Several processes, and the one that started them.

use super::{folder, show, stop_at_interrupt};
use crate::{
    Error, ErrorKind,
    cli::report,
    fuzz::{Broker, Summary, save},
};
use clap::ArgMatches;
use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdin, Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// How long nothing is passed on where there was nothing.
const PAUSE: Duration = Duration::from_millis(2);

/// How many processes fuzz.
pub(super) fn cores(matches: &ArgMatches) -> u16 {
    matches.get_one::<u16>("cores").copied().unwrap_or(1)
}

/// Whether there are others than this one.
pub(super) fn are_wanted(matches: &ArgMatches) -> bool {
    !matches.contains_id("worker")
        && (cores(matches) > 1 || matches.contains_id("listen") || matches.contains_id("join"))
}

/// In a worker: sets `stop` when the process that started it wants that, or is no
/// more.
pub(super) fn stop_with_parent(stop: &Arc<AtomicBool>) {
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        // Nothing ever comes but the end.
        let _ = std::io::stdin().read(&mut [0]);
        stop.store(true, Ordering::Relaxed);
    });
}

/// A process that fuzzes.
struct Worker {
    process: Child,
    /// It ends when this is closed.
    stdin: Option<ChildStdin>,
    /// What it said last.
    summary: Summary,
    has_ended: bool,
}

/// Starts workers, passes on what they find, and shows it, until all have ended.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let folder = folder(matches)?;
    let port = matches.get_one("listen").copied();
    let mut broker = Broker::open(port.filter(|&port: &u16| port > 0))?;
    if let Some(address) = matches.get_one::<String>("join") {
        broker.join(address)?;
    }
    if matches.contains_id("listen") {
        report(&format!("others can join at 127.0.0.1:{}", broker.port));
    }
    let stop = stop_at_interrupt()?;
    let (said, hears) = mpsc::channel();
    let mut workers = Vec::new();
    for number in 0..cores(matches) {
        workers.push(start(number, broker.port, &said)?);
    }
    let mut show = show::Show::new(false);
    let mut next = Instant::now() + Duration::from_secs(1);
    let mut news = Vec::new();
    let sum = |workers: &[Worker]| {
        let none = Summary::default();
        let sum = workers
            .iter()
            .fold(none, |sum, worker| sum.and(&worker.summary));
        Summary {
            crashes: folder.count("crashes"),
            hangs: folder.count("hangs"),
            ..sum
        }
    };
    while workers.iter().any(|worker| !worker.has_ended) {
        if !broker.pass_on()? {
            thread::sleep(PAUSE);
        }
        for (number, (summary, found)) in hears.try_iter() {
            let number: u16 = number;
            if let Some(worker) = workers.get_mut(usize::from(number)) {
                worker.summary = summary;
            }
            news.extend(found);
        }
        if stop.load(Ordering::Relaxed) {
            workers.iter_mut().for_each(|worker| worker.stdin = None);
        }
        if Instant::now() >= next || !news.is_empty() {
            next = Instant::now() + Duration::from_secs(1);
            show.tick(&sum(&workers), &mut news);
        }
        for worker in workers.iter_mut().filter(|worker| !worker.has_ended) {
            if let Ok(Some(status)) = worker.process.try_wait() {
                worker.has_ended = true;
                if !status.success() {
                    report(&format!("one of the campaign's processes failed: {status}"));
                }
            }
        }
    }
    // Their last words may still be on their way.
    drop(said);
    for (number, (summary, found)) in hears {
        if let Some(worker) = workers.get_mut(usize::from(number)) {
            worker.summary = summary;
        }
        news.extend(found);
    }
    let summary = sum(&workers);
    show.tick(&summary, &mut news);
    save(&folder, &summary)?;
    if summary.executions == 0 {
        return Err(Error::new(
            ErrorKind::Io,
            "none of the campaign's processes ran anything",
        ));
    }
    Ok(show::end(&folder, &summary))
}

/// Starts a worker with this process' own words.
fn start(
    number: u16,
    port: u16,
    said: &Sender<(u16, (Summary, Vec<String>))>,
) -> Result<Worker, Error> {
    let failed = |error: std::io::Error| {
        let message = format!("a process of the campaign can't be started: {error}");
        Error::new(ErrorKind::Io, message).with_source(error)
    };
    let executable = std::env::current_exe().map_err(failed)?;
    let mut words = std::env::args_os().skip(1);
    let mut process = Command::new(executable)
        .args(words.next())
        .args(["--worker", &number.to_string(), &port.to_string()])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let stdin = process.stdin.take();
    if let Some(stdout) = process.stdout.take() {
        let said = said.clone();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(words) = serde_json::from_str(&line) {
                    // Whoever heard it has ended.
                    let _ = said.send((number, words));
                }
            }
        });
    }
    Ok(Worker {
        process,
        stdin,
        summary: Summary::default(),
        has_ended: false,
    })
}
