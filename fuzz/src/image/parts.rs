//! An image file, taken apart and put together, as `src/image/file.rs` does.

use sha2::{Digest, Sha256};

pub(super) const PAGE: usize = 1 << 16;

const HEADER: &[u8] = b"\0asm\x01\0\0\0";
const MANIFEST: &str = "dormouse.manifest";
const MEMORY: &str = "dormouse.memory";
const DIGEST: &str = "dormouse.digest";

/// What an image consists of.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) manifest: serde_json::Value,
    /// The text of the manifest, if it is not what is made of that.
    pub(super) json: Option<Vec<u8>>,
    pub(super) module: Vec<u8>,
    pub(super) pages: Vec<u8>,
}

impl Parts {
    /// Those of an image that is whole.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let from = HEADER.len() + head(MANIFEST, 0).len();
        let size = bytes[9..14].iter().rev();
        let size = size.fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
        let json = &bytes[from..from + size - 1 - MANIFEST.len()];
        let manifest: serde_json::Value = serde_json::from_slice(json).expect("JSON");
        let module = manifest["module"].as_u64().expect("a length") as usize;
        let start = from + json.len();
        let behind = start + module + head(MEMORY, 0).len();
        let digest = bytes.len() - 32 - head(DIGEST, 0).len();
        let pages = behind.next_multiple_of(PAGE).min(digest);
        Self {
            json: Some(json.to_vec()),
            manifest,
            module: bytes[start..start + module].to_vec(),
            pages: bytes[pages..digest].to_vec(),
        }
    }

    /// The file, its digest right if it is to be `sealed`.
    pub(super) fn assemble(&self, sealed: bool) -> Vec<u8> {
        let json = match &self.json {
            Some(json) => json.clone(),
            None => serde_json::to_vec(&self.manifest).expect("JSON"),
        };
        let mut file = HEADER.to_vec();
        file.extend(head(MANIFEST, json.len()));
        file.extend(json);
        file.extend_from_slice(&self.module);
        let behind = file.len() + head(MEMORY, 0).len();
        let pages = match self.pages.len() {
            0 => behind,
            _ => behind.next_multiple_of(PAGE),
        };
        file.extend(head(MEMORY, pages + self.pages.len() - behind));
        file.resize(pages, 0);
        file.extend_from_slice(&self.pages);
        let digest = if sealed {
            Sha256::digest(&file).to_vec()
        } else {
            vec![0; 32]
        };
        file.extend(head(DIGEST, digest.len()));
        file.extend(digest);
        file
    }
}

/// The head of a custom section, its size in five bytes.
fn head(name: &str, content: usize) -> Vec<u8> {
    let size = content + 1 + name.len();
    let mut head = vec![0];
    head.extend((0..4).map(|index| (size >> (7 * index) & 0x7f) as u8 | 0x80));
    head.push((size >> 28 & 0x7f) as u8);
    head.push(name.len() as u8);
    head.extend_from_slice(name.as_bytes());
    head
}

/// Puts the right digest at the end of a file that has room for it.
pub(super) fn seal(file: &mut [u8]) {
    let Some(digest) = file.len().checked_sub(32 + head(DIGEST, 0).len()) else {
        return;
    };
    let sum = Sha256::digest(&file[..digest]);
    let end = file.len();
    file[end - 32..].copy_from_slice(&sum);
}
