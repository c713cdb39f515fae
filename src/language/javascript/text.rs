//! UTF-8 and UTF-16 for `TextEncoder` and `TextDecoder`.

use super::{
    answer::Answer,
    call::{Call, Failure},
};

pub(super) fn utf8_encode(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let bytes = call.with_text(0, |bytes, _| bytes.to_vec())?;
    Ok(Answer::Bytes(bytes))
}

/// Buffer, offset, length, and whether invalid input is refused with null.
pub(super) fn utf8_decode(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let range = call.bytes(0)?;
    let fatal = call.boolean(3)?;
    let (bytes, _) = call.memory(range)?;
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => Answer::Text(text.to_owned()),
        Err(_) if fatal => Answer::Null,
        Err(_) => Answer::Text(String::from_utf8_lossy(bytes).into_owned()),
    })
}

/// The same for little-endian UTF-16.
pub(super) fn utf16_decode(call: &mut Call<'_>) -> Result<Answer, Failure> {
    let range = call.bytes(0)?;
    let fatal = call.boolean(3)?;
    let (bytes, _) = call.memory(range)?;
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
