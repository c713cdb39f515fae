//! `wasi_unstable`, the WASI that programs built before 2020 import: Preview 1
//! but for four functions.

use super::preview1::{FAULT, Get, INVAL, MAX_SUBSCRIPTIONS, MODULE, address, delegate, poll_once};
use wasmi::{Caller, Linker};
use wasmi_wasi::{
    WasmiGuestMemory, wasi_common::snapshots::preview_1::wasi_snapshot_preview1 as preview1,
};

const UNSTABLE: &str = "wasi_unstable";

/// Bytes of a `filestat`. The old one has a 32-bit link count, and so every
/// field after it eight bytes sooner.
const FILESTAT: usize = 64;

/// Bytes of a `subscription`. The old one has an identifier before the
/// clock's id.
const SUBSCRIPTION: usize = 48;
const OLD_SUBSCRIPTION: usize = 56;

/// Adds `wasi_unstable` to a linker that has Preview 1.
pub(super) fn link<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: Get<T>,
) -> Result<(), wasmi::Error> {
    linker.alias_module(MODULE, UNSTABLE)?;
    linker.allow_shadowing(true);
    linker.func_wrap(
        UNSTABLE,
        "fd_seek",
        move |mut caller: Caller<'_, T>, fd: i32, offset: i64, whence: i32, position: i32| {
            // Then: current, end, start. Now: start, current, end.
            let whence = match whence {
                0 => 1,
                1 => 2,
                2 => 0,
                _ => return Ok(INVAL),
            };
            delegate(&mut caller, get, |wasi, memory| {
                poll_once(preview1::fd_seek(
                    wasi, memory, fd, offset, whence, position,
                ))
            })
        },
    )?;
    linker.func_wrap(
        UNSTABLE,
        "fd_filestat_get",
        move |mut caller: Caller<'_, T>, fd: i32, stat: i32| {
            delegate(&mut caller, get, |wasi, memory| {
                old_filestat(memory, stat, |memory| {
                    poll_once(preview1::fd_filestat_get(wasi, memory, fd, stat))
                })
            })
        },
    )?;
    linker.func_wrap(
        UNSTABLE,
        "path_filestat_get",
        move |mut caller: Caller<'_, T>, fd: i32, flags: i32, path: i32, len: i32, stat: i32| {
            delegate(&mut caller, get, |wasi, memory| {
                old_filestat(memory, stat, |memory| {
                    poll_once(preview1::path_filestat_get(
                        wasi, memory, fd, flags, path, len, stat,
                    ))
                })
            })
        },
    )?;
    linker.func_wrap(
        UNSTABLE,
        "poll_oneoff",
        move |mut caller: Caller<'_, T>,
              subscriptions: i32,
              events: i32,
              count: i32,
              ready: i32| {
            if !(0..=MAX_SUBSCRIPTIONS).contains(&count) {
                return Ok(INVAL);
            }
            delegate(&mut caller, get, |wasi, memory| {
                old_subscriptions(memory, subscriptions, count, |memory| {
                    poll_once(preview1::poll_oneoff(
                        wasi,
                        memory,
                        subscriptions,
                        events,
                        count,
                        ready,
                    ))
                })
            })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Lets `call` write a new `filestat` at `stat`, and leaves an old one there,
/// with the bytes behind it as they were.
fn old_filestat(
    memory: &mut WasmiGuestMemory<'_>,
    stat: i32,
    call: impl FnOnce(&mut WasmiGuestMemory<'_>) -> Result<i32, wasmi::Error>,
) -> Result<i32, wasmi::Error> {
    let Some(before) = slice(memory, stat, FILESTAT).map(|bytes| bytes.to_vec()) else {
        return Ok(FAULT);
    };
    let errno = call(memory)?;
    if errno == 0
        && let Some(bytes) = slice(memory, stat, FILESTAT)
    {
        let links = u64::from_le_bytes(bytes[24..32].try_into().unwrap_or_default());
        let links = u32::try_from(links).unwrap_or(u32::MAX);
        bytes.copy_within(32..FILESTAT, 24);
        bytes[20..24].copy_from_slice(&links.to_le_bytes());
        bytes[56..].copy_from_slice(&before[56..]);
    }
    Ok(errno)
}

/// Lets `call` see new subscriptions where the guest has old ones, and gives
/// the guest its own back.
fn old_subscriptions(
    memory: &mut WasmiGuestMemory<'_>,
    at: i32,
    count: i32,
    call: impl FnOnce(&mut WasmiGuestMemory<'_>) -> Result<i32, wasmi::Error>,
) -> Result<i32, wasmi::Error> {
    let count = address(count);
    let Some(bytes) = slice(memory, at, count * OLD_SUBSCRIPTION) else {
        return Ok(FAULT);
    };
    let old = bytes.to_vec();
    let chunks = bytes.chunks_exact_mut(SUBSCRIPTION);
    for (new, old) in chunks.zip(old.chunks_exact(OLD_SUBSCRIPTION)) {
        new[..24].copy_from_slice(&old[..24]);
        if old[8] == 0 {
            new[16..].copy_from_slice(&old[24..]);
        }
    }
    let errno = call(memory)?;
    // The events may lie where the subscriptions did: those stay then.
    if let Some(bytes) = slice(memory, at, old.len()) {
        let unchanged = bytes
            .chunks_exact(SUBSCRIPTION)
            .zip(old.chunks_exact(OLD_SUBSCRIPTION))
            .all(|(new, old)| new[..16] == old[..16]);
        if unchanged {
            bytes.copy_from_slice(&old);
        }
    }
    Ok(errno)
}

/// `len` bytes of guest memory at `pointer`, if they are all there.
fn slice<'a>(
    memory: &'a mut WasmiGuestMemory<'_>,
    pointer: i32,
    len: usize,
) -> Option<&'a mut [u8]> {
    match memory {
        WasmiGuestMemory::Unshared(bytes) => {
            let start = address(pointer);
            bytes.get_mut(start..start.checked_add(len)?)
        }
        WasmiGuestMemory::Shared(_) => None,
    }
}
