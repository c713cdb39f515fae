//! Where our words end and the guest's begin.
//!
//! Options stand before FILE, `-c CODE` or `-m MODULE`; whatever follows
//! belongs to the guest, also words that begin with `-`. Clap cannot say that,
//! so the words are cut in two before it sees them.

use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};

/// The program's name and its own words, for clap; and the guest's words.
pub(super) type Split = (Vec<OsString>, Vec<OsString>);

/// Subcommands that clap alone can read.
const OTHERS: [&str; 12] = [
    "check",
    "deps",
    "doctor",
    "fuzz",
    "guest",
    "completions",
    "snapshot",
    "inspect",
    "bundle",
    "repl",
    "serve",
    "stubs",
];

/// Cuts `words` (without the program's own name), putting `run` in front
/// where no subcommand is named.
///
/// # Errors
///
/// When an option lacks its value.
pub(super) fn split(words: Vec<OsString>, run: &Command) -> Result<Split, String> {
    let mut ours = vec![OsString::from("dormouse")];
    if words.is_empty() {
        return Ok((ours, Vec::new()));
    }
    let mut words = words.into_iter().peekable();
    match words.peek().and_then(|word| word.to_str()) {
        Some(word) if OTHERS.contains(&word) || is_top_level(word) => {
            ours.extend(words);
            return Ok((ours, Vec::new()));
        }
        Some("run") => ours.extend(words.next()),
        _ => ours.push("run".into()),
    }
    while let Some(word) = words.next() {
        if word == "--" {
            // What follows is FILE, whatever it looks like.
            ours.push(word);
            ours.extend(words.next());
            break;
        }
        let Some(option) = option_of(run, &word) else {
            // FILE, or an option that clap will refuse.
            let is_file = !looks_like_option(&word);
            ours.push(word);
            if is_file {
                break;
            }
            continue;
        };
        let name = option.arg.get_id().as_str();
        let ends = matches!(name, "code" | "module");
        ours.push(word.clone());
        if option.arg.get_action().takes_values() && !option.has_value {
            let value = words
                .next()
                .ok_or_else(|| format!("{} lacks its value", word.to_string_lossy()))?;
            ours.push(value);
        }
        if ends {
            break;
        }
    }
    Ok((ours, words.collect()))
}

/// Options of `dormouse` itself.
fn is_top_level(word: &str) -> bool {
    matches!(word, "-h" | "--help" | "-V" | "--version")
}

fn looks_like_option(word: &OsStr) -> bool {
    let bytes = word.as_encoded_bytes();
    bytes.len() > 1 && bytes[0] == b'-'
}

struct FoundOption<'a> {
    arg: &'a Arg,
    /// Whether the value is part of the word, as in `--lang=js` or `-ljs`.
    has_value: bool,
}

/// The option that `word` names.
fn option_of<'a>(run: &'a Command, word: &OsStr) -> Option<FoundOption<'a>> {
    let text = word.to_str()?;
    if let Some(long) = text.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let arg = run
            .get_arguments()
            .find(|arg| arg.get_long() == Some(name))?;
        return Some(FoundOption {
            arg,
            has_value: value.is_some(),
        });
    }
    let mut letters = text.strip_prefix('-')?.chars();
    let letter = letters.next()?;
    let arg = run
        .get_arguments()
        .find(|arg| arg.get_short() == Some(letter))?;
    Some(FoundOption {
        arg,
        has_value: letters.next().is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::split;
    use crate::cli::run;
    use std::ffi::OsString;

    fn cut(words: &[&str]) -> (Vec<String>, Vec<String>) {
        let words = words.iter().map(OsString::from).collect();
        let (ours, guest) = split(words, &run::command()).expect("every option has its value");
        let text = |words: Vec<OsString>| {
            words
                .into_iter()
                .map(|word| word.into_string().expect("UTF-8"))
                .collect()
        };
        (text(ours), text(guest))
    }

    #[track_caller]
    fn assert_cut(words: &[&str], ours: &[&str], guest: &[&str]) {
        let (got_ours, got_guest) = cut(words);
        assert_eq!(got_ours[1..], *ours);
        assert_eq!(got_guest, guest);
    }

    #[test]
    fn words_after_the_file_are_the_guests() {
        assert_cut(
            &["a.py", "-x", "--seed"],
            &["run", "a.py"],
            &["-x", "--seed"],
        );
        assert_cut(
            &["run", "--seed", "1", "a.py", "--seed", "2"],
            &["run", "--seed", "1", "a.py"],
            &["--seed", "2"],
        );
        assert_cut(
            &["run", "--invoke", "add", "add.wat", "5", "-7"],
            &["run", "--invoke", "add", "add.wat"],
            &["5", "-7"],
        );
    }

    #[test]
    fn words_after_code_or_module_are_the_guests() {
        assert_cut(
            &["-c", "print(1)", "-c"],
            &["run", "-c", "print(1)"],
            &["-c"],
        );
        assert_cut(
            &["-l", "js", "-c", "1", "x"],
            &["run", "-l", "js", "-c", "1"],
            &["x"],
        );
        assert_cut(
            &["-m", "json.tool", "f"],
            &["run", "-m", "json.tool"],
            &["f"],
        );
        assert_cut(&["-cprint(1)", "x"], &["run", "-cprint(1)"], &["x"]);
    }

    #[test]
    fn dashes_and_other_subcommands() {
        assert_cut(&["-", "x"], &["run", "-"], &["x"]);
        assert_cut(&["--", "-odd.py", "x"], &["run", "--", "-odd.py"], &["x"]);
        assert_cut(&["completions", "bash"], &["completions", "bash"], &[]);
        assert_cut(
            &["--bogus", "a.py", "x"],
            &["run", "--bogus", "a.py"],
            &["x"],
        );
    }
}
