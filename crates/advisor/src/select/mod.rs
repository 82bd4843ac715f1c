//! Which elements: the set within the limits under which the workload is cheapest.
//!
//! Plans that were seen are options: a question costs at most what its cheapest option costs whose elements are all there. [`search`] finds the
//! best set for the options known, which takes no planning; [`probe`] asks the planner around that set for options that are not known yet; so
//! in turns, until nothing new comes of it. Start reading at [`select`].

mod front;
mod limits;
mod options;
mod order;
mod probe;
mod search;

use crate::cost::{Costs, Element, Meter, Set};

use self::options::Options;

pub use front::front;
pub use limits::Problem;
pub use order::order;

/// How hard to try.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Plannings.
    pub calls: usize,
    /// Rounds of search without any new plan.
    pub patience: usize,
}

/// A set and what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The elements.
    pub elements: Set,
    /// The workload's cost with them, upkeep included; every question was planned with exactly them, or with a set from which its cost follows.
    pub cost: f64,
}

/// The workload's cost with `elements`, upkeep included, as far as it is known: at least and at most.
pub fn cost_of<C: Costs>(costs: &C, problem: &Problem, elements: &Set) -> (f64, f64) {
    let (mut lower, mut upper) = (0.0, 0.0);
    for question in (0..costs.questions()).filter(|question| costs.weight(*question) > 0.0) {
        let (least, most) = costs.facts(question).bounds(&elements.intersection(costs.relevant(question)));
        lower += costs.weight(question) * least;
        upper += costs.weight(question) * most;
    }
    let upkeep = problem.upkeep_of(elements);
    (lower + upkeep, upper + upkeep)
}

/// Plans what is not known of the cost with `elements`, and says what it is.
///
/// # Errors
/// When the planner cannot be asked.
pub fn planned<C: Costs>(costs: &mut C, problem: &Problem, elements: &Set) -> Result<f64, C::Error> {
    let unknown = |question: &usize| {
        let (least, most) = costs.facts(*question).bounds(&elements.intersection(costs.relevant(*question)));
        costs.weight(*question) > 0.0 && least < most
    };
    let asked: Vec<(usize, Set)> = (0..costs.questions()).filter(unknown).map(|question| (question, elements.clone())).collect();
    costs.ask(&asked)?;
    Ok(cost_of(costs, problem, elements).1)
}

/// The best set that is found with `effort`, while `keep_going`; the plans with what exists must be known already.
///
/// It starts from `supported`: by question, the candidates that were proposed for it.
///
/// # Errors
/// When the planner cannot be asked.
pub fn select<C: Costs>(
    costs: &mut C,
    problem: &Problem,
    supported: &[Set],
    effort: Effort,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<Chosen, C::Error> {
    let mut costs = Meter::new(costs, effort.calls);
    let costs = &mut costs;
    probe::peel(costs, problem, supported, keep_going)?;
    let existing = problem.existing();
    let mut best = Chosen { cost: planned(costs, problem, &existing)?, elements: existing };
    let mut idle = 0;
    while idle <= effort.patience && keep_going() {
        let found = search::search(&Options::of(costs, problem), problem, &best.elements, keep_going);
        let found = trimmed(costs, problem, found)?;
        if found.cost < best.cost {
            best = found;
            idle = 0;
        } else {
            idle += 1;
        }
        if costs.left() == 0 {
            break;
        }
        probe::around(costs, problem, &best.elements)?;
    }
    Ok(best)
}

/// `elements` without the candidates that cost more than they gain beside the others, each tried with the planner, the worst first.
fn trimmed<C: Costs>(costs: &mut C, problem: &Problem, mut elements: Set) -> Result<Chosen, C::Error> {
    loop {
        let cost = planned(costs, problem, &elements)?;
        let mut worst: Option<(f64, Element)> = None;
        for member in elements.iter().filter(|member| !problem.exists(*member)) {
            let loss = planned(costs, problem, &elements.without(member))? - cost;
            if loss <= problem.minimal_gain.max(0.0) && worst.is_none_or(|(least, _)| loss < least) {
                worst = Some((loss, member));
            }
        }
        match worst {
            Some((_, member)) => elements.remove(member),
            None => return Ok(Chosen { elements, cost }),
        };
    }
}
