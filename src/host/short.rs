//! Requests in a shorter form than JSON, as Python makes them.
//!
//! Such a request is one write on `/dev/host`, and all of it. It is either
//!
//! - a letter and a text: a call of the function [known] by the letter's place
//!   in the alphabet, with the text as its first argument, or without arguments
//!   if that takes none: `Ba` for `{"fn":"kv_get","args":{"key":"a"}}`;
//! - a tuple in the format of [`marshal`]: of such a function's place and its
//!   arguments, or of any function's name and a dict of arguments;
//! - a tuple of bytes, each of them a request in any form, JSON too: a batch.
//!
//! The answer is the value in that format, and a newline. A batch's is a list,
//! where an error is a tuple: its message and kind. To a single call the answer
//! may also be one of these, which no value begins with:
//!
//! - `!` and an object as the answer to JSON is, for an error, and for what
//!   that format can't hold. In a batch that is a tuple of one text.
//! - `?`: not read; a JSON request would be. In a batch that is an empty tuple.

use super::{
    HostError, HostErrorKind,
    batch::check_count,
    functions::{Call, Functions, MAX_PARSED, answered, parsed, too_many_values},
    known::{by_name, known},
    marshal::{self, Item, Reader, Unread},
    weight,
};
use serde_json::Value;
use std::borrow::Cow;

/// Whether a request that begins with this byte is one of these.
pub(super) fn begins(byte: u8) -> bool {
    byte == b'(' || byte.is_ascii_uppercase()
}

/// What a request asks for.
enum Request<'a> {
    One(Call),
    Batch(Vec<&'a [u8]>),
}

/// Why it asks for nothing.
enum Refusal {
    Unread,
    Error(HostError),
}

impl From<Unread> for Refusal {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Unfit => Self::Unread,
            Unread::TooLarge => Self::Error(too_many_values()),
        }
    }
}

impl Functions {
    /// The answer to a request in the shorter form.
    pub(super) fn answer_short(&self, request: &[u8]) -> Vec<u8> {
        #[cfg(feature = "internals")]
        crate::internals::boundary::heard(request);
        let mut out = Vec::new();
        self.write_answer(request, &mut out);
        out.push(b'\n');
        out
    }

    fn write_answer(&self, request: &[u8], out: &mut Vec<u8>) {
        let answer = match read(request, MAX_PARSED) {
            Ok(Request::One(call)) => self.call_named(&call.name, call.args),
            Ok(Request::Batch(pieces)) => match self.answer_pieces(&pieces, out) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Err(Refusal::Error(error)) => Err(error),
            Err(Refusal::Unread) => return out.push(b'?'),
        };
        if let Ok(value) = &answer
            && marshal::write(value, out).is_some()
        {
            return;
        }
        out.clear();
        out.push(b'!');
        out.extend_from_slice(answered(answer).to_string().as_bytes());
    }

    fn answer_pieces(&self, pieces: &[&[u8]], out: &mut Vec<u8>) -> Result<(), HostError> {
        check_count(pieces.len())?;
        // What all of them weigh is bounded, not what each does.
        let bound = MAX_PARSED / pieces.len().max(1);
        let calls: Vec<_> = pieces.iter().map(|piece| of_piece(piece, bound)).collect();
        let unread: Vec<bool> = (calls.iter())
            .map(|call| matches!(call, Err(Refusal::Unread)))
            .collect();
        let calls = calls.into_iter().map(|call| {
            call.map_err(|refusal| match refusal {
                Refusal::Error(error) => error,
                Refusal::Unread => invalid("it is nothing that can be read"),
            })
        });
        let answers = self.call_all(calls.collect());
        let too_large = || HostError::new(HostErrorKind::TooLarge, "the answers are too large");
        marshal::begin_list(answers.len(), out).ok_or_else(too_large)?;
        for (answer, unread) in answers.into_iter().zip(unread) {
            let start = out.len();
            let written = match &answer {
                _ if unread => marshal::write_tuple(&[], out),
                Ok(value) => marshal::write(value, out),
                Err(error) => marshal::write_tuple(&[error.message(), error.kind().word()], out),
            };
            if written.is_none() {
                out.truncate(start);
                let json = answered(answer).to_string();
                marshal::write_tuple(&[&json], out).ok_or_else(too_large)?;
            }
        }
        Ok(())
    }
}

fn invalid(what: &str) -> HostError {
    HostError::new(
        HostErrorKind::Invalid,
        format!("invalid call format: {what}"),
    )
}

/// A request of a batch: not a batch itself.
fn of_piece(piece: &[u8], bound: usize) -> Result<Call, Refusal> {
    if piece.first().is_some_and(|byte| begins(*byte)) {
        return match read(piece, bound)? {
            Request::One(call) => Ok(call),
            Request::Batch(_) => Err(Refusal::Error(invalid("a batch in a batch"))),
        };
    }
    if weight::of_text(piece) > bound {
        return Err(Refusal::Error(too_many_values()));
    }
    match serde_json::from_slice(piece) {
        Ok(call) => parsed(call).map_err(Refusal::Error),
        Err(error) => Err(Refusal::Error(invalid(&error.to_string()))),
    }
}

fn read(request: &[u8], bound: usize) -> Result<Request<'_>, Refusal> {
    match request.split_first() {
        Some((letter, text)) if letter.is_ascii_uppercase() => {
            let text = std::str::from_utf8(text)
                .map_err(|error| Refusal::Error(invalid(&error.to_string())))?;
            let values = match text {
                "" if params(*letter).is_some_and(<[_]>::is_empty) => Vec::new(),
                text => vec![Value::from(text)],
            };
            place_call(usize::from(letter - b'A'), values).map(Request::One)
        }
        _ => read_tuple(request, bound),
    }
}

fn params(letter: u8) -> Option<&'static [&'static str]> {
    known(usize::from(letter - b'A')).map(|(_, params)| params)
}

fn place_call(place: usize, values: Vec<Value>) -> Result<Call, Refusal> {
    let (name, params) =
        known(place).ok_or_else(|| Refusal::Error(invalid("there is no such function")))?;
    let args = by_name(params, values.into_iter())
        .ok_or_else(|| Refusal::Error(invalid("too many arguments")))?;
    let name = Cow::Borrowed(name);
    Ok(Call { name, args })
}

fn read_tuple(request: &[u8], bound: usize) -> Result<Request<'_>, Refusal> {
    let mut items = Reader::new(request, bound).tuple()?.into_iter();
    match items.next() {
        Some(Item::Value(Value::Number(place))) => {
            let place = place.as_u64().and_then(|place| usize::try_from(place).ok());
            let values: Option<Vec<_>> = items.map(as_value).collect();
            place_call(
                place.ok_or(Refusal::Unread)?,
                values.ok_or(Refusal::Unread)?,
            )
            .map(Request::One)
        }
        Some(Item::Value(Value::String(name))) => {
            let args = match (items.next(), items.next()) {
                (Some(Item::Value(Value::Object(args))), None) => args,
                _ => return Err(Refusal::Unread),
            };
            let name = Cow::Owned(name);
            Ok(Request::One(Call { name, args }))
        }
        Some(first) => {
            let pieces: Option<Vec<_>> = (std::iter::once(first).chain(items))
                .map(|item| match item {
                    Item::Bytes(piece) => Some(piece),
                    Item::Value(_) => None,
                })
                .collect();
            pieces.map(Request::Batch).ok_or(Refusal::Unread)
        }
        None => Ok(Request::Batch(Vec::new())),
    }
}

fn as_value(item: Item<'_>) -> Option<Value> {
    match item {
        Item::Value(value) => Some(value),
        Item::Bytes(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostFunctions;
    use serde_json::json;

    fn functions() -> Functions {
        HostFunctions::new()
            .quick("kv_get", |args| Ok(args.into()))
            .quick("time_now", |args| Ok(args.len().into()))
            .quick("deep", |_| {
                Ok((0..100).fold(json!(1), |value, _| json!([value])))
            })
            .quick("fail", |_| Err("no".into()))
            .into()
    }

    fn answer(request: &[u8]) -> String {
        String::from_utf8_lossy(&functions().answer_short(request)).into_owned()
    }

    const ECHO: &str = "{z\x03keyz\x01a0\n";

    #[test]
    fn a_letter_and_a_text_are_a_call() {
        assert_eq!(answer(b"Ba"), ECHO);
        assert_eq!(answer(b"Ba\n"), "{z\x03keyz\x02a\n0\n");
        assert_eq!(answer(b"A"), "i\0\0\0\0\n");
        for request in [&b"Ax"[..], b"Z", b"Za", b"B\xff"] {
            let answer = answer(request);
            assert!(answer.starts_with("!{\"error\":\"invalid call format"));
            assert!(answer.ends_with("}\n"), "{answer}");
        }
    }

    #[test]
    fn a_tuple_is_a_call() {
        assert_eq!(answer(b"(\x02\0\0\0i\x01\0\0\0u\x01\0\0\0a"), ECHO);
        let named = b"(\x02\0\0\0u\x06\0\0\0kv_get{u\x03\0\0\0keyu\x01\0\0\0a0";
        assert_eq!(answer(named), ECHO);
        let fails = b"(\x02\0\0\0u\x04\0\0\0fail{0";
        assert_eq!(answer(fails), "!{\"error\":\"no\",\"kind\":\"failed\"}\n");
        let deep = answer(b"(\x02\0\0\0u\x04\0\0\0deep{0");
        assert!(deep.starts_with("!{\"data\":[[[["), "{deep}");
        for request in [
            &b"("[..],
            b"(\x01\0\0\0u\x06\0\0\0kv_get",
            b"(\x02\0\0\0g\0\0\0\0\0\0\0\0N",
            b"(\x02\0\0\0i\x01\0\0\0s\x01\0\0\0a",
            b"(\x02\0\0\0i\x01\0\0\0u\x01\0\0\0aN",
            b"(\x02\0\0\0i\x01\0\0\0.",
        ] {
            assert_eq!(answer(request), "?\n", "{request:?}");
        }
    }

    #[test]
    fn a_tuple_of_requests_is_a_batch() {
        let pieces: [&[u8]; 6] = [
            b"Ba",
            b"{\"fn\":\"kv_get\",\"args\":{\"key\":\"a\"}}\n",
            b"(\x02\0\0\0u\x04\0\0\0fail{0",
            b"(\x02\0\0\0i\x01\0\0\0.",
            b"nonsense",
            b"(\0\0\0\0",
        ];
        let mut request = b"(\x06\0\0\0".to_vec();
        for piece in pieces {
            request.push(b's');
            request.extend(u32::try_from(piece.len()).unwrap_or(0).to_le_bytes());
            request.extend(piece);
        }
        let answer = answer(&request);
        let echo = ECHO.trim_end();
        let start = format!("[\x06\0\0\0{echo}{echo}(\x02\0\0\0z\x02noz\x06failed(\0\0\0\0");
        assert!(answer.starts_with(&start), "{answer:?}");
        assert_eq!(answer.matches("invalid call format").count(), 2);
    }

    #[test]
    fn requests_that_weigh_too_much_are_refused() {
        let mut request = b"(\x02\0\0\0i\x01\0\0\0[\0\0\0\x02".to_vec();
        request.resize(request.len() + (32 << 20), b'N');
        assert!(answer(&request).contains("too many values"));
    }
}
