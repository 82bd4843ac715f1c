//! The best sets for less room than the answer takes.

use pgtailor_model::unit::{Bytes, f64_as_count};

use super::options::Options;
use super::search::filled;
use super::{Chosen, Problem, planned};
use crate::cost::{Costs, Set};

/// Parts of the answer's size for which a set is looked for.
const PARTS: [f64; 5] = [0.0625, 0.125, 0.25, 0.5, 0.75];

/// For some sizes below that of `chosen`, the best set that the plans that were seen allow, each planned; smallest first. No set is looked for in
/// plans that were not seen, so a search of its own with that limit can find a better one.
///
/// # Errors
/// When the planner cannot be asked.
pub fn front<C: Costs>(
    costs: &mut C,
    problem: &Problem,
    chosen: &Set,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<Vec<Chosen>, C::Error> {
    let whole = problem.size(chosen);
    let options = Options::of(costs, problem);
    let mut points: Vec<Chosen> = Vec::new();
    for part in PARTS {
        if !keep_going() {
            break;
        }
        let mut smaller = problem.clone();
        smaller.program.limits.bytes = Some(Bytes(f64_as_count(whole * part)));
        let elements = filled(&options, &smaller);
        if points.iter().all(|point| point.elements != elements) {
            points.push(Chosen { cost: planned(costs, problem, &elements)?, elements });
        }
    }
    Ok(points)
}
