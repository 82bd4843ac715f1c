//! What to change: candidates, what they cost and gain, the best set of them, and how far from the best it can be; judges declared catalogs.
//!
//! Everything here is a function of its arguments: no I/O, no clock, no randomness. What only the server knows, the canonical text of an
//! expression for one, comes in as a value. Start reading at [`advise::advise`].

pub mod advise;
pub mod bound;
pub mod candidate;
pub mod catalog;
pub mod cost;
pub mod duration;
pub mod recording;
pub mod select;
pub mod size;
pub mod upkeep;
