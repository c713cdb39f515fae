//! What the bootstrap is told to run.
//!
//! It is told in the interpreter's own format for constants (`marshal`): one
//! call turns it into objects, whereas importing a JSON parser would take
//! longer than all the rest.

use crate::{Grants, Program, program::Entry};
use std::collections::BTreeMap;

/// The request to start `program`: a tuple of
///
/// 0. `mode`: `"code"`, `"file"` or `"module"`; of a program that goes on from
///    its snapshot point, `"on"`; `"session"`, where pieces follow;
/// 1. `argv`: what `sys.argv` becomes;
/// 2. `path`: what `sys.path` begins with;
/// 3. `env`: a dict, or `None` if there are no variables;
/// 4. `cwd`: the current folder;
/// 5. `terminal`: whether stdout is one;
/// 6. `source`: for code text, if it is UTF-8; else, and for a file, bytes;
///    for a module its name; `None` for a program that goes on;
/// 7. `pauses`: whether it is captured at its snapshot point.
///
/// Words that are not UTF-8 become what `os.fsdecode` makes of them.
pub(super) fn start(
    program: &Program,
    grants: &Grants,
    guest_path: Option<&str>,
    terminal: bool,
    pauses: bool,
) -> Vec<u8> {
    let name = guest_path.unwrap_or(&program.name);
    let (mode, first) = match &program.entry {
        Entry::Code(_) => ("code", "-c"),
        Entry::Script(_) => ("file", name),
        Entry::Start => ("on", name),
        Entry::Session | Entry::Copy => ("session", ""),
        _ => ("module", "-m"),
    };
    let mut request = Marshal::default();
    request.tuple(8);
    request.text(mode);
    request.list(1 + program.args.len());
    request.text(first);
    for arg in &program.args {
        request.word(arg);
    }
    let path = path(program, grants, guest_path);
    request.list(path.len());
    for entry in path {
        request.text(entry);
    }
    let env: BTreeMap<&str, &str> = grants
        .env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    request.dict_or_none(&env);
    request.text("/");
    request.truth(terminal);
    match &program.entry {
        Entry::Code(code) => match std::str::from_utf8(code) {
            Ok(text) => request.text(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Err(_) => request.bytes(code),
        },
        // It may be UTF-8 and say that it is something else.
        Entry::Script(code) => request.bytes(code),
        Entry::Start | Entry::Session | Entry::Copy => request.none(),
        _ => request.text(name),
    }
    request.truth(pauses);
    request.0
}

/// What a session is asked: a tuple of the word for it, a text, and a number.
pub(super) fn piece(word: &str, text: &str, number: u32) -> Vec<u8> {
    let mut request = Marshal::default();
    request.tuple(3);
    request.text(word);
    request.text(text);
    request.number(number);
    request.0
}

/// The script's folder, or the current one, then what `PYTHONPATH` names.
fn path<'a>(program: &Program, grants: &'a Grants, guest_path: Option<&'a str>) -> Vec<&'a str> {
    let folder = match guest_path.and_then(|path| path.rsplit_once('/')) {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => "",
    };
    let first = match &program.entry {
        Entry::Script(_) if folder.is_empty() => "/",
        Entry::Script(_) => folder,
        _ => "",
    };
    let named = grants
        .env
        .iter()
        .rfind(|(name, _)| name == "PYTHONPATH")
        .map_or("", |(_, value)| value);
    // What goes on has its own folder on its path already.
    let first = (program.entry != Entry::Start).then_some(first);
    first
        .into_iter()
        .chain(named.split(':').filter(|entry| !entry.is_empty()))
        .collect()
}

/// Objects in CPython's format for constants, version 4.
#[derive(Default)]
struct Marshal(Vec<u8>);

impl Marshal {
    /// A tuple; its `count` items follow.
    fn tuple(&mut self, count: usize) {
        self.sized(b'(', count);
    }

    /// A list; its `count` items follow.
    fn list(&mut self, count: usize) {
        self.sized(b'[', count);
    }

    fn dict_or_none(&mut self, items: &BTreeMap<&str, &str>) {
        if items.is_empty() {
            return self.none();
        }
        self.0.push(b'{');
        for (name, value) in items {
            self.text(name);
            self.text(value);
        }
        self.0.push(b'0');
    }

    fn none(&mut self) {
        self.0.push(b'N');
    }

    fn number(&mut self, number: u32) {
        self.0.push(b'i');
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        self.0.extend(number.to_le_bytes());
    }

    fn truth(&mut self, truth: bool) {
        self.0.push(if truth { b'T' } else { b'F' });
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.sized(b's', bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        let kind = if text.is_ascii() { b'a' } else { b'u' };
        self.sized(kind, text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Text, or, as Rust has no lone surrogates, bytes that stand for some.
    fn word(&mut self, word: &[u8]) {
        if let Ok(text) = std::str::from_utf8(word) {
            return self.text(text);
        }
        let mut escaped = Vec::with_capacity(3 * word.len());
        for chunk in word.utf8_chunks() {
            escaped.extend_from_slice(chunk.valid().as_bytes());
            for byte in chunk.invalid() {
                // U+DC00 + byte, as UTF-8 would have it; the byte is above 127.
                escaped.extend([0xed, 0xb0 | (byte >> 6), 0x80 | (byte & 0x3f)]);
            }
        }
        self.sized(b'u', escaped.len());
        self.0.extend_from_slice(&escaped);
    }

    /// An object's kind and size. What is too large for the format would be
    /// for the guest's memory: it fails to read what follows.
    fn sized(&mut self, kind: u8, size: usize) {
        let size = i32::try_from(size).unwrap_or(i32::MAX);
        self.0.push(kind);
        self.0.extend(size.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_byte_for_byte() {
        let program = Program::code("p").args([&b"\xff\xc3\xa4"[..], b"x"]);
        let request = start(&program, &Grants::default(), None, true, false);
        let mut expected = b"(\x08\0\0\0a\x04\0\0\0code[\x03\0\0\0a\x02\0\0\0-c".to_vec();
        expected.extend(b"u\x05\0\0\0\xed\xb3\xbf\xc3\xa4a\x01\0\0\0x");
        expected.extend(b"[\x01\0\0\0a\0\0\0\0Na\x01\0\0\0/Ta\x01\0\0\0pF");
        assert_eq!(request, expected);
    }

    #[test]
    fn a_request_to_go_on() {
        let request = start(&Program::start("x"), &Grants::default(), None, false, false);
        let mut expected = b"(\x08\0\0\0a\x02\0\0\0on[\x01\0\0\0a\x01\0\0\0x".to_vec();
        expected.extend(b"[\0\0\0\0Na\x01\0\0\0/FNF");
        assert_eq!(request, expected);
    }

    #[test]
    fn the_path_of_a_script_and_of_code() {
        let grants = Grants {
            env: vec![
                ("PYTHONPATH".to_owned(), "/no".to_owned()),
                ("PYTHONPATH".to_owned(), "/a::/b".to_owned()),
            ],
            ..Grants::default()
        };
        let script = Program::script("s.py", "");
        assert_eq!(path(&script, &grants, None), ["/", "/a", "/b"]);
        assert_eq!(
            path(&script, &grants, Some("/w/x/s.py")),
            ["/w/x", "/a", "/b"]
        );
        assert_eq!(path(&script, &Grants::default(), Some("/s.py")), ["/"]);
        assert_eq!(path(&Program::code(""), &Grants::default(), None), [""]);
    }
}
