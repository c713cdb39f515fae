//! From the pointers that C passes to references, and back: the only unsafe code
//! of this crate.
//!
//! The functions are safe to call for the entry points alone, each with what it
//! was passed: C's side of the contract, which the header states, is what keeps
//! their promises. Nothing else calls them.

use crate::{
    error::{Error, given},
    value::{Number, Value},
};
use std::{
    ffi::{CStr, c_char, c_void},
    fmt,
    path::PathBuf,
    ptr::NonNull,
    slice,
};

/// What is behind a handle that its type lets several threads use, and change.
///
/// # Errors
///
/// When it is NULL.
pub(crate) fn handle<'a, T: Sync>(handle: Option<NonNull<T>>, what: &str) -> Result<&'a T, Error> {
    let handle = given(handle, what)?;
    // SAFETY: C passes a handle that it had from us, and has not freed; it does
    // not free it before the entry point returns. None is ever lent mutably.
    Ok(unsafe { handle.as_ref() })
}

/// The same of a handle that may be left out.
pub(crate) fn optional<'a, T: Sync>(handle: Option<NonNull<T>>) -> Option<&'a T> {
    // SAFETY: as of `handle`.
    handle.map(|handle| unsafe { handle.as_ref() })
}

/// The text at `text`; `what` is what an error calls it.
///
/// # Errors
///
/// When it is NULL or not UTF-8.
pub(crate) fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str, Error> {
    let bytes = string(text, what)?.to_bytes();
    std::str::from_utf8(bytes).map_err(|_| Error::argument(format!("{what} is not UTF-8")))
}

/// The path at `path`, which need not be UTF-8 where the system's paths are not.
///
/// # Errors
///
/// When it is NULL.
pub(crate) fn path(path: *const c_char, what: &str) -> Result<PathBuf, Error> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let bytes = string(path, what)?.to_bytes();
        Ok(std::ffi::OsStr::from_bytes(bytes).into())
    }
    #[cfg(not(unix))]
    text(path, what).map(PathBuf::from)
}

/// The text at `text`, which need not be UTF-8.
///
/// # Errors
///
/// When it is NULL.
pub(crate) fn string<'a>(text: *const c_char, what: &str) -> Result<&'a CStr, Error> {
    if text.is_null() {
        return Err(Error::argument(format!("{what} is NULL")));
    }
    // SAFETY: C passes text that ends with a NUL, and leaves it as it is until
    // the entry point returns, which is as long as anybody here keeps it.
    Ok(unsafe { CStr::from_ptr(text) })
}

/// The `length` bytes at `data`.
///
/// # Errors
///
/// When there are some, but `data` is NULL, or more than can be.
pub(crate) fn bytes<'a>(data: *const c_void, length: usize, what: &str) -> Result<&'a [u8], Error> {
    many(data.cast(), length, what)
}

/// The `count` items at `items`, whose type has no invalid values.
///
/// # Errors
///
/// As [`bytes`].
pub(crate) fn many<'a, T: Plain>(
    items: *const T,
    count: usize,
    what: &str,
) -> Result<&'a [T], Error> {
    if check::<T>(items, count, what)? == 0 {
        return Ok(&[]);
    }
    // SAFETY: C says that so many are there, initialized, and leaves them as they
    // are until the entry point returns. The pointer is aligned and not NULL, and
    // they are no more bytes than an allocation may have.
    Ok(unsafe { slice::from_raw_parts(items, count) })
}

/// Room that C has for items. Until it is used, it may be where C has something
/// else that it passes: results go where the arguments are.
pub(crate) struct Room<T> {
    items: *mut T,
    count: usize,
}

/// Room for `count` items at `items`.
///
/// # Errors
///
/// As [`bytes`].
pub(crate) fn room<T: Plain>(items: *mut T, count: usize, what: &str) -> Result<Room<T>, Error> {
    let count = check::<T>(items, count, what)?;
    Ok(Room { items, count })
}

impl<T: Plain> Room<T> {
    /// For how many there is room.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// All of it, zero at first. Nothing else that C passes is looked at any more.
    pub(crate) fn zeroed<'a>(self) -> &'a mut [T] {
        if self.count == 0 {
            return &mut [];
        }
        // SAFETY: C says that there is room for so many, which nobody else uses
        // until the entry point returns. The pointer is aligned and not NULL, and
        // zeros are valid values of a `Plain` type.
        unsafe {
            self.items.write_bytes(0, self.count);
            slice::from_raw_parts_mut(self.items, self.count)
        }
    }
}

/// How many items there are, once that is known to be possible.
fn check<T>(items: *const T, count: usize, what: &str) -> Result<usize, Error> {
    let bytes = count.checked_mul(size_of::<T>());
    if bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        return Err(Error::argument(format!("{what} is too long: {count}")));
    }
    if count > 0 && items.is_null() {
        return Err(Error::argument(format!("{what} is NULL")));
    }
    if count > 0 && !items.is_aligned() {
        return Err(Error::argument(format!("{what} is not aligned")));
    }
    Ok(count)
}

/// A type of which any initialized bytes are a value, zeros among them.
///
/// # Safety
///
/// That must be so.
pub(crate) unsafe trait Plain {}

// SAFETY: any bits are a number.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for i32 {}
// SAFETY: as above.
unsafe impl Plain for i64 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for f64 {}
// SAFETY: as above.
unsafe impl Plain for [u8; 16] {}
// SAFETY: it has a number, and a union of such.
unsafe impl Plain for Value {}

/// The field of `number` that is a `T`, which is the one that its kind says.
pub(crate) fn field<T: Plain>(number: &Number) -> T {
    const { assert!(size_of::<T>() <= size_of::<Number>() && align_of::<T>() <= align_of::<Number>()) };
    // SAFETY: all fields begin where the union does, and it is as large and as
    // aligned as any. C has set the one that the kind names, to bits of its own.
    unsafe { std::ptr::from_ref(number).cast::<T>().read() }
}

/// What C has its callbacks called with, and how it wants to be told that they
/// are not called any more.
pub(crate) struct User {
    pointer: *mut c_void,
    release: Option<extern "C" fn(user: *mut c_void)>,
}

// SAFETY: we never look at what it points to. The header says that callbacks, and
// the one that releases, may be called from any thread, several at a time.
unsafe impl Send for User {}
// SAFETY: as for `Send`.
unsafe impl Sync for User {}

impl User {
    pub(crate) fn new(
        pointer: *mut c_void,
        release: Option<extern "C" fn(user: *mut c_void)>,
    ) -> Self {
        Self { pointer, release }
    }

    pub(crate) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            release(self.pointer);
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:p}", self.pointer)
    }
}
