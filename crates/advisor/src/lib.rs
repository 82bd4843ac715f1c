//! What to change: judges declared catalogs, estimates sizes and build times of indexes.
//!
//! Everything here is a function of its arguments: no I/O, no clock, no randomness. What only the server knows, the canonical text of an
//! expression for one, comes in as a value. Start reading at [`catalog::judge`].

pub mod bound;
pub mod candidate;
pub mod catalog;
pub mod cost;
pub mod duration;
pub mod recording;
pub mod size;
