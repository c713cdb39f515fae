//! Image files: one Wasm file with everything that a restored run needs.
//!
//! ```text
//! 0       Wasm header
//! 8       custom section "dormouse.manifest": JSON
//!         the module's own sections; its memories are imports
//!         custom section "dormouse.memory": padding, then at a multiple of
//!         64 KiB the pages that are not zero, memory after memory
//!         custom section "dormouse.digest": SHA-256 of every byte before it
//! end
//! ```
//!
//! The manifest says how long the module is and which pages there are, and
//! everything of ours has one possible form, so that where each part lies,
//! and how long the file is, follows from the manifest alone. A trusted image
//! is opened without looking at anything else. What comes before the memory is
//! itself a whole module, so an engine need not be given the rest.
//!
//! Nothing in a file depends on when or where it was written.

use super::{
    PAGE, damaged, image_error,
    manifest::{FORMAT, Manifest, Memory, TOOL},
    section::{self, HEADER, Section, Sections},
    source::Extent,
};
use crate::Error;
use dormouse_snapshot::STOP;
use sha2::{Digest, Sha256};
use wasmparser::{Parser, Payload, TypeRef};

const MANIFEST: &str = "dormouse.manifest";
const MEMORY: &str = "dormouse.memory";
const DIGEST: &str = "dormouse.digest";

/// Bytes of a manifest. The deepest stack that can be captured has some
/// 200,000 frames, with names of some 50 bytes.
const MAX_MANIFEST: u64 = 32 << 20;

/// Bytes of a SHA-256 digest.
const DIGEST_LEN: u64 = 32;

/// A captured linear memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CapturedMemory {
    pub(crate) pages: u64,
    pub(crate) page_size: u64,
    /// As many pages that it may grow to, if it has such a limit of its own.
    pub(crate) maximum: Option<u64>,
    pub(crate) contents: Vec<u8>,
}

/// What an image file consists of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parts {
    pub(crate) manifest: Manifest,
    /// Bytes from the file's start that are the module.
    pub(crate) module: u64,
    /// Where each memory's pages lie in the file.
    pub(crate) memories: Vec<Vec<Extent>>,
    /// Bytes of the whole image.
    pub(crate) length: u64,
}

impl Parts {
    /// The module of the image `bytes`.
    pub(crate) fn module<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(..usize_of(self.module)).unwrap_or_default()
    }
}

/// Whether `bytes`, a file's first ones, claim to be an image.
pub(crate) fn is_image(bytes: &[u8]) -> bool {
    let name = 8 + usize_of(section::HEAD) + 1;
    bytes.starts_with(HEADER)
        && bytes.get(8) == Some(&0)
        && bytes.get(name..name + MANIFEST.len()) == Some(MANIFEST.as_bytes())
}

/// Writes an image of `module`, whose memories are imports, with `memories`
/// as their contents. What `manifest` says of versions, the module and its
/// memories is replaced by what is so.
///
/// # Errors
///
/// When `module` is not Wasm, imports another number of memories, or the image
/// would be larger than the format allows.
pub(crate) fn write(
    module: &[u8],
    memories: &[CapturedMemory],
    manifest: &Manifest,
) -> Result<Vec<u8>, Error> {
    let sections = own_sections(module)?;
    let imported = imported_memories(module)?;
    if imported != memories.len() {
        return Err(image_error(format!(
            "the module imports {imported} memories, but {} were captured",
            memories.len()
        )));
    }
    let mut manifest = manifest.clone();
    manifest.format = FORMAT;
    manifest.tool = TOOL.to_owned();
    manifest.module = sections
        .iter()
        .map(|s| (s.payload.end - s.start) as u64)
        .sum();
    manifest.memories = memories.iter().map(describe).collect::<Result<_, _>>()?;

    let json = manifest.to_json()?;
    if json.len() as u64 > MAX_MANIFEST {
        return Err(too_large("its manifest", json.len() as u64, MAX_MANIFEST));
    }
    let mut image = HEADER.to_vec();
    image.extend(head(MANIFEST, json.len() as u64)?);
    image.extend_from_slice(&json);
    let layout = Layout::new(&manifest, image.len() as u64)?;
    image.reserve_exact(usize_of(layout.end).saturating_sub(image.len()));
    for section in &sections {
        image.extend_from_slice(&module[section.start..section.payload.end]);
    }
    image.extend(layout.memory_head()?);
    image.resize(usize_of(layout.pages), 0);
    for (memory, description) in memories.iter().zip(&manifest.memories) {
        for &(first, count) in &description.stored {
            let range = usize_of(first * PAGE)..usize_of((first + count) * PAGE);
            image.extend_from_slice(&memory.contents[range]);
        }
    }
    let digest = Sha256::digest(&image);
    image.extend(head(DIGEST, DIGEST_LEN)?);
    image.extend_from_slice(&digest);
    Ok(image)
}

/// Reads a whole image and checks it to the last byte.
///
/// # Errors
///
/// When it is truncated, altered, of another version, or no image.
pub(crate) fn read(bytes: &[u8]) -> Result<Parts, Error> {
    let parts = open(bytes, bytes.len() as u64)?;
    let layout = Layout::new(&parts.manifest, manifest_end(bytes)?)?;
    let slice = |from: u64, to: u64| bytes.get(usize_of(from)..usize_of(to)).unwrap_or_default();

    let recorded = slice(layout.end - DIGEST_LEN, layout.end);
    let found = Sha256::digest(slice(0, layout.digest));
    let digest_head = slice(layout.digest, layout.end - DIGEST_LEN);
    if recorded != found.as_slice() || digest_head != head(DIGEST, DIGEST_LEN)? {
        return Err(damaged(format!(
            "the SHA-256 digest of its bytes is {}, recorded at offset {:#x} is {}",
            hex(&found),
            layout.end - DIGEST_LEN,
            hex(recorded)
        )));
    }
    if slice(layout.memory, layout.memory_head_end) != layout.memory_head()? {
        return Err(damaged(format!(
            "there is no {MEMORY} section at offset {:#x}",
            layout.memory
        )));
    }
    for section in Sections::new(slice(0, layout.memory), usize_of(layout.manifest_end)) {
        let section = section?;
        if is_ours(&section, bytes) {
            return Err(damaged(format!(
                "its module has a section of the image's own at offset {:#x}",
                section.start
            )));
        }
    }
    Ok(parts)
}

/// Opens an image of `length` bytes of which `start` has the first ones, with
/// the whole manifest: [`manifest_end`] says how many that are. Looks at
/// nothing else, so whoever relies on the rest must have reason to trust it.
///
/// # Errors
///
/// When it is no image, of another version, or not as long as it should be.
pub(crate) fn open(start: &[u8], length: u64) -> Result<Parts, Error> {
    let manifest_end = manifest_end(start)?;
    let from = usize_of(8 + section::custom_head_len(MANIFEST));
    let json = start.get(from..usize_of(manifest_end)).ok_or_else(|| {
        damaged(format!(
            "it is truncated: it ends at offset {:#x}, inside its manifest",
            start.len()
        ))
    })?;
    let manifest = Manifest::from_json(json)?;
    let layout = Layout::new(&manifest, manifest_end)?;
    if length != layout.end {
        let how = if length < layout.end {
            "is truncated"
        } else {
            "has been added to"
        };
        return Err(damaged(format!(
            "it {how}: it has {length} bytes, and should have {}",
            layout.end
        )));
    }
    let memories = layout.extents(&manifest.memories);
    Ok(Parts {
        manifest,
        module: layout.memory,
        memories,
        length,
    })
}

/// Where the manifest of the image that begins with `start` ends.
///
/// # Errors
///
/// When it is no image.
pub(crate) fn manifest_end(start: &[u8]) -> Result<u64, Error> {
    if !is_image(start) {
        return Err(image_error(
            "it is no Dormouse image; `dormouse snapshot` makes them",
        ));
    }
    let size = start[9..14]
        .iter()
        .rev()
        .fold(0u64, |size, byte| size << 7 | u64::from(byte & 0x7f));
    let name = 1 + MANIFEST.len() as u64;
    let length = size.checked_sub(name).filter(|json| *json <= MAX_MANIFEST);
    let end = length.map(|json| 8 + section::custom_head_len(MANIFEST) + json);
    match end {
        Some(end) if start[8..8 + usize_of(section::HEAD)] == head(MANIFEST, size - name)?[..6] => {
            Ok(end)
        }
        _ => Err(damaged(format!("its manifest claims a size of {size}"))),
    }
}

/// Bytes from a file's start that are enough for [`manifest_end`].
pub(crate) const START: usize = 64;

/// Where the parts of an image begin and end.
struct Layout {
    manifest_end: u64,
    /// The memory section; the module ends there.
    memory: u64,
    memory_head_end: u64,
    /// The first page.
    pages: u64,
    /// The digest section.
    digest: u64,
    end: u64,
}

impl Layout {
    fn new(manifest: &Manifest, manifest_end: u64) -> Result<Self, Error> {
        let stored = manifest.stored_pages();
        let layout = || {
            let memory = manifest_end.checked_add(manifest.module)?;
            let memory_head_end = memory.checked_add(section::custom_head_len(MEMORY))?;
            let pages = match stored {
                0 => memory_head_end,
                _ => memory_head_end.checked_next_multiple_of(PAGE)?,
            };
            let digest = pages.checked_add(stored.checked_mul(PAGE)?)?;
            let end = digest.checked_add(section::custom_head_len(DIGEST) + DIGEST_LEN)?;
            // So that every offset can be one of a slice.
            usize::try_from(end).ok()?;
            Some(Self {
                manifest_end,
                memory,
                memory_head_end,
                pages,
                digest,
                end,
            })
        };
        let content = stored.saturating_mul(PAGE).saturating_add(PAGE);
        if content > u64::from(u32::MAX) {
            return Err(too_large("its memory", content, u64::from(u32::MAX)));
        }
        layout().ok_or_else(|| damaged(format!("its module claims {} bytes", manifest.module)))
    }

    fn memory_head(&self) -> Result<Vec<u8>, Error> {
        head(MEMORY, self.digest - self.memory_head_end)
    }

    fn extents(&self, memories: &[Memory]) -> Vec<Vec<Extent>> {
        let mut file = self.pages;
        let mut extent = |&(first, count): &(u64, u64)| {
            let len = count * PAGE;
            let extent = Extent {
                guest: first * PAGE,
                file,
                len,
            };
            file += len;
            extent
        };
        memories
            .iter()
            .map(|memory| memory.stored.iter().map(&mut extent).collect())
            .collect()
    }
}

/// The sections of `module` that are not an image's own.
fn own_sections(module: &[u8]) -> Result<Vec<Section>, Error> {
    if !module.starts_with(HEADER) {
        return Err(image_error("what was captured is not a Wasm module"));
    }
    let mut sections = Vec::new();
    for section in Sections::new(module, HEADER.len()) {
        let section = section?;
        if !is_ours(&section, module) {
            sections.push(section);
        }
    }
    Ok(sections)
}

fn is_ours(section: &Section, bytes: &[u8]) -> bool {
    matches!(section.name(bytes), Some(MANIFEST | MEMORY | DIGEST))
}

/// How many memories `module` imports.
fn imported_memories(module: &[u8]) -> Result<usize, Error> {
    let malformed = |error: wasmparser::BinaryReaderError| {
        image_error(format!("what was captured is not a Wasm module: {error}"))
    };
    let mut count = 0;
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(imports) = payload.map_err(malformed)? {
            for import in imports.into_imports() {
                let import = import.map_err(malformed)?;
                let is_content = (import.module, import.name) != STOP;
                if let (TypeRef::Memory(_), true) = (import.ty, is_content) {
                    count += 1;
                }
            }
            break;
        }
    }
    Ok(count)
}

/// Which pages of `memory` are worth storing.
fn describe(memory: &CapturedMemory) -> Result<Memory, Error> {
    let length = memory.contents.len() as u64;
    if memory.page_size != PAGE || memory.pages.checked_mul(PAGE) != Some(length) {
        return Err(image_error(format!(
            "a memory of {} pages of {} bytes was captured with {length} bytes; an image holds \
             pages of {PAGE} bytes",
            memory.pages, memory.page_size
        )));
    }
    let mut stored: Vec<(u64, u64)> = Vec::new();
    for (index, page) in (0u64..).zip(memory.contents.chunks(usize_of(PAGE))) {
        if page.iter().all(|byte| *byte == 0) {
            continue;
        }
        match stored.last_mut() {
            Some((first, count)) if *first + *count == index => *count += 1,
            _ => stored.push((index, 1)),
        }
    }
    Ok(Memory {
        pages: memory.pages,
        maximum: memory.maximum,
        stored,
    })
}

fn head(name: &str, content: u64) -> Result<Vec<u8>, Error> {
    section::custom_head(name, content).ok_or_else(|| too_large(name, content, u64::from(u32::MAX)))
}

fn too_large(what: &str, bytes: u64, most: u64) -> Error {
    image_error(format!(
        "the image is too large: {what} takes {bytes} bytes; there may be {most}"
    ))
}

/// Hexadecimal, as digests are shown.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A length or an offset of a slice; one that no slice can have is beyond the
/// end of any.
fn usize_of(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
