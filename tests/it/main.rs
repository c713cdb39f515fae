//! Everything that Dormouse promises, shown on the built command and on the
//! library. One module per topic; `support` has what they share.
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod apps;
#[cfg(target_os = "linux")]
mod attacks;
mod calls;
mod cli;
mod copies;
mod deadlines;
mod deps;
mod doctor;
mod embedding;
mod examples;
mod fresh;
mod fs;
#[cfg(feature = "fuzz")]
mod fuzz;
#[cfg(feature = "server")]
mod gateway;
mod guests;
mod host_javascript;
mod host_python;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod http_limits;
mod images;
mod javascript;
mod javascript_types;
mod kv;
mod leaving;
mod limits;
#[cfg(target_os = "linux")]
mod lockdown;
mod memory;
mod mounts;
mod outline;
mod python;
mod real;
mod repl;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "http")]
mod server;
mod sessions;
mod support;
mod torture;
mod traps;
mod unprepared;
mod wasi;
mod wasm;
mod wasm_api;
mod ways;
