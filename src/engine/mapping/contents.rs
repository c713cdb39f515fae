//! What an image's memories hold, and where that lies.

#[cfg(target_os = "linux")]
use super::MappedFile;
use super::PAGE;
use crate::{Error, ErrorKind};
#[cfg(target_os = "linux")]
use std::sync::OnceLock;
use std::{fs::File, io, ops::Range, sync::Arc};

/// Where the bytes of an image lie.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// In a file that nobody changes as long as an instance lives: pages that
    /// an instance has not written to are the file's. One of our own cache
    /// folder (written under another name, then renamed; only this user may
    /// enter) or the running executable is that; anything else is to be read
    /// into [`Source::Bytes`].
    File(Arc<File>),
    /// In memory: copied into every instance.
    Bytes(Arc<[u8]>),
}

impl Source {
    /// How many bytes there are.
    fn len(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => Ok(file.metadata()?.len()),
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Copies what lies at `at` to `target`.
    pub(super) fn read(&self, at: u64, target: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => {
                let found = usize::try_from(at)
                    .ok()
                    .and_then(|at| bytes.get(at..)?.get(..target.len()));
                target.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            #[cfg(unix)]
            Self::File(file) => std::os::unix::fs::FileExt::read_exact_at(&**file, target, at),
            #[cfg(not(unix))]
            Self::File(file) => {
                use io::{Read, Seek, SeekFrom};
                // The position belongs to the handle: one of our own, lest
                // two threads move each other's.
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(target)
            }
        }
    }
}

/// Bytes of a memory that lie in the image; the rest are zero. All in bytes,
/// all multiples of 64 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Where they are in the memory.
    pub(crate) guest: u64,
    /// Where they are in the [`Source`].
    pub(crate) file: u64,
    /// How many there are.
    pub(crate) len: u64,
}

/// One memory of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    /// How large it is, in Wasm pages.
    pub(crate) pages: u64,
    /// How large it may become.
    pub(crate) maximum: Option<u64>,
    /// What of it is not zero, in order, nothing twice.
    pub(crate) extents: Vec<Extent>,
}

impl Contents {
    /// Its size, which [`Memories::new`] has checked.
    pub(super) fn bytes(&self) -> u64 {
        self.pages * PAGE
    }

    /// Where the byte at `guest` lies in the source; `None` for a zero.
    #[cfg(target_os = "linux")]
    pub(super) fn locate(&self, guest: u64) -> Option<u64> {
        let after = self.extents.partition_point(|extent| extent.guest <= guest);
        let extent = self.extents.get(after.checked_sub(1)?)?;
        let offset = guest - extent.guest;
        (offset < extent.len).then_some(extent.file + offset)
    }

    /// Says what is wrong with it, where `available` bytes can be mapped.
    fn check(&self, available: u64) -> Result<(), String> {
        let size = self.pages.checked_mul(PAGE);
        let Some(size) = size.filter(|size| isize::try_from(*size).is_ok()) else {
            return Err(format!("{} pages don't fit this machine", self.pages));
        };
        if self.maximum.is_some_and(|maximum| self.pages > maximum) {
            return Err(format!("{} pages are more than its maximum", self.pages));
        }
        let mut end = 0;
        for extent in &self.extents {
            let Extent { guest, file, len } = *extent;
            if guest % PAGE != 0 || len % PAGE != 0 || len == 0 {
                return Err(format!("extent {guest:#x}+{len:#x} is not made of pages"));
            }
            if guest < end {
                return Err(format!("extent {guest:#x} lies below the one before it"));
            }
            end = match guest.checked_add(len) {
                Some(end) if end <= size => end,
                _ => return Err(format!("extent {guest:#x}+{len:#x} lies beyond its end")),
            };
            if file.checked_add(len).is_none_or(|end| end > available) {
                return Err(format!("extent {guest:#x} lies beyond the image's end"));
            }
        }
        Ok(())
    }
}

/// All memories of an image.
#[derive(Debug, Clone)]
pub(crate) struct Memories {
    source: Source,
    contents: Vec<Contents>,
    /// What of each memory runs are known to write to.
    written: Vec<Vec<Range<u64>>>,
    /// The source as it is, mapped when it is first wanted.
    #[cfg(target_os = "linux")]
    pristine: Arc<OnceLock<Option<MappedFile>>>,
}

/// Ranges of a list that are looked at, each for a call of the system.
#[cfg(target_os = "linux")]
const MAX_WRITTEN: usize = 10_000;

/// Memories of one image: each costs address space and a record.
const MAX_MEMORIES: usize = 100;

impl Memories {
    /// Checks that all of `contents` lies in `source`.
    ///
    /// # Errors
    ///
    /// When it doesn't, or `contents` contradicts itself.
    pub(crate) fn new(source: Source, contents: Vec<Contents>) -> Result<Self, Error> {
        let available = source.len().map_err(|error| {
            Error::new(
                ErrorKind::Io,
                format!("the image's size is unknown: {error}"),
            )
            .with_source(error)
        })?;
        if contents.len() > MAX_MEMORIES {
            return Err(bad(format!(
                "the image has {} memories; at most {MAX_MEMORIES} are supported",
                contents.len()
            )));
        }
        for (index, memory) in contents.iter().enumerate() {
            memory.check(available).map_err(|problem| {
                bad(format!(
                    "memory {index} of the image is malformed: {problem}; build the image again"
                ))
            })?;
        }
        Ok(Self {
            source,
            contents,
            written: Vec::new(),
            #[cfg(target_os = "linux")]
            pristine: Arc::default(),
        })
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Gives instances their own copy of what they will write to anyway, as
    /// [`MappedStore::written`](super::MappedStore::written) has told of
    /// another: many pages at once cost less than one after the other. A hint,
    /// one list per memory; what is not there is ignored.
    #[cfg_attr(
        not(any(test, feature = "bench")),
        allow(dead_code, reason = "images don't say yet what runs write to")
    )]
    pub(crate) fn with_written(mut self, written: Vec<Vec<Range<u64>>>) -> Self {
        self.written = written;
        self
    }

    /// The list for memory `index`, in whole pages inside it.
    #[cfg(target_os = "linux")]
    pub(super) fn written(&self, index: usize) -> impl Iterator<Item = Range<u64>> {
        let size = self.contents.get(index).map_or(0, Contents::bytes);
        let os_page = rustix::param::page_size() as u64;
        let ranges = self.written.get(index).map_or(&[][..], Vec::as_slice);
        ranges
            .iter()
            .map(move |range| {
                let start = range.start / os_page * os_page;
                let end = range.end.min(size).next_multiple_of(os_page);
                start..end
            })
            .filter(|range| range.start < range.end)
            .take(MAX_WRITTEN)
    }

    /// All of the source, mapped to be read, if it is a file.
    #[cfg(target_os = "linux")]
    pub(super) fn pristine(&self) -> Option<&[u8]> {
        let Source::File(file) = &self.source else {
            return None;
        };
        let map = || {
            let len = file.metadata().ok()?.len();
            MappedFile::new(file, 0..len).ok()
        };
        self.pristine.get_or_init(map).as_deref()
    }

    pub(crate) fn contents(&self) -> &[Contents] {
        &self.contents
    }

    /// Size of all memories together when an instance wakes.
    pub(crate) fn bytes(&self) -> u64 {
        self.contents
            .iter()
            .fold(0, |sum, memory| sum.saturating_add(memory.bytes()))
    }
}

fn bad(message: String) -> Error {
    Error::new(ErrorKind::Module, message)
}
