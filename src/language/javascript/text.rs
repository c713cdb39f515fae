//! UTF-8 and UTF-16 for `TextEncoder` and `TextDecoder`, and Base64 for what
//! goes to the host's functions as bytes.

use super::{
    answer::Answer,
    call::{Call, Failure},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Bytes of what is converted at a time: the host holds the result until the
/// program has it.
const MAX_TEXT: usize = 64 << 20;

/// Why something longer than `max` is not converted.
pub(super) fn too_long(max: usize) -> Failure {
    Failure::Error(format!(
        "it is too long: at most {max} bytes are taken at a time"
    ))
}

fn short(bytes: &[u8]) -> Result<&[u8], Failure> {
    if bytes.len() > MAX_TEXT {
        return Err(too_long(MAX_TEXT));
    }
    Ok(bytes)
}

pub(super) fn utf8_encode(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let bytes = call.with_short_text(0, MAX_TEXT, |bytes| bytes.to_vec())?;
    Ok(Answer::Bytes(bytes))
}

/// Buffer, offset, length, and whether invalid input is refused with null.
pub(super) fn utf8_decode(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let range = call.bytes(0)?;
    let fatal = call.boolean(3)?;
    let bytes = short(call.memory(range)?.0)?;
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => Answer::Text(text.to_owned()),
        Err(_) if fatal => Answer::Null,
        // What is replaced may become three times as long.
        Err(_) if bytes.len() > MAX_TEXT / 3 => return Err(too_long(MAX_TEXT / 3)),
        Err(_) => Answer::Text(String::from_utf8_lossy(bytes).into_owned()),
    })
}

/// The same for little-endian UTF-16.
pub(super) fn utf16_decode(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let range = call.bytes(0)?;
    let fatal = call.boolean(3)?;
    let bytes = short(call.memory(range)?.0)?;
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
    let mut valid = rest.is_empty();
    let mut text: String = char::decode_utf16(units)
        .map(|char| {
            char.unwrap_or_else(|_| {
                valid = false;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    if !rest.is_empty() {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    Ok(if fatal && !valid {
        Answer::Null
    } else {
        Answer::Text(text)
    })
}

/// Buffer, offset, length.
pub(super) fn base64_encode(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let range = call.bytes(0)?;
    let bytes = short(call.memory(range)?.0)?;
    Ok(Answer::Text(STANDARD.encode(bytes)))
}

pub(super) fn base64_decode(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let bytes = call.with_short_text(0, MAX_TEXT, |text| STANDARD.decode(text))?;
    bytes
        .map(Answer::Bytes)
        .map_err(|error| Failure::Type(format!("the text is not Base64: {error}")))
}

/// The engine's text, which is UTF-8 but for lone surrogates: these are no
/// characters, and become U+FFFD.
pub(super) fn characters(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() {
        if let Some([0xed, 0xa0..=0xbf, _]) = bytes.get(at..at + 3) {
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// JSON text as the engine writes it, without its escapes of lone surrogates:
/// these are no characters, and become U+FFFD.
pub(super) fn whole_characters(json: &[u8]) -> Vec<u8> {
    const DIGITS: usize = 4;
    let mut text = json.to_vec();
    let mut at = 0;
    while let Some(found) = text[at..].iter().position(|byte| *byte == b'\\') {
        let escape = at + found + 1;
        let digits = escape + 1..escape + 1 + DIGITS;
        at = (escape + 1).min(text.len());
        if text.get(escape) == Some(&b'u')
            && let Some(digits) = text.get_mut(digits)
            && matches!(
                digits,
                [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]
            )
        {
            digits.copy_from_slice(b"fffd");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{characters, whole_characters};

    #[test]
    fn one_character_for_one_surrogate() {
        let text = characters(b"a\xed\xa0\x80\xed\xbf\xbfb\xed\x9f\xbf");
        assert_eq!(text, "a\u{fffd}\u{fffd}b\u{d7ff}");
        assert_eq!(characters(b"\xed\xa0"), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn lone_surrogates_are_no_characters() {
        for (json, expected) in [
            (r#""a""#, r#""a""#),
            (r#""\ud800x\uDFFF\n""#, r#""\ufffdx\ufffd\n""#),
            (r#""\\ud800\u001f""#, r#""\\ud800\u001f""#),
            (r#""\\\ud800""#, r#""\\\ufffd""#),
            (r#"\u"#, r#"\u"#),
            (r#"\"#, r#"\"#),
        ] {
            let text = whole_characters(json.as_bytes());
            assert_eq!(String::from_utf8(text).as_deref(), Ok(expected));
        }
    }
}
