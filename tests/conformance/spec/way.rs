//! Ways in which a script's modules come to run.

use super::passes::Pass;
use dormouse_snapshot::Form;

/// What is done to each module of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing that isn't done to any program.
    Plain {
        /// Whether fuel is counted.
        metered: bool,
    },
    /// It is rewritten.
    Pass(Pass),
    /// It is captured as soon as it is instantiated, and restored.
    Woken(Form),
    /// It is captured likewise, and restored from an image that is rewritten.
    Image(Pass),
    /// It is captured and restored after some of the script's calls, the last
    /// time as an image.
    Between,
    /// It is captured in the middle of calls, with frames on the stack, and
    /// restored; then in the middle of what goes on, and so on. The first time
    /// is at this of its instructions.
    Amid(u64),
}

/// How often a module is captured, in ways that do it more than once.
pub(super) const GENERATIONS: u32 = 10;

impl Way {
    /// The call of the probe at which generation `generation` of a module is
    /// captured. The first call of one that was restored is the one that the
    /// generation before was captured at.
    pub(super) fn nth(self, generation: u32) -> Option<u64> {
        let Self::Amid(first) = self else { return None };
        match generation {
            0 => Some(first),
            1..GENERATIONS => Some((first.max(2) << (generation - 1)) / (1 + first % 3) + 2),
            _ => None,
        }
    }
}
