//! Faults of statements.

use super::Case;

/// In the order of the manual.
pub const CASES: &[Case] = &[];
