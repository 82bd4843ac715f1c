//! Which sets the planner is asked about, so that the plans that matter become known.

use super::Problem;
use crate::cost::{Costs, Set};

/// Layers that are peeled off: after so many, what is left is no alternative to anything.
const LAYERS: usize = 8;

/// The same around a set, where the first layers are what a swap would bring.
const LAYERS_AROUND: usize = 3;

/// Asks each question with everything that was proposed for it and could be afforded, then without what its plan used, and so on until it uses
/// nothing: each layer is what the planner would take if it could not have the ones above.
///
/// # Errors
/// When the planner cannot be asked.
pub(super) fn peel<C: Costs>(
    costs: &mut C,
    problem: &Problem,
    supported: &[Set],
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<(), C::Error> {
    let existing = problem.existing();
    let is_affordable = |element: &u32| problem.allows(&existing.with(*element));
    let mut layers: Vec<(usize, Set)> = (0..costs.questions())
        .filter(|question| costs.weight(*question) > 0.0 && !supported[*question].is_empty())
        .map(|question| (question, supported[question].iter().filter(is_affordable).collect::<Set>().union(&existing)))
        .collect();
    for _ in 0..LAYERS {
        if layers.is_empty() || !keep_going() {
            return Ok(());
        }
        costs.ask(&layers)?;
        layers = layers
            .into_iter()
            .filter_map(|(question, layer)| Some((question, beneath(costs, problem, question, &layer, &Set::new())?)))
            .collect();
    }
    Ok(())
}

/// Asks around `chosen`: what each question would take beside it, and instead of each of its members, of all that could be afforded then; in
/// some layers, as [`peel`] does.
///
/// # Errors
/// When the planner cannot be asked.
pub(super) fn around<C: Costs>(costs: &mut C, problem: &Problem, chosen: &Set) -> Result<(), C::Error> {
    let counting: Vec<usize> = (0..costs.questions()).filter(|question| costs.weight(*question) > 0.0).collect();
    let mut layers: Vec<(usize, Set)> = Vec::new();
    let beside = affordable(problem, chosen);
    layers.extend(counting.iter().map(|question| (*question, beside.clone())));
    for member in chosen.iter().filter(|member| !problem.exists(*member)) {
        let instead = affordable(problem, &chosen.without(member));
        let concerned = counting.iter().filter(|question| costs.relevant(**question).contains(member));
        layers.extend(concerned.map(|question| (*question, instead.clone())));
    }
    for _ in 0..LAYERS_AROUND {
        let mut unknown: Vec<(usize, Set)> = Vec::new();
        for (question, layer) in &layers {
            let visible = layer.intersection(costs.relevant(*question));
            let (least, most) = costs.facts(*question).bounds(&visible);
            if least < most {
                unknown.push((*question, visible));
            }
        }
        unknown.sort();
        unknown.dedup();
        costs.ask(&unknown)?;
        let kept = chosen.clone();
        layers = layers
            .into_iter()
            .filter_map(|(question, layer)| Some((question, beneath(costs, problem, question, &layer, &kept)?)))
            .collect();
    }
    Ok(())
}

/// `base` and every candidate that could be added to it.
fn affordable(problem: &Problem, base: &Set) -> Set {
    problem.candidates_that_fit(base).union(base)
}

/// `layer` without the candidates beyond `kept` that the plan with it uses; `None` when it uses none, or was not planned.
fn beneath<C: Costs>(costs: &C, problem: &Problem, question: usize, layer: &Set, kept: &Set) -> Option<Set> {
    let visible = layer.intersection(costs.relevant(question));
    let facts = costs.facts(question).all();
    let fact = facts.iter().rev().find(|fact| fact.used.is_subset_of(&visible) && visible.is_subset_of(&fact.visible))?;
    let is_new = |element: &u32| !problem.exists(*element) && !kept.contains(*element);
    let used: Set = fact.used.iter().filter(is_new).collect();
    (!used.is_empty()).then(|| layer.difference(&used))
}
