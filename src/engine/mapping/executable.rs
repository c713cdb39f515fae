//! Executable memory, and that there be no more of it.

/// Has the kernel refuse this process, for good, to make memory executable that was
/// not so when it was mapped, or that is writable. Whether it can (Linux 6.3).
pub(crate) fn refuse_executable() -> bool {
    // SAFETY: the call is about numbers only; nothing here makes memory executable.
    let result = unsafe {
        libc::prctl(
            libc::PR_SET_MDWE,
            libc::c_ulong::from(libc::PR_MDWE_REFUSE_EXEC_GAIN),
            0 as libc::c_ulong,
            0 as libc::c_ulong,
            0 as libc::c_ulong,
        )
    };
    result == 0
}

/// Whether it could.
pub(crate) fn can_refuse_executable() -> bool {
    let none = 0 as libc::c_ulong;
    // SAFETY: the call is about numbers only, and changes nothing.
    let result = unsafe { libc::prctl(libc::PR_GET_MDWE, none, none, none, none) };
    result >= 0
}
