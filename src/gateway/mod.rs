//! Web requests answered by programs, as CGI has it: each runs in an instance
//! of its own, finds the request in its environment and on stdin, and prints
//! the answer. `modules.toml` lists them.
//!
//! From a file to its modules: [`modules`], [`table`], [`handler`], [`guest`].
//! From a request to its answer: [`routes`], [`environment`], [`request`],
//! [`answer`]. None of these knows the server; [`serve`] does.

mod answer;
pub(crate) mod env_file;
mod environment;
mod fields;
mod guest;
mod handler;
#[cfg(feature = "internals")]
pub mod internals;
mod leave;
mod log;
mod modules;
mod python;
mod reference;
mod report;
mod request;
mod routes;
mod serve;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use environment::HostName;
pub(crate) use guest::Loader;
pub(crate) use handler::Settings;
pub(crate) use report::Severity;
pub(crate) use serve::{MAX_BODY, Served, Setup};
pub(crate) use table::Table;
