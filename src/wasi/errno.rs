//! From the host's errors to the guest's error numbers.

use std::io;

pub(crate) use wasmi_wasi::wasi_common::snapshots::preview_1::types::Errno;

/// The error number a guest sees for a host error.
///
/// cap-std reports an attempt to leave a folder as a permission error without
/// an error number; it becomes [`Errno::Perm`].
pub(crate) fn from_io(error: &io::Error) -> Errno {
    from_raw(error).unwrap_or_else(|| from_kind(error.kind()))
}

#[cfg(unix)]
fn from_raw(error: &io::Error) -> Option<Errno> {
    use rustix::io::Errno as Host;
    Some(match Host::from_io_error(error)? {
        Host::NOENT => Errno::Noent,
        Host::ACCESS => Errno::Acces,
        Host::PERM => Errno::Perm,
        Host::EXIST => Errno::Exist,
        Host::NOTDIR => Errno::Notdir,
        Host::ISDIR => Errno::Isdir,
        Host::NOTEMPTY => Errno::Notempty,
        Host::INVAL => Errno::Inval,
        Host::NOSPC => Errno::Nospc,
        Host::ROFS => Errno::Rofs,
        Host::XDEV => Errno::Xdev,
        Host::LOOP => Errno::Loop,
        Host::NAMETOOLONG => Errno::Nametoolong,
        Host::MFILE => Errno::Mfile,
        Host::NFILE => Errno::Nfile,
        Host::BUSY => Errno::Busy,
        Host::TXTBSY => Errno::Txtbsy,
        Host::FBIG => Errno::Fbig,
        Host::DQUOT => Errno::Dquot,
        Host::MLINK => Errno::Mlink,
        Host::OVERFLOW => Errno::Overflow,
        Host::NOMEM => Errno::Nomem,
        Host::BADF => Errno::Badf,
        Host::AGAIN => Errno::Again,
        Host::INTR => Errno::Intr,
        Host::SPIPE => Errno::Spipe,
        Host::PIPE => Errno::Pipe,
        Host::ILSEQ => Errno::Ilseq,
        Host::STALE => Errno::Stale,
        Host::NXIO => Errno::Nxio,
        Host::NODEV => Errno::Nodev,
        Host::TIMEDOUT => Errno::Timedout,
        Host::NOTSUP | Host::NOSYS => Errno::Notsup,
        // The same number as NOTSUP on some systems.
        other if other == Host::OPNOTSUPP => Errno::Notsup,
        _ => return None,
    })
}

#[cfg(not(unix))]
fn from_raw(_: &io::Error) -> Option<Errno> {
    None
}

fn from_kind(kind: io::ErrorKind) -> Errno {
    use io::ErrorKind as Kind;
    match kind {
        Kind::NotFound => Errno::Noent,
        Kind::PermissionDenied => Errno::Perm,
        Kind::AlreadyExists => Errno::Exist,
        Kind::NotADirectory => Errno::Notdir,
        Kind::IsADirectory => Errno::Isdir,
        Kind::DirectoryNotEmpty => Errno::Notempty,
        Kind::InvalidInput => Errno::Inval,
        Kind::InvalidFilename => Errno::Nametoolong,
        Kind::StorageFull => Errno::Nospc,
        Kind::QuotaExceeded => Errno::Dquot,
        Kind::ReadOnlyFilesystem => Errno::Rofs,
        Kind::CrossesDevices => Errno::Xdev,
        Kind::FileTooLarge => Errno::Fbig,
        Kind::ResourceBusy => Errno::Busy,
        Kind::ExecutableFileBusy => Errno::Txtbsy,
        Kind::TooManyLinks => Errno::Mlink,
        Kind::OutOfMemory => Errno::Nomem,
        Kind::WouldBlock => Errno::Again,
        Kind::Interrupted => Errno::Intr,
        Kind::BrokenPipe => Errno::Pipe,
        Kind::NotSeekable => Errno::Spipe,
        Kind::TimedOut => Errno::Timedout,
        Kind::Unsupported => Errno::Notsup,
        _ => Errno::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_is_a_permission_error_and_the_unknown_an_io_error() {
        let escape = io::Error::new(io::ErrorKind::PermissionDenied, "led outside");
        assert_eq!(from_io(&escape), Errno::Perm);
        assert_eq!(from_io(&io::Error::other("?")), Errno::Io);
    }

    #[cfg(unix)]
    #[test]
    fn error_numbers_keep_their_meaning() {
        use rustix::io::Errno as Host;
        let cases = [
            (Host::ACCESS, Errno::Acces),
            (Host::ROFS, Errno::Rofs),
            (Host::DQUOT, Errno::Dquot),
            (Host::NFILE, Errno::Nfile),
            (Host::IO, Errno::Io),
            (Host::XDEV, Errno::Xdev),
        ];
        for (host, guest) in cases {
            assert_eq!(from_io(&io::Error::from(host)), guest, "{host:?}");
        }
    }
}
