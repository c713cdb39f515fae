//! Capturing a WebAssembly run in its middle, and rewriting the module to go on
//! from there.
//!
//! This crate knows Wasm and nothing else: no engine, no language, no command
//! line. Each pass takes a core module's bytes and gives another's, by
//! appending, so that no index of the original shifts.
//!
//! # The problem
//!
//! A WebAssembly instance is almost all data: linear memories, globals and
//! tables can be read by the host, and a module can be written whose initial
//! memories, globals and tables hold just that. But one thing can't be read: the
//! call stack. No instruction, and no engine's interface, tells which functions
//! are active, where in them control is, and what their locals and operands are;
//! and no module can begin in the middle of a function. So a run can be captured
//! easily only between two calls of the host (the approach of an
//! *initialization function*, which the guest has to offer). Command modules
//! offer none: they do everything inside one call of `_start`.
//!
//! # The way around it
//!
//! A stack can be read if the code itself writes it down, and it can be rebuilt
//! if functions exist that do the rest of each interrupted one. Both are
//! ordinary Wasm, which a rewrite can make from any module:
//!
//! 1. [`Instrumented`] is the original module M with each function able to
//!    **unwind**. At the *snapshot point*, a call of an imported function that a
//!    [`Point`] picks out, the call is not made. Instead each active function
//!    logs which of its calls it is in, its operands and its locals, and returns
//!    to its caller, which does the same, until the host has control again. The
//!    log is in a memory of its own; M's memories are untouched.
//! 2. [`Instrumented::state`] reads the log, and with it M's memories, globals,
//!    tables and dropped segments, through the trait [`Guest`]. The [`State`]
//!    is everything there is.
//! 3. [`State::rewrite`] makes from the **original** M a module that goes on:
//!    for each frame of the stack a *continuation function*, with M's code from
//!    the interrupted call on, the captured values being constants in it. The
//!    export that the host had called becomes a driver, which makes the captured
//!    call after all and passes its results through the continuations, from the
//!    innermost to the outermost. That export is to be called once: it goes on
//!    with the captured call, and takes no arguments. New calls run the original
//!    functions, so that after restoring nothing costs more than before.
//!
//! ```text
//! captured:  _start → main → loop_once → read          (import: the point)
//! restored:  _start' = rest_of__start(rest_of_main(rest_of_loop_once(read(…))))
//! ```
//!
//! A guest whose stack is empty at the point, after an initialization function
//! or between any two calls, is the same case with no frames.
//!
//! # What is covered, and what is refused
//!
//! Everything that is valid with: the MVP, multi-value, bulk memory, reference
//! types, sign extension, saturating conversions, extended constants, SIMD
//! (relaxed too), tail calls, multi-memory and memory64. Refused with an
//! [`Error`] that names the function and the offset, or the item: modules that
//! import memories, tables or globals; other proposals (exceptions, garbage
//! collection, threads); host references (`externref`) that are not null; a
//! host function on the stack, which had called back into the guest. Output is
//! deterministic and valid; [`State::rewrite`] checks that it is.
//!
//! What the host itself keeps for a guest (open files, clocks) is not part of a
//! module's state; whoever restores has to see to it.
//!
//! # Where what is
//!
//! `source` takes a module apart; `analysis` finds what lies on the operand
//! stack at each call; `instrument` (with `helpers`, the functions that write
//! the log) makes M unwind; `state` reads the log; `resume` makes continuation
//! functions; `rewrite` puts the module together.
//!
//! Three passes are for starting fast: [`cover`](fn@cover) counts which code
//! runs, [`outline`](fn@outline) cuts functions down to that, and
//! [`split`](fn@split) keeps whole functions for when they are needed; `hot` lists
//! those to be translated ahead ([`list`]). Three are for running fast, and make
//! up for a compiler that did not optimize: [`promote`](fn@promote) turns variables
//! in memory into locals, [`inline`](fn@inline) puts small functions in the place of
//! calls of them, and [`coalesce`](fn@coalesce) has functions use fewer locals. Apart
//! from all of these, [`trace`](fn@trace) makes a module keep note of the function it
//! is in, to say where it trapped, [`mend`](fn@mend) keeps tail calls away from host
//! functions, and [`bound`](fn@bound) has a guest ask the host, again and again, whether it
//! may go on. A fuzzer watches a guest with [`edges`](fn@edges), [`compares`](fn@compares) and
//! [`calls`](fn@calls).
#![forbid(unsafe_code)]

mod analysis;
mod append;
mod appended;
mod bodies;
mod bound;
mod coalesce;
mod cover;
mod error;
mod guest;
mod helpers;
mod hot;
mod inline;
mod instrument;
mod mend;
mod names;
mod outline;
mod point;
mod promote;
mod resume;
mod rewrite;
mod source;
mod split;
mod state;
mod trace;
mod types;
mod valid;
mod watch;

pub use bound::{Bounded, STOP, TICK, bound};
pub use coalesce::coalesce;
pub use cover::{COVERAGE, counts, cover, entries};
pub use error::Error;
pub use guest::{Guest, Reference, Value};
pub use hot::list;
pub use inline::inline;
pub use instrument::Instrumented;
pub use mend::mend;
pub use names::function_name;
pub use outline::{Heat, Outlined, Worth, outline};
pub use point::Point;
pub use promote::promote;
pub use rewrite::{CapturedMemory, Form, HOT, Hot, Rewritten};
pub use split::{COLD, COLD_TABLE, LINKED, LOADED, MAIN, split};
pub use state::{Entry, State};
pub use trace::{CURRENT_FUNCTION, trace};
pub use watch::{CALLS, COMPARES, DEPTH, EDGES, active, calls, compared, compares, edges};
