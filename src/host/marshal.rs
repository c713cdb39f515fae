//! Values in the format that Python's `marshal` has for them, as its version 2
//! writes it: a byte that tells the type, then the value, numbers with their
//! lowest byte first.
//!
//! | Byte | What follows | Value |
//! |---|---|---|
//! | `N` `T` `F` | | null, true, false |
//! | `i` | 4 bytes | an integer |
//! | `l` | how many digits (4 bytes, negative for a number below zero), 2 bytes each | an integer to the base of 2¹⁵ |
//! | `g` | 8 bytes | a float |
//! | `u` | length (4 bytes), UTF-8 | a text |
//! | `z` | length (1 byte), ASCII | a text; only written |
//! | `s` | length (4 bytes), bytes | bytes; only read, in a batch |
//! | `(` `[` | how many (4 bytes), those | an array |
//! | `{` | keys and values in turns, `0` | an object |
//!
//! Python reads and writes it in one call, in a fifth of the time that JSON
//! takes it.

use super::weight;
use serde_json::{Map, Number, Value};

/// How deep values may be in each other, far below what either side can bear.
/// Deeper ones go as JSON.
const MAX_DEPTH: usize = 64;

/// Bits of a digit.
const DIGIT: u32 = 15;

/// Digits of the largest integer that there may be.
const MAX_DIGITS: usize = 5;

/// Why something was not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is nothing that JSON has, or has in this way: let it come as JSON.
    Unfit,
    /// It would take too much of the host's memory.
    TooLarge,
}

/// What a request is made of.
pub(super) enum Item<'a> {
    Value(Value),
    Bytes(&'a [u8]),
}

/// Reads from the beginning of some bytes.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// What values may still weigh.
    left: usize,
}

impl<'a> Reader<'a> {
    /// Reads values from `bytes` that weigh up to `left`.
    pub(super) fn new(bytes: &'a [u8], left: usize) -> Self {
        Self { bytes, left }
    }

    /// What a tuple is made of, and nothing may follow it.
    pub(super) fn tuple(&mut self) -> Result<Vec<Item<'a>>, Unread> {
        if self.byte()? != b'(' {
            return Err(Unread::Unfit);
        }
        let mut items = Vec::new();
        for _ in 0..self.length()? {
            self.weigh(2 * size_of::<Item<'_>>())?;
            items.push(match self.bytes.first() {
                Some(b's') => {
                    self.byte()?;
                    let length = self.length()?;
                    Item::Bytes(self.take(length)?)
                }
                _ => Item::Value(self.value(MAX_DEPTH)?),
            });
        }
        match self.bytes {
            [] => Ok(items),
            _ => Err(Unread::Unfit),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Unread> {
        // An array grows in steps of two times what it was.
        self.weigh(2 * weight::VALUE)?;
        Ok(match self.byte()? {
            b'N' => Value::Null,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            b'i' => Value::from(i32::from_le_bytes(self.array()?)),
            b'l' => self.integer()?,
            b'g' => Number::from_f64(f64::from_le_bytes(self.array()?))
                .map(Value::Number)
                .ok_or(Unread::Unfit)?,
            b'u' => Value::String(self.text()?),
            b'(' | b'[' => {
                let depth = depth.checked_sub(1).ok_or(Unread::Unfit)?;
                let count = self.length()?;
                let values = (0..count).map(|_| self.value(depth));
                values.collect::<Result<_, _>>()?
            }
            b'{' => self.object(depth.checked_sub(1).ok_or(Unread::Unfit)?)?,
            _ => return Err(Unread::Unfit),
        })
    }

    fn object(&mut self, depth: usize) -> Result<Value, Unread> {
        self.weigh(weight::OBJECT)?;
        let mut entries = Map::new();
        loop {
            match self.byte()? {
                b'0' => return Ok(Value::Object(entries)),
                b'u' => {}
                _ => return Err(Unread::Unfit),
            }
            self.weigh(2 * size_of::<String>())?;
            let key = self.text()?;
            entries.insert(key, self.value(depth)?);
        }
    }

    fn integer(&mut self) -> Result<Value, Unread> {
        let count = i32::from_le_bytes(self.array()?);
        let digits = usize::try_from(count.unsigned_abs()).map_err(|_| Unread::Unfit)?;
        if digits > MAX_DIGITS {
            return Err(Unread::Unfit);
        }
        let mut size = 0_i128;
        for place in 0..digits {
            let digit = i128::from(u16::from_le_bytes(self.array()?));
            size |= digit << (DIGIT * u32::try_from(place).unwrap_or(0));
        }
        let integer = if count < 0 { -size } else { size };
        i64::try_from(integer)
            .map(Value::from)
            .or_else(|_| u64::try_from(integer).map(Value::from))
            .map_err(|_| Unread::Unfit)
    }

    fn text(&mut self) -> Result<String, Unread> {
        let length = self.length()?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| Unread::Unfit)?;
        Ok(text.to_owned())
    }

    fn length(&mut self) -> Result<usize, Unread> {
        usize::try_from(i32::from_le_bytes(self.array()?)).map_err(|_| Unread::Unfit)
    }

    fn byte(&mut self) -> Result<u8, Unread> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unread> {
        let (array, rest) = self.bytes.split_first_chunk().ok_or(Unread::Unfit)?;
        self.bytes = rest;
        Ok(*array)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Unread> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Unread::Unfit)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn weigh(&mut self, weight: usize) -> Result<(), Unread> {
        self.left = self.left.checked_sub(weight).ok_or(Unread::TooLarge)?;
        Ok(())
    }
}

/// Appends `value` to `out`; `None` if it is too deep or too large for that.
pub(super) fn write(value: &Value, out: &mut Vec<u8>) -> Option<()> {
    write_within(value, out, MAX_DEPTH)
}

fn write_within(value: &Value, out: &mut Vec<u8>, depth: usize) -> Option<()> {
    match value {
        Value::Null => out.push(b'N'),
        Value::Bool(true) => out.push(b'T'),
        Value::Bool(false) => out.push(b'F'),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_text(text, out)?,
        Value::Array(values) => {
            let depth = depth.checked_sub(1)?;
            out.push(b'[');
            write_length(values.len(), out)?;
            for value in values {
                write_within(value, out, depth)?;
            }
        }
        Value::Object(entries) => {
            let depth = depth.checked_sub(1)?;
            out.push(b'{');
            for (key, value) in entries {
                write_text(key, out)?;
                write_within(value, out, depth)?;
            }
            out.push(b'0');
        }
    }
    Some(())
}

fn write_number(number: &Number, out: &mut Vec<u8>) {
    let integer = (number.as_i64().map(i128::from)).or_else(|| number.as_u64().map(i128::from));
    let Some(integer) = integer else {
        out.push(b'g');
        out.extend(number.as_f64().unwrap_or(f64::NAN).to_le_bytes());
        return;
    };
    if let Ok(small) = i32::try_from(integer) {
        out.push(b'i');
        out.extend(small.to_le_bytes());
        return;
    }
    let mut digits = [0_u16; MAX_DIGITS];
    let mut count = 0_i32;
    let mut rest = integer.unsigned_abs();
    for digit in &mut digits {
        if rest > 0 {
            *digit = u16::try_from(rest & ((1 << DIGIT) - 1)).unwrap_or(0);
            rest >>= DIGIT;
            count += 1;
        }
    }
    out.push(b'l');
    out.extend((if integer < 0 { -count } else { count }).to_le_bytes());
    for digit in digits.iter().take(count.unsigned_abs() as usize) {
        out.extend(digit.to_le_bytes());
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) -> Option<()> {
    match u8::try_from(text.len()) {
        Ok(length) if text.is_ascii() => out.extend([b'z', length]),
        _ => {
            out.push(b'u');
            write_length(text.len(), out)?;
        }
    }
    out.extend_from_slice(text.as_bytes());
    Some(())
}

/// Appends the head of an array of `count`.
pub(super) fn begin_list(count: usize, out: &mut Vec<u8>) -> Option<()> {
    out.push(b'[');
    write_length(count, out)
}

/// Appends a tuple of texts.
pub(super) fn write_tuple(texts: &[&str], out: &mut Vec<u8>) -> Option<()> {
    out.push(b'(');
    write_length(texts.len(), out)?;
    texts.iter().try_for_each(|text| write_text(text, out))
}

fn write_length(length: usize, out: &mut Vec<u8>) -> Option<()> {
    out.extend(i32::try_from(length).ok()?.to_le_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(bytes: &[u8]) -> Result<Value, Unread> {
        Reader::new(bytes, 1 << 20).value(MAX_DEPTH)
    }

    #[test]
    fn what_is_written_is_read() {
        for value in [
            json!(null),
            json!([true, false]),
            json!([
                0,
                -1,
                i32::MAX,
                i32::MIN,
                1_i64 << 31,
                i64::MIN,
                u64::MAX,
                32768_u64 << 30
            ]),
            json!([0.5, -0.0, 1e300]),
            json!("ä\n\0"),
            json!({"ä": {"ö": [[], {}]}}),
        ] {
            let mut out = Vec::new();
            write(&value, &mut out).expect("it is small");
            assert_eq!(read(&out), Ok(value));
        }
        // What is short and ASCII is written as it is read sooner.
        let mut out = Vec::new();
        write(&json!("abc"), &mut out).expect("it is small");
        assert_eq!(out, b"z\x03abc");
    }

    #[test]
    fn what_json_does_not_have_is_unfit() {
        for bytes in [
            &b""[..],
            b"i\0\0",
            b".",
            b"s\x01\0\0\0a",
            b"u\x01\0\0\0\xff",
            b"u\x02\0\0\0a",
            b"u\xff\xff\xff\xffa",
            b"g\0\0\0\0\0\0\xf8\x7f",
            b"l\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0",
            b"l\x05\0\0\0\0\0\0\0\0\0\0\0\xff\x7f",
            b"[\xff\xff\xff\xff",
            b"[\xff\xff\xff\x7fN",
            b"{i\0\0\0\0N0",
            b"{u\0\0\0\0N",
        ] {
            assert_eq!(read(bytes), Err(Unread::Unfit), "{bytes:?}");
        }
        let deep = b"[\x01\0\0\0".repeat(1 << 16);
        assert_eq!(read(&deep), Err(Unread::Unfit));
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let nulls = [&b"[\0\0\0\x01"[..], &vec![b'N'; 1 << 24]].concat();
        assert_eq!(read(&nulls), Err(Unread::TooLarge));
        let objects = [&b"[\0\0\x01\0"[..], &b"{0".repeat(1 << 16)].concat();
        assert_eq!(read(&objects), Err(Unread::TooLarge));
    }

    #[test]
    fn what_is_too_deep_is_not_written() {
        let mut value = json!(1);
        for _ in 0..=MAX_DEPTH {
            value = json!([value]);
        }
        assert_eq!(write(&value, &mut Vec::new()), None);
    }
}
