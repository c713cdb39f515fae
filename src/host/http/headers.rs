//! The header fields that a guest may send.

use super::invalid;
use crate::{HostError, HostErrorKind};
use serde_json::Value;

/// Fields of one request. Servers take about as many.
const MAX_FIELDS: usize = 100;

/// Bytes of their names and values, all together: several times what servers
/// take.
const MAX_BYTES: usize = 64 << 10;

/// Fields that say where a message ends, whom it is for, or what the
/// connection is to do. They are the host's, and what a guest says of them is
/// passed over, as `fetch` does: clients set them out of habit, and a guest
/// that could choose them could slip a second request into the first.
const OF_THE_HOST: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields that belong to whom the guest addressed, and to nobody that it is
/// redirected to.
const SECRET: [&str; 2] = ["authorization", "cookie"];

/// Fields that describe a body, and go with it.
const OF_THE_BODY: [&str; 4] = [
    "content-encoding",
    "content-language",
    "content-location",
    "content-type",
];

/// Header fields in the order in which they are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `{name: value, …}`, where a value may be a list of them, or
    /// `[[name, value], …]`.
    pub(super) fn of(headers: Option<&Value>) -> Result<Self, HostError> {
        let mut fields = Self::default();
        match headers {
            None | Some(Value::Null) => {}
            Some(Value::Object(named)) => {
                for (name, value) in named {
                    match value {
                        Value::Array(values) => {
                            for value in values {
                                fields.add(name, value)?;
                            }
                        }
                        value => fields.add(name, value)?,
                    }
                }
            }
            Some(Value::Array(pairs)) => {
                for pair in pairs {
                    match pair.as_array().map(Vec::as_slice) {
                        Some([Value::String(name), value]) => fields.add(name, value)?,
                        _ => return Err(invalid("headers must be pairs of a name and a value")),
                    }
                }
            }
            Some(_) => return Err(invalid("headers must be an object")),
        }
        Ok(fields)
    }

    fn add(&mut self, name: &str, value: &Value) -> Result<(), HostError> {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(invalid(format!("the value of header {name:?} is not text"))),
        };
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(invalid(format!("invalid header name: {name:?}")));
        }
        if value
            .bytes()
            .any(|byte| byte != b'\t' && byte.is_ascii_control())
        {
            return Err(invalid(format!(
                "the value of header {name:?} has control characters"
            )));
        }
        let name = name.to_ascii_lowercase();
        if OF_THE_HOST.contains(&name.as_str()) {
            return Ok(());
        }
        self.0.push((name, value.trim().to_owned()));
        let bytes: usize = self
            .0
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if self.0.len() > MAX_FIELDS || bytes > MAX_BYTES {
            return Err(HostError::new(
                HostErrorKind::TooLarge,
                format!("headers exceed {MAX_FIELDS} fields or {MAX_BYTES} bytes"),
            ));
        }
        Ok(())
    }

    /// Adds a field of the host's making, if there is none of its name.
    pub(super) fn add_unless_there(&mut self, name: &str, value: String) {
        if !self.0.iter().any(|(there, _)| there == name) {
            self.0.push((name.to_owned(), value));
        }
    }

    /// Forgets what a host other than the first must not see.
    pub(super) fn drop_secrets(&mut self) {
        self.0.retain(|(name, _)| !SECRET.contains(&name.as_str()));
    }

    /// Forgets what describes a body that is not sent any more.
    pub(super) fn drop_body(&mut self) {
        self.0
            .retain(|(name, _)| !OF_THE_BODY.contains(&name.as_str()));
    }

    #[cfg_attr(
        not(feature = "http"),
        allow(dead_code, reason = "nothing is sent then")
    )]
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Result<Vec<(String, String)>, String> {
        let fields = Fields::of(Some(&value)).map_err(|error| error.message().to_owned())?;
        Ok(fields.0)
    }

    #[test]
    fn several_forms() {
        let expected = Ok(vec![
            ("a".to_owned(), "1".to_owned()),
            ("a".to_owned(), "x y".to_owned()),
        ]);
        assert_eq!(fields(json!({"A": [1, " x y "]})), expected);
        assert_eq!(fields(json!([["A", 1], ["a", "x y"]])), expected);
        assert_eq!(fields(json!(null)), Ok(Vec::new()));
    }

    #[test]
    fn a_guest_shapes_no_message() {
        for name in ["Host", "content-length", "Transfer-Encoding", "CONNECTION"] {
            assert_eq!(fields(json!({name: "x"})), Ok(Vec::new()), "{name}");
        }
        for wrong in [
            json!({"a\r\nb": "1"}),
            json!({"a b": "1"}),
            json!({"": "1"}),
            json!({"a:": "1"}),
            json!({"é": "1"}),
            json!({"a": "1\r\nb: 2"}),
            json!({"a": "1\n"}),
            json!({"a": "1\u{0}"}),
            json!({"a": {}}),
            json!([["a"]]),
            json!("a: 1"),
            json!({"a": "x".repeat(MAX_BYTES)}),
            json!({"a": vec!["x"; MAX_FIELDS + 1]}),
        ] {
            assert!(fields(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
