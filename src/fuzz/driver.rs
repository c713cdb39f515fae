//! Functions in a language, as targets: a program around them that reads the
//! input, calls the function, and says what went wrong.

use super::{
    Setting, Verdict,
    verdict::{self, Crash},
};
use crate::{Error, ErrorKind, Language, Program, Status};
use serde::Deserialize;
use serde_json::json;

/// The program around a Python function.
const PYTHON: &str = include_str!("driver.py");

/// What follows a JavaScript module.
const JAVASCRIPT: &str = include_str!("driver.js");

/// What stands for the arguments in a driver.
const GIVEN: &str = "__GIVEN__";

/// What stands for the function in JavaScript's.
const FUNCTION: &str = "__FUNCTION__";

/// Begins what a driver says of a crash.
const MARK: &[u8] = b"dormouse fuzz crash ";

/// Begins what Python's driver says at the end: how many places were taken, as 32 bits,
/// and of each its number, as 16, and how often.
const TAKEN: &[u8] = b"dormouse fuzz taken ";

/// Begins what Python's driver says before it is captured: what the function's constants
/// look like in an input, as JSON, of which each character is a byte.
const TOKENS: &[u8] = b"dormouse fuzz tokens ";

/// Numbers of lines and branches in Python. Two may have the same.
pub(super) const PLACES: usize = 1 << 16;

/// How often a branch is counted.
const MOST: u8 = u8::MAX;

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
    let source = std::str::from_utf8(source)
        .map_err(|error| Error::new(ErrorKind::Invoke, format!("{name} is not UTF-8: {error}")))?;
    if language.is_python() {
        let driver = PYTHON.replace(
            GIVEN,
            &given(&json!([
                name, source, function, FAILED, LACKING, PLACES, MOST
            ]))?,
        );
        return Ok(Program::script(format!("fuzz {name}"), driver));
    }
    if !is_identifier(function) {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("--function {function:?} is no name of a function"),
        ));
    }
    // A module's functions are for what stands in it.
    let driver = JAVASCRIPT
        .replace(FUNCTION, function)
        .replace(GIVEN, &given(&json!([name, FAILED, LACKING]))?);
    Ok(Program::script(name, format!("{source}\n{driver}")))
}

/// What a driver is given, as a string in its language, which one in JSON is, too.
fn given(what: &serde_json::Value) -> Result<String, Error> {
    serde_json::to_string(&what.to_string())
        .map_err(|error| Error::new(ErrorKind::Invoke, error.to_string()))
}

fn is_identifier(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    !name.is_empty() && name.chars().all(is_word) && !name.starts_with(|c: char| c.is_ascii_digit())
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

/// The tokens that a driver has `said` last, before it was captured.
pub(super) fn tokens(said: &[u8]) -> Vec<Vec<u8>> {
    let at = said.windows(TOKENS.len()).rposition(|part| part == TOKENS);
    let said = at.and_then(|at| said.get(at + TOKENS.len()..));
    let texts = said.and_then(|said| serde_json::from_slice::<Vec<String>>(said).ok());
    let texts = texts.unwrap_or_default().into_iter();
    texts
        .map(|text| text.chars().filter_map(|c| u8::try_from(c).ok()).collect())
        .collect()
}

/// Puts the lines and branches of Python that were taken into `counts`, by number, after
/// the driver has `said` something.
pub(super) fn count_taken(said: &[u8], counts: &mut [u8]) {
    counts.fill(0);
    let at = said.windows(TAKEN.len()).rposition(|part| part == TAKEN);
    let said = at.and_then(|at| said.get(at + TAKEN.len()..));
    let Some((length, taken)) = said.and_then(<[u8]>::split_first_chunk) else {
        return;
    };
    let places = taken.chunks_exact(3);
    for place in places.take(u32::from_le_bytes(*length) as usize) {
        let number = usize::from(u16::from_le_bytes([place[0], place[1]]));
        if let Some(count) = counts.get_mut(number) {
            *count = place[2];
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_driver_says_is_taken_as_far_as_it_makes_sense() {
        let mut counts = [9; 4];
        count_taken(
            b"dormouse fuzz taken by meXdormouse fuzz taken \x02\0\0\0\x01\0\x05\x03\0\x06\x02\0\x07",
            &mut counts,
        );
        assert_eq!(counts, [0, 5, 0, 6]);
        for said in [
            &b""[..],
            b"dormouse fuzz taken \x01\0",
            b"dormouse fuzz taken \xff\xff\xff\xff\xff\xff\x01",
        ] {
            counts.fill(9);
            count_taken(said, &mut counts);
            assert_eq!(counts, [0; 4]);
        }
        assert_eq!(
            tokens("x dormouse fuzz tokens [\"a\", \"\u{ff}\\u0000\"]".as_bytes()),
            [vec![b'a'], vec![0xff, 0]]
        );
        assert!(tokens(b"dormouse fuzz tokens [").is_empty());
    }
}
