//! One maker at a time, over all processes.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

/// Held while a guest is fetched or an image made; the system lets go of it when the process
/// ends, however it ends.
pub(crate) struct Lock(#[expect(dead_code, reason = "holding it is its use")] File);

impl Lock {
    /// Takes the lock at `path`, calling `waiting` once if someone has it.
    pub(crate) fn take(path: &Path, waiting: impl FnOnce()) -> io::Result<Self> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self(file))
    }
}
