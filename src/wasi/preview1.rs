//! Preview 1 for guests: wasi-common's functions, and ours where those would
//! let a guest down or let it take too much of the host.

use super::{Context, flags};
use crate::engine::{Pause, arrived};
use wasmi::{AsContextMut, Caller, Extern, Linker, Memory, errors::LinkerError};
use wasmi_wasi::{
    WasiCtx, WasmiGuestMemory,
    wasi_common::snapshots::preview_1::wasi_snapshot_preview1 as preview1,
};

pub(super) const MODULE: &str = "wasi_snapshot_preview1";

/// Buffers that one vectored read or write may name, POSIX' usual `IOV_MAX`:
/// the host keeps a record of each.
const MAX_BUFFERS: i32 = 1024;

/// Subscriptions that one `poll_oneoff` may hold, for the same reason. More
/// than a guest can have files open.
pub(super) const MAX_SUBSCRIPTIONS: i32 = 4096;

/// The first descriptor that is not a standard stream.
const FIRST_FREE: u32 = 3;

const SUCCESS: i32 = 0;
/// `EINTR`.
pub(crate) const INTERRUPTED: i32 = 27;
const BADF: i32 = 8;
pub(super) const FAULT: i32 = 21;
pub(super) const INVAL: i32 = 28;
const NOTSOCK: i32 = 57;

/// What a guest of type `T` calls its WASI context by.
pub(crate) type Get<T> = fn(&mut T) -> &mut Context;

/// Adds all of Preview 1 to `linker`.
pub(super) fn link<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: Get<T>,
) -> Result<(), wasmi::Error> {
    wasmi_wasi::add_to_linker(linker, move |data: &mut T| get(data).wasi_mut())
        .map_err(|error| wasmi::Error::new(error.to_string()))?;
    linker.allow_shadowing(true);
    flags::link(linker, get)?;
    strings(linker, get)?;
    clocks(linker, get)?;
    vectored(linker, get)?;
    opening(linker, get)?;
    sockets(linker, get)?;
    waiting(linker, get)?;
    exit(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Arguments and environment, byte for byte (wasi-common's must be UTF-8).
fn strings<T: 'static>(linker: &mut Linker<T>, get: Get<T>) -> Result<(), LinkerError> {
    linker.func_wrap(
        MODULE,
        "args_sizes_get",
        move |mut caller: Caller<'_, T>, count, size| {
            let sizes = sizes(get(caller.data_mut()).args());
            write_sizes(&mut caller, sizes, count, size)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "args_get",
        move |mut caller: Caller<'_, T>, heads, buffer| {
            let strings = get(caller.data_mut()).args().clone();
            write_strings(&mut caller, &strings, heads, buffer)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "environ_sizes_get",
        move |mut caller: Caller<'_, T>, count, size| {
            let sizes = sizes(get(caller.data_mut()).env());
            write_sizes(&mut caller, sizes, count, size)
        },
    )?;
    linker.func_wrap(
        MODULE,
        "environ_get",
        move |mut caller: Caller<'_, T>, heads, buffer| {
            let strings = get(caller.data_mut()).env().clone();
            write_strings(&mut caller, &strings, heads, buffer)
        },
    )?;
    Ok(())
}

/// How many strings, and their bytes with a NUL each.
fn sizes(strings: &[Vec<u8>]) -> (u32, u32) {
    let bytes: usize = strings.iter().map(|string| string.len() + 1).sum();
    (clamp(strings.len()), clamp(bytes))
}

fn clamp(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn write_sizes<T>(caller: &mut Caller<'_, T>, sizes: (u32, u32), count: i32, size: i32) -> i32 {
    errno(
        write(caller, address(count), &sizes.0.to_le_bytes())
            .and_then(|()| write(caller, address(size), &sizes.1.to_le_bytes())),
    )
}

/// Writes the strings, NUL-terminated, one after the other to `buffer`, and
/// the address of each to the array at `heads`.
fn write_strings<T>(
    caller: &mut Caller<'_, T>,
    strings: &[Vec<u8>],
    heads: i32,
    buffer: i32,
) -> i32 {
    let mut head = address(heads);
    let mut at = address(buffer);
    for string in strings {
        let written = write(caller, head, &clamp(at).to_le_bytes())
            .and_then(|()| write(caller, at, string))
            .and_then(|()| write(caller, at + string.len(), &[0]));
        if written.is_err() {
            return FAULT;
        }
        head += size_of::<u32>();
        at += string.len() + 1;
    }
    SUCCESS
}

/// A guest has no sockets, so what it takes for one is something else.
fn sockets<T: 'static>(linker: &mut Linker<T>, get: Get<T>) -> Result<(), LinkerError> {
    linker.func_wrap(
        MODULE,
        "sock_shutdown",
        move |mut caller: Caller<'_, T>, fd: i32, _how: i32| {
            let table = get(caller.data_mut()).wasi_mut().table();
            match table.contains_key(fd.cast_unsigned()) {
                true => NOTSOCK,
                false => BADF,
            }
        },
    )?;
    Ok(())
}

/// All four clocks, also those of the process and the thread: programs that
/// don't look at the error would wait for ever for a clock that stands still.
fn clocks<T: 'static>(linker: &mut Linker<T>, get: Get<T>) -> Result<(), LinkerError> {
    linker.func_wrap(
        MODULE,
        "clock_time_get",
        move |mut caller: Caller<'_, T>, id: i32, _precision: i64, time: i32| {
            let clock = get(caller.data_mut()).clock();
            let now = match id {
                0 => clock.unix_time(),
                1 => clock.monotonic(),
                2 | 3 => clock.cpu_time(),
                _ => return INVAL,
            };
            let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
            errno(write(&mut caller, address(time), &nanos.to_le_bytes()))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "clock_res_get",
        move |mut caller: Caller<'_, T>, id: i32, resolution: i32| match id {
            0..=3 => errno(write(&mut caller, address(resolution), &1u64.to_le_bytes())),
            _ => INVAL,
        },
    )?;
    Ok(())
}

/// One of the four vectored functions behind a check of its buffer count.
macro_rules! capped {
    ($linker:ident, $get:ident, $name:ident($($argument:ident: $type:ty),*), $count:ident, $cap:expr) => {
        $linker.func_wrap(
            MODULE,
            stringify!($name),
            move |mut caller: Caller<'_, T>, $($argument: $type),*| {
                if !(0..=$cap).contains(&$count) {
                    return Ok(INVAL);
                }
                delegate(&mut caller, $get, |wasi, memory| {
                    poll_once(preview1::$name(wasi, memory, $($argument),*))
                })
            },
        )?;
    };
}

fn vectored<T: 'static>(linker: &mut Linker<T>, get: Get<T>) -> Result<(), LinkerError> {
    reading(linker, get)?;
    capped!(linker, get, fd_write(fd: i32, iovs: i32, count: i32, written: i32), count, MAX_BUFFERS);
    capped!(linker, get, fd_pread(fd: i32, iovs: i32, count: i32, at: i64, read: i32), count, MAX_BUFFERS);
    capped!(linker, get, fd_pwrite(fd: i32, iovs: i32, count: i32, at: i64, written: i32), count, MAX_BUFFERS);
    Ok(())
}

/// The same with a note of the arguments if the guest pauses in it.
fn reading<T: 'static>(linker: &mut Linker<T>, get: Get<T>) -> Result<(), LinkerError> {
    linker.func_wrap(
        MODULE,
        "fd_read",
        move |mut caller: Caller<'_, T>, fd: i32, iovs: i32, count: i32, read: i32| {
            if !(0..=MAX_BUFFERS).contains(&count) {
                return Ok(INVAL);
            }
            let result = delegate(&mut caller, get, |wasi, memory| {
                poll_once(preview1::fd_read(wasi, memory, fd, iovs, count, read))
            });
            if let Err(stop) = &result
                && Pause::of(stop) == Some(Pause::Idle)
            {
                get(caller.data_mut()).paused_read = [fd, iovs, count, read];
            }
            result
        },
    )?;
    Ok(())
}

/// Reads what a guest that paused in `fd_read` waits for; what that returns.
///
/// # Errors
///
/// When the read ends the guest, or there is still nothing to be read.
pub(crate) fn read_at_last<T: 'static>(
    mut store: impl AsContextMut<Data = T>,
    memory: Memory,
    get: Get<T>,
) -> Result<i32, wasmi::Error> {
    let (bytes, data) = memory.data_and_store_mut(&mut store);
    let context = get(data);
    let [fd, iovs, count, read] = context.paused_read;
    let mut memory = WasmiGuestMemory::Unshared(bytes);
    let wasi = context.wasi_mut();
    poll_once(preview1::fd_read(wasi, &mut memory, fd, iovs, count, read))
}

/// A file is opened as the lowest descriptor that is free, as POSIX has it:
/// which one it is then depends on what is open, not on what has been.
fn opening<T: 'static>(linker: &mut Linker<T>, get: Get<T>) -> Result<(), LinkerError> {
    linker.func_wrap(
        MODULE,
        "path_open",
        move |mut caller: Caller<'_, T>,
              fd: i32,
              lookup: i32,
              path: i32,
              len: i32,
              how: i32,
              rights: i64,
              inheriting: i64,
              flags: i32,
              opened: i32| {
            delegate(&mut caller, get, |wasi, memory| {
                let errno = poll_once(preview1::path_open(
                    wasi, memory, fd, lookup, path, len, how, rights, inheriting, flags, opened,
                ))?;
                if errno == SUCCESS {
                    lower(wasi, memory, address(opened));
                }
                Ok(errno)
            })
        },
    )?;
    Ok(())
}

/// Moves the descriptor noted at `at` to the lowest number that is free. There
/// are never more of them than files may be open.
fn lower(wasi: &WasiCtx, memory: &mut WasmiGuestMemory<'_>, at: usize) {
    let WasmiGuestMemory::Unshared(bytes) = memory else {
        return;
    };
    let Some(note) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) else {
        return;
    };
    let opened = u32::from_le_bytes(*note);
    let table = wasi.table();
    let free = (FIRST_FREE..opened).find(|fd| !table.contains_key(*fd));
    if let Some(free) = free
        && table.renumber(opened, free).is_ok()
    {
        *note = free.to_le_bytes();
    }
}

fn waiting<T: 'static>(linker: &mut Linker<T>, get: Get<T>) -> Result<(), LinkerError> {
    linker.func_wrap(
        MODULE,
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
                let polled =
                    preview1::poll_oneoff(wasi, memory, subscriptions, events, count, ready);
                let polled = poll_once(polled);
                match &polled {
                    Err(stop) if Pause::of(stop) == Some(Pause::Interrupt) => {}
                    _ => return polled,
                }
                match end_sleep(memory, [subscriptions, events, count, ready].map(address)) {
                    Some(()) => Err(wasmi::Error::host(Pause::EarlyEnd)),
                    None => polled,
                }
            })
        },
    )?;
    Ok(())
}

/// Says of a guest's first clock that its time has come: the C library that
/// guests have takes nothing else for the end of a sleep.
fn end_sleep(memory: &mut WasmiGuestMemory<'_>, arguments: [usize; 4]) -> Option<()> {
    /// Sizes, and where a subscription has its kind; a clock's is 0, here and in
    /// an event, and that there is no error is 0, too.
    const SUBSCRIPTION: usize = 48;
    const EVENT: usize = 32;
    const KIND: usize = 8;
    let [subscriptions, events, count, ready] = arguments;
    let WasmiGuestMemory::Unshared(bytes) = memory else {
        return None;
    };
    let all = bytes.get(subscriptions..)?.chunks_exact(SUBSCRIPTION);
    let clock = all.take(count).find(|one| one[KIND] == 0)?;
    let mut event = [0; EVENT];
    event[..KIND].copy_from_slice(&clock[..KIND]);
    bytes
        .get_mut(events..)?
        .get_mut(..EVENT)?
        .copy_from_slice(&event);
    *bytes.get_mut(ready..)?.first_chunk_mut()? = 1_u32.to_le_bytes();
    Some(())
}

/// Any exit code: wasi-common traps on those above 125.
fn exit<T: 'static>(linker: &mut Linker<T>) -> Result<(), LinkerError> {
    linker.func_wrap(
        MODULE,
        "proc_exit",
        |code: i32| -> Result<(), wasmi::Error> { Err(wasmi::Error::i32_exit(code)) },
    )?;
    Ok(())
}

/// Runs one of wasi-common's functions on the caller's memory.
pub(super) fn delegate<T>(
    caller: &mut Caller<'_, T>,
    get: Get<T>,
    function: impl FnOnce(&mut WasiCtx, &mut WasmiGuestMemory<'_>) -> Result<i32, wasmi::Error>,
) -> Result<i32, wasmi::Error> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(wasmi::Error::new(
            "the module exports no memory for WASI to work on",
        ));
    };
    let (bytes, data) = memory.data_and_store_mut(caller);
    function(get(data).wasi_mut(), &mut WasmiGuestMemory::Unshared(bytes))
}

/// wasi-common's functions are `async` in form only: with our files nothing
/// in them ever waits.
pub(super) fn poll_once(
    future: impl Future<Output = Result<i32, anyhow::Error>>,
) -> Result<i32, wasmi::Error> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(Err(error)) if flags::is_unknown(&error) => Ok(INVAL),
        std::task::Poll::Ready(result) => result.map_err(|error| arrived(&error)),
        std::task::Poll::Pending => Err(wasmi::Error::new("a WASI function waits for nothing")),
    }
}

/// Guest pointers are unsigned.
pub(super) fn address(pointer: i32) -> usize {
    pointer.cast_unsigned() as usize
}

fn errno(written: Result<(), ()>) -> i32 {
    if written.is_ok() { SUCCESS } else { FAULT }
}

fn write<T>(caller: &mut Caller<'_, T>, at: usize, bytes: &[u8]) -> Result<(), ()> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(());
    };
    memory.write(caller, at, bytes).map_err(drop)
}
