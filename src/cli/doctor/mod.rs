//! `dormouse doctor`: what works here, what takes a slower way, and what to do.

mod guests;
mod memory;
mod system;
mod tools;

use crate::Error;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;
use std::{io::Write, process::ExitCode};

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// All works, but something is slower, or has to be brought first, or isn't
    /// there for those who ask for it.
    Note,
    /// Something does not work.
    Problem,
}

/// What was found out about one thing.
#[derive(Debug, Serialize)]
struct Finding {
    name: String,
    state: State,
    /// What it is like.
    says: String,
    /// What to do, if anything.
    #[serde(rename = "do")]
    action: Option<String>,
}

impl Finding {
    fn ok(name: &str, says: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            state: State::Ok,
            says: says.into(),
            action: None,
        }
    }

    fn note(name: &str, says: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            state: State::Note,
            action: Some(action.into()),
            ..Self::ok(name, says)
        }
    }

    fn problem(name: &str, says: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            state: State::Problem,
            ..Self::note(name, says, action)
        }
    }
}

/// The subcommand and its options.
pub(super) fn command() -> Command {
    Command::new("doctor")
        .about("Say what works here, what takes a slower way, and what to do about it")
        .after_help(
            "Changes nothing, and fetches nothing. Exit codes: 0 all works, with notes or without;\n\
             1 there is a problem.",
        )
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print it for programs"),
        )
}

/// Looks, and says what was found.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Error> {
    let mut findings = system::findings();
    findings.extend(memory::findings());
    let tools = tools::Tools::find();
    findings.extend(guests::findings(tools.npm.is_some()));
    findings.extend(tools.findings());
    let is_well = findings
        .iter()
        .all(|finding| finding.state != State::Problem);
    let text = match matches.get_flag("json") {
        true => json(is_well, &findings),
        false => plain(is_well, &findings),
    };
    // A closed stdout leaves nobody to tell.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// For programs.
fn json(is_well: bool, findings: &[Finding]) -> String {
    let all = serde_json::json!({
        "ok": is_well,
        "version": env!("CARGO_PKG_VERSION"),
        "findings": findings,
    });
    format!("{all:#}\n")
}

/// For people.
fn plain(is_well: bool, findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let state = match finding.state {
            State::Ok => "ok     ",
            State::Note => "note   ",
            State::Problem => "PROBLEM",
        };
        text += &format!("{state}  {}: {}\n", finding.name, finding.says);
        if let Some(action) = &finding.action {
            text += &format!("         {action}\n");
        }
    }
    let problems = findings.iter().filter(|one| one.state == State::Problem);
    text += &match (is_well, problems.count()) {
        (true, _) => "all works\n".to_owned(),
        (false, 1) => "1 problem\n".to_owned(),
        (false, count) => format!("{count} problems\n"),
    };
    text
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x2_8000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[test]
fn sizes_are_short() {
    let sizes = [1023, 1024, 5 << 20, 3 << 30, 1 << 40].map(size);
    assert_eq!(
        sizes,
        ["1023 bytes", "1 KiB", "5 MiB", "3072 MiB", "1024 GiB"]
    );
}
