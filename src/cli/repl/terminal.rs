//! Lines of a terminal: editing, history, completion.

use super::{Guest, report, statement};
use crate::{Error, ErrorKind};
use rustyline::{
    CompletionType, Config, Context, Editor, Helper,
    completion::{Completer, Pair},
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::{DefaultHistory, History},
    validate::Validator,
};
use std::{cell::RefCell, path::PathBuf, rc::Rc};

/// Statements that the history keeps.
const MOST_REMEMBERED: usize = 1000;

/// What Tab gives where a line begins.
const INDENT: &str = "    ";

/// The user at a terminal.
pub(super) struct Lines {
    editor: Editor<Names, DefaultHistory>,
    history: Option<PathBuf>,
}

impl Lines {
    /// Completes from `guest`, remembers in `history`.
    pub(super) fn new(guest: &Rc<RefCell<Guest>>, history: Option<PathBuf>) -> Result<Self, Error> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .max_history_size(MOST_REMEMBERED)
            .map_err(|error| failed(&error))?
            .build();
        let mut editor = Editor::with_config(config).map_err(|error| failed(&error))?;
        editor.set_helper(Some(Names(Rc::clone(guest))));
        let mut lines = Self { editor, history };
        lines.load();
        Ok(lines)
    }

    fn load(&mut self) {
        let Some(file) = &self.history else {
            return;
        };
        match self.editor.load_history(file) {
            Ok(()) => {}
            Err(ReadlineError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.forget(&error),
        }
    }

    /// Keeps no history from now on, because of `error`.
    fn forget(&mut self, error: &ReadlineError) {
        if let Some(file) = self.history.take() {
            report(&format!(
                "the history is not kept: {}: {error}; --history FILE keeps it elsewhere",
                file.display()
            ));
        }
    }
}

impl statement::Lines for Lines {
    fn next(&mut self, goes_on: bool) -> Result<statement::Line, Error> {
        let prompt = if goes_on { "... " } else { ">>> " };
        match self.editor.readline(prompt) {
            Ok(line) => Ok(statement::Line::Text(line)),
            Err(ReadlineError::Interrupted) => Ok(statement::Line::Dropped),
            Err(ReadlineError::Eof) => Ok(statement::Line::End),
            Err(error) => Err(failed(&error)),
        }
    }

    fn remember(&mut self, statement: &str) {
        let added = self.editor.history_mut().add(statement);
        let Some(file) = &self.history else {
            return;
        };
        // Each at once: others share the file, and a process may be killed.
        if let Err(error) = added.and_then(|_| self.editor.append_history(file)) {
            self.forget(&error);
        }
    }
}

fn failed(error: &ReadlineError) -> Error {
    Error::new(
        ErrorKind::Io,
        format!("the terminal can't be used: {error}"),
    )
}

/// Names of the live session.
struct Names(Rc<RefCell<Guest>>);

impl Completer for Names {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let text = line.get(..position).unwrap_or(line);
        let this_line = text.rsplit('\n').next().unwrap_or(text);
        if this_line.trim().is_empty() {
            let indent = Pair {
                display: String::new(),
                replacement: INDENT.to_owned(),
            };
            return Ok((position, vec![indent]));
        }
        // While a piece runs, nobody types.
        let names = match self.0.try_borrow() {
            Ok(guest) => guest.names(text),
            Err(_) => Vec::new(),
        };
        let start = word(text, &names);
        let pair = |name: String| {
            let last = name.rfind('.').map_or(0, |dot| dot + 1);
            Pair {
                display: name[last..].to_owned(),
                replacement: name,
            }
        };
        Ok((start, names.into_iter().map(pair).collect()))
    }
}

/// Where the word begins that ends `text` and that `names` begin with.
fn word(text: &str, names: &[String]) -> usize {
    let starts = text.char_indices().map(|(at, _)| at);
    let begins = |at: &usize| names.iter().all(|name| name.starts_with(&text[*at..]));
    starts.into_iter().find(begins).unwrap_or(text.len())
}

impl Hinter for Names {
    type Hint = String;
}
impl Highlighter for Names {}
impl Validator for Names {}
impl Helper for Names {}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn a_word_is_what_the_names_begin_with() {
        let names = ["os.path".to_owned(), "os.pardir".to_owned()];
        assert_eq!(word("print(os.pa", &names), 6);
        assert_eq!(word("os.pa", &names), 0);
        assert_eq!(word("é = os.", &names), "é = ".len());
        assert_eq!(word("x", &["y".to_owned()]), 1);
    }
}
