//! Guests that try to use up the host: each ends in the way that was promised for
//! it, the host's process holds no more memory than was promised, and goes on.
//!
//! The process is watched from outside, by what the kernel says was the most it
//! ever held (`VmHWM`).

mod calls;
mod files;
#[cfg(feature = "server")]
mod fork;
mod javascript;
mod library;
mod python;
mod race;
mod streams;
mod wasm;
pub(crate) mod watched;

pub(crate) use watched::{Ends, attack};

/// Bytes that the process may hold beyond the guest's memory limit, whatever the
/// guest does: the process itself with the code that runs (30 MiB for Python), the
/// interpreter's stacks (up to 70 MiB for the deepest recursion), or what the host
/// keeps for the guest while it answers it, of which most is a listing of 50,000
/// entries (75 MiB).
///
/// What has a limit of its own comes on top where a test fills it: `/tmp`
/// ([`dormouse::Limits::TMP`]), and output that is captured.
pub(crate) const OVERHEAD: u64 = 112 << 20;

/// The guest's memory limit in most of these tests: what fills it is done sooner,
/// and what the host adds shows.
pub(crate) const MEMORY: u64 = 64 << 20;

/// Makes a test of each attack: its name, options, program, and end.
macro_rules! attacks {
    ($how:expr; $($(#[$attribute:meta])* $name:ident: $options:expr, $code:expr => $ends:expr;)*) => {$(
        #[test]
        $(#[$attribute])*
        fn $name() {
            crate::attacks::attack(&$how, &$options, &$code, &$ends);
        }
    )*};
}
pub(crate) use attacks;
