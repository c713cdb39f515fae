//! Fuzzing a guest: running it again and again from where it first asks for its
//! input, each time with another.
//!
//! ```text
//!             edges ─┐                                        ┌─ LibAFL: mutate, keep
//! guest ─► mend ─► capture before the first read ─► image ─► run(input) ─► edges, how it ended
//!            compares, calls ─┘                               └─ found: crashes, hangs
//! ```
//!
//! - [`Target`] is what is fuzzed: a WASI program that reads its input from stdin
//!   or from a file, an export in libFuzzer's manner, or a function in a language.
//! - A target is watched by one pass of the snapshot crate at a time, and captured
//!   anew for each: [`Watch::Edges`] for nearly all runs, [`Watch::Compares`] once
//!   per turn for what the input is compared with, [`Watch::Calls`] for the stack
//!   of a run that trapped. Counters lie in a memory of their own, which the guest
//!   can neither read nor write.
//! - A [`Runner`] holds one instance, and brings it back in place before each run:
//!   what a run wrote is undone, its streams, files, clocks and randomness are new
//!   and all come from the seed. So a run depends on its input and on nothing else,
//!   and the same input takes the same edges.
//! - [`campaign`] is the loop, by LibAFL: havoc, tokens, and operands of
//!   comparisons put in the place of each other; what takes new edges is kept. With
//!   one core and a seed it does the same each time: nothing in it looks at the
//!   clock.
//! - [`folder`] is what is kept of it: `queue`, `crashes`, `hangs`, `stats.json`.
//!
//! The guest has no more than any other: what `run` refuses is refused here, and
//! the limits of memory and time hold for each run.

mod campaign;
mod compare;
mod cores;
mod driver;
mod executor;
mod folder;
mod found;
mod kept;
mod runner;
mod stack;
mod stats;
mod target;
mod tokens;
mod verdict;

pub(crate) use campaign::{Plan, campaign, save};
pub(crate) use cores::{Broker, Link};
pub(crate) use driver::program;
pub(crate) use folder::{Folder, inputs};
pub(crate) use found::Replay;
pub(crate) use runner::{Runner, fingerprint};
pub(crate) use stats::Summary;
pub(crate) use target::{Exits, Feed, INPUT, Setting, Target, Watch};
pub(crate) use verdict::Verdict;

use crate::Error;
