//! The host-call boundary: name and JSON arguments in, JSON result or error
//! out. WASI and this are the only ways from a guest to the host.

mod device;
mod functions;

pub(crate) use device::Device;
pub(crate) use functions::Functions;
