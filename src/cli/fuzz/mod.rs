//! `dormouse fuzz`: a program or a function, run again and again with other input.

mod plan;
mod show;
mod workers;

use super::{args, report, units};
use crate::{
    Error, ErrorKind,
    fuzz::{
        Exits, Folder, Link, Plan, Runner, Target, Verdict, Watch, campaign, fingerprint, inputs,
    },
};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use show::Show;
use std::{
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Exit code when the folder has crashes or hangs: libFuzzer's, which no host-side
/// error has.
const FOUND: u8 = 77;

/// Bytes of the longest input that may be asked for.
const MAX_LEN: u64 = 64 << 20;

/// The subcommand and its options.
pub(super) fn command() -> Command {
    Command::new("fuzz")
        .about("Fuzz a program or a function: run it again and again, each time with other input")
        .override_usage("dormouse fuzz [OPTIONS] TARGET [ARGS...]")
        .after_help(
            "TARGET is a WASI program (.wasm, .wat) that reads its input from stdin, or from the\n\
             file that @@ among ARGS stands for; with --export, a reactor with a function like\n\
             LLVMFuzzerTestOneInput; or a .py or .js file with a function fuzz(data).\n\
             Exit code: 0 nothing found, 77 crashes or hangs are in the folder, 2 usage, 1 failure.",
        )
        .args(campaign_arguments())
        .args(guest_arguments())
        .arg(
            Arg::new("target")
                .value_name("TARGET")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("What is fuzzed"),
        )
        .arg(
            Arg::new("args")
                .value_name("ARGS")
                .num_args(0..)
                .trailing_var_arg(true)
                .allow_hyphen_values(true)
                .value_parser(value_parser!(OsString))
                .help("What the program finds as its arguments; @@ is the input's path"),
        )
}

fn value(name: &'static str, what: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(what)
}

fn campaign_arguments() -> Vec<Arg> {
    vec![
        value("corpus", "DIR")
            .short('i')
            .action(ArgAction::Append)
            .value_parser(value_parser!(PathBuf))
            .help("Inputs to begin with"),
        value("out", "DIR")
            .short('o')
            .default_value("fuzz-out")
            .value_parser(value_parser!(PathBuf))
            .help("Where queue, crashes, hangs and stats.json go; goes on from what is there"),
        value("seconds", "N")
            .value_parser(value_parser!(u64))
            .help("End after so many seconds [default: when interrupted]"),
        value("runs", "N")
            .value_parser(value_parser!(u64))
            .help("End after so many executions"),
        value("seed", "N").value_parser(value_parser!(u64)).help(
            "Make one core's campaign the same each time, and the guest's clocks and randomness",
        ),
        value("cores", "N")
            .value_parser(value_parser!(u16).range(1..=1024))
            .help("Processes that fuzz at the same time [default: 1]"),
        value("dict", "FILE")
            .short('x')
            .value_parser(value_parser!(PathBuf))
            .help("Tokens to try, as AFL++ and libFuzzer read them"),
        value("max-len", "SIZE")
            .value_parser(units::size)
            .help("Bytes of the longest input [default: 4096]"),
        value("listen", "PORT")
            .value_parser(value_parser!(u16))
            .help("Have other machines join at this port of the loopback interface, by a tunnel; 0 is any"),
        value("join", "HOST:PORT").help("Share what is found with the campaign that listens there"),
        value("replay", "FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Run the target with this input only, and say how that ends"),
        Arg::new("check")
            .long("check")
            .action(ArgAction::SetTrue)
            .help("Run each input three times, say what it covers, and fail if that differs"),
        Arg::new("worker")
            .long("worker")
            .value_parser(value_parser!(u16))
            .num_args(2)
            .hide(true),
    ]
}

fn guest_arguments() -> Vec<Arg> {
    vec![
        value("timeout", "DURATION")
            .value_parser(units::duration)
            .help("Time one execution may take; more is a hang [default: 1s]"),
        value("fuel", "N")
            .value_parser(value_parser!(u64).range(1..))
            .help("Wasm instructions one execution may take, instead: the same each time, slower"),
        value("memory", "SIZE")
            .value_parser(units::size)
            .help("Linear memory the guest may have; to want more is a crash [default: 256mb]"),
        value("crash-exit", "CODE")
            .action(ArgAction::Append)
            .help("Count this exit code as a crash, too; `any` is all but 0"),
        value("export", "FUNC")
            .conflicts_with("function")
            .help("Call this export with (pointer, length), such as LLVMFuzzerTestOneInput"),
        value("function", "NAME")
            .help("The function of a Python or JavaScript file [default: fuzz]"),
        value("env", "NAME=VALUE")
            .action(ArgAction::Append)
            .value_parser(args::env)
            .help("Set an environment variable"),
        value("mount", "GUEST:HOST")
            .action(ArgAction::Append)
            .value_parser(args::mount)
            .help("Show the guest a host folder or file, to be read"),
    ]
}

/// Does what `matches` describe.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let max_len = max_len(matches)?;
    let target = plan::target(matches)?;
    if let Some(file) = matches.get_one::<PathBuf>("replay") {
        return replay(&target, file);
    }
    if matches.get_flag("check") {
        return check(&target, matches, max_len);
    }
    if workers::are_wanted(matches) {
        return workers::run(matches);
    }
    let mut worker = matches.get_many::<u16>("worker").into_iter().flatten();
    let (number, link) = (worker.next(), worker.next());
    let number = number.map(|number| u64::from(*number));
    let plan = Plan {
        link: link.map(|port| Link { port: *port }),
        ..plan(matches, max_len, number.unwrap_or(0))?
    };
    let folder = plan.folder.clone();
    if number.is_some() {
        workers::stop_with_parent(&plan.stop);
    }
    let mut show = Show::new(number.is_some());
    let report = Box::new(move |summary: &_, news: &mut _| show.tick(summary, news));
    let summary = campaign(target, plan, report)?;
    Ok(match number {
        Some(_) => ExitCode::SUCCESS,
        None => show::end(&folder, &summary),
    })
}

fn max_len(matches: &ArgMatches) -> Result<usize, Error> {
    let length = matches.get_one::<u64>("max-len").copied().unwrap_or(4096);
    if length == 0 || length > MAX_LEN {
        return Err(args::usage_error(format!(
            "--max-len: an input may have 1 to {MAX_LEN} bytes"
        )));
    }
    Ok(usize::try_from(length).unwrap_or(usize::MAX))
}

/// What this process is to do; `number` is 0, or which worker it is.
fn plan(matches: &ArgMatches, max_len: usize, number: u64) -> Result<Plan, Error> {
    let folder = folder(matches)?;
    let mut all = folder.queue(max_len)?;
    for corpus in corpora(matches) {
        all.extend(inputs(corpus, max_len)?);
    }
    let cores = u64::from(workers::cores(matches));
    let seed = match matches.get_one::<u64>("seed") {
        Some(seed) => *seed,
        None => plan::any_seed()?,
    };
    Ok(Plan {
        folder,
        inputs: all,
        dictionary: matches.get_one("dict").cloned(),
        seed: seed.wrapping_add(number),
        runs: matches
            .get_one::<u64>("runs")
            .map(|runs| runs.div_ceil(cores)),
        time: matches
            .get_one::<u64>("seconds")
            .map(|seconds| Duration::from_secs(*seconds)),
        max_len,
        replay: plan::replay_words(matches)?,
        stop: stop_at_interrupt()?,
        link: None,
    })
}

fn folder(matches: &ArgMatches) -> Result<Folder, Error> {
    let path = matches.get_one::<PathBuf>("out");
    Folder::open(path.map_or(Path::new("fuzz-out"), PathBuf::as_path))
}

fn corpora(matches: &ArgMatches) -> impl Iterator<Item = &PathBuf> {
    matches.get_many::<PathBuf>("corpus").into_iter().flatten()
}

/// What is set when the user wants an end; the second time the process ends.
fn stop_at_interrupt() -> Result<Arc<AtomicBool>, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if shared.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|error| Error::new(ErrorKind::Io, format!("interrupts can't be had: {error}")))?;
    Ok(stop)
}

/// Runs the target once, with its own output.
fn replay(target: &Target, file: &Path) -> Result<ExitCode, Error> {
    let input = std::fs::read(file).map_err(|error| {
        let message = format!("{} can't be read: {error}", file.display());
        Error::new(ErrorKind::Io, message).with_source(error)
    })?;
    let verdict = target.runner(Watch::Edges)?.run(&input)?;
    Ok(match verdict {
        Verdict::Fine => {
            report("the target ends well with this input");
            ExitCode::SUCCESS
        }
        Verdict::Crash(crash) => {
            let place = crash.place.map(|place| format!(" at {place}"));
            // A closed stderr leaves nobody to tell.
            let _ = write!(std::io::stderr(), "{}", crash.text);
            report(&format!(
                "crash: {}{}",
                crash.kind,
                place.unwrap_or_default()
            ));
            ExitCode::from(FOUND)
        }
        Verdict::Hang(limit) => {
            report(&format!("hang: it does not end within its {limit}"));
            ExitCode::from(FOUND)
        }
    })
}

/// Runs each input in an instance that ran others, again in the same, and in a
/// new one.
fn check(target: &Target, matches: &ArgMatches, max_len: usize) -> Result<ExitCode, Error> {
    let mut all = Vec::new();
    for corpus in corpora(matches) {
        all.extend(inputs(corpus, max_len)?);
    }
    if all.is_empty() {
        all = folder(matches)?.queue(max_len)?;
    }
    let mut runner = target.runner(Watch::Edges)?;
    let covered = |runner: &mut Runner, input: &[u8]| {
        let verdict = runner.run(input)?;
        Ok::<_, Error>((fingerprint(runner.watched()), verdict))
    };
    let mut differ = 0;
    for (number, input) in all.iter().enumerate() {
        let first = covered(&mut runner, input)?;
        let again = covered(&mut runner, input)?;
        runner.renew();
        let fresh = covered(&mut runner, input)?;
        let ((hash, edges), _) = &first;
        let is_same = first == again && again == fresh;
        differ += usize::from(!is_same);
        println!(
            "{number:06} {:5} bytes {edges:5} edges {hash:016x}{}",
            input.len(),
            if is_same { "" } else { " DIFFERS" }
        );
    }
    if differ > 0 {
        report(&format!(
            "{differ} of {} inputs take other edges when they run again",
            all.len()
        ));
        return Ok(ExitCode::FAILURE);
    }
    report(&format!(
        "all {} inputs take the same edges each time",
        all.len()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The exit codes that are crashes.
fn exits(matches: &ArgMatches) -> Result<Exits, Error> {
    let mut codes = Vec::new();
    for code in matches
        .get_many::<String>("crash-exit")
        .into_iter()
        .flatten()
    {
        if code == "any" {
            return Ok(Exits::Any);
        }
        codes.push(code.parse().map_err(|_| {
            args::usage_error(format!(
                "--crash-exit: {code:?} is no exit code; `any` is all but 0"
            ))
        })?);
    }
    Ok(if codes.is_empty() {
        Exits::None
    } else {
        Exits::These(codes)
    })
}
