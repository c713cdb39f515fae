//! What the targets in `fuzz` look at; no part of the library's interface.
