//! Which package is asked for, and in which versions: the part of PEP 508 that
//! names a package of an index. URLs, paths and markers are not part of it.

use pep440_rs::{Version, VersionSpecifiers};
use std::{fmt, str::FromStr};

/// Bytes of one requirement: far above what anybody writes.
const MAX_BYTES: usize = 1000;

/// A package by name, with extras and a version specifier, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// In the one form that names are compared in.
    pub(crate) name: String,
    extras: Vec<String>,
    versions: VersionSpecifiers,
}

/// What is wrong with a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    Name,
    Specifier,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "invalid package name",
            Self::Specifier => "invalid version specifier",
        })
    }
}

impl Requirement {
    /// Adds what `text` says of versions: specifiers, or a version, which is to
    /// be exactly that.
    pub(crate) fn with_version(mut self, text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        let versions = match Version::from_str(text) {
            Ok(version) => specifiers(&format!("=={version}"))?,
            Err(_) => specifiers(text)?,
        };
        self.versions = self.versions.into_iter().chain(versions).collect();
        Ok(self)
    }

    /// The same, but only in versions of `rule` too.
    pub(crate) fn within(mut self, rule: &Self) -> Self {
        let versions = self.versions.into_iter();
        self.versions = versions.chain(rule.versions.iter().cloned()).collect();
        self
    }

    /// The same in any version.
    pub(super) fn in_any_version(&self) -> Self {
        Self {
            versions: VersionSpecifiers::empty(),
            ..self.clone()
        }
    }
}

impl FromStr for Requirement {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err(Wrong::Name);
        }
        let end = text.find(|character| !is_of_name(character));
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        let (extras, rest) = match rest.trim_start().strip_prefix('[') {
            None => ("", rest),
            Some(rest) => rest.split_once(']').ok_or(Wrong::Name)?,
        };
        let rest = rest.trim();
        // What else may begin there is a specifier's first character.
        if !rest.is_empty() && !rest.starts_with(['=', '<', '>', '!', '~']) {
            return Err(Wrong::Name);
        }
        let extras = extras.split(',').map(str::trim);
        Ok(Self {
            name: canonical(name).ok_or(Wrong::Name)?,
            extras: extras
                .filter(|extra| !extra.is_empty())
                .map(|extra| canonical(extra).ok_or(Wrong::Name))
                .collect::<Result<_, _>>()?,
            versions: specifiers(rest)?,
        })
    }
}

/// As an installer reads it. It begins with a letter or digit, has no dot in
/// its name, and so is neither an option nor a file.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.extras.is_empty() {
            write!(f, "[{}]", self.extras.join(","))?;
        }
        for (index, specifier) in self.versions.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let (operator, version) = (specifier.operator(), specifier.version());
            let star = if operator.is_star() { ".*" } else { "" };
            write!(f, "{comma}{operator}{version}{star}")?;
        }
        Ok(())
    }
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
}

/// The one form of a name: lower case, and a hyphen for each run of dots,
/// underscores and hyphens. `None` for what is no name.
pub(super) fn canonical(name: &str) -> Option<String> {
    let is_ended_well = |end: Option<char>| end.is_some_and(|end| end.is_ascii_alphanumeric());
    if !is_ended_well(name.chars().next())
        || !is_ended_well(name.chars().next_back())
        || !name.chars().all(is_of_name)
    {
        return None;
    }
    let words = name.split(['.', '_', '-']).filter(|word| !word.is_empty());
    Some(words.collect::<Vec<_>>().join("-").to_ascii_lowercase())
}

fn specifiers(text: &str) -> Result<VersionSpecifiers, Wrong> {
    if text.len() > MAX_BYTES {
        return Err(Wrong::Specifier);
    }
    VersionSpecifiers::from_str(text).map_err(|_| Wrong::Specifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, Wrong> {
        text.parse::<Requirement>()
            .map(|requirement| requirement.to_string())
    }

    #[test]
    fn names_extras_and_specifiers() {
        for (text, expected) in [
            ("requests", "requests"),
            (" Foo._-Bar ", "foo-bar"),
            ("foo.zip", "foo-zip"),
            ("pydantic[email, Time_Zone]", "pydantic[email,time-zone]"),
            ("requests>=2.32", "requests>=2.32"),
            ("requests >= 2.32, <3", "requests>=2.32,<3"),
            ("a[b]==1.*,!=1.5", "a[b]==1.*,!=1.5"),
            ("a~=1.4", "a~=1.4"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_package_of_an_index() {
        for text in [
            "",
            "-",
            "-r x",
            "--index-url=http://x",
            "-e .",
            ".",
            "./a",
            "/a",
            "a/b",
            "../a",
            "a;b",
            "a|b",
            "a&b",
            "a$b",
            "a`b`",
            "a b",
            "a @ file:///x",
            "a@http://x",
            "git+https://x/y",
            "a; python_version<'3'",
            "a\nb",
            "a\0",
            "ä",
            "a-",
            "_a",
            "a[",
            "a[-x]",
            "a[b c]",
            "http://x/a.whl",
            "a(>=1)",
        ] {
            assert_eq!(read(text), Err(Wrong::Name), "{text}");
        }
        for text in [
            "a==",
            "a=1",
            "a>=x y",
            "a>=1;rm -rf",
            "a==1/../../x",
            "a>1 --pre",
            "a==$(x)",
        ] {
            assert_eq!(read(text), Err(Wrong::Specifier), "{text}");
        }
        assert_eq!(read(&"a".repeat(MAX_BYTES + 1)), Err(Wrong::Name));
    }

    #[test]
    fn a_version_beside_a_name() {
        let with = |text: &str| {
            let package: Requirement = "a>=1".parse().expect("a name");
            package
                .with_version(text)
                .map(|package| package.to_string())
        };
        assert_eq!(with("1.5").as_deref(), Ok("a>=1,==1.5"));
        assert_eq!(with("<2, !=1.7").as_deref(), Ok("a>=1,!=1.7,<2"));
        assert_eq!(with("").as_deref(), Ok("a>=1"));
        for wrong in ["x", "; rm", "1 --pre", "$(x)"] {
            assert_eq!(with(wrong), Err(Wrong::Specifier), "{wrong}");
        }
    }
}
