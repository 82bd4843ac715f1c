//! What a configuration costs, by the planner's own word for exactly it.
//!
//! Everything else in [`super`] reasons from monotonicity, which the planner keeps nearly always; what is recommended is priced without it. Start
//! reading at [`price`].

use super::program::Program;
use crate::cost::{Costs, Set};

/// The weighted planner cost of `chosen` with what having it counts if it is below `limit`, and how many plannings were needed, of which at most `calls` are
/// allowed. Asks no more than is needed to know that it is not.
pub(super) fn price<C: Costs>(
    costs: &mut C,
    program: &Program,
    chosen: &Set,
    limit: f64,
    calls: usize,
) -> Result<(Option<f64>, usize), C::Error> {
    let price = program.price(chosen);
    let mut asked = 0;
    // First those of which nothing exact is known, which may settle the matter; then the others.
    for only_unclear in [true, false] {
        let (lower, unknown) = look(costs, chosen, only_unclear);
        if lower + price >= limit || asked + unknown.len() > calls {
            return Ok((None, asked));
        }
        asked += unknown.len();
        if !unknown.is_empty() {
            costs.ask(&unknown)?;
        }
    }
    let (total, _) = look(costs, chosen, true);
    Ok((Some(total + price).filter(|total| *total < limit), asked))
}

/// At least what all questions cost, and those of which more could be known.
fn look<C: Costs>(costs: &C, chosen: &Set, only_unclear: bool) -> (f64, Vec<(usize, Set)>) {
    let (mut total, mut unknown) = (0.0, Vec::new());
    for question in 0..costs.questions() {
        let seen = costs.relevant(question).intersection(chosen);
        let facts = costs.facts(question);
        let direct = facts.all().iter().rev().find(|fact| fact.visible == seen).map(|fact| fact.cost);
        let (lower, upper) = facts.bounds(&seen);
        total += costs.weight(question) * direct.unwrap_or(lower);
        if direct.is_none() && !(only_unclear && lower >= upper) {
            unknown.push((question, seen));
        }
    }
    (total, unknown)
}
