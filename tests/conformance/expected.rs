//! Failures that are known, with their reasons.
//!
//! A table is text: on each line a name, blanks, and a reason. Lines that begin
//! with `#` are comments. A name may end in `*`, and then stands for all that
//! begin so, of which at least one must fail. A name that begins with `WAY@` is
//! of a test that fails in that way of running it only.

use std::collections::BTreeSet;

/// What a suite is known to fail.
pub(crate) struct Expected {
    rows: Vec<(&'static str, &'static str)>,
}

impl Expected {
    /// The rows of `table` for this `way`.
    pub(crate) fn parse(table: &'static str, way: &str) -> Self {
        let rows = table
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|line| {
                let (name, reason) = line
                    .split_once(char::is_whitespace)
                    .expect("a row has a name and a reason");
                (name, reason.trim())
            })
            .filter_map(|(name, reason)| match name.split_once('@') {
                None => Some((name, reason)),
                Some((only, name)) => (only == way).then_some((name, reason)),
            })
            .collect();
        Self { rows }
    }

    fn covers(pattern: &str, name: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == pattern,
        }
    }

    /// What is wrong with `failed`, of the tests that `ran`: what should not
    /// have failed, and rows that nothing failed for though it ran.
    pub(crate) fn check<'n>(
        &self,
        ran: impl Fn(&str) -> bool,
        failed: impl IntoIterator<Item = &'n str>,
    ) -> Vec<String> {
        let failed: BTreeSet<&str> = failed.into_iter().collect();
        let unexpected = failed
            .iter()
            .filter(|name| !self.rows.iter().any(|(row, _)| Self::covers(row, name)))
            .map(|name| format!("failed: {name}"));
        let stale = self
            .rows
            .iter()
            .filter(|(row, _)| ran(row.trim_end_matches('*')))
            .filter(|(row, _)| !failed.iter().any(|name| Self::covers(row, name)))
            .map(|(row, reason)| format!("did not fail, though it should: {row} ({reason})"));
        unexpected.chain(stale).collect()
    }
}

#[test]
fn a_table_must_be_true() {
    let table = Expected::parse("# Why.\na  this\nb* that\nx@d  other\n", "y");
    let ran = |_: &str| true;
    assert!(table.check(ran, ["a", "b1", "b2"]).is_empty());
    assert_eq!(table.check(ran, ["a", "b", "c"]), ["failed: c"]);
    assert_eq!(
        table.check(ran, ["a"]),
        ["did not fail, though it should: b* (that)"]
    );
    assert!(table.check(|name| name == "a", ["a"]).is_empty());
    let table = Expected::parse("x@d  other\n", "x");
    assert!(table.check(ran, ["d"]).is_empty());
}
