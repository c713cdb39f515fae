//! Which images may run unvalidated.
//!
//! Translating Wasm that was not validated is undefined behaviour when its
//! bytes are hostile. So only an image that this installation made, and
//! validated then, is [`Trust::Own`]; what shows that is a record in the
//! image cache, a folder that nobody but this user can look into. A record
//! names the bytes by digest, and the file by what the system says of it: as
//! long as that is all the same (the change time above all, which no program
//! can set), the file need not be read to know that it is unchanged.

use crate::image::{file::hex, folder::Folder};
use sha2::{Digest, Sha256};
use std::fs::Metadata;

/// Whether an image's module must be validated before it is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// No: this installation made it, and it is unchanged.
    Own,
    /// Yes.
    Foreign,
}

/// What the system says of a file, that changes whenever its bytes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    /// Nothing where the platform has no such thing, or where others than this
    /// user may write to the file.
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let ours = metadata.uid() == rustix::process::geteuid().as_raw();
        if !ours || !metadata.is_file() || metadata.mode() & 0o022 != 0 {
            return None;
        }
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: &Metadata) -> Option<Self> {
        None
    }

    /// What tells this file from others, for as long as it exists.
    pub(super) fn name(&self) -> String {
        format!("file-{:x}-{:x}", self.device, self.inode)
    }
}

/// What is kept beside an image, or for one that lies elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) identity: Option<Identity>,
    /// SHA-256 of all its bytes, hexadecimal.
    pub(super) sha256: String,
}

impl Record {
    pub(super) fn new(metadata: &Metadata, sha256: String) -> Self {
        Self {
            identity: Identity::of(metadata),
            sha256,
        }
    }

    /// The record called `name`, if it is there and whole.
    pub(super) fn read(folder: &Folder, name: &str) -> Option<Self> {
        let text = folder.read_small(name).ok()?;
        Self::parse(std::str::from_utf8(&text).ok()?)
    }

    /// Whether the file with `metadata` is the one that was recorded, and
    /// unchanged since.
    pub(super) fn is_of(&self, metadata: &Metadata) -> bool {
        self.identity.is_some() && self.identity == Identity::of(metadata)
    }

    pub(super) fn to_text(&self) -> String {
        let identity = match &self.identity {
            None => "-".to_owned(),
            Some(file) => format!(
                "{} {} {} {} {} {} {}",
                file.device,
                file.inode,
                file.size,
                file.modified.0,
                file.modified.1,
                file.changed.0,
                file.changed.1
            ),
        };
        format!("{VERSION} {} {identity}\n", self.sha256)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix('\n')?.split(' ');
        if words.next()? != VERSION {
            return None;
        }
        let sha256 = words.next()?.to_owned();
        let first = words.next()?;
        let identity = if first == "-" {
            None
        } else {
            let device = first.parse().ok()?;
            let inode = words.next()?.parse().ok()?;
            let size = words.next()?.parse().ok()?;
            let mut number = || words.next()?.parse().ok();
            Some(Identity {
                device,
                inode,
                size,
                modified: (number()?, number()?),
                changed: (number()?, number()?),
            })
        };
        (sha256.len() == 64 && words.next().is_none()).then_some(Self { identity, sha256 })
    }
}

/// First word of a record: what the rest means, and who validated the image.
/// Another version's validator may have let pass what this one's engine does
/// not know.
const VERSION: &str = concat!("1-", env!("CARGO_PKG_VERSION"));

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_written_or_not_at_all() {
        let identity = Identity {
            device: u64::MAX,
            inode: 2,
            size: 3,
            modified: (-4, 5),
            changed: (6, 7),
        };
        for identity in [None, Some(identity)] {
            let record = Record {
                identity,
                sha256: "ab".repeat(32),
            };
            let text = record.to_text();
            assert_eq!(Record::parse(&text), Some(record));
            for end in 0..text.len() {
                assert_eq!(Record::parse(&text[..end]), None, "{end}");
            }
            assert_eq!(Record::parse(&text.replace('\n', " 1\n")), None);
            assert_eq!(Record::parse(&text.replacen("1-", "2-", 1)), None);
        }
    }
}
