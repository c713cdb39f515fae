//! The functions of Preview 1: what they take, and what they may write.

use std::{fmt::Write, ops::Range};

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Argument {
    Fd,
    /// A text's address.
    Path,
    /// Of what the argument before is the address of.
    Length,
    /// Where something is written.
    Out,
    /// Addresses and lengths.
    Buffers,
    /// How many of them.
    Count,
    Flags,
    Rights,
    Wide,
}

impl Argument {
    pub(super) fn is_wide(self) -> bool {
        matches!(self, Self::Rights | Self::Wide)
    }
}

/// What a function may write, by the places of its arguments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Writes {
    /// So many bytes at that address.
    At(usize, u64),
    /// A `filestat`.
    Filestat(usize),
    /// At that address as many bytes as the other argument says.
    Sized(usize, usize),
    /// The same, so many bytes each.
    Each(usize, usize, u64),
    /// The buffers at that address, of that number.
    Buffers(usize, usize),
    /// Strings, as these here are: so many, with so many bytes.
    Strings(usize, u64),
}

pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) takes: &'static [Argument],
    writes: &'static [Writes],
}

use Argument::{Buffers, Count, Fd, Flags, Length, Out, Path, Rights, Wide};
use Writes::{At, Each, Filestat, Sized, Strings};

const fn function(
    name: &'static str,
    takes: &'static [Argument],
    writes: &'static [Writes],
) -> Function {
    Function {
        name,
        takes,
        writes,
    }
}

pub(super) const FUNCTIONS: [Function; 46] = [
    function("args_get", &[Out, Out], &[At(0, 12), Strings(1, 64)]),
    function("args_sizes_get", &[Out, Out], &[At(0, 4), At(1, 4)]),
    function("environ_get", &[Out, Out], &[At(0, 8), Strings(1, 310)]),
    function("environ_sizes_get", &[Out, Out], &[At(0, 4), At(1, 4)]),
    function("clock_res_get", &[Flags, Out], &[At(1, 8)]),
    function("clock_time_get", &[Flags, Wide, Out], &[At(2, 8)]),
    function("fd_advise", &[Fd, Wide, Wide, Flags], &[]),
    function("fd_allocate", &[Fd, Wide, Wide], &[]),
    function("fd_close", &[Fd], &[]),
    function("fd_datasync", &[Fd], &[]),
    function("fd_fdstat_get", &[Fd, Out], &[At(1, 24)]),
    function("fd_fdstat_set_flags", &[Fd, Flags], &[]),
    function("fd_fdstat_set_rights", &[Fd, Rights, Rights], &[]),
    function("fd_filestat_get", &[Fd, Out], &[Filestat(1)]),
    function("fd_filestat_set_size", &[Fd, Wide], &[]),
    function("fd_filestat_set_times", &[Fd, Wide, Wide, Flags], &[]),
    function(
        "fd_pread",
        &[Fd, Buffers, Count, Wide, Out],
        &[Writes::Buffers(1, 2), At(4, 4)],
    ),
    function("fd_prestat_get", &[Fd, Out], &[At(1, 8)]),
    function("fd_prestat_dir_name", &[Fd, Out, Length], &[Sized(1, 2)]),
    function("fd_pwrite", &[Fd, Buffers, Count, Wide, Out], &[At(4, 4)]),
    function(
        "fd_read",
        &[Fd, Buffers, Count, Out],
        &[Writes::Buffers(1, 2), At(3, 4)],
    ),
    function(
        "fd_readdir",
        &[Fd, Out, Length, Wide, Out],
        &[Sized(1, 2), At(4, 4)],
    ),
    function("fd_renumber", &[Fd, Fd], &[]),
    function("fd_seek", &[Fd, Wide, Flags, Out], &[At(3, 8)]),
    function("fd_sync", &[Fd], &[]),
    function("fd_tell", &[Fd, Out], &[At(1, 8)]),
    function("fd_write", &[Fd, Buffers, Count, Out], &[At(3, 4)]),
    function("path_create_directory", &[Fd, Path, Length], &[]),
    function(
        "path_filestat_get",
        &[Fd, Flags, Path, Length, Out],
        &[Filestat(4)],
    ),
    function(
        "path_filestat_set_times",
        &[Fd, Flags, Path, Length, Wide, Wide, Flags],
        &[],
    ),
    function(
        "path_link",
        &[Fd, Flags, Path, Length, Fd, Path, Length],
        &[],
    ),
    function(
        "path_open",
        &[Fd, Flags, Path, Length, Flags, Rights, Rights, Flags, Out],
        &[At(8, 4)],
    ),
    function(
        "path_readlink",
        &[Fd, Path, Length, Out, Length, Out],
        &[Sized(3, 4), At(5, 4)],
    ),
    function("path_remove_directory", &[Fd, Path, Length], &[]),
    function("path_rename", &[Fd, Path, Length, Fd, Path, Length], &[]),
    function("path_symlink", &[Path, Length, Fd, Path, Length], &[]),
    function("path_unlink_file", &[Fd, Path, Length], &[]),
    function(
        "poll_oneoff",
        &[Out, Out, Count, Out],
        &[Each(1, 2, 32), At(3, 4)],
    ),
    function("proc_exit", &[Flags], &[]),
    function("proc_raise", &[Flags], &[]),
    function("random_get", &[Out, Length], &[Sized(0, 1)]),
    function("sched_yield", &[], &[]),
    function("sock_accept", &[Fd, Flags, Out], &[At(2, 4)]),
    function(
        "sock_recv",
        &[Fd, Buffers, Count, Flags, Out, Out],
        &[Writes::Buffers(1, 2), At(4, 4), At(5, 2)],
    ),
    function("sock_send", &[Fd, Buffers, Count, Flags, Out], &[At(4, 4)]),
    function("sock_shutdown", &[Fd, Flags], &[]),
];

/// Bytes of a subscription of `wasi_unstable`, which a call may leave changed
/// where its events lie over it.
const OLD_SUBSCRIPTION: u64 = 56;

/// What a call may write of `memory`, as that is before it.
pub(super) fn writable(
    function: &Function,
    args: &[u64],
    memory: &[u8],
    is_old: bool,
) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    for writes in function.writes {
        let (at, len) = match *writes {
            At(place, len) => (args[place], len),
            Filestat(place) => (args[place], if is_old { 56 } else { 64 }),
            Sized(at, len) => (args[at], args[len]),
            Each(at, count, size) => (args[at], args[count] * size),
            Strings(at, len) => (args[at], len),
            Writes::Buffers(at, count) => {
                for place in 0..args[count].min(8192) {
                    let there = args[at] + 8 * place;
                    let word = |at: u64| {
                        let at = usize::try_from(at).ok()?;
                        let bytes = memory.get(at..)?.first_chunk()?;
                        Some(u64::from(u32::from_le_bytes(*bytes)))
                    };
                    if let (Some(at), Some(len)) = (word(there), word(there + 4)) {
                        ranges.push(at..at + len);
                    }
                }
                continue;
            }
        };
        ranges.push(at..at + len);
    }
    if function.name == "poll_oneoff" && is_old {
        ranges.push(args[0]..args[0] + args[2] * OLD_SUBSCRIPTION);
    }
    ranges
}

/// A module that exports all of them, as `namespace` has them.
pub(super) fn module(namespace: &str) -> String {
    let mut text = "(module\n".to_owned();
    for function in &FUNCTIONS {
        let name = function.name;
        let params: String = (function.takes.iter())
            .map(|argument| if argument.is_wide() { " i64" } else { " i32" })
            .collect();
        let result = if name == "proc_exit" {
            ""
        } else {
            "(result i32)"
        };
        let _ = writeln!(
            text,
            "(import \"{namespace}\" \"{name}\" (func ${name} (param{params}) {result}))"
        );
    }
    text += "(memory (export \"memory\") 1 1)\n";
    for function in &FUNCTIONS {
        let name = function.name;
        let (mut params, mut gets) = (String::new(), String::new());
        for (place, argument) in function.takes.iter().enumerate() {
            params += if argument.is_wide() { " i64" } else { " i32" };
            let _ = write!(gets, " local.get {place}");
        }
        let end = if name == "proc_exit" {
            "unreachable"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "(func (export \"{name}\") (param{params}) (result i32){gets} call ${name} {end})"
        );
    }
    text + ")"
}
