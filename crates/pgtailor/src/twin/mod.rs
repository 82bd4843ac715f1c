//! Twins: capturing what one needs, raising it, and saying how faithful it is.

mod capture;
mod fidelity;
mod plans;
mod running;

pub(crate) use capture::used_tables;
pub use capture::{TwinCapture, WantedTables, capture_for_twin};
pub(crate) use fidelity::fidelity;
pub use pgtailor_twin::{Deviation, OtherMajor, RaiseOptions, Raised, SelfTest, Twin, TwinError};
pub(crate) use running::plans_over;
pub use running::{StartTwin, StartedTwin, running_twins, start_twin, stop_all_twins, stop_twin};
