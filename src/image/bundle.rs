//! Bundles: an executable with an image behind it.
//!
//! ```text
//! 0       the executable
//!         padding, then at a multiple of 64 KiB the image
//!         options, JSON
//!         trailer: offset and length of the image, length of the options
//!         (64 bits each, little-endian), magic
//! end
//! ```
//!
//! Systems load an executable by what stands at its beginning and leave alone
//! what comes after.

use super::{PAGE, cache, damaged, image_error, opened::Opened, source::read_range, trust::Trust};
use crate::Error;
use std::{fs::File, io, ops::Range, sync::Arc};

/// Last bytes of every bundle.
const MAGIC: &[u8; 16] = b"dormouse bundle\n";

/// Bytes of a trailer.
const TRAILER: u64 = 3 * 8 + MAGIC.len() as u64;

/// Bytes of the options that a bundle was made with.
const MAX_OPTIONS: u64 = 1 << 20;

/// Where the parts of a bundle lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bundle {
    pub(crate) image: Range<u64>,
    options: Range<u64>,
}

impl Bundle {
    /// The options of `run` that the bundle was made with.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    pub(crate) fn options(&self, file: &File) -> Result<Vec<String>, Error> {
        let bytes = read_range(file, self.options.clone()).map_err(|error| unreadable(&error))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| damaged(format!("the bundle's options are not readable ({error})")))
    }
}

/// Finds the image behind the executable `file` of `length` bytes, if there is
/// one, by a single read.
///
/// # Errors
///
/// When there is one and it is not whole.
pub(crate) fn find(file: &File, length: u64) -> Result<Option<Bundle>, Error> {
    let Some(at) = length.checked_sub(TRAILER) else {
        return Ok(None);
    };
    let mut trailer = [0; TRAILER as usize];
    read_at(file, at, &mut trailer).map_err(|error| unreadable(&error))?;
    let (numbers, magic) = trailer.split_at(24);
    if magic != MAGIC {
        return Ok(None);
    }
    let number = |index: usize| {
        let bytes = numbers[8 * index..].first_chunk().copied();
        u64::from_le_bytes(bytes.unwrap_or_default())
    };
    let (offset, image, options) = (number(0), number(1), number(2));
    let parts = || {
        let image_end = offset.checked_add(image)?;
        let end = image_end.checked_add(options)?;
        (end == at && offset % PAGE == 0 && options <= MAX_OPTIONS).then_some(Bundle {
            image: offset..image_end,
            options: image_end..end,
        })
    };
    match parts() {
        Some(bundle) => Ok(Some(bundle)),
        None => Err(image_error(format!(
            "the bundle is damaged: its trailer at offset {at:#x} says that {image} bytes of image \
             lie at {offset:#x}, and {options} of options behind; make it again with \
             `dormouse bundle`"
        ))),
    }
}

/// The image behind the running executable and its options, if it is a bundle.
///
/// The image is trusted as the executable is: it was validated when it was put
/// there, and whoever can alter the one can alter the other.
///
/// # Errors
///
/// When it is a bundle that is not whole.
pub(crate) fn of_this_process() -> Result<Option<(Opened, Vec<String>)>, Error> {
    // Without a look at it, it is taken for what most are.
    let Ok(file) = this_executable() else {
        return Ok(None);
    };
    let Ok(metadata) = file.metadata() else {
        return Ok(None);
    };
    let Some(bundle) = find(&file, metadata.len())? else {
        return Ok(None);
    };
    let options = bundle.options(&file)?;
    let opened = Opened::mapped(Arc::new(file), bundle.image, Trust::Own)?;
    Ok(Some((opened, options)))
}

/// The running executable.
///
/// # Errors
///
/// When it can't be opened.
pub(crate) fn this_executable() -> io::Result<File> {
    if cfg!(target_os = "linux") {
        // What runs, even if another file has its name by now.
        return File::open("/proc/self/exe");
    }
    File::open(std::env::current_exe()?)
}

/// A bundle of `executable`, without what may already be behind it, and
/// `image`, which is checked and validated.
///
/// # Errors
///
/// When the executable can't be read, or the image is not whole and valid.
pub(crate) fn make(executable: &File, image: &[u8], options: &[String]) -> Result<Vec<u8>, Error> {
    cache::validate(image)?;
    let length = executable
        .metadata()
        .map_err(|error| unreadable(&error))?
        .len();
    let own = match find(executable, length)? {
        None => length,
        // The padding stays: a multiple of 64 KiB.
        Some(bundle) => bundle.image.start,
    };
    let mut bytes = read_range(executable, 0..own).map_err(|error| unreadable(&error))?;
    bytes.resize(bytes.len().next_multiple_of(PAGE as usize), 0);
    let offset = bytes.len() as u64;
    bytes.extend_from_slice(image);
    let options = serde_json::to_vec(options)
        .map_err(|error| image_error(format!("the options can't be written: {error}")))?;
    if options.len() as u64 > MAX_OPTIONS {
        return Err(image_error(format!(
            "the options take {} bytes; there may be {MAX_OPTIONS}",
            options.len()
        )));
    }
    bytes.extend_from_slice(&options);
    for number in [offset, image.len() as u64, options.len() as u64] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend_from_slice(MAGIC);
    Ok(bytes)
}

/// Fills `target` with what lies at `at`.
fn read_at(file: &File, at: u64, target: &mut [u8]) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, target, at);
    #[cfg(not(unix))]
    {
        let bytes = read_range(file, at..at + target.len() as u64)?;
        target.copy_from_slice(&bytes);
        Ok(())
    }
}

fn unreadable(error: &io::Error) -> Error {
    image_error(format!("the executable can't be read: {error}"))
}
