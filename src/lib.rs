//! A portable runtime for untrusted Python, JavaScript and any WASI program.
mod error;
mod grants;
mod limits;
pub use error::{Error, ErrorKind};
pub use grants::{Grants, Mount, MountMode};
pub use limits::Limits;
