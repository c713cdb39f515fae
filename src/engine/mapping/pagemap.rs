//! Which pages of a private mapping have been written to.

use super::space::Space;
use rustix::process::{Pid, getpid};
use std::{cell::RefCell, fs::File, io, os::unix::fs::FileExt, sync::OnceLock};

/// Bits of an entry of `/proc/self/pagemap`: the page is in memory, is in the
/// swap space, is a file's.
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_FILE: u64 = 1 << 61;

/// Bits that no kernel sets.
const NEVER: u64 = 3 << 59;

/// Bytes of an entry.
const ENTRY: usize = size_of::<u64>();

thread_local! {
    /// The map, opened by this thread, and by which process: after a fork it would
    /// go on to tell of the parent.
    static MAP: RefCell<Option<(Pid, File)>> = const { RefCell::new(None) };
}

/// Does `read` with the map of this process.
fn with_map(read: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let own = getpid();
    MAP.with_borrow_mut(|cell| {
        if let Some((_, map)) = cell.as_ref().filter(|(process, _)| *process == own) {
            return read(map);
        }
        let map = File::open("/proc/self/pagemap")?;
        let (_, map) = cell.insert((own, map));
        read(map)
    })
}

/// The entries of the pages from `start` on that `entries` has room for.
fn read(entries: &mut [u8], start: usize) -> io::Result<()> {
    let at = (start / rustix::param::page_size() * ENTRY) as u64;
    with_map(|map| map.read_exact_at(entries, at))
}

fn number(entry: &[u8]) -> u64 {
    entry.try_into().map_or(0, u64::from_ne_bytes)
}

fn is_own(entry: u64) -> bool {
    entry & (PRESENT | SWAPPED) != 0 && entry & OF_FILE == 0
}

/// Whether the map is of our addresses, and in our order of bytes: emulators of other
/// processors give the one of their own. Then pages that were written to would be
/// taken for unchanged ones.
fn is_ours() -> bool {
    static OURS: OnceLock<bool> = OnceLock::new();
    *OURS.get_or_init(|| look_at_own().unwrap_or(false))
}

/// Looks at pages that are written to before. Their numbers, which are what the other
/// order of bytes has where we look, can't pass for entries: sixteen in a row have each
/// value of the bits in [`NEVER`]'s lower one.
fn look_at_own() -> io::Result<bool> {
    const PAGES: usize = 16;
    let page = rustix::param::page_size();
    let mut space = Space::reserve(PAGES * page)?;
    // SAFETY: it is gone before the space is, and is the only one.
    let bytes = unsafe { space.bytes() };
    for first in bytes.iter_mut().step_by(page) {
        *first = 1;
    }
    let start = std::hint::black_box(bytes).as_ptr().addr();
    let mut entries = [0; PAGES * ENTRY];
    read(&mut entries, start)?;
    Ok(entries.chunks_exact(ENTRY).all(|entry| {
        let entry = number(entry);
        is_own(entry) && entry & NEVER == 0
    }))
}

/// The offsets, from `start`, of the pages up to `start + len` that are this
/// process' own: written to, or zeros that were read.
///
/// # Errors
///
/// When the system does not tell.
pub(super) fn own_pages(start: usize, len: usize) -> io::Result<Vec<usize>> {
    if !is_ours() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let page = rustix::param::page_size();
    let mut entries = vec![0; len / page * ENTRY];
    read(&mut entries, start)?;
    Ok(entries
        .chunks_exact(ENTRY)
        .enumerate()
        .filter(|(_, entry)| is_own(number(entry)))
        .map(|(index, _)| index * page)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else instances would be made anew wherever they can be brought back.
    #[test]
    fn the_map_is_ours() {
        // Without privileges, or in a container, there may be none.
        if File::open("/proc/self/pagemap").is_ok() {
            assert!(look_at_own().expect("it can be read"));
        }
    }
}
