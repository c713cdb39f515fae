//! Everything that Dormouse promises, shown on the built command and on the
//! library. One module per topic; `support` has what they share.

mod cli;
mod guests;
mod limits;
mod support;
mod traps;
mod wasi;
mod wasm;
