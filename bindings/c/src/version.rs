//! Which library this is.

use std::ffi::c_char;

/// The version of this library, such as "0.1.0". It is the library's.
#[unsafe(no_mangle)]
pub extern "C" fn dormouse_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
