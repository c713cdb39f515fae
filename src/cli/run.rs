//! `dormouse run`: one program, once.

use super::{args, lockdown, progress::with_progress, report};
use crate::{
    Error, ErrorKind, GuestStore, Image, Language, Limit, Limits, Outcome, Output, Program,
    Sandbox, Status, Stdin,
    image::{
        cache::Images,
        opened::{self, Found},
    },
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::{
    ffi::OsString,
    io::{IsTerminal, Read},
    path::Path,
    process::ExitCode,
    sync::mpsc,
    time::Duration,
};

/// Exit code of a run that a limit stopped, as `timeout(1)` has it.
pub(super) const LIMIT: u8 = 124;

/// Exit code of a run that trapped: 128 and SIGABRT, as a shell shows an abort.
pub(super) const TRAP: u8 = 134;

/// How long the end of a run waits for its last line to be taken.
const GRACE: Duration = Duration::from_secs(1);

/// What the command line can name as a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Source(Language),
    Wasm,
}

/// How a language comes to run a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// From its beginning.
    Plain,
    /// From its image.
    Woken,
    /// From its image for runs with a seed.
    Seeded,
}

impl Start {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        if matches.get_flag("no-snapshot") {
            Self::Plain
        } else if matches.contains_id("seed") {
            Self::Seeded
        } else {
            Self::Woken
        }
    }
}

/// The subcommand and its options.
pub(super) fn command() -> Command {
    Command::new("run")
        .about("Run a program: FILE, code given with -c, a module with -m, or code on stdin")
        .override_usage(
            "dormouse [run] [OPTIONS] FILE [ARGS]...\n       \
             dormouse [run] [OPTIONS] -l LANG -c CODE [ARGS]...\n       \
             dormouse [run] [OPTIONS] -m MODULE [ARGS]...\n       \
             dormouse [run] [OPTIONS] -l LANG [-] [ARGS]... < CODE",
        )
        .after_help(
            "Options stand before FILE, -c or -m; everything after belongs to the guest.\n\
             A guest starts with no files, no network and no environment.\n\
             Exit codes: the guest's own; 2 usage; 1 host-side error; 124 a limit; 134 a trap.",
        )
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .value_parser(clap::value_parser!(OsString))
                .help("A .py, .js, .mjs, .wasm or .wat file, or an image; - for code on stdin"),
        )
        .arg(
            Arg::new("code")
                .short('c')
                .value_name("CODE")
                .value_parser(clap::value_parser!(OsString))
                .allow_hyphen_values(true)
                .help("Run this code (Python, unless -l says otherwise)"),
        )
        .arg(
            Arg::new("module")
                .short('m')
                .value_name("MODULE")
                .help("Run a Python module, as python -m does"),
        )
        .arg(
            Arg::new("lang")
                .short('l')
                .long("lang")
                .value_name("LANG")
                .value_parser(kind)
                .help(
                    "python (py), javascript (js) or wasm; by default the file's extension tells",
                ),
        )
        .arg(
            Arg::new("invoke")
                .long("invoke")
                .value_name("FUNC")
                .help("Call an export of a Wasm module with ARGS and print its results"),
        )
        .arg(no_snapshot())
        .arg(lockdown::argument())
        .args(args::arguments())
}

/// The option for [`Start::Plain`].
pub(super) fn no_snapshot() -> Arg {
    Arg::new("no-snapshot")
        .long("no-snapshot")
        .action(ArgAction::SetTrue)
        .help("Start the language from the beginning instead of from its image")
}

pub(super) fn kind(name: &str) -> Result<Kind, String> {
    match name {
        "wasm" => Ok(Kind::Wasm),
        "python" | "py" | "javascript" | "js" => {
            let language: Result<Language, Error> = name.parse();
            language
                .map(Kind::Source)
                .map_err(|error| error.to_string())
        }
        _ => Err(format!(
            "unknown language {name:?}; there are python (py), javascript (js) and wasm"
        )),
    }
}

/// Runs what `matches` describe, with `guest_args` for the guest.
pub(super) fn run(matches: &ArgMatches, guest_args: Vec<OsString>) -> Result<ExitCode, Error> {
    lockdown::check(matches)?;
    let (image, program) = plan(matches, guest_args)?;
    execute(image, program, matches)
}

/// Runs the image that this executable carries. All of its words are the
/// guest's; `options` are those it was bundled with.
pub(super) fn run_bundled(
    image: &Image,
    options: Vec<String>,
    mut words: impl Iterator<Item = OsString>,
) -> Result<ExitCode, Error> {
    let name = words.next().unwrap_or_default();
    let options = std::iter::once("run".to_owned()).chain(options);
    let matches = command()
        .try_get_matches_from(options)
        .map_err(|error| args::usage_error(format!("the options of this bundle: {error}")))?;
    let name = Path::new(&name).file_name().unwrap_or(name.as_os_str());
    let program = Program::start(name.to_string_lossy());
    let program = program.args(words.map(OsString::into_encoded_bytes));
    execute(image.clone(), program, &matches)
}

fn execute(image: Image, program: Program, matches: &ArgMatches) -> Result<ExitCode, Error> {
    let (grants, limits) = (args::grants(matches), args::limits(matches));
    let lockdown = lockdown::plan(matches, &grants)?;
    let sandbox = Sandbox::new(&image)
        .grants(grants)
        .limits(limits.clone())
        .stdin(Stdin::Host)
        .stdout(Output::Host)
        .stderr(Output::Host)
        .deadline_by_caller()
        .last_of_process();
    if let Some(lockdown) = lockdown {
        lockdown.lock()?;
    }
    // A thread made while others map memory would hold them up.
    if let Some(deadline) = limits.deadline {
        watch(deadline);
    }
    let outcome = sandbox.run(program);
    #[cfg(feature = "python")]
    crate::packages::leave();
    let outcome = outcome?;
    // The process ends here: nobody needs its memory piece by piece.
    std::mem::forget(image);
    Ok(finish(&outcome, &limits))
}

/// Ends the process when the deadline has passed: nothing that the guest
/// does, and nothing that the host does for it, can hold that up.
fn watch(deadline: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(deadline);
        report_deadline(deadline);
        #[cfg(feature = "python")]
        crate::packages::leave();
        std::process::exit(i32::from(LIMIT));
    });
}

/// Says that the deadline has passed, as far as somebody reads that: a stderr
/// that is a full pipe is waited for no longer than [`GRACE`].
fn report_deadline(deadline: Duration) {
    let (said, wait) = mpsc::channel();
    let report = move || {
        let limits = Limits {
            deadline: Some(deadline),
            ..Limits::default()
        };
        report_limit(Limit::Deadline, &limits);
        // Nobody waits any more where it took too long.
        let _ = said.send(());
    };
    // Where there is no thread to be had, nothing is said; the exit code tells.
    if std::thread::Builder::new().spawn(report).is_ok() {
        let _ = wait.recv_timeout(GRACE);
    }
}

/// Says how the guest ended, where that needs saying; the exit code.
fn finish(outcome: &Outcome, limits: &Limits) -> ExitCode {
    for value in &outcome.values {
        println!("{value}");
    }
    match &outcome.status {
        Status::Exit(code) => {
            if *code != 0 {
                report_memory(outcome, limits);
            }
            // As every shell sees them: the low eight bits.
            ExitCode::from(code.to_le_bytes()[0])
        }
        Status::Limit(limit) => {
            report_limit(*limit, limits);
            ExitCode::from(LIMIT)
        }
        Status::Trap(trap) => {
            report(&format!("trap: {trap}"));
            ExitCode::from(TRAP)
        }
    }
}

/// Says it where a guest that failed had asked for more memory than it may have.
pub(super) fn report_memory(outcome: &Outcome, limits: &Limits) {
    if outcome.memory_refused {
        report(&format!(
            "the guest was refused memory beyond {}; --memory raises that",
            size(limits.memory)
        ));
    }
}

pub(super) fn report_limit(limit: Limit, limits: &Limits) {
    let (what, flag) = match limit {
        Limit::Deadline => (
            format!("{:?}", limits.deadline.unwrap_or_default()),
            "--timeout",
        ),
        Limit::Memory => (size(limits.memory), "--memory"),
        Limit::Output => (size(limits.output.unwrap_or_default()), "--max-output"),
        Limit::Fuel => (limits.fuel.unwrap_or_default().to_string(), "--fuel"),
    };
    report(&format!(
        "stopped: {limit} limit of {what} reached; {flag} raises it"
    ));
}

/// A size in the largest unit that keeps it whole.
fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units
        .iter()
        .find(|(_, shift)| bytes != 0 && bytes.trailing_zeros() >= *shift)
    {
        Some((unit, shift)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

/// What is to run: the image and the program.
fn plan(matches: &ArgMatches, guest_args: Vec<OsString>) -> Result<(Image, Program), Error> {
    let lang = matches.get_one::<Kind>("lang").copied();
    let guest = |language| guest(language, Start::of(matches));
    let guest_args: Vec<Vec<u8>> = guest_args
        .into_iter()
        .map(OsString::into_encoded_bytes)
        .collect();
    if let Some(module) = matches.get_one::<String>("module") {
        let is_python = |kind: Kind| matches!(kind, Kind::Source(language) if language.is_python());
        if !lang.is_none_or(is_python) {
            return Err(args::usage_error("-m runs Python modules only"));
        }
        return Ok((
            guest("python".parse()?)?,
            Program::module(module).args(guest_args),
        ));
    }
    if let Some(code) = matches.get_one::<OsString>("code") {
        let language = match lang {
            None => "python".parse()?,
            Some(Kind::Source(language)) => language,
            Some(Kind::Wasm) => {
                return Err(args::usage_error(
                    "-c takes source code; a Wasm module is a FILE",
                ));
            }
        };
        let code = code.as_encoded_bytes().to_vec();
        return Ok((guest(language)?, Program::code(code).args(guest_args)));
    }
    let file = matches.get_one::<OsString>("file");
    match file.filter(|file| *file != "-") {
        Some(file) => from_file(Path::new(file), matches, guest_args),
        None => from_stdin(matches, guest_args, file.is_some()),
    }
}

/// A file: an image, whatever it is called; else what its name says.
fn from_file(
    path: &Path,
    matches: &ArgMatches,
    guest_args: Vec<Vec<u8>>,
) -> Result<(Image, Program), Error> {
    let lang = matches.get_one::<Kind>("lang").copied();
    let invoke = matches.get_one::<String>("invoke");
    let file = match opened::open(path, Images::open_default().as_ref())? {
        Found::Image(opened) => {
            let image = Image::opened(*opened)?;
            if let Some(Kind::Source(language)) = lang
                && image.guest_language() != Some(language)
            {
                return Err(args::usage_error(format!(
                    "{} is an image, and none of {language}; leave out -l",
                    path.display()
                )));
            }
            return Ok((image, module_program(path, invoke, guest_args)));
        }
        Found::Other(file) => file,
    };
    let kind = match lang {
        Some(kind) => kind,
        None => kind_of(path)?,
    };
    match kind {
        Kind::Wasm => wasm(path, &file.read()?, invoke, guest_args),
        Kind::Source(_) if invoke.is_some() => Err(args::usage_error(
            "--invoke calls an export of a Wasm module",
        )),
        Kind::Source(language) => {
            let program = Program::script(path.to_string_lossy(), file.read()?).host_path(path);
            Ok((
                guest(language, Start::of(matches))?,
                program.args(guest_args),
            ))
        }
    }
}

fn wasm(
    path: &Path,
    source: &[u8],
    invoke: Option<&String>,
    guest_args: Vec<Vec<u8>>,
) -> Result<(Image, Program), Error> {
    let image = Image::wasm(&path.display().to_string(), source)?;
    Ok((image, module_program(path, invoke, guest_args)))
}

/// A module's start, or one of its functions.
fn module_program(path: &Path, invoke: Option<&String>, guest_args: Vec<Vec<u8>>) -> Program {
    match invoke {
        None => {
            let name = path.file_name().unwrap_or(path.as_os_str());
            Program::start(name.to_string_lossy()).args(guest_args)
        }
        Some(function) => {
            let args = guest_args
                .into_iter()
                .map(|arg| String::from_utf8_lossy(&arg).into_owned());
            Program::invoke(function, args)
        }
    }
}

/// All of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    match opened::open(path, None)? {
        Found::Other(file) => file.read(),
        Found::Image(_) => Err(args::usage_error(format!(
            "{} is an image, not source code",
            path.display()
        ))),
    }
}

/// Code on stdin: the guest finds its own stdin at the end then.
fn from_stdin(
    matches: &ArgMatches,
    guest_args: Vec<Vec<u8>>,
    asked_for: bool,
) -> Result<(Image, Program), Error> {
    let lang = matches.get_one::<Kind>("lang").copied();
    let mut stdin = std::io::stdin();
    if !asked_for && stdin.is_terminal() {
        return Err(args::usage_error(
            "nothing to run: give a FILE, -c CODE, -m MODULE, or code on stdin",
        ));
    }
    let Some(kind) = lang else {
        return Err(args::usage_error(
            "language required for code on stdin: -l python, -l javascript or -l wasm",
        ));
    };
    let mut source = Vec::new();
    stdin
        .read_to_end(&mut source)
        .map_err(|error| Error::new(ErrorKind::Io, format!("stdin can't be read: {error}")))?;
    match kind {
        Kind::Wasm => wasm(
            Path::new("-"),
            &source,
            matches.get_one("invoke"),
            guest_args,
        ),
        Kind::Source(language) => Ok((
            guest(language, Start::of(matches))?,
            Program::script("<stdin>", source).args(guest_args),
        )),
    }
}

/// The language that a file's extension names.
pub(super) fn kind_of(path: &Path) -> Result<Kind, Error> {
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "py" => Ok(Kind::Source("python".parse()?)),
        "js" | "mjs" => Ok(Kind::Source("javascript".parse()?)),
        "wasm" | "wat" => Ok(Kind::Wasm),
        _ => Err(args::usage_error(format!(
            "language required: {} is no .py, .js, .mjs, .wasm or .wat file, and no image; say \
             -l LANG",
            path.display()
        ))),
    }
}

/// The guest of `language`, to be started so.
pub(super) fn guest(language: Language, start: Start) -> Result<Image, Error> {
    let store = GuestStore::open_default()?;
    let image = match start {
        Start::Plain => {
            return with_progress(|progress| store.plain_image(language, progress));
        }
        Start::Woken => with_progress(|progress| store.image(language, progress)),
        Start::Seeded => with_progress(|progress| store.seeded_image(language, progress)),
    };
    image.or_else(|error| {
        // Without the guest there is nothing to start, and that is what is
        // wrong then.
        let image = guest(language, Start::Plain)?;
        report(&format!(
            "{language} is started from its beginning, which takes longer: {error}; --no-snapshot \
             does so without asking"
        ));
        Ok(image)
    })
}
