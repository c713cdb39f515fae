//! `dormouse repl`: a prompt on a session.

mod guest;
mod interrupts;
mod pipe;
mod statement;
mod terminal;

use super::{args, lockdown, progress::with_progress, report, run};
use crate::{Error, Grants, GuestStore, Image, Language, Stdin, lockdown::Reach};
use clap::{Arg, ArgMatches, Command};
use guest::{Guest, Setting, Turn};
use interrupts::Interrupts;
use std::{
    cell::RefCell,
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    rc::Rc,
    sync::Arc,
};

/// The subcommand and its options.
pub(super) fn command() -> Command {
    Command::new("repl")
        .about("Run a language line by line, at a prompt")
        .override_usage("dormouse repl [OPTIONS] -l LANG")
        .after_help(
            "exit, quit or Ctrl-D ends it; Ctrl-C drops what is typed, or stops what runs. Tab\n\
             completes names, Ctrl-R searches the history. --timeout is for each input.\n\
             Where stdin is no terminal, whole statements are read from it without prompts.",
        )
        .arg(
            Arg::new("lang")
                .short('l')
                .long("lang")
                .value_name("LANG")
                .value_parser(language)
                .help("python (py) or javascript (js)"),
        )
        .arg(
            Arg::new("history")
                .long("history")
                .value_name("FILE")
                .value_parser(clap::value_parser!(OsString))
                .help("Where to keep what was typed; none if empty [default: ~/.dormouse_history]"),
        )
        .arg(run::no_snapshot())
        .arg(lockdown::argument())
        .args(args::arguments())
}

fn language(name: &str) -> Result<Language, String> {
    if name == "wasm" {
        return Err("a Wasm module has no prompt; there are python and javascript".to_owned());
    }
    name.parse().map_err(|error: Error| error.to_string())
}

/// Runs the prompt that `matches` describe.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let Some(language) = matches.get_one::<Language>("lang").copied() else {
        return Err(args::usage_error(
            "language required: dormouse repl -l python, or -l javascript",
        ));
    };
    lockdown::check(matches)?;
    // Editing needs both.
    let has_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let interrupts = Arc::new(Interrupts::new(has_terminal));
    let setting = Setting {
        language,
        image: run::guest(language, run::Start::of(matches))?,
        grants: args::grants(matches),
        limits: args::limits(matches),
        lives_on: has_terminal,
    };
    if setting.limits.fuel.is_none() {
        prepare(&setting.image);
    }
    let history = if has_terminal { history(matches) } else { None };
    lock(matches, &setting.grants, history.as_deref())?;
    interrupts::listen(&interrupts);
    if has_terminal {
        let guest = Guest::open(setting, interrupts, Box::new(|| Stdin::Host))?;
        let guest = Rc::new(RefCell::new(guest));
        greet(language)?;
        let mut lines = terminal::Lines::new(&guest, history)?;
        turns(&guest, &mut lines)
    } else {
        let lines = pipe::Lines::new();
        let shared = lines.clone();
        let stdin = Box::new(move || Stdin::Reader(Box::new(shared.clone())));
        let guest = RefCell::new(Guest::open(setting, interrupts, stdin)?);
        turns(&guest, &mut { lines })
    }
}

/// Locks the process down, if that is asked for.
fn lock(matches: &ArgMatches, grants: &Grants, history: Option<&Path>) -> Result<(), Error> {
    let Some(mut lockdown) = lockdown::plan(matches, grants)? else {
        return Ok(());
    };
    if let Some(history) = history {
        // It can't be made afterwards. If it can't be made at all, that is said later.
        let _ = own_file().open(history);
        lockdown.reach(history, Reach::Change);
    }
    lockdown.lock()
}

/// Makes a file for this user alone.
fn own_file() -> OpenOptions {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes ready what can be stopped at no great price.
fn prepare(image: &Image) {
    if let Err(error) = with_progress(|progress| image.prepare_for_deadlines(progress)) {
        report(&format!(
            "what runs is metered so that it can be stopped, which is slower: {error}"
        ));
    }
}

/// Reads and runs until one says that it is over.
fn turns(guest: &RefCell<Guest>, lines: &mut dyn statement::Lines) -> Result<ExitCode, Error> {
    let language = guest.borrow().language();
    // Between two lines nobody else has the guest: completion is over.
    let mut is_whole = |code: &str| guest.borrow_mut().is_whole(code);
    loop {
        let Some(code) = statement::read(lines, language, &mut is_whole)? else {
            return Ok(ExitCode::SUCCESS);
        };
        if let Turn::Over(code) = guest.borrow_mut().run(&code)? {
            return Ok(code);
        }
    }
}

/// The first line on a terminal.
fn greet(language: Language) -> Result<(), Error> {
    let (guest, _) = GuestStore::open_default()?.identity(language)?;
    let line = format!(
        "{guest} in Dormouse {}. Leave with exit, quit or Ctrl-D.\n",
        env!("CARGO_PKG_VERSION")
    );
    // The prompt would fail next, and say so.
    let _ = std::io::stdout().write_all(line.as_bytes());
    Ok(())
}

/// Where the history is kept, if it is.
fn history(matches: &ArgMatches) -> Option<PathBuf> {
    match matches.get_one::<OsString>("history") {
        Some(file) => (!file.is_empty()).then(|| file.into()),
        None => {
            let home = std::env::home_dir().filter(|home| home.is_absolute())?;
            Some(home.join(".dormouse_history"))
        }
    }
}
