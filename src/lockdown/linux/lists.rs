//! System calls by what becomes of them.

use libc::{
    SYS_acct, SYS_add_key, SYS_adjtimex, SYS_bpf, SYS_brk, SYS_capset, SYS_chroot,
    SYS_clock_adjtime, SYS_clock_getres, SYS_clock_gettime, SYS_clock_nanosleep, SYS_clock_settime,
    SYS_close, SYS_close_range, SYS_copy_file_range, SYS_delete_module, SYS_dup, SYS_dup3,
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_eventfd2, SYS_execve,
    SYS_execveat, SYS_exit, SYS_exit_group, SYS_faccessat, SYS_faccessat2, SYS_fadvise64,
    SYS_fallocate, SYS_fchmod, SYS_fcntl, SYS_fdatasync, SYS_finit_module, SYS_flock, SYS_fsconfig,
    SYS_fsmount, SYS_fsopen, SYS_fspick, SYS_fstat, SYS_fstatfs, SYS_fsync, SYS_ftruncate,
    SYS_futex, SYS_getcwd, SYS_getdents64, SYS_getegid, SYS_geteuid, SYS_getgid, SYS_getpeername,
    SYS_getpid, SYS_getrandom, SYS_getrusage, SYS_getsockname, SYS_getsockopt, SYS_gettid,
    SYS_gettimeofday, SYS_getuid, SYS_init_module, SYS_io_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_io_uring_setup, SYS_kcmp, SYS_kexec_load, SYS_keyctl, SYS_linkat,
    SYS_lookup_dcookie, SYS_lseek, SYS_madvise, SYS_membarrier, SYS_memfd_create, SYS_mincore,
    SYS_mkdirat, SYS_mknodat, SYS_mount, SYS_mount_setattr, SYS_move_mount, SYS_move_pages,
    SYS_mremap, SYS_msync, SYS_munmap, SYS_nanosleep, SYS_newfstatat, SYS_open_by_handle_at,
    SYS_open_tree, SYS_openat, SYS_openat2, SYS_perf_event_open, SYS_personality, SYS_pidfd_getfd,
    SYS_pipe2, SYS_pivot_root, SYS_ppoll, SYS_pread64, SYS_preadv, SYS_preadv2,
    SYS_process_madvise, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pselect6, SYS_ptrace,
    SYS_pwrite64, SYS_pwritev, SYS_pwritev2, SYS_quotactl, SYS_read, SYS_readlinkat, SYS_readv,
    SYS_reboot, SYS_recvfrom, SYS_recvmmsg, SYS_recvmsg, SYS_renameat2, SYS_request_key,
    SYS_restart_syscall, SYS_rseq, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,
    SYS_rt_sigtimedwait, SYS_sched_getaffinity, SYS_sched_yield, SYS_sendfile, SYS_sendmmsg,
    SYS_sendmsg, SYS_sendto, SYS_set_robust_list, SYS_setdomainname, SYS_setfsgid, SYS_setfsuid,
    SYS_setgid, SYS_setgroups, SYS_sethostname, SYS_setns, SYS_setregid, SYS_setresgid,
    SYS_setresuid, SYS_setreuid, SYS_setsockopt, SYS_settimeofday, SYS_setuid, SYS_shutdown,
    SYS_sigaltstack, SYS_statx, SYS_swapoff, SYS_swapon, SYS_symlinkat, SYS_sysinfo, SYS_syslog,
    SYS_times, SYS_umask, SYS_umount2, SYS_uname, SYS_unlinkat, SYS_unshare, SYS_userfaultfd,
    SYS_utimensat, SYS_vhangup, SYS_write, SYS_writev, c_long,
};

/// What runs do, with whatever arguments. What of it is about files is Landlock's
/// to bound.
#[rustfmt::skip]
pub(super) const LEFT: &[c_long] = &[
    // Files that are open.
    SYS_read, SYS_readv, SYS_pread64, SYS_preadv, SYS_preadv2,
    SYS_write, SYS_writev, SYS_pwrite64, SYS_pwritev, SYS_pwritev2,
    SYS_close, SYS_close_range, SYS_dup, SYS_dup3, SYS_fcntl, SYS_flock, SYS_lseek,
    SYS_fstat, SYS_fstatfs, SYS_fsync, SYS_fdatasync, SYS_ftruncate,
    SYS_fallocate, SYS_fadvise64, SYS_fchmod, SYS_copy_file_range, SYS_sendfile, SYS_getdents64,
    // Files by their paths.
    SYS_openat, SYS_openat2, SYS_newfstatat, SYS_statx, SYS_readlinkat, SYS_faccessat,
    SYS_faccessat2, SYS_mkdirat, SYS_unlinkat, SYS_renameat2, SYS_linkat, SYS_symlinkat,
    SYS_utimensat, SYS_getcwd, SYS_umask,
    // Memory; what of it is executable is not left.
    libc::SYS_mmap, libc::SYS_mprotect, SYS_munmap, SYS_mremap, SYS_madvise, SYS_msync,
    SYS_mincore, SYS_brk, SYS_memfd_create, SYS_membarrier,
    // Threads, and waiting.
    SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_sched_yield, SYS_sched_getaffinity,
    SYS_gettid, SYS_exit, SYS_exit_group, SYS_restart_syscall, SYS_nanosleep,
    SYS_clock_nanosleep, SYS_ppoll, SYS_pselect6, SYS_epoll_create1, SYS_epoll_ctl,
    SYS_epoll_pwait, SYS_epoll_pwait2, SYS_eventfd2, SYS_pipe2,
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack,
    // Sockets that there are.
    SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg,
    SYS_shutdown, SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt,
    // What one is told.
    SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_times, SYS_getrandom, SYS_getpid,
    SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getrusage, SYS_sysinfo, SYS_uname,
];

/// The same by other numbers, which C libraries use where they have them.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
pub(super) const LEFT_HERE: &[c_long] = &[
    libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink,
    libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename, libc::SYS_renameat,
    libc::SYS_link, libc::SYS_symlink, libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create,
    libc::SYS_epoll_wait, libc::SYS_pipe, libc::SYS_dup2, libc::SYS_time,
];

/// The same by another number, which libc does not name.
#[cfg(target_arch = "aarch64")]
pub(super) const LEFT_HERE: &[c_long] = &[38 /* renameat */];

/// There is none.
#[cfg(target_arch = "riscv64")]
pub(super) const LEFT_HERE: &[c_long] = &[];

/// What no run does, nor a library that it uses: who does it has taken the process
/// over.
#[rustfmt::skip]
pub(super) const KILLING: &[c_long] = &[
    // Programs.
    SYS_execve, SYS_execveat,
    // Other processes, their memory, and what they have open.
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise, SYS_kcmp,
    SYS_move_pages, SYS_pidfd_getfd,
    // The kernel, and ways around this filter.
    SYS_bpf, SYS_userfaultfd, SYS_perf_event_open, SYS_io_uring_setup, SYS_io_uring_enter,
    SYS_io_uring_register, SYS_io_setup, SYS_personality, SYS_kexec_load, SYS_init_module,
    SYS_finit_module, SYS_delete_module, SYS_add_key, SYS_request_key, SYS_keyctl, SYS_syslog,
    SYS_lookup_dcookie,
    // Users and what they may.
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid,
    SYS_setfsuid, SYS_setfsgid, SYS_setgroups, SYS_capset,
    // File systems, namespaces, devices, files without a path.
    SYS_mount, SYS_umount2, SYS_mount_setattr, SYS_move_mount, SYS_open_tree, SYS_fsopen,
    SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns,
    SYS_mknodat, SYS_open_by_handle_at, SYS_swapon, SYS_swapoff, SYS_quotactl,
    // The machine.
    SYS_reboot, SYS_acct, SYS_sethostname, SYS_setdomainname, SYS_settimeofday,
    SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_vhangup,
];

/// The same by other numbers, or only here.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
pub(super) const KILLING_HERE: &[c_long] = &[
    libc::SYS_fork, libc::SYS_vfork, libc::SYS_mknod, libc::SYS_iopl, libc::SYS_ioperm,
    libc::SYS_modify_ldt, libc::SYS_kexec_file_load,
];

/// The same, only here.
#[cfg(target_arch = "aarch64")]
pub(super) const KILLING_HERE: &[c_long] = &[libc::SYS_kexec_file_load];

/// There is none.
#[cfg(target_arch = "riscv64")]
pub(super) const KILLING_HERE: &[c_long] = &[];
