//! Test suites that others wrote, run by Dormouse: see `README.md` beside this.
//!
//! What a suite's table of expected failures names must fail, and nothing else
//! may. A suite that is not there is left out, and stderr says so.
mod command;
mod cpython;
mod expected;
mod report;
mod spec;
mod test262;
mod wasi;
