//! Reading a table of `modules.toml`, key by key.

use super::report::{Place, Placed, Report};
use crate::{Kv, Mount, MountMode, units};
use std::{collections::BTreeSet, path::PathBuf, time::Duration};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

type Value<'a> = Spanned<DeValue<'a>>;

/// A table, and what was read of it.
pub(super) struct Fields<'a, 'r> {
    text: &'a str,
    table: &'a DeTable<'a>,
    known: BTreeSet<&'static str>,
    report: &'r mut Report,
}

impl<'a, 'r> Fields<'a, 'r> {
    pub(super) fn new(text: &'a str, table: &'a DeTable<'a>, report: &'r mut Report) -> Self {
        Self {
            text,
            table,
            known: BTreeSet::new(),
            report,
        }
    }

    /// Where a value stands.
    pub(super) fn place<T>(&self, value: &Spanned<T>) -> Place {
        Place::of(self.text, value.span().start)
    }

    /// The value of `key`, if there is one.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'a Value<'a>> {
        self.known.insert(key);
        let mut entries = self.table.iter();
        let (_, value) = entries.find(|(name, _)| name.get_ref() == key)?;
        Some(value)
    }

    /// Says of all other keys that they mean nothing here.
    pub(super) fn ignore_others(self) {
        for (name, _) in self.table.iter() {
            if !self.known.contains(name.get_ref().as_ref()) {
                let known: Vec<&str> = self.known.iter().copied().collect();
                let at = Place::of(self.text, name.span().start);
                let message = format!(
                    "unknown key {:?} is ignored; there are {}",
                    name.get_ref(),
                    known.join(", ")
                );
                self.report.warning(at, message);
            }
        }
    }

    /// A text that `parse` makes something of.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        let value = self.take(key)?;
        let at = self.place(value);
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(key, value, "a text in quotes");
            return None;
        };
        match parse(text) {
            Ok(value) => Some(Placed { value, at }),
            Err(problem) => {
                self.report.error(at, format!("{key}: {problem}"));
                None
            }
        }
    }

    /// The same where there must be one, in a table that begins `at`.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        at: Place,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Placed<T>> {
        if self.take(key).is_none() {
            let message = format!("{key} is missing in this module: add a line {key} = \"…\"");
            self.report.error(at, message);
            return None;
        }
        self.parsed(key, parse)
    }

    fn wrong_type(&mut self, key: &str, value: &Value<'_>, expected: &str) {
        let kind = value.get_ref().type_str();
        let article = if kind.starts_with(['a', 'i']) {
            "an"
        } else {
            "a"
        };
        let message = format!("{key} is {article} {kind}; it must be {expected}");
        self.report.error(self.place(value), message);
    }

    /// Host names. Wagi's may have a scheme, which says nothing: both are asked.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of texts, such as [\"example.com\"]");
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push(host(text).to_owned()),
                None => self.wrong_type(key, item, "a list of texts"),
            }
        }
        texts
    }

    /// A number of at least one.
    pub(super) fn count(&mut self, key: &'static str) -> Option<usize> {
        let value = self.take(key)?;
        let count = number(value).and_then(|number| usize::try_from(number).ok());
        let count = count.filter(|count| *count > 0);
        if count.is_none() {
            self.wrong_type(key, value, "a whole number of at least 1");
        }
        count
    }

    /// A time: a text such as `30s`, or seconds.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<Option<Duration>> {
        self.measure(
            key,
            "a time such as \"30s\", or seconds; 0 for no limit",
            units::duration,
        )
    }

    /// A number of bytes: a text such as `64mb`, or the number.
    pub(super) fn size(&mut self, key: &'static str) -> Option<u64> {
        self.measure(
            key,
            "a size such as \"64mb\", or a number of bytes",
            units::size,
        )
    }

    fn measure<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            _ => {
                self.wrong_type(key, value, expected);
                return None;
            }
        };
        match parse(&text) {
            Ok(measure) => Some(measure),
            Err(problem) => {
                let message = format!("{key}: {problem}; it must be {expected}");
                self.report.error(self.place(value), message);
                None
            }
        }
    }

    /// `true` for values in memory, or the file they are in.
    pub(super) fn kv(&mut self, key: &'static str) -> Kv {
        let Some(value) = self.take(key) else {
            return Kv::None;
        };
        match value.get_ref() {
            DeValue::Boolean(true) => Kv::Memory,
            DeValue::Boolean(false) => Kv::None,
            DeValue::String(file) if !file.is_empty() => Kv::File(file.as_ref().into()),
            _ => {
                self.wrong_type(key, value, "true (in memory) or the path of a file");
                Kv::None
            }
        }
    }

    /// `GUEST = "HOST"`, or `"HOST:MODE"` with the modes of `--mount`.
    pub(super) fn volumes(&mut self, key: &'static str) -> Vec<Placed<Mount>> {
        let expected = "a table such as {\"/data\" = \"./data\"}";
        let mut volumes = Vec::new();
        for (guest, value, at) in self.pairs(key, expected) {
            match value.get_ref().as_str() {
                Some("") | None => self.wrong_type(key, value, "the path of a folder"),
                Some(host) => volumes.push(Placed {
                    value: mount(&guest, host),
                    at,
                }),
            }
        }
        volumes
    }

    /// `NAME = "VALUE"`; numbers and truths as they are written.
    pub(super) fn environment(&mut self, key: &'static str) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        for (name, value, at) in self.pairs(key, "a table such as {NAME = \"value\"}") {
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) => number.as_str().to_owned(),
                DeValue::Float(number) => number.as_str().to_owned(),
                DeValue::Boolean(truth) => truth.to_string(),
                _ => {
                    self.wrong_type(key, value, "a table of texts");
                    continue;
                }
            };
            if name.is_empty() || name.contains(['=', '\0']) || text.contains('\0') {
                let message = format!("{key}: {name:?} can't be a variable; name it otherwise");
                self.report.error(at, message);
                continue;
            }
            variables.push((name, text));
        }
        variables
    }

    /// What a table holds, and where its keys stand.
    fn pairs(&mut self, key: &'static str, expected: &str) -> Vec<(String, &'a Value<'a>, Place)> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(key, value, expected);
            return Vec::new();
        };
        let pair = |(name, value): (&Spanned<_>, &'a Value<'a>)| {
            let at = Place::of(self.text, name.span().start);
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            (name.to_string(), value, at)
        };
        table.iter().map(pair).collect()
    }
}

/// A whole number in the decimal system, as is.
fn number(value: &Value<'_>) -> Option<i64> {
    let number = value.get_ref().as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// `example.com` of `https://example.com/`.
fn host(text: &str) -> &str {
    let text = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .unwrap_or(text);
    text.strip_suffix('/').unwrap_or(text)
}

/// The name of an export.
pub(super) fn name(text: &str) -> Result<String, String> {
    match text {
        "" => Err("the name of an exported function is expected".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// A path on the host.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    match text {
        "" => Err("a path is expected".to_owned()),
        path => Ok(path.into()),
    }
}

fn mount(guest: &str, host: &str) -> Mount {
    let (host, mode) = match host.rsplit_once(':') {
        Some((host, "ro")) if !host.is_empty() => (host, MountMode::ReadOnly),
        Some((host, "rw")) if !host.is_empty() => (host, MountMode::ReadWrite),
        Some((host, "rwc")) if !host.is_empty() => (host, MountMode::ReadWriteCreate),
        // A preopen of Wagi's lets its guest do anything below it.
        _ => (host, MountMode::ReadWriteCreate),
    };
    Mount {
        guest: format!("/{}", guest.trim_start_matches('/')),
        host: host.into(),
        mode,
    }
}
