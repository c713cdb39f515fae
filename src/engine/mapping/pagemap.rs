//! Which pages of a private mapping have been written to.

use rustix::process::{Pid, getpid};
use std::{cell::RefCell, fs::File, io, os::unix::fs::FileExt};

/// Bits of an entry of `/proc/self/pagemap`: the page is in memory, is in the
/// swap space, is a file's.
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_FILE: u64 = 1 << 61;

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

/// The offsets, from `start`, of the pages up to `start + len` that are this
/// process' own: written to, or zeros that were read.
///
/// # Errors
///
/// When the system does not tell.
pub(super) fn own_pages(start: usize, len: usize) -> io::Result<Vec<usize>> {
    let page = rustix::param::page_size();
    let mut entries = vec![0; len / page * ENTRY];
    let at = (start / page * ENTRY) as u64;
    with_map(|map| map.read_exact_at(&mut entries, at))?;
    let is_own = |entry: &[u8]| {
        let entry = entry.try_into().map_or(0, u64::from_ne_bytes);
        entry & (PRESENT | SWAPPED) != 0 && entry & OF_FILE == 0
    };
    Ok(entries
        .chunks_exact(ENTRY)
        .enumerate()
        .filter(|(_, entry)| is_own(entry))
        .map(|(index, _)| index * page)
        .collect())
}
