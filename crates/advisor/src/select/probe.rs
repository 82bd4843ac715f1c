//! Which sets the planner is asked about, so that the plans that matter become known.

use super::{Problem, request};
use crate::cost::{Costs, Set};

/// Layers that are peeled off: after so many, what is left is no alternative to anything.
const LAYERS: usize = 8;

/// The same around a set, where the first layers are what a swap would bring.
const LAYERS_AROUND: usize = 3;

/// For each question everything that was proposed for it and could be afforded, beside what exists.
pub(super) fn first_layer<C: Costs>(costs: &C, problem: &Problem, supported: &[Set]) -> Vec<(usize, Set)> {
    let existing = problem.existing();
    let affordable = problem.candidates_that_fit(&existing);
    (0..costs.questions())
        .filter(|question| costs.weight(*question) > 0.0 && !supported[*question].is_empty())
        .map(|question| {
            let proposed = supported[question].intersection(&affordable);
            (question, proposed.union(&existing.intersection(costs.relevant(question))))
        })
        .collect()
}

/// Asks the layers, and what is beneath them: each without what its plan used, as long as it used something.
///
/// # Errors
/// When the planner cannot be asked.
pub(super) fn peeled<C: Costs>(
    costs: &mut C,
    problem: &Problem,
    layers: Vec<(usize, Set)>,
) -> Result<Vec<(usize, Set)>, C::Error> {
    costs.ask(&layers)?;
    let nothing = Set::new();
    let below = |(question, layer): (usize, Set)| Some((question, beneath(costs, problem, question, &layer, &nothing)?));
    Ok(layers.into_iter().filter_map(below).collect())
}

/// Asks layer after layer until nothing is used: each is what the planner would take if it could not have the ones above.
///
/// # Errors
/// When the planner cannot be asked.
pub(super) fn peel<C: Costs>(
    costs: &mut C,
    problem: &Problem,
    mut layers: Vec<(usize, Set)>,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<(), C::Error> {
    for _ in 1..LAYERS {
        if layers.is_empty() || !keep_going() {
            return Ok(());
        }
        layers = peeled(costs, problem, layers)?;
    }
    Ok(())
}

/// Asks around `chosen`: what each question would take beside it, and instead of each of its members, of all that could be afforded then; in
/// some layers, as [`peel`] does.
///
/// # Errors
/// When the planner cannot be asked.
pub(super) fn around<C: Costs>(
    costs: &mut C,
    problem: &Problem,
    chosen: &Set,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<(), C::Error> {
    let counting: Vec<usize> = (0..costs.questions()).filter(|question| costs.weight(*question) > 0.0).collect();
    let mut layers: Vec<(usize, Set)> = Vec::new();
    let beside = affordable(problem, chosen);
    layers.extend(counting.iter().map(|question| (*question, beside.intersection(costs.relevant(*question)))));
    for member in chosen.iter().filter(|member| !problem.exists(*member)) {
        let instead = affordable(problem, &chosen.without(member));
        // Where going without it makes room for nothing, only those who use it would take something else.
        let makes_room = instead.with(member) != beside;
        let concerned = counting.iter().filter(|question| {
            costs.relevant(**question).contains(member) && (makes_room || uses(costs, **question, chosen, member))
        });
        layers.extend(concerned.map(|question| (*question, instead.intersection(costs.relevant(*question)))));
    }
    for _ in 0..LAYERS_AROUND {
        if !keep_going() {
            return Ok(());
        }
        layers.sort();
        layers.dedup();
        let unknown: Vec<(usize, Set)> = layers.iter().filter_map(|(question, layer)| request(costs, *question, layer)).collect();
        costs.ask(&unknown)?;
        layers = layers
            .into_iter()
            .filter_map(|(question, layer)| Some((question, beneath(costs, problem, question, &layer, chosen)?)))
            .collect();
    }
    Ok(())
}

/// Whether the plan of `question` with `chosen` uses `member`, as far as that is known.
fn uses<C: Costs>(costs: &C, question: usize, chosen: &Set, member: u32) -> bool {
    let visible = chosen.intersection(costs.relevant(question));
    costs.facts(question).taken(&visible).is_none_or(|fact| fact.used.contains(member))
}

/// `base` and every candidate that could be added to it.
fn affordable(problem: &Problem, base: &Set) -> Set {
    problem.candidates_that_fit(base).union(base)
}

/// `layer` without the candidates beyond `kept` that the plan with it uses; `None` when it uses none, or was not planned.
fn beneath<C: Costs>(costs: &C, problem: &Problem, question: usize, layer: &Set, kept: &Set) -> Option<Set> {
    let facts = costs.facts(question).all();
    let fact = facts.iter().rev().find(|fact| fact.used.is_subset_of(layer) && layer.is_subset_of(&fact.visible))?;
    let is_new = |element: &u32| !problem.exists(*element) && !kept.contains(*element);
    let used: Set = fact.used.iter().filter(is_new).collect();
    (!used.is_empty()).then(|| layer.difference(&used))
}
