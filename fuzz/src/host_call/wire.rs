//! The two ways to the boundary, and what `/dev/host` makes of writes.

use super::{
    MOST,
    model::Model,
    requests::{Call, SURROGATE},
};
use crate::{allocated::within, input::Input};
use dormouse::internals::boundary::Boundary;
use serde_json::{Value, json};

/// Bytes of one request.
const MAX_REQUEST: usize = 32 << 20;

pub(super) struct Wire<'a> {
    pub(super) boundary: &'a Boundary,
    /// What was written of a request that has not ended.
    pending: Vec<u8>,
    /// Bytes read at a time.
    step: usize,
}

impl<'a> Wire<'a> {
    pub(super) fn new(boundary: &'a Boundary) -> Self {
        Self {
            boundary,
            pending: Vec::new(),
            step: 5000,
        }
    }

    fn wrote(&self, pieces: &[&[u8]]) -> Result<u64, String> {
        within(MOST, || self.boundary.write(pieces))
    }

    pub(super) fn answer(&self, request: &[u8]) -> String {
        within(MOST, || self.boundary.answer(request))
    }

    /// One write of these pieces, and what becomes of it.
    pub(super) fn write(&mut self, pieces: &[&[u8]], model: &mut Model) {
        let (mut written, mut whole, mut refused) = (0, None, false);
        for piece in pieces {
            if self.pending.len() + piece.len() > MAX_REQUEST {
                refused = true;
            } else if self.pending.is_empty() && piece.first().is_some_and(|byte| is_short(*byte)) {
                whole = Some((piece.to_vec(), true));
            } else {
                match piece.iter().position(|byte| *byte == b'\n') {
                    None => self.pending.extend_from_slice(piece),
                    Some(end) if end + 1 < piece.len() => refused = true,
                    Some(end) => {
                        self.pending.extend_from_slice(&piece[..end]);
                        whole = Some((std::mem::take(&mut self.pending), false));
                    }
                }
            }
            if refused {
                self.pending.clear();
                break;
            }
            written += piece.len() as u64;
            if whole.is_some() {
                break;
            }
        }
        let result = self.wrote(pieces);
        match refused {
            true => assert!(
                result.is_err(),
                "a write of more than a request was accepted"
            ),
            false => assert_eq!(result, Ok(written)),
        }
        let Some((request, short)) = whole else {
            return;
        };
        model.asked_something();
        if request.len() % 5 == 4 {
            // Nobody reads the answer.
            return model.resync(self.boundary);
        }
        let answer = self.drain();
        let answer = answer.strip_suffix(b"\n").expect("an answer is a line");
        if short {
            model.check_text(answer);
            let is_answer = answer == b"?"
                || decoded(answer).is_some()
                || answer.strip_prefix(b"!").is_some_and(|json| {
                    let json: Value = serde_json::from_slice(json).expect("JSON");
                    json.is_object()
                });
            assert!(is_answer, "no answer in the shorter form: {answer:?}");
            model.resync(self.boundary);
        } else {
            model.answered(&request, std::str::from_utf8(answer).expect("text"));
            model.resync(self.boundary);
        }
    }

    /// One read, and then all that is left.
    pub(super) fn read(&mut self, count: usize, model: &mut Model) {
        let mut buffer = vec![0; count];
        let read = self
            .boundary
            .read(&mut buffer)
            .expect("reading never fails");
        assert!(read <= count as u64);
        let mut rest = self.drain();
        buffer.truncate(usize::try_from(read).unwrap());
        buffer.append(&mut rest);
        model.check_text(&buffer);
        assert!(
            buffer.is_empty() || buffer.ends_with(b"\n"),
            "an answer is a line"
        );
        self.step = count.max(1);
    }

    /// All there is to read; then the channel is as at first.
    fn drain(&mut self) -> Vec<u8> {
        let (mut all, mut buffer) = (Vec::new(), vec![0; self.step]);
        loop {
            let read = self
                .boundary
                .read(&mut buffer)
                .expect("reading never fails");
            let read = usize::try_from(read).unwrap();
            all.extend_from_slice(&buffer[..read]);
            if read == 0 {
                self.pending.clear();
                return all;
            }
            if all.len() > 1000 * self.step {
                buffer.resize(1 << 20, 0);
            }
        }
    }

    /// Asks for `calls` in a form that the input chooses.
    pub(super) fn ask(
        &mut self,
        input: &mut Input<'_>,
        calls: &[Call],
        single: bool,
        model: &mut Model,
    ) {
        self.drain();
        let form = input.byte();
        if form % 3 == 1 {
            let request = match calls {
                [call] if single => short(call, form),
                calls => {
                    let pieces = calls.iter().map(|call| match call.name.len() % 2 {
                        0 => short(call, form),
                        _ => text(&json_of(call)).into_bytes(),
                    });
                    let pieces: Vec<Vec<u8>> = pieces.collect();
                    let mut batch = head(b'(', pieces.len());
                    for piece in pieces {
                        batch.extend(head(b's', piece.len()));
                        batch.extend(piece);
                    }
                    batch
                }
            };
            let written = self.wrote(&[&request]);
            if request.len() > MAX_REQUEST {
                return assert!(written.is_err(), "more than a request was accepted");
            }
            assert_eq!(written, Ok(request.len() as u64));
            let answer = self.drain();
            let answer = answer.strip_suffix(b"\n").expect("an answer is a line");
            model.answered_shortly(calls, single, answer);
            return model.resync(self.boundary);
        }
        let request = match calls {
            [call] if single => text(&json_of(call)),
            calls => text(&calls.iter().map(json_of).collect()),
        };
        if form % 3 == 2 {
            let answer = self.answer(request.as_bytes());
            return model.answered(request.as_bytes(), &answer);
        }
        // Not so many writes that they are all that is done.
        let step = usize::from(input.u16()).max(1 + request.len() / 1024);
        let line = request.clone() + "\n";
        for piece in line.as_bytes().chunks(step) {
            let written = self.wrote(&[piece]);
            if written.is_err() {
                assert!(line.len() > MAX_REQUEST, "{written:?}");
                self.drain();
                return;
            }
            assert_eq!(written, Ok(piece.len() as u64));
        }
        assert!(
            line.len() <= MAX_REQUEST,
            "more than a request was accepted"
        );
        let answer = self.drain();
        let answer = answer.strip_suffix(b"\n").expect("an answer is a line");
        model.answered(
            request.as_bytes(),
            std::str::from_utf8(answer).expect("text"),
        );
    }
}

fn is_short(byte: u8) -> bool {
    byte == b'(' || byte.is_ascii_uppercase()
}

fn json_of(call: &Call) -> Value {
    let mut request = json!({"fn": call.name, "args": call.args});
    if let Some(id) = &call.id {
        request["id"] = id.clone();
    }
    request
}

fn text(request: &Value) -> String {
    request.to_string().replace(SURROGATE, "\\ud800")
}

fn head(kind: u8, count: usize) -> Vec<u8> {
    let mut head = vec![kind];
    head.extend(u32::try_from(count).unwrap().to_le_bytes());
    head
}

/// A call in the shorter form.
fn short(call: &Call, form: u8) -> Vec<u8> {
    let mut first = call.args.iter();
    if let (Some((key, Value::String(text))), None) = (first.next(), first.next())
        && (call.name.as_str(), key.as_str()) == ("kv_get", "key")
        && form & 4 != 0
    {
        return [b"B", text.as_bytes()].concat();
    }
    if let (Some(key), Some(value), 2) = (
        call.args.get("key"),
        call.args.get("value"),
        call.args.len(),
    ) && call.name == "kv_set"
        && form & 4 != 0
    {
        let mut request = head(b'(', 3);
        encode(&json!(2), &mut request);
        encode(key, &mut request);
        encode(value, &mut request);
        return request;
    }
    let mut request = head(b'(', 2);
    encode(&json!(call.name), &mut request);
    encode(&Value::Object(call.args.clone()), &mut request);
    request
}

/// A value as Python's `marshal` writes it.
fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(b'N'),
        Value::Bool(truth) => out.push(if *truth { b'T' } else { b'F' }),
        Value::String(text) => {
            out.extend(head(b'u', text.len()));
            out.extend(text.as_bytes());
        }
        Value::Array(values) => {
            out.extend(head(b'[', values.len()));
            values.iter().for_each(|value| encode(value, out));
        }
        Value::Object(entries) => {
            out.push(b'{');
            for (key, value) in entries {
                encode(&json!(key), out);
                encode(value, out);
            }
            out.push(b'0');
        }
        Value::Number(number) => {
            let whole = number
                .as_i64()
                .map(i128::from)
                .or(number.as_u64().map(i128::from));
            match whole {
                None => {
                    out.push(b'g');
                    out.extend(number.as_f64().unwrap().to_le_bytes());
                }
                Some(whole) if i32::try_from(whole).is_ok() => {
                    out.push(b'i');
                    out.extend(i32::try_from(whole).unwrap().to_le_bytes());
                }
                Some(whole) => {
                    let (mut digits, mut rest) = (Vec::new(), whole.unsigned_abs());
                    while rest > 0 {
                        digits.extend(u16::try_from(rest % 32768).unwrap().to_le_bytes());
                        rest /= 32768;
                    }
                    let count = i32::try_from(digits.len() / 2).unwrap();
                    out.push(b'l');
                    out.extend((count * if whole < 0 { -1 } else { 1 }).to_le_bytes());
                    out.extend(digits);
                }
            }
        }
    }
}

/// A value that is all of `bytes`; tuples are arrays in an object, as no value is.
pub(super) fn decoded(bytes: &[u8]) -> Option<Value> {
    let mut input = bytes;
    let value = decode(&mut input)?;
    input.is_empty().then_some(value)
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = input.split_at_checked(count)?;
    *input = rest;
    Some(taken)
}

fn count(input: &mut &[u8]) -> Option<usize> {
    usize::try_from(i32::from_le_bytes(take(input, 4)?.try_into().ok()?)).ok()
}

fn decode(input: &mut &[u8]) -> Option<Value> {
    Some(match take(input, 1)?[0] {
        b'N' => Value::Null,
        b'T' => json!(true),
        b'F' => json!(false),
        b'i' => json!(i32::from_le_bytes(take(input, 4)?.try_into().ok()?)),
        b'g' => json!(f64::from_le_bytes(take(input, 8)?.try_into().ok()?)),
        b'l' => {
            let count = i32::from_le_bytes(take(input, 4)?.try_into().ok()?);
            let mut whole = 0_i128;
            for place in 0..count.unsigned_abs() {
                let digit = u16::from_le_bytes(take(input, 2)?.try_into().ok()?);
                // As Python reads it.
                if digit >= 32768 || (place + 1 == count.unsigned_abs() && digit == 0) {
                    return None;
                }
                whole += i128::from(digit).checked_shl(15 * place)?;
            }
            let whole = if count < 0 { -whole } else { whole };
            match u64::try_from(whole) {
                Ok(whole) => json!(whole),
                Err(_) => json!(i64::try_from(whole).ok()?),
            }
        }
        b'u' => {
            let count = count(input)?;
            json!(std::str::from_utf8(take(input, count)?).ok()?)
        }
        b'z' => {
            let count = usize::from(take(input, 1)?[0]);
            let text = std::str::from_utf8(take(input, count)?).ok()?;
            json!(text.is_ascii().then_some(text)?)
        }
        b'[' => {
            let count = count(input)?;
            let mut values = Vec::new();
            for _ in 0..count {
                values.push(decode(input)?);
            }
            Value::Array(values)
        }
        b'(' => {
            let count = count(input)?;
            let mut values = Vec::new();
            for _ in 0..count {
                values.push(decode(input)?);
            }
            json!({ "(": values })
        }
        b'{' => {
            let mut entries = serde_json::Map::new();
            while input.first()? != &b'0' {
                let Value::String(key) = decode(input)? else {
                    return None;
                };
                entries.insert(key, decode(input)?);
            }
            take(input, 1)?;
            Value::Object(entries)
        }
        _ => return None,
    })
}
