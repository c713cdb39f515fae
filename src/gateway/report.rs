//! What is wrong with a file, and where in it.

use std::{fmt, path::Path};

/// Where in a text: both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A value, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) at: Place,
}

/// Whether the file can be used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    Warning,
    Error,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) severity: Severity,
    pub(crate) at: Option<Place>,
    pub(crate) message: String,
}

/// All that is wrong with one file.
#[derive(Debug)]
pub(crate) struct Report {
    file: String,
    problems: Vec<Problem>,
}

impl Place {
    /// Where the byte `offset` of `text` is.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: 1 + before.matches('\n').count(),
            column: 1 + line.chars().count(),
        }
    }
}

impl Report {
    pub(crate) fn new(file: &Path) -> Self {
        Self {
            file: file.display().to_string(),
            problems: Vec::new(),
        }
    }

    /// Notes what keeps the file from being used.
    pub(crate) fn error(&mut self, at: impl Into<Option<Place>>, message: impl Into<String>) {
        self.add(Severity::Error, at.into(), message.into());
    }

    /// Notes what its author should know.
    pub(crate) fn warning(&mut self, at: impl Into<Option<Place>>, message: impl Into<String>) {
        self.add(Severity::Warning, at.into(), message.into());
    }

    fn add(&mut self, severity: Severity, at: Option<Place>, message: String) {
        let problem = Problem {
            severity,
            at,
            message,
        };
        // Several modules may have the same at fault.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Whether it can't be used.
    pub(crate) fn has_errors(&self) -> bool {
        self.count(Severity::Error) != 0
    }

    /// How many of `severity` there are.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        let of_it = |problem: &&Problem| problem.severity == severity;
        self.problems.iter().filter(of_it).count()
    }

    /// Each problem as a line, `FILE:LINE:COLUMN: error: MESSAGE`, in the file's
    /// order.
    pub(crate) fn lines(&self) -> Vec<(Severity, String)> {
        let mut problems: Vec<&Problem> = self.problems.iter().collect();
        problems.sort_by_key(|problem| problem.at);
        let line = |problem: &Problem| {
            let place = problem.at.map(|at| format!(":{at}")).unwrap_or_default();
            format!(
                "{}{place}: {}: {}",
                self.file, problem.severity, problem.message
            )
        };
        problems
            .into_iter()
            .map(|problem| (problem.severity, line(problem)))
            .collect()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let text = "ab\nä = 1\n";
        for (offset, line, column) in [(0, 1, 1), (2, 1, 3), (3, 2, 1), (6, 2, 3), (999, 3, 1)] {
            assert_eq!(Place::of(text, offset), Place { line, column }, "{offset}");
        }
    }
}
