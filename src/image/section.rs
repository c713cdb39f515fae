//! The sections of a Wasm file: finding and writing them, without looking in.

use super::damaged;
use crate::Error;
use std::ops::Range;

/// Magic number and version 1: what every core module begins with.
pub(super) const HEADER: &[u8; 8] = b"\0asm\x01\0\0\0";

/// Bytes of a section's identifier and its size, in the one way that we write
/// sizes: LEB128 of full length, so that no size moves what follows it.
pub(super) const HEAD: u64 = 1 + 5;

/// Bytes of a `u32` in LEB128, at most.
const MAX_LEB: usize = 5;

/// A section as it lies in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) id: u8,
    /// Where its identifier is.
    pub(super) start: usize,
    pub(super) payload: Range<usize>,
}

impl Section {
    /// The name of a custom section.
    pub(super) fn name<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        if self.id != 0 {
            return None;
        }
        let payload = bytes.get(self.payload.clone())?;
        let (length, used) = leb(payload)?;
        let name = payload.get(used..)?.get(..usize::try_from(length).ok()?)?;
        std::str::from_utf8(name).ok()
    }
}

/// The sections of `bytes` from `start` to its end.
pub(super) struct Sections<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Sections<'a> {
    pub(super) fn new(bytes: &'a [u8], start: usize) -> Self {
        Self { bytes, at: start }
    }

    fn section(&self) -> Result<Section, Error> {
        let start = self.at;
        let cut = || {
            damaged(format!(
                "the section at offset {start:#x} goes beyond the end of the module"
            ))
        };
        let id = *self.bytes.get(start).ok_or_else(cut)?;
        let rest = self.bytes.get(start + 1..).ok_or_else(cut)?;
        let (size, used) = leb(rest).ok_or_else(cut)?;
        let payload = start + 1 + used;
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| payload.checked_add(size))
            .filter(|end| *end <= self.bytes.len())
            .ok_or_else(cut)?;
        Ok(Section {
            id,
            start,
            payload: payload..end,
        })
    }
}

impl Iterator for Sections<'_> {
    type Item = Result<Section, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let section = self.section();
        self.at = match &section {
            Ok(section) => section.payload.end,
            Err(_) => self.bytes.len(),
        };
        Some(section)
    }
}

/// A `u32` in LEB128 at the start of `bytes`, and how many bytes it takes.
fn leb(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(MAX_LEB).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((u32::try_from(value).ok()?, index + 1));
        }
    }
    None
}

/// The head of a custom section called `name`, up to and with its name;
/// `content` bytes follow. Nothing where that is more than a section holds.
pub(super) fn custom_head(name: &str, content: u64) -> Option<Vec<u8>> {
    let length = u8::try_from(name.len()).ok().filter(|len| *len < 0x80)?;
    let size = u32::try_from(content.checked_add(1 + u64::from(length))?).ok()?;
    let mut head = vec![0];
    for index in 0..MAX_LEB {
        let more = if index + 1 < MAX_LEB { 0x80 } else { 0 };
        head.push((size >> (7 * index) & 0x7f) as u8 | more);
    }
    head.push(length);
    head.extend_from_slice(name.as_bytes());
    Some(head)
}

/// Bytes of what [`custom_head`] gives for `name`.
pub(super) fn custom_head_len(name: &str) -> u64 {
    HEAD + 1 + name.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found() {
        for content in [0u64, 1, 127, 128, 70_000] {
            let mut bytes = custom_head("a name", content).expect("it fits");
            assert_eq!(bytes.len() as u64, custom_head_len("a name"));
            bytes.resize(bytes.len() + usize::try_from(content).expect("small"), 7);
            let sections: Vec<Section> = Sections::new(&bytes, 0)
                .collect::<Result<_, _>>()
                .expect("whole");
            assert_eq!(sections.len(), 1);
            assert_eq!(sections[0].name(&bytes), Some("a name"));
            assert_eq!(sections[0].payload.end, bytes.len());
        }
        assert_eq!(custom_head("x", u64::from(u32::MAX)), None);
        assert_eq!(custom_head("x", u64::MAX), None);
    }

    #[test]
    fn a_section_that_is_cut_is_an_error_and_the_last() {
        let bytes = wat::parse_str("(module (memory 1) (func))").expect("well-formed");
        let whole = Sections::new(&bytes, 8).count();
        for end in 9..bytes.len() {
            let found: Vec<_> = Sections::new(&bytes[..end], 8).collect();
            assert!(found.len() <= whole);
            let cut = found.iter().filter(|section| section.is_err()).count();
            let at_boundary = found.iter().flatten().any(|s| s.payload.end == end);
            assert_eq!(cut, usize::from(!at_boundary), "{end}");
        }
        let sizes = [
            [0, 0xff, 0xff, 0xff, 0xff, 0x0f],
            [1, 0xff, 0xff, 0xff, 0xff, 0xff],
        ];
        for bytes in sizes {
            assert!(Sections::new(&bytes, 0).all(|section| section.is_err()));
        }
    }
}
