//! Lines to whole statements.

use crate::{Error, Language};

/// Where lines come from.
pub(super) trait Lines {
    /// The next one; `goes_on` where it goes on with the one before.
    ///
    /// # Errors
    ///
    /// When it can't be read.
    fn next(&mut self, goes_on: bool) -> Result<Line, Error>;

    /// Remembers what was made of them.
    fn remember(&mut self, statement: &str);
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A line without its end, or several where a block was pasted.
    Text(String),
    /// The user wants none of what was typed.
    Dropped,
    /// There are no more for now.
    End,
}

/// The words that end a prompt.
const LEAVING: [&str; 2] = ["exit", "quit"];

/// Reads a whole statement, as `is_whole` sees it; `None` at the end.
///
/// # Errors
///
/// When no line can be read, or nobody can say whether it is whole.
pub(super) fn read(
    lines: &mut dyn Lines,
    language: Language,
    is_whole: &mut dyn FnMut(&str) -> Result<bool, Error>,
) -> Result<Option<String>, Error> {
    let mut code = String::new();
    let mut goes_on = false;
    loop {
        match lines.next(goes_on)? {
            Line::Text(line) if goes_on => code.push_str(&line),
            Line::Text(line) if line.trim().is_empty() => continue,
            Line::Text(line) if LEAVING.contains(&line.trim()) => return Ok(None),
            Line::Text(line) => code = line,
            Line::Dropped => {
                code.clear();
                goes_on = false;
                continue;
            }
            Line::End if goes_on => break,
            Line::End => return Ok(None),
        }
        if !continues(&mut code, language, is_whole)? && is_whole(&code)? {
            break;
        }
        code.push('\n');
        goes_on = true;
    }
    lines.remember(code.trim_end());
    Ok(Some(code))
}

/// Whether `code` says by a backslash that it goes on. Only Python, and any
/// language in a string, has that in its syntax: elsewhere it is taken away.
fn continues(
    code: &mut String,
    language: Language,
    is_whole: &mut dyn FnMut(&str) -> Result<bool, Error>,
) -> Result<bool, Error> {
    if !code.ends_with('\\') {
        return Ok(false);
    }
    if !language.is_python() && is_whole(code)? {
        code.pop();
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// What is typed, and what was remembered of it.
    struct Typed(VecDeque<Line>, Vec<String>);

    impl Lines for Typed {
        fn next(&mut self, _: bool) -> Result<Line, Error> {
            Ok(self.0.pop_front().unwrap_or(Line::End))
        }

        fn remember(&mut self, statement: &str) {
            self.1.push(statement.to_owned());
        }
    }

    /// The statements of `lines`, of which those that open a bracket go on.
    fn statements(language: Language, lines: &[&str]) -> (Vec<String>, Vec<String>) {
        let line = |line: &&str| match *line {
            "^C" => Line::Dropped,
            line => Line::Text(line.to_owned()),
        };
        let mut typed = Typed(lines.iter().map(line).collect(), Vec::new());
        let mut is_whole = |code: &str| Ok(code.matches('(').count() <= code.matches(')').count());
        let mut all = Vec::new();
        while let Some(statement) =
            read(&mut typed, language, &mut is_whole).expect("nothing fails here")
        {
            all.push(statement);
        }
        (all, typed.1)
    }

    #[test]
    fn lines_become_statements() {
        let (all, remembered) = statements(
            Language::Python,
            &["a", "", "  ", "b(", "", "c)", "d(", "^C", "e"],
        );
        assert_eq!(all, ["a", "b(\n\nc)", "e"]);
        assert_eq!(remembered, all);
        let (all, _) = statements(Language::Python, &["a(", "exit", "b)", " quit ", "c"]);
        assert_eq!(all, ["a(\nexit\nb)"]);
        let (all, _) = statements(Language::Python, &["a", "b("]);
        assert_eq!(all, ["a", "b(\n"]);
    }

    #[test]
    fn a_backslash_goes_on() {
        let (all, _) = statements(Language::Python, &["a \\", "+ b"]);
        assert_eq!(all, ["a \\\n+ b"]);
        let (all, _) = statements(Language::JavaScript, &["a \\", "+ b"]);
        assert_eq!(all, ["a \n+ b"]);
        let (all, _) = statements(Language::JavaScript, &["(a \\", "+ b)"]);
        assert_eq!(all, ["(a \\\n+ b)"]);
    }
}
