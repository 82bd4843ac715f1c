//! Which elements: the set within the limits under which the workload is cheapest.
//!
//! Plans that were seen are options: a question costs at most what its cheapest option costs whose elements are all there. `search` finds the
//! best set for the options known, which takes no planning; `probe` asks the planner around that set for options that are not known yet; so
//! in turns, until nothing new comes of it. Start reading at [`select`].

mod front;
mod limits;
mod options;
mod order;
mod paying;
mod probe;
mod search;

use std::collections::BTreeMap;

use crate::cost::{Costs, Element, Meter, Set};

use self::options::Options;

pub use front::front;
pub use limits::{LeastGain, Problem};
pub use order::order;
pub use paying::paying;

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

/// The best set that is found with `effort`, while `keep_going`; the plans with what exists must be known already. What candidates must gain is
/// set anew as the cost that is left becomes known.
///
/// It starts from `supported`: by question, the candidates that were proposed for it.
///
/// # Errors
/// When the planner cannot be asked.
pub fn select<C: Costs>(
    costs: &mut C,
    problem: &mut Problem,
    supported: &[Set],
    effort: Effort,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<Chosen, C::Error> {
    let mut costs = Meter::new(costs, effort.calls);
    let costs = &mut costs;
    let existing = problem.existing();
    let mut best = Chosen { cost: planned(costs, problem, &existing)?, elements: existing };
    // A first answer comes of the first layer: when time is short, that is better than to have looked deeper and chosen nothing.
    let layers = probe::first_layer(costs, problem, supported);
    let layers = probe::peeled(costs, problem, layers)?;
    problem.expect(least_left(costs));
    let options = Options::of(costs, problem);
    // Twice: what is left is known only when something is chosen.
    for _ in 0..2 {
        let found = trimmed(costs, problem, search::filled(&options, problem))?;
        keep_better(problem, &mut best, found);
    }
    probe::peel(costs, problem, layers, keep_going)?;
    // What was peeled fits where the first layers are too large: that must not wait for a search that may have no time.
    let found = trimmed(costs, problem, search::filled(&Options::of(costs, problem), problem))?;
    keep_better(problem, &mut best, found);
    let mut idle = 0;
    while idle <= effort.patience && keep_going() {
        let found = search::search(&Options::of(costs, problem), problem, &best.elements, keep_going);
        let found = trimmed(costs, problem, found)?;
        idle = if keep_better(problem, &mut best, found) { 0 } else { idle + 1 };
        if costs.left() == 0 {
            break;
        }
        probe::around(costs, problem, &best.elements, keep_going)?;
    }
    Ok(best)
}

/// What all questions cost at least with the best plan that was seen of each.
fn least_left<C: Costs>(costs: &C) -> f64 {
    let least = |question: usize| {
        let seen = costs.facts(question).all().iter().map(|fact| fact.cost);
        costs.weight(question) * seen.fold(f64::INFINITY, f64::min)
    };
    (0..costs.questions()).filter(|question| costs.weight(*question) > 0.0).map(least).filter(|cost| cost.is_finite()).sum()
}

/// Takes `found` for the best if it is, by what having its elements counts, too, and sets that by what is left then.
fn keep_better(problem: &mut Problem, best: &mut Chosen, found: Chosen) -> bool {
    let counts = |chosen: &Chosen| chosen.cost + problem.least_of(&chosen.elements);
    let is_better = counts(&found) < counts(best) * (1.0 - 1e-12);
    if is_better {
        *best = found;
        problem.expect(best.cost);
    }
    is_better
}

/// By how much the workload's cost changes when `element` comes to `elements`, upkeep included; what is not known of either is planned.
///
/// # Errors
/// When the planner cannot be asked.
pub fn added<C: Costs>(costs: &mut C, problem: &Problem, elements: &Set, element: Element) -> Result<f64, C::Error> {
    let with = elements.with(element);
    let concerned = concerned(costs, element);
    let mut unknown = Vec::new();
    for question in &concerned {
        unknown.extend([elements, &with].into_iter().filter_map(|there| request(costs, *question, there)));
    }
    costs.derived(2 * concerned.len() - unknown.len());
    costs.ask(&unknown)?;
    let gained: f64 = concerned.iter().map(|question| most(costs, *question, elements) - most(costs, *question, &with)).sum();
    Ok(problem.upkeep(element) - gained)
}

/// Plans what is not known of each member of `order` coming to those before it, which are `there` first: all at once.
///
/// # Errors
/// When the planner cannot be asked.
pub fn foresee<C: Costs>(costs: &mut C, there: &Set, order: &[Element]) -> Result<(), C::Error> {
    let mut there = there.clone();
    let mut unknown: Vec<(usize, Set)> = Vec::new();
    for element in order {
        let with = there.with(*element);
        for question in concerned(costs, *element) {
            unknown.extend([&there, &with].into_iter().filter_map(|there| request(costs, question, there)));
        }
        there = with;
    }
    unknown.sort();
    unknown.dedup();
    costs.ask(&unknown)
}

/// By candidate among `members` of `elements`: by how much the workload's cost would rise without it, upkeep included; what is not known is
/// planned, all at once.
///
/// Only questions whose plan uses a member get dearer without it: a workload has a thousand times as many pairs of both as that.
///
/// # Errors
/// When the planner cannot be asked.
pub fn losses<C: Costs>(
    costs: &mut C,
    problem: &Problem,
    elements: &Set,
    members: &Set,
) -> Result<Vec<(Element, f64)>, C::Error> {
    let members: Set = members.iter().filter(|member| !problem.exists(*member)).collect();
    let is_concerned = |question: &usize| costs.weight(*question) > 0.0 && costs.relevant(*question).meets(&members);
    let concerned: Vec<usize> = (0..costs.questions()).filter(is_concerned).collect();
    let unknown: Vec<(usize, Set)> = concerned.iter().filter_map(|question| request(costs, *question, elements)).collect();
    costs.ask(&unknown)?;
    let mut used: Vec<(Element, usize, Set)> = Vec::new();
    for question in &concerned {
        let visible = elements.intersection(costs.relevant(*question));
        let taken = costs.facts(*question).taken(&visible).map(|fact| fact.used.intersection(&members)).unwrap_or_default();
        used.extend(taken.iter().map(|member| (member, *question, visible.without(member))));
    }
    let without = used.iter().filter_map(|(_, question, without)| request(costs, *question, without));
    let without: Vec<(usize, Set)> = without.collect();
    costs.derived((concerned.len() + used.len()).saturating_sub(unknown.len() + without.len()));
    costs.ask(&without)?;
    let mut lost: BTreeMap<Element, f64> = members.iter().map(|member| (member, -problem.upkeep(member))).collect();
    for (member, question, without) in &used {
        *lost.entry(*member).or_default() += most(costs, *question, without) - most(costs, *question, elements);
    }
    Ok(lost.into_iter().collect())
}

/// Questions that count and whose plan `element` can change.
fn concerned<C: Costs>(costs: &C, element: Element) -> Vec<usize> {
    let counts = |question: &usize| costs.weight(*question) > 0.0 && costs.relevant(*question).contains(element);
    (0..costs.questions()).filter(counts).collect()
}

/// What must be asked to know what `question` costs with `elements`; nothing when that is known.
fn request<C: Costs>(costs: &C, question: usize, elements: &Set) -> Option<(usize, Set)> {
    let visible = elements.intersection(costs.relevant(question));
    let (least, most) = costs.facts(question).bounds(&visible);
    (least < most).then_some((question, visible))
}

/// The weighed cost of `question` with `elements`: at most, which is what it is once it was asked.
fn most<C: Costs>(costs: &C, question: usize, elements: &Set) -> f64 {
    costs.weight(question) * costs.facts(question).bounds(&elements.intersection(costs.relevant(question))).1
}

/// `elements` without the candidates that cost more than they gain beside the others, and what that costs.
fn trimmed<C: Costs>(costs: &mut C, problem: &Problem, mut elements: Set) -> Result<Chosen, C::Error> {
    paying(costs, problem, &mut elements)?;
    Ok(Chosen { cost: planned(costs, problem, &elements)?, elements })
}
