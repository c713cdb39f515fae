//! What clients ask for.

use super::reply::Refusal;
use crate::{Language, Limits, units};
use serde::{Deserialize, de::DeserializeOwned};

/// The body of a request that runs code.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Code {
    #[serde(default)]
    pub(crate) code: String,
    pub(crate) lang: Option<String>,
    pub(crate) timeout: Option<String>,
}

/// That of one that runs code in a session, which has its language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Piece {
    #[serde(default)]
    pub(crate) code: String,
    pub(crate) timeout: Option<String>,
}

/// That of one that opens a session.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opening {
    pub(crate) lang: Option<String>,
}

/// What `body` says.
///
/// # Errors
///
/// The refusal of a body that is not what was expected.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("invalid JSON: {error}")))
}

/// Code must be there.
///
/// # Errors
///
/// The refusal where it is not.
pub(crate) fn check(code: &str) -> Result<(), Refusal> {
    match code {
        "" => Err(Refusal::bad("code required: \"code\" is missing or empty")),
        _ => Ok(()),
    }
}

/// The language of that name; without one the first that is `served`.
///
/// # Errors
///
/// The refusal of one that is not served.
pub(crate) fn language(name: Option<&str>, served: &[Language]) -> Result<Language, Refusal> {
    let language = match name {
        None => served.first().copied(),
        Some(name) => match name.parse::<Language>() {
            Ok(language) => served.contains(&language).then_some(language),
            Err(_) => None,
        },
    };
    language.ok_or_else(|| {
        let served: Vec<_> = served.iter().map(|language| language.name()).collect();
        let name = name.unwrap_or_default();
        Refusal::bad(format!(
            "unknown language {name:?}; there are: {}",
            served.join(", ")
        ))
    })
}

/// `limits` with the time that a request asks for, if that is less.
///
/// # Errors
///
/// The refusal where it is no time.
pub(crate) fn limits(timeout: Option<&str>, limits: &Limits) -> Result<Limits, Refusal> {
    let Some(text) = timeout else {
        return Ok(limits.clone());
    };
    let asked = units::duration(text).map_err(|error| {
        Refusal::bad(format!("invalid timeout {text:?}: {error}; such as \"2s\""))
    })?;
    let deadline = match (asked, limits.deadline) {
        (Some(asked), Some(most)) => Some(asked.min(most)),
        (asked, most) => asked.or(most),
    };
    Ok(Limits {
        deadline,
        ..limits.clone()
    })
}
