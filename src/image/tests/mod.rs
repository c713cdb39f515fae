//! Images hold what was put in; what is not whole is refused.

mod file;
