//! From what a module printed to an answer: headers, an empty line, the body.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use std::fmt;

/// Bytes of the headers that a module prints: as much as clients take.
const MAX_HEAD: usize = 64 << 10;

/// Header lines that a module prints: as many as clients take.
const MAX_HEADERS: usize = 100;

/// The body where a module says neither what it sends nor where to look, which
/// Wagi's users know.
const NEITHER: &str = "Exactly one of 'location' or 'content-type' must be specified";

/// What is about one connection, and not the module's to say.
const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A body in memory, with its status and headers.
pub(crate) type Answer = Response<Vec<u8>>;

/// Why what a module printed is no answer, and the answer instead.
#[derive(Debug)]
pub(crate) struct Malformed {
    pub(crate) reason: String,
    status: StatusCode,
    text: &'static str,
}

impl Malformed {
    /// What is answered instead.
    pub(crate) fn answer(&self) -> Answer {
        plain(self.status, self.text)
    }
}

/// An answer, and what of it was left out.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) answer: Answer,
    pub(crate) dropped: Vec<String>,
}

/// An answer with a status and a text, which may be empty.
pub(crate) fn plain(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(text.as_bytes().to_vec());
    *answer.status_mut() = status;
    if !text.is_empty() {
        let value = HeaderValue::from_static("text/plain; charset=utf-8");
        answer.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    answer
}

/// The answer that a module printed to a request by `method`.
///
/// # Errors
///
/// When it is none; the answer is another then.
pub(crate) fn parse(mut printed: Vec<u8>, method: &Method) -> Result<Parsed, Malformed> {
    let Some((head, length)) = split(&printed) else {
        let looked_at = printed.len().min(MAX_HEAD);
        return Err(neither(format!(
            "no empty line ends its headers, in the first {looked_at} bytes of what it printed"
        )));
    };
    let head = String::from_utf8(head).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        failed(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("byte {at} of its headers is no UTF-8"),
        )
    })?;
    let mut dropped = Vec::new();
    let mut fields = Fields::default();
    for line in head.lines() {
        match fields.add(line)? {
            Added::Kept => {}
            Added::Dropped(why) => dropped.push(format!("{why}: {}", shortened(line))),
        }
    }
    let status = fields.status()?;
    printed.drain(..length);
    Ok(Parsed {
        answer: build(status, fields, printed, method),
        dropped,
    })
}

/// The lines before the first empty one, without any CR; and where what is
/// behind that begins.
fn split(printed: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut head = Vec::new();
    let mut line_is_empty = true;
    for (index, byte) in printed.iter().take(MAX_HEAD).enumerate() {
        match byte {
            b'\n' if line_is_empty => return Some((head, index + 1)),
            b'\r' => {}
            byte => {
                head.push(*byte);
                line_is_empty = *byte == b'\n';
            }
        }
    }
    None
}

/// Headers as they are read.
#[derive(Default)]
struct Fields {
    status: Option<StatusCode>,
    location: bool,
    /// Only of an answer to `HEAD`.
    length: Option<HeaderValue>,
    headers: HeaderMap,
}

enum Added {
    Kept,
    Dropped(&'static str),
}

impl Fields {
    fn add(&mut self, line: &str) -> Result<Added, Malformed> {
        let Some((name, value)) = line.split_once(':') else {
            return Ok(Added::Dropped("a line without a colon"));
        };
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("status") {
            self.status = Some(status(value)?);
            return Ok(Added::Kept);
        }
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return Ok(Added::Dropped("not a header's name"));
        };
        let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
            return Ok(Added::Dropped("not a header's value"));
        };
        if HOP_BY_HOP.contains(&name.as_str()) {
            return Ok(Added::Dropped("a header of the connection's"));
        }
        if name == header::CONTENT_LENGTH {
            // That of what is sent is known; another would cut the body short, or
            // let what follows be taken for the next answer.
            self.length = Some(value);
            return Ok(Added::Kept);
        }
        if self.headers.len() >= MAX_HEADERS {
            let reason = format!("it has more than {MAX_HEADERS} headers");
            return Err(failed(StatusCode::INTERNAL_SERVER_ERROR, reason));
        }
        self.location |= name == header::LOCATION;
        if name == header::LOCATION || name == header::CONTENT_TYPE {
            self.headers.insert(name, value);
        } else {
            self.headers.append(name, value);
        }
        Ok(Added::Kept)
    }

    /// What is said, else what a header means.
    fn status(&self) -> Result<StatusCode, Malformed> {
        match self.status {
            Some(status) => Ok(status),
            None if self.location => Ok(StatusCode::FOUND),
            None if self.headers.contains_key(header::CONTENT_TYPE) => Ok(StatusCode::OK),
            None => Err(neither(
                "it has no Content-Type, Location or Status".to_owned(),
            )),
        }
    }
}

/// `404` of `404 Not Found`. What is below 200 is no answer, only announces one.
fn status(value: &str) -> Result<StatusCode, Malformed> {
    let number = value.split(' ').next().unwrap_or_default();
    let status = number
        .parse()
        .ok()
        .filter(|number| (200..600).contains(number));
    status
        .and_then(|number: u16| StatusCode::from_u16(number).ok())
        .ok_or_else(|| {
            let reason = format!("its status is not usable: {}", shortened(value));
            failed(StatusCode::BAD_GATEWAY, reason)
        })
}

fn build(status: StatusCode, fields: Fields, body: Vec<u8>, method: &Method) -> Answer {
    let has_none = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    let mut answer = Response::new(Vec::new());
    *answer.status_mut() = status;
    *answer.headers_mut() = fields.headers;
    if method == Method::HEAD {
        // What the body of a GET would have.
        let is_number = |value: &HeaderValue| {
            value.as_bytes().iter().all(u8::is_ascii_digit) && (1..=15).contains(&value.len())
        };
        let length = fields.length.filter(is_number);
        let length = length.unwrap_or_else(|| HeaderValue::from(body.len()));
        if !has_none {
            answer.headers_mut().insert(header::CONTENT_LENGTH, length);
        }
    } else if !has_none {
        *answer.body_mut() = body;
    }
    answer
}

fn neither(reason: String) -> Malformed {
    Malformed {
        reason,
        status: StatusCode::INTERNAL_SERVER_ERROR,
        text: NEITHER,
    }
}

fn failed(status: StatusCode, reason: String) -> Malformed {
    Malformed {
        reason,
        status,
        text: "",
    }
}

/// What goes into a log of a line that a module printed.
fn shortened(line: &str) -> String {
    let start: String = line.chars().take(80).collect();
    format!("{start:?}")
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what the module printed is no answer: {}", self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(printed: impl AsRef<[u8]>) -> Parsed {
        parse(printed.as_ref().to_vec(), &Method::GET).expect("an answer")
    }

    fn answer(printed: impl AsRef<[u8]>) -> Answer {
        parsed(printed).answer
    }

    fn malformed(printed: impl AsRef<[u8]>) -> Malformed {
        parse(printed.as_ref().to_vec(), &Method::GET).expect_err("no answer")
    }

    #[test]
    fn a1_a8_headers_an_empty_line_and_the_body_as_it_is() {
        for printed in [
            "Content-Type: text/x\n\nb\r\n\n\0",
            "Content-Type: text/x\r\n\r\nb\r\n\n\0",
        ] {
            let answer = answer(printed);
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["content-type"], "text/x");
            assert_eq!(answer.body(), b"b\r\n\n\0");
        }
        assert_eq!(answer("Content-Type: a/b\n\n").body(), b"");
        assert_eq!(answer(b"Content-Type: a/b\n\n\xff\xfe").body(), b"\xff\xfe");
    }

    #[test]
    fn a2_a5_without_an_empty_line_or_a_header_that_says_enough() {
        for printed in [
            "",
            "hello",
            "Content-Type: text/plain\nhello",
            "\n",
            "\nContent-Type: a\n",
            "X-A: b\n\nbody",
        ] {
            let malformed = malformed(printed);
            assert_eq!(malformed.answer().status(), 500, "{printed:?}");
            assert_eq!(malformed.answer().body(), NEITHER.as_bytes(), "{printed:?}");
            assert!(!malformed.reason.is_empty());
        }
    }

    #[test]
    fn a3_each_one_alone_is_enough_in_any_case() {
        assert_eq!(answer("CONTENT-type: a/b\n\n").status(), 200);
        assert_eq!(answer("sTaTuS: 404\n\n").status(), 404);
        assert_eq!(answer("LOCATION: /x\n\n").status(), 302);
    }

    #[test]
    fn a4_status_and_location() {
        let found = answer("Location: /x\n\n");
        assert_eq!(
            (found.status().as_u16(), &found.headers()["location"]),
            (302, &HeaderValue::from_static("/x"))
        );
        // In either order.
        assert_eq!(answer("Status: 301 Moved\nLocation: /x\n\n").status(), 301);
        assert_eq!(answer("Location: /x\nStatus: 303\n\n").status(), 303);
        assert_eq!(answer("Status: 404 Not Found\n\n").status(), 404);
        for status in [
            "",
            "abc",
            "99",
            "100",
            "101 Switching",
            "600",
            "1000",
            "-1",
            "4o4",
            "404Not",
        ] {
            let malformed = malformed(format!("Status: {status}\nContent-Type: a/b\n\nx"));
            assert_eq!(malformed.answer().status(), 502, "{status}");
            assert_eq!(malformed.answer().body(), b"", "{status}");
        }
    }

    #[test]
    fn a6_other_headers_are_passed_on_and_repeated_ones_kept() {
        let parsed = parsed(
            "Content-Type: a/b\nSet-Cookie: a=1\nX-One:  two: three \nSet-Cookie: b=2\nno colon\nno name : x\n: y\nX-Bad: a\0b\n\n",
        );
        let headers = parsed.answer.headers();
        let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!(headers["x-one"], "two: three");
        assert_eq!(headers.len(), 4);
        assert_eq!(parsed.dropped.len(), 4, "{:?}", parsed.dropped);
    }

    #[test]
    fn a7_headers_that_are_no_text() {
        let malformed = malformed(b"Content-Type: a/b\nX: \xff\n\nx");
        assert_eq!(
            (
                malformed.answer().status().as_u16(),
                malformed.answer().body().len()
            ),
            (500, 0)
        );
    }

    #[test]
    fn what_is_the_connections_is_not_passed_on() {
        let parsed = parsed(
            "Content-Type: a/b\nConnection: close\nTransfer-Encoding: chunked\nContent-Length: 1\nUpgrade: h2c\n\nbody",
        );
        assert_eq!(parsed.answer.headers().len(), 1);
        assert_eq!(parsed.answer.body(), b"body");
        assert_eq!(parsed.dropped.len(), 3);
        // A CR does not end a header, so it begins none.
        let answer = answer("Content-Type: a/b\nX-A: b\rSet-Cookie: c\n\n");
        assert_eq!(answer.headers()["x-a"], "bSet-Cookie: c");
        assert_eq!(answer.headers().len(), 2);
    }

    #[test]
    fn headers_are_bounded() {
        let many = "X-A: b\n".repeat(MAX_HEADERS);
        assert_eq!(
            malformed(format!("Content-Type: a/b\n{many}\n"))
                .answer()
                .status(),
            500
        );
        let long = "x".repeat(MAX_HEAD);
        assert_eq!(
            malformed(format!("Content-Type: a/b\nX: {long}\n\n"))
                .answer()
                .status(),
            500
        );
        // The body is not.
        assert_eq!(
            answer(format!("Content-Type: a/b\n\n{long}")).body().len(),
            MAX_HEAD
        );
    }

    #[test]
    fn an_answer_to_head_and_one_without_content_have_no_body() {
        let head = |printed: &str| {
            parse(printed.into(), &Method::HEAD)
                .expect("an answer")
                .answer
        };
        let computed = head("Content-Type: a/b\n\nbody");
        assert_eq!(
            (computed.body().len(), &computed.headers()["content-length"]),
            (0, &HeaderValue::from_static("4"))
        );
        let said = head("Content-Type: a/b\nContent-Length: 70\n\n");
        assert_eq!(said.headers()["content-length"], "70");
        let wrong = head("Content-Type: a/b\nContent-Length: 7x\n\n");
        assert_eq!(wrong.headers()["content-length"], "0");
        for status in ["204", "304"] {
            let answer = answer(format!("Status: {status}\n\nbody"));
            assert_eq!((answer.body().len(), answer.headers().len()), (0, 0));
        }
    }
}
