//! What an image says about itself.

use super::{PAGE, damaged, image_error};
use crate::{Error, Language};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of everything that an image and the host must agree on: how
/// the file is laid out, and how a language's captured bootstrap and the host
/// speak with each other. A change of either raises it.
pub(crate) const FORMAT: u32 = 1;

/// This version of Dormouse.
pub(crate) const TOOL: &str = env!("CARGO_PKG_VERSION");

/// Memories that an image may have; as many as a store may.
const MAX_MEMORIES: usize = 1000;

/// What an image was made from and at which point, and how its memory lies in
/// the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// [`FORMAT`] of the version that wrote it.
    pub(crate) format: u32,
    /// The version that wrote it.
    pub(crate) tool: String,
    /// The language whose guest this is, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<String>,
    pub(crate) guest: Guest,
    /// Where the guest was captured, as `--at` or `--init` have it.
    pub(crate) point: String,
    /// The functions that were active there, innermost first.
    #[serde(default)]
    pub(crate) frames: Vec<Frame>,
    /// What the guest's clocks showed there.
    #[serde(default)]
    pub(crate) clock: ClockBase,
    /// What was open there.
    #[serde(default)]
    pub(crate) files: Vec<OpenFile>,
    /// The arguments that the guest had been started with.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// The program in it, if the guest is a language's and had one to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) program: Option<Script>,
    /// Where host folders and files had been mounted, each with its mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mounts: Vec<Mounted>,
    /// What the language's host side keeps with the image.
    #[serde(default)]
    pub(crate) state: Value,
    /// Whether instances can be brought back to the image in place: see
    /// `instance::is_restorable`. Only believed of our own images.
    #[serde(default)]
    pub(crate) in_place: bool,
    /// Bytes of the module's sections, between the manifest and the memory.
    #[serde(default)]
    pub(crate) module: u64,
    /// The memories that the module imports, in order.
    #[serde(default)]
    pub(crate) memories: Vec<Memory>,
}

/// The module that was captured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Guest {
    pub(crate) name: String,
    /// SHA-256 of its bytes, hexadecimal.
    pub(crate) sha256: String,
}

/// Source code that was running when its language's guest was captured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Script {
    pub(crate) name: String,
    /// SHA-256 of the source, hexadecimal.
    pub(crate) sha256: String,
}

/// What the guest saw of the host's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mounted {
    /// Where, for the guest.
    pub(crate) guest: String,
    /// `ro`, `rw` or `rwc`.
    pub(crate) mode: String,
}

/// A function that was active at the snapshot point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frame {
    /// Its index in the guest's function index space.
    pub(crate) function: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

/// What clocks showed, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockBase {
    pub(crate) monotonic: u64,
}

/// A file descriptor that was open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenFile {
    pub(crate) fd: u32,
    pub(crate) path: String,
}

/// One captured memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Its size in pages.
    pub(crate) pages: u64,
    /// How many pages it may grow to; as many as the host lets it, if nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) maximum: Option<u64>,
    /// Runs of pages that are not zero, first and count; the file has them one
    /// after the other.
    #[serde(default)]
    pub(crate) stored: Vec<(u64, u64)>,
}

/// What is looked at before anything else is understood.
#[derive(Deserialize)]
struct Gate {
    format: u32,
    tool: String,
}

impl Manifest {
    /// A manifest for a snapshot of `guest` at `point`; the rest is empty.
    pub(crate) fn new(guest: Guest, point: impl Into<String>) -> Self {
        Self {
            format: FORMAT,
            tool: TOOL.to_owned(),
            language: None,
            guest,
            point: point.into(),
            frames: Vec::new(),
            clock: ClockBase::default(),
            files: Vec::new(),
            args: Vec::new(),
            program: None,
            mounts: Vec::new(),
            state: Value::Null,
            in_place: false,
            module: 0,
            memories: Vec::new(),
        }
    }

    /// Reads a manifest of this version; of any other, only which it is.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, Error> {
        let altered =
            |error: serde_json::Error| damaged(format!("its manifest is not readable ({error})"));
        let gate: Gate = serde_json::from_slice(json).map_err(altered)?;
        gate.check()?;
        let manifest: Self = serde_json::from_slice(json).map_err(altered)?;
        manifest.check()?;
        Ok(manifest)
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self)
            .map_err(|error| image_error(format!("the image's manifest can't be written: {error}")))
    }

    /// The language whose guest this is.
    ///
    /// # Errors
    ///
    /// When this version does not have that language.
    pub(crate) fn guest_language(&self) -> Result<Option<Language>, Error> {
        let Some(name) = &self.language else {
            return Ok(None);
        };
        name.parse().map(Some).map_err(|error: Error| {
            image_error(match &**name {
                "python" | "javascript" => format!("the image is a program in {name}: {error}"),
                _ => format!(
                    "the image is a program in {name:?}, which this Dormouse ({TOOL}) does not \
                     know; update Dormouse, or make the image again"
                ),
            })
        })
    }

    /// How many pages the file has, of all memories together.
    pub(super) fn stored_pages(&self) -> u64 {
        let runs = self.memories.iter().flat_map(|memory| &memory.stored);
        runs.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Holds what the file says of its memories to itself.
    fn check(&self) -> Result<(), Error> {
        if self.memories.len() > MAX_MEMORIES {
            return Err(damaged(format!(
                "it has {} memories; there may be {MAX_MEMORIES}",
                self.memories.len()
            )));
        }
        for (index, memory) in self.memories.iter().enumerate() {
            memory.check(index)?;
        }
        Ok(())
    }
}

impl Memory {
    /// How many of its pages the file has.
    pub(crate) fn stored_pages(&self) -> u64 {
        self.stored.iter().map(|(_, count)| count).sum()
    }

    fn check(&self, index: usize) -> Result<(), Error> {
        let wrong = |what: String| damaged(format!("memory {index} {what}"));
        if self.pages > u64::MAX / PAGE {
            return Err(wrong(format!("has {} pages", self.pages)));
        }
        if self.maximum.is_some_and(|maximum| maximum < self.pages) {
            return Err(wrong("is larger than its maximum".to_owned()));
        }
        let mut next = 0;
        for &(first, count) in &self.stored {
            let end = first.checked_add(count).filter(|end| *end <= self.pages);
            match end {
                Some(end) if first >= next && count > 0 => next = end,
                _ => {
                    return Err(wrong(format!(
                        "has {count} pages stored for page {first}, of {}, the one before being \
                         {next}",
                        self.pages
                    )));
                }
            }
        }
        Ok(())
    }
}

impl Gate {
    /// Refuses what another version wrote, and says which way out there is.
    fn check(&self) -> Result<(), Error> {
        let way_out = match self.format.cmp(&FORMAT) {
            std::cmp::Ordering::Equal => return Ok(()),
            std::cmp::Ordering::Less => {
                "too old for this one; make it again with `dormouse snapshot`"
            }
            std::cmp::Ordering::Greater => "too new for this one; update Dormouse",
        };
        let tool: String = self.tool.chars().take(40).collect();
        Err(image_error(format!(
            "the image was made by Dormouse {} (format {}), {way_out} (Dormouse {TOOL}, format \
             {FORMAT})",
            tool.escape_debug(),
            self.format
        )))
    }
}
