//! What JSON costs the host in memory, about.
//!
//! Values are larger than their text, many times where it is made for that:
//! two bytes of text can be a number of 32 bytes, three an object whose first
//! node holds eleven entries.

use serde_json::Value;

/// Bytes of a parsed value, wherever it is.
pub(super) const VALUE: usize = size_of::<Value>();

/// Bytes of what an object allocates for its first entries.
pub(super) const OBJECT: usize = 11 * (size_of::<String>() + VALUE) + 32;

/// Bytes that the values in `text` will take, beside those of their strings.
pub(super) fn of_text(text: &[u8]) -> usize {
    let (mut weight, mut is_string, mut is_escaped) = (VALUE, false, false);
    for byte in text {
        if is_string {
            is_string = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
            continue;
        }
        weight += match byte {
            b'"' => {
                is_string = true;
                0
            }
            // An array grows in steps of two times what it was.
            b',' => 2 * VALUE,
            b'[' => 4 * VALUE,
            b'{' => OBJECT,
            _ => 0,
        };
    }
    weight
}

/// Bytes that `value` takes.
pub(super) fn of_value(value: &Value) -> usize {
    let parts = match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(of_value).sum(),
        Value::Object(entries) if entries.is_empty() => 0,
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| key.len() + of_value(value);
            OBJECT + entries.iter().map(entry).sum::<usize>()
        }
        _ => 0,
    };
    VALUE + parts
}

/// Bytes of the strings of `value` in JSON, where a byte may take six.
pub(super) fn as_text(value: &Value) -> usize {
    match value {
        Value::String(text) => text.bytes().map(written).sum(),
        Value::Array(values) => values.iter().map(as_text).sum(),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| 6 * key.len() + as_text(value);
            entries.iter().map(entry).sum()
        }
        _ => 0,
    }
}

fn written(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_weighs_what_it_becomes() {
        assert_eq!(of_text(b"1"), VALUE);
        assert!(of_text(b"[0,0,0]") >= of_value(&json!([0, 0, 0])));
        assert!(of_text(br#"[{"":0}]"#) >= of_value(&json!([{"": 0}])));
    }

    #[test]
    fn what_is_in_strings_counts_for_nothing() {
        assert_eq!(of_text(br#""[{,,}]""#), VALUE);
        assert_eq!(of_text(br#""\"[{,,}]\\""#), VALUE);
        assert_eq!(of_text(br#"["\\","x"]"#), of_text(b"[0,0]"));
    }

    #[test]
    fn values_weigh_their_strings() {
        assert_eq!(of_value(&json!("x".repeat(1000))), VALUE + 1000);
        assert!(of_value(&json!({"k": ["v"]})) > OBJECT);
    }
}
