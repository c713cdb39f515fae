//! Functions in a language, as targets: a program around them that reads the
//! input, calls the function, and says what went wrong.

use super::{Setting, Verdict, verdict::{self, Crash}};
use crate::{Error, ErrorKind, Language, Program, Status};
use serde::Deserialize;
use serde_json::json;

/// The program around a Python function.
const PYTHON: &str = include_str!("driver.py");

/// The program around a JavaScript function.
const JAVASCRIPT: &str = include_str!("driver.js");

/// What stands for the arguments in a driver.
const GIVEN: &str = "__GIVEN__";

/// Begins what a driver says of a crash.
const MARK: &[u8] = b"dormouse fuzz crash ";

/// The exit code of a driver whose function failed.
const FAILED: i32 = 77;

/// The exit code of a driver that finds no function.
const LACKING: i32 = 78;

/// A program that calls `function` of the module in `source`, which is called
/// `name`, with what it reads.
///
/// # Errors
///
/// When the source is not text.
pub(crate) fn program(
    language: Language,
    name: &str,
    source: &[u8],
    function: &str,
) -> Result<Program, Error> {
    let source = std::str::from_utf8(source).map_err(|error| {
        Error::new(ErrorKind::Invoke, format!("{name} is not UTF-8: {error}"))
    })?;
    let driver = if language.is_python() { PYTHON } else { JAVASCRIPT };
    let given = json!([name, source, function, FAILED, LACKING]);
    // A string in either language is one in JSON.
    let given = serde_json::to_string(&given.to_string())
        .map_err(|error| Error::new(ErrorKind::Invoke, error.to_string()))?;
    Ok(Program::script(
        format!("fuzz {name}"),
        driver.replace(GIVEN, &given),
    ))
}

/// What a driver says of a crash.
#[derive(Deserialize)]
struct Said {
    kind: String,
    place: Option<String>,
    text: String,
}

/// What `status` means, after the driver has `said` something.
pub(super) fn verdict(status: &Status, said: &[u8], setting: &Setting) -> Verdict {
    if *status != Status::Exit(FAILED) {
        return verdict::of(status, setting);
    }
    let at = said.windows(MARK.len()).rposition(|part| part == MARK);
    let said = at.and_then(|at| said.get(at + MARK.len()..));
    let said = said.and_then(|said| serde_json::from_slice::<Said>(said.trim_ascii()).ok());
    Verdict::Crash(match said {
        Some(said) => Crash {
            kind: said.kind,
            place: said.place,
            text: said.text,
        },
        None => Crash {
            kind: "exception".to_owned(),
            place: None,
            text: String::new(),
        },
    })
}

/// Says why a driver could not be captured.
pub(super) fn explain(error: Error) -> Error {
    let message = error.to_string();
    if message.contains(&format!("exit code {LACKING} ")) {
        return Error::new(
            ErrorKind::Invoke,
            "the target can't be fuzzed: it has no such function; --function NAME says what it \
             is called",
        );
    }
    if message.contains("exit code 1 ") {
        return Error::new(
            ErrorKind::Invoke,
            "the target can't be fuzzed: it fails before its function is called, as shown above",
        );
    }
    error
}
