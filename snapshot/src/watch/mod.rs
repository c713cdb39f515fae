//! What a fuzzer wants to know of a run: which edges of the code it took, what it
//! compared, and which functions were active when it ended.
//!
//! Each is a pass of its own, which keeps note in a memory of its own that the
//! host finds by its export's name. The guest can't reach it, nor see it. Its name is none
//! of those that capturing drops: what is watched is captured, and watched on.

mod calls;
mod compares;
mod edges;
#[cfg(test)]
mod tests;

pub use calls::{CALLS, DEPTH, active, calls};
pub use compares::{COMPARES, compared, compares};
pub use edges::{EDGES, edges};
