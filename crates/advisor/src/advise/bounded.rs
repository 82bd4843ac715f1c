//! How far from the best the answer can be, and a better one where the search for that finds it.

use pgtailor_model::what_if::WhatIf;

use super::Request;
use crate::bound::{self, BoundOptions, BoundOutcome, Incumbent, Program};
use crate::cost::Engine;

/// Plannings in one batch as many as was measured best; parts and branchings as many as a time limit of minutes reaches.
const LIMITS: BoundOptions = BoundOptions { gap: 0.01, calls: 0, batch: 256, parts: 2_000, branchings: 1_000_000 };

/// Bounds what any set within the limits counts, until the best can be better by `gap` at most; with feature `exact`, what is left open by that is solved.
///
/// # Errors
/// When the port cannot answer any more.
pub(super) fn bounded<W: WhatIf>(
    request: &Request<'_>,
    gap: f64,
    engine: &mut Engine<'_, W>,
    program: &Program,
    incumbent: &Incumbent,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<BoundOutcome, W::Error> {
    let options = BoundOptions { gap, calls: request.calls, ..LIMITS };
    #[cfg(feature = "exact")]
    {
        /// Most seconds of one run of the solver, which does not look at the time limit meanwhile.
        const RUN: f64 = 20.0;
        bound::exact(engine, program, incumbent, &options, RUN, keep_going)
    }
    #[cfg(not(feature = "exact"))]
    bound::bound(engine, program, incumbent, &options, keep_going)
}
