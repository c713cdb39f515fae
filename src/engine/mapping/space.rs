//! Address space by `mmap`.

use rustix::{
    fd::AsFd,
    io::Errno,
    mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap},
};
use std::{fs::File, ops::Deref, ops::Range, ptr::NonNull, slice};

/// Pages that may be read and written.
const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// A mapped range of addresses, which is ours alone until it is dropped.
struct Addresses {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the range belongs to this value, not to the thread that mapped it.
unsafe impl Send for Addresses {}
// SAFETY: a shared reference gives no way to write to the range.
unsafe impl Sync for Addresses {}

impl Drop for Addresses {
    fn drop(&mut self) {
        // SAFETY: the range is what `mmap` gave us, and whoever holds this
        // value lets go of all pointers into it before.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "a mapped range can be unmapped");
    }
}

/// Whether `len` bytes of address space are to be had at once.
#[cfg(all(feature = "cli", target_os = "linux"))]
pub(crate) fn can_reserve(len: u64) -> bool {
    usize::try_from(len).is_ok_and(|len| Space::reserve(len).is_ok())
}

/// Memory that nothing backs before it is touched: zeros.
pub(super) struct Space(Addresses);

impl Space {
    /// `len` bytes of address space, `len` > 0.
    pub(super) fn reserve(len: usize) -> Result<Self, Errno> {
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let base = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                len,
                READ_WRITE,
                MapFlags::PRIVATE | no_reserve(),
            )?
        };
        let base = NonNull::new(base.cast()).ok_or(Errno::NOMEM)?;
        Ok(Self(Addresses { base, len }))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len
    }

    /// All of it, for wasmi.
    ///
    /// # Safety
    ///
    /// The slice must be gone when this value is dropped, and there must be
    /// one at a time.
    pub(super) unsafe fn bytes(&mut self) -> &'static mut [u8] {
        // SAFETY: the range is mapped to be read and written as long as `self`
        // lives, which the caller keeps alive; the caller makes one slice only.
        unsafe { slice::from_raw_parts_mut(self.0.base.as_ptr(), self.0.len) }
    }

    /// Puts zeros that nothing backs yet at `range`.
    ///
    /// # Safety
    ///
    /// Nobody may look at or write to the range meanwhile.
    pub(super) unsafe fn put_zeros(&mut self, range: Range<usize>) -> Result<(), Errno> {
        let at = self.at(&range);
        if range.is_empty() {
            return Ok(());
        }
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | no_reserve();
        // SAFETY: `at` checked that the range is inside our own, so nothing
        // else is replaced; the caller keeps everybody from it.
        unsafe { mmap_anonymous(at, range.len(), READ_WRITE, flags)? };
        Ok(())
    }

    /// Puts bytes of `file`, from `offset` on, at `range`. Without `shared`,
    /// what is written there stays here.
    ///
    /// # Safety
    ///
    /// As with `put_zeros`; and `file` must reach as far.
    pub(super) unsafe fn put_file(
        &mut self,
        range: Range<usize>,
        file: impl AsFd,
        offset: u64,
        shared: bool,
    ) -> Result<(), Errno> {
        let at = self.at(&range);
        let sharing = if shared {
            MapFlags::SHARED
        } else {
            MapFlags::PRIVATE | no_reserve()
        };
        // SAFETY: as in `put_zeros`.
        unsafe {
            mmap(
                at,
                range.len(),
                READ_WRITE,
                sharing | MapFlags::FIXED,
                file,
                offset,
            )?;
        }
        Ok(())
    }

    /// Gives `range` pages to write to now, all at once, which is cheaper
    /// than one by one as they are touched. A hint: where it fails, it is as
    /// if it had not been given.
    #[cfg(target_os = "linux")]
    pub(super) fn populate(&mut self, range: Range<usize>) {
        let at = self.at(&range);
        // SAFETY: the range is ours, and what is in it stays as it is.
        let _ =
            unsafe { rustix::mm::madvise(at, range.len(), rustix::mm::Advice::LinuxPopulateWrite) };
    }

    /// Gives `range` pages to read from now, as [`populate`](Self::populate)
    /// does to write to.
    #[cfg(target_os = "linux")]
    pub(super) fn populate_to_read(&mut self, range: Range<usize>) {
        let at = self.at(&range);
        // SAFETY: the range is ours, and what is in it stays as it is.
        let _ =
            unsafe { rustix::mm::madvise(at, range.len(), rustix::mm::Advice::LinuxPopulateRead) };
    }

    /// Drops what was written to `range`: zeros and the file's bytes show
    /// again. Whether the system can.
    ///
    /// # Safety
    ///
    /// Nobody may look at or write to the range meanwhile.
    #[cfg(target_os = "linux")]
    pub(super) unsafe fn discard(&mut self, range: Range<usize>) -> bool {
        let at = self.at(&range);
        // SAFETY: the range is ours; the caller keeps everybody from it.
        unsafe { rustix::mm::madvise(at, range.len(), rustix::mm::Advice::LinuxDontNeed).is_ok() }
    }

    /// The address of `range`.
    ///
    /// # Panics
    ///
    /// If `range` is not inside the space: what `mmap` would do there is worse.
    fn at(&self, range: &Range<usize>) -> *mut std::ffi::c_void {
        assert!(range.start <= range.end && range.end <= self.0.len);
        // SAFETY: just checked to be inside.
        unsafe { self.0.base.as_ptr().add(range.start).cast() }
    }
}

/// Address space that is mostly never used should not count as memory.
fn no_reserve() -> MapFlags {
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    return MapFlags::NORESERVE;
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    return MapFlags::empty();
}

/// Part of a file, to be read.
pub(super) struct Region {
    /// `None` for no bytes at all, which can't be mapped.
    addresses: Option<Addresses>,
    /// Where the part begins in the mapping, which begins on a page.
    skip: usize,
}

impl Region {
    pub(super) fn read_only(file: &File, start: u64, len: usize) -> Result<Self, Errno> {
        // A mapping begins on a page of the system's, which is hardly ever larger than
        // ours.
        let skip = start % super::PAGE.max(rustix::param::page_size() as u64);
        let skip_len = usize::try_from(skip).map_err(|_| Errno::OVERFLOW)?;
        if len == 0 {
            return Ok(Self {
                addresses: None,
                skip: 0,
            });
        }
        let len = len.checked_add(skip_len).ok_or(Errno::NOMEM)?;
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let base = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ,
                MapFlags::PRIVATE,
                file,
                start - skip,
            )?
        };
        let base = NonNull::new(base.cast()).ok_or(Errno::NOMEM)?;
        Ok(Self {
            addresses: Some(Addresses { base, len }),
            skip: skip_len,
        })
    }
}

impl Deref for Region {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let Some(addresses) = &self.addresses else {
            return &[];
        };
        // SAFETY: the range is mapped to be read as long as `self` lives and
        // we never write to it; that nobody changes the file is what
        // `MappedFile` asks for.
        let all = unsafe { slice::from_raw_parts(addresses.base.as_ptr(), addresses.len) };
        &all[self.skip..]
    }
}
