//! Files of environment variables: `NAME=VALUE` on each line.

use crate::{Error, ErrorKind};
use std::path::Path;

/// The variables in the file at `path`.
///
/// # Errors
///
/// When it can't be read, or a line is none of them.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let failed = |problem: String| {
        let message = format!("{}{problem}", path.display());
        Error::new(ErrorKind::Config, message)
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(format!(": {error}")))?;
    parse(&text).map_err(|(line, problem)| failed(format!(":{line}: {problem}")))
}

/// Blank lines and those that begin with `#` are skipped; `export` may stand
/// before a name, and one pair of quotes around a value.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>, (usize, &'static str)> {
    let mut variables = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |problem| (index + 1, problem);
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or(wrong("expected NAME=VALUE"))?;
        let (name, value) = (name.trim(), unquoted(value.trim()));
        if name.is_empty() || name.contains('\0') || value.contains('\0') {
            return Err(wrong("expected NAME=VALUE"));
        }
        variables.push((name.to_owned(), value.to_owned()));
    }
    Ok(variables)
}

/// What stands between quotes, if it does.
fn unquoted(value: &str) -> &str {
    let between = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    between('"').or_else(|| between('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c3_variables_of_a_file() {
        let text = "# a comment\n\nA=1\n export B = \"two words\" \nC='it''s'\nD=\nE=a=b#c\n";
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "it''s"),
            ("D", ""),
            ("E", "a=b#c"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse(text), Ok(expected.to_vec()));
        assert_eq!(parse("A=1\nB\n"), Err((2, "expected NAME=VALUE")));
        assert_eq!(parse("=1\n"), Err((1, "expected NAME=VALUE")));
    }
}
