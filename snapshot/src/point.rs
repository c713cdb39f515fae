//! Where a run is captured.

use crate::Error;
use std::{fmt, str::FromStr};

/// The place in a run at which its state is captured.
///
/// Its text form is `MODULE.NAME[:CONDITION[,CONDITION]…]` for an import, where
/// a condition is `argI=K` (the argument at index I equals the integer K) or
/// `nth=N` (the N-th such call, from 1), and `init:NAME` for an exported
/// initialization function; or `idle`.
///
/// ```
/// let point: dormouse_snapshot::Point = "wasi_snapshot_preview1.fd_read:arg0=0".parse()?;
/// assert_eq!(point.to_string(), "wasi_snapshot_preview1.fd_read:arg0=0");
/// # Ok::<(), dormouse_snapshot::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// Just before a call of an imported function. Once restored, the guest
    /// makes that call first.
    Import {
        /// The import's module name.
        module: String,
        /// The import's field name.
        name: String,
        /// Arguments, by index, and what they must equal.
        args: Vec<(u32, u64)>,
        /// Which of the calls that meet the condition, from 1.
        nth: u64,
    },
    /// Between two calls that the host makes, whenever it chooses: no Wasm
    /// frame is on the stack.
    Idle,
    /// When an exported function that takes and gives nothing has returned:
    /// no Wasm frame is on the stack.
    Init {
        /// The function's export name.
        export: String,
    },
}

impl Point {
    /// The first call of the imported function.
    pub fn import(module: &str, name: &str) -> Self {
        Self::Import {
            module: module.to_owned(),
            name: name.to_owned(),
            args: Vec::new(),
            nth: 1,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (module, name, args, nth) = match self {
            Self::Idle => return f.write_str("idle"),
            Self::Init { export } => return write!(f, "init:{export}"),
            Self::Import {
                module,
                name,
                args,
                nth,
            } => (module, name, args, nth),
        };
        write!(f, "{module}.{name}")?;
        let mut conditions: Vec<String> = args
            .iter()
            .map(|(index, value)| format!("arg{index}={value}"))
            .collect();
        if *nth != 1 {
            conditions.push(format!("nth={nth}"));
        }
        if conditions.is_empty() {
            return Ok(());
        }
        write!(f, ":{}", conditions.join(","))
    }
}

impl FromStr for Point {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text == "idle" {
            return Ok(Self::Idle);
        }
        if let Some(export) = text.strip_prefix("init:") {
            return Ok(Self::Init {
                export: export.to_owned(),
            });
        }
        let (function, conditions) = match text.split_once(':') {
            Some((function, conditions)) => (function, Some(conditions)),
            None => (text, None),
        };
        let Some((module, name)) = function.rsplit_once('.') else {
            return Err(Error::refused(format!(
                "{text:?} names no import: write MODULE.NAME, such as \
                 wasi_snapshot_preview1.fd_read"
            )));
        };
        let (mut args, mut nth) = (Vec::new(), 1);
        for condition in conditions.iter().flat_map(|all| all.split(',')) {
            match parse_condition(condition) {
                Some(Condition::Arg(index, value)) => args.push((index, value)),
                Some(Condition::Nth(count)) => nth = count,
                None => {
                    return Err(Error::refused(format!(
                        "{condition:?} is no condition: write argI=K (the argument at index I, \
                         from 0, equals K) or nth=N (the N-th such call, from 1)"
                    )));
                }
            }
        }
        Ok(Self::Import {
            module: module.to_owned(),
            name: name.to_owned(),
            args,
            nth,
        })
    }
}

enum Condition {
    Arg(u32, u64),
    Nth(u64),
}

fn parse_condition(text: &str) -> Option<Condition> {
    let (what, value) = text.split_once('=')?;
    if what == "nth" {
        return value
            .parse()
            .ok()
            .filter(|nth| *nth > 0)
            .map(Condition::Nth);
    }
    let index = what.strip_prefix("arg")?.parse().ok()?;
    let value = match value.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => value
            .parse()
            .ok()
            .or_else(|| value.parse::<i64>().ok().map(i64::cast_unsigned))?,
    };
    Some(Condition::Arg(index, value))
}

#[cfg(test)]
mod tests {
    use super::Point;

    #[test]
    fn text_and_back() {
        for text in [
            "m.f",
            "a.b.c",
            "m.f:arg0=4",
            "m.f:nth=3",
            "m.f:arg0=4,arg2=7,nth=2",
            "idle",
            "init:wizer.initialize",
        ] {
            let point: Point = text.parse().expect(text);
            assert_eq!(point.to_string(), text);
        }
        assert_eq!(
            "m.f:arg1=0x10".parse::<Point>().ok(),
            "m.f:arg1=16".parse().ok()
        );
        let minus: Point = "m.f:arg0=-1".parse().expect("negative");
        assert_eq!(minus.to_string(), format!("m.f:arg0={}", u64::MAX));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("fd_read", "names no import"),
            ("m.f:", "\"\" is no condition"),
            ("m.f:nth=0", "\"nth=0\""),
            ("m.f:arg=1", "\"arg=1\""),
            ("m.f:arg0=x", "\"arg0=x\""),
        ] {
            let error = text.parse::<Point>().expect_err(text);
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.is_refusal());
        }
    }
}
