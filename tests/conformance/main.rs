//! Test suites that others wrote, run by Dormouse: see `README.md` beside this.
//!
//! What a suite's table of expected failures names must fail, and nothing else
//! may. A suite that is not there is left out, and stderr says so.
#![allow(
    clippy::print_stderr,
    reason = "what was run and what was left out is to be seen"
)]

mod expected;
mod report;
mod spec;
