//! Why an installation did not take place, from what the installer said of it.

use super::{Trouble, pip::Pip, requirement::Requirement};

/// A package that can't be had, and what wants it.
struct Missing {
    requirement: Requirement,
    by: Option<String>,
}

/// Why `asked` is not installed, which `pip` said `output` of.
pub(super) fn explain(pip: &Pip<'_>, asked: &[Requirement], output: &str) -> Trouble {
    match missing(output) {
        Some(missing) => Trouble::Unavailable(why(pip, asked, output, missing)),
        None => Trouble::Failed(last_error(output).to_owned()),
    }
}

/// Why there is no `missing`.
fn why(pip: &Pip<'_>, asked: &[Requirement], output: &str, missing: Missing) -> String {
    let name = &missing.requirement.name;
    // What it says of each attempt to reach a server.
    if output.contains("Retrying (") {
        return format!("{name} can't be looked up: the package index can't be reached");
    }
    let alone = std::slice::from_ref(&missing.requirement);
    if missing.by.is_some() && pip.would_install(alone).is_some() {
        return format!(
            "the versions that are wanted exclude each other: {}",
            conflict(output)
        );
    }
    let any: Vec<Requirement> = asked.iter().map(Requirement::in_any_version).collect();
    let newest = (any != asked).then(|| pip.would_install(&any)).flatten();
    if newest.is_none() && !pip.knows(name) {
        return format!("there is no package {name} on the index");
    }
    let by = missing
        .by
        .map(|by| format!(", which {by} needs,"))
        .unwrap_or_default();
    let versions = match newest {
        Some(newest) => format!("the newest version that installs is {}", newest.join(", ")),
        None => "no version installs".to_owned(),
    };
    format!(
        "{}{by} has no pure-Python wheel for Python 3.12, and native code does not run in the \
         sandbox; {versions}",
        missing.requirement
    )
}

/// The first package of which there is no version.
fn missing(output: &str) -> Option<Missing> {
    let first = |find: fn(&str) -> Option<Missing>| output.lines().find_map(find);
    first(|line| {
        let rest = line
            .split_once("find a version that satisfies the requirement ")?
            .1;
        let (requirement, rest) = rest.split_once(" (from ")?;
        let by = rest.split_once(')').map(|(by, _)| by);
        Some(Missing {
            requirement: requirement.parse().ok()?,
            by: by
                .filter(|by| !by.starts_with("versions:"))
                .map(str::to_owned),
        })
    })
    .or_else(|| {
        first(|line| {
            let (by, requirement) = line.trim().split_once(" depends on ")?;
            Some(Missing {
                requirement: requirement.parse().ok()?,
                by: Some(by.to_owned()),
            })
        })
    })
}

/// What it says of versions that exclude each other.
fn conflict(output: &str) -> String {
    let lines = output
        .lines()
        .skip_while(|line| !line.starts_with("The conflict is caused by"));
    let lines = lines.skip(1).take(4).map(str::trim);
    lines
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}

/// The last line that calls itself an error; or, without one, the last.
fn last_error(output: &str) -> &str {
    let mut errors = output
        .lines()
        .filter_map(|line| line.strip_prefix("ERROR: "));
    let last = errors.next_back();
    last.or_else(|| output.trim_end().lines().next_back())
        .unwrap_or("it said nothing")
}

#[test]
fn what_is_missing() {
    let of = |output: &str| {
        let missing = missing(output)?;
        Some((missing.requirement.to_string(), missing.by))
    };
    let none = "x\nERROR: Could not find a version that satisfies the requirement nat>=1 (from versions: 0.9)\n";
    assert_eq!(of(none), Some(("nat>=1".to_owned(), None)));
    let needed = "ERROR: Could not find a version that satisfies the requirement b==1 (from a) (from versions: none)";
    assert_eq!(of(needed), Some(("b==1".to_owned(), Some("a".to_owned()))));
    let all = "The conflict is caused by:\n    a 2 depends on b==2.1\n    a 1 depends on b==1\n\n";
    assert_eq!(of(all), Some(("b==2.1".to_owned(), Some("a 2".to_owned()))));
    assert_eq!(conflict(all), "a 2 depends on b==2.1; a 1 depends on b==1");
    assert_eq!(of("ERROR: no space left"), None);
    assert_eq!(last_error("ERROR: a\nERROR: b\nc\n"), "b");
}
