//! The native half of the Python package `dormouse`: what calls the library.
//! What only arranges arguments and results is Python, in `dormouse/`.
#![deny(unsafe_code)]

mod callback;
mod error;
mod function;
mod host;
mod image;
mod imports;
mod job;
mod module;
mod options;
mod outcome;
mod session;
mod supervise;
mod value;

use pyo3::prelude::*;

/// The version of Dormouse.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// What `import dormouse._dormouse` gives.
#[pymodule]
mod _dormouse {
    #[pymodule_export]
    use crate::{
        function::Function,
        image::Image,
        job::Job,
        module::{Compiled, Module},
        options::default_limits,
        session::Session,
        version,
    };
}
