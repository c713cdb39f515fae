//! Address space for the memories of one instance.

use super::Memories;
#[cfg(unix)]
use super::{Contents, Source, space::Space};

/// Address space for the memories of one instance, made ready so that waking
/// has little left to do. It belongs to the [`Memories`] it was made for.
pub(crate) struct Reservation {
    /// One per memory; `None` for one that is to be copied.
    #[cfg(unix)]
    pub(super) spaces: Vec<Option<Space>>,
    /// Bytes that memories may grow to.
    limit: u64,
}

/// Address space that one memory may take: what a 32-bit memory can address,
/// where addresses abound. One that may become larger is copied.
#[cfg(all(unix, target_pointer_width = "64"))]
const MAX_SPACE: u64 = 4 << 30;
#[cfg(all(unix, not(target_pointer_width = "64")))]
const MAX_SPACE: u64 = 1 << 30;

impl Reservation {
    /// For no memory at all, or for memories that are to be copied.
    pub(crate) fn empty() -> Self {
        Self {
            #[cfg(unix)]
            spaces: Vec::new(),
            limit: u64::MAX,
        }
    }

    /// Reserves what `memories` may grow to under a limit of `limit` bytes.
    /// Where that can't be had, they will be copied.
    #[cfg(unix)]
    pub(crate) fn new(memories: &Memories, limit: u64) -> Self {
        let Source::File(_) = memories.source() else {
            return Self::empty();
        };
        Self {
            spaces: memories
                .contents()
                .iter()
                .map(|contents| space(contents, limit))
                .collect(),
            limit,
        }
    }

    /// Memories will be copied.
    #[cfg(not(unix))]
    pub(crate) fn new(_memories: &Memories, _limit: u64) -> Self {
        Self::empty()
    }

    /// Makes it as good as new, for another store: gives back what memories
    /// have grown into, and makes their beginning ready to be filled.
    pub(crate) fn renew(&mut self, memories: &Memories) {
        #[cfg(unix)]
        for (slot, contents) in self.spaces.iter_mut().zip(memories.contents()) {
            let renewed = slot.as_mut().is_some_and(|space| {
                let Ok(initial) = usize::try_from(contents.bytes()) else {
                    return false;
                };
                let all = 0..space.len();
                // SAFETY: whoever holds `&mut Reservation` has no store any
                // more that uses it.
                let emptied = unsafe { space.put_zeros(all) }.is_ok();
                super::zeros::underlay(space, initial);
                emptied
            });
            if !renewed {
                *slot = None;
            }
        }
        #[cfg(not(unix))]
        let _ = memories;
    }

    /// The largest limit that memories in it can be run under: beyond, they
    /// would have no room to grow into.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }
}

/// Space for a memory, unless it must be copied.
#[cfg(unix)]
fn space(contents: &Contents, limit: u64) -> Option<Space> {
    let os_page = rustix::param::page_size() as u64;
    let is_aligned = |offset: u64| offset.is_multiple_of(os_page);
    if !contents
        .extents
        .iter()
        .flat_map(|extent| [extent.guest, extent.file, extent.len])
        .all(is_aligned)
    {
        return None;
    }
    let initial = contents.bytes();
    let most = most(contents.maximum, limit).min(MAX_SPACE).max(initial);
    // A memory of no size still needs an address.
    let len = usize::try_from(most.max(super::PAGE)).ok()?;
    let mut space = Space::reserve(len).ok()?;
    super::zeros::underlay(&mut space, usize::try_from(initial).ok()?);
    Some(space)
}

/// Bytes that a memory can grow to: whole pages within `maximum` and `limit`.
#[cfg(unix)]
pub(super) fn most(maximum: Option<u64>, limit: u64) -> u64 {
    let maximum = maximum.map_or(u64::MAX, |pages| pages.saturating_mul(super::PAGE));
    maximum.min(limit) / super::PAGE * super::PAGE
}
