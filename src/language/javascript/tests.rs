//! A prepared engine is worth as much in a copy of its memory as where it was
//! prepared: programs are run both ways and must do the same.

mod cost;
mod harness;
mod waking;
