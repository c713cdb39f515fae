//! Functions that take flags, or one of several choices, as a number.
//!
//! wasi-common would end a guest that passes what there is not. It is told that
//! this is invalid instead, as by any other host that has fewer of them.

use super::preview1::{Get, MODULE, delegate, poll_once};
use wasmi::{Caller, Linker, errors::LinkerError};
use wasmi_wasi::wasi_common::snapshots::preview_1::wasi_snapshot_preview1 as preview1;
use wiggle::GuestError;

/// Functions of wasi-common's as they are, but for what `poll_once` makes of
/// their errors.
macro_rules! functions {
    ($linker:ident, $get:ident, $($name:ident($($argument:ident: $type:ty),*);)*) => {
        $(
            $linker.func_wrap(
                MODULE,
                stringify!($name),
                move |mut caller: Caller<'_, T>, $($argument: $type),*| {
                    delegate(&mut caller, $get, |wasi, memory| {
                        poll_once(preview1::$name(wasi, memory, $($argument),*))
                    })
                },
            )?;
        )*
    };
}

/// Replaces those of `linker` that have no other reason to be replaced.
pub(super) fn link<T: 'static>(linker: &mut Linker<T>, get: Get<T>) -> Result<(), LinkerError> {
    functions!(
        linker, get,
        fd_advise(fd: i32, at: i64, len: i64, advice: i32);
        fd_fdstat_set_flags(fd: i32, flags: i32);
        fd_fdstat_set_rights(fd: i32, rights: i64, inheriting: i64);
        fd_filestat_set_times(fd: i32, accessed: i64, modified: i64, flags: i32);
        fd_seek(fd: i32, offset: i64, whence: i32, position: i32);
        path_filestat_get(fd: i32, lookup: i32, path: i32, len: i32, stat: i32);
        path_filestat_set_times(fd: i32, lookup: i32, path: i32, len: i32, accessed: i64, modified: i64, flags: i32);
        path_link(fd: i32, lookup: i32, path: i32, len: i32, to: i32, new: i32, new_len: i32);
        sock_accept(fd: i32, flags: i32, accepted: i32);
        sock_recv(fd: i32, iovs: i32, count: i32, flags: i32, read: i32, out: i32);
        sock_send(fd: i32, iovs: i32, count: i32, flags: i32, written: i32);
    );
    Ok(())
}

/// Whether a call ended by `error` had a flag, or a choice, that there is not.
pub(super) fn is_unknown(error: &anyhow::Error) -> bool {
    let mut error = error.downcast_ref::<GuestError>();
    while let Some(GuestError::InFunc { err, .. }) = error {
        error = Some(err);
    }
    matches!(
        error,
        Some(
            GuestError::InvalidFlagValue(_)
                | GuestError::InvalidEnumValue(_)
                | GuestError::TryFromIntError(_)
        )
    )
}
