//! Twins: capturing what one needs, raising it, and saying how faithful it is.

mod capture;
mod plans;

pub use capture::{TwinCapture, WantedTables, capture_for_twin};
pub use pgtailor_twin::{Deviation, OtherMajor, RaiseOptions, Raised, SelfTest, Twin, TwinError};
