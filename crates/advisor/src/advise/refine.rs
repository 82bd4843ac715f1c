//! The last word of the planner: the set that was found is planned directly, members that do not pay beside the others go, and so do those
//! that make some statement dearer than is allowed.

use pgtailor_model::what_if::{Planned, WhatIf};

use super::Request;
use super::elements::Elements;
use super::questions::Baseline;
use crate::cost::{Costs, Element, Engine, Item, Set};
use crate::select::{cost_of, planned};

/// The answer, every question planned with exactly it.
pub(super) struct Refined {
    /// What is there.
    pub elements: Set,
    /// By question; `None` where it was not planned.
    pub plans: Vec<Option<Planned>>,
    /// The workload's cost, upkeep included.
    pub cost: f64,
    /// By member that is no existing index: by how much the workload's cost would rise without it.
    pub losses: Vec<(Element, f64)>,
    /// Members that were taken away because a question got dearer: with the question and how many times as dear it was.
    pub regressions: Vec<(Element, usize, f64)>,
}

/// Plans `found` and what is left of it until nothing is to be taken away.
pub(super) fn refine<W: WhatIf>(
    request: &Request<'_>,
    engine: &mut Engine<'_, W>,
    elements: &Elements,
    baseline: &Baseline,
    found: &Set,
) -> Result<Refined, W::Error> {
    let mut chosen = found.clone();
    let mut regressions = Vec::new();
    loop {
        let plans = directly(engine, &chosen)?;
        if let Some((element, question, factor)) = regression(request, baseline, &plans, engine) {
            regressions.push((element, question, factor));
            chosen.remove(element);
            continue;
        }
        let (_, cost) = cost_of(engine, &elements.problem, &chosen);
        let mut losses = Vec::new();
        for member in chosen.iter().filter(|member| !elements.problem.exists(*member)) {
            losses.push((member, planned(engine, &elements.problem, &chosen.without(member))? - cost));
        }
        let least = elements.problem.minimal_gain;
        let weakest = losses.iter().filter(|(_, loss)| *loss < least || *loss <= 0.0);
        match weakest.min_by(|one, other| one.1.total_cmp(&other.1)) {
            Some((member, _)) => chosen.remove(*member),
            None => return Ok(Refined { elements: chosen, plans, cost, losses, regressions }),
        };
    }
}

/// Plans every question with exactly `elements`, and believes that before everything else.
fn directly<W: WhatIf>(engine: &mut Engine<'_, W>, elements: &Set) -> Result<Vec<Option<Planned>>, W::Error> {
    let numbers: Vec<usize> = (0..engine.questions()).collect();
    let answers = engine.plan(&numbers, elements)?;
    let mut plans = Vec::new();
    for (number, answer) in numbers.into_iter().zip(answers) {
        if let Ok(planned) = &answer {
            engine.learn(number, elements, planned);
        }
        plans.push(answer.ok());
    }
    Ok(plans)
}

/// The question that got dearer than allowed by most, and a candidate of its plan.
fn regression<W: WhatIf>(
    request: &Request<'_>,
    baseline: &Baseline,
    plans: &[Option<Planned>],
    engine: &Engine<'_, W>,
) -> Option<(Element, usize, f64)> {
    let limit = 1.0 + request.limits.regression?;
    let mut worst: Option<(Element, usize, f64)> = None;
    for (question, (plan, before)) in plans.iter().zip(&baseline.costs).enumerate() {
        let (Some(plan), Some(before)) = (plan, before) else { continue };
        let factor = plan.cost / before.max(f64::MIN_POSITIVE);
        if factor <= limit || worst.is_some_and(|(.., most)| most >= factor) {
            continue;
        }
        let is_used = |(_, item): &(Element, &Item)| match item {
            Item::Candidate(candidate) => plan.candidates.contains(candidate),
            Item::Existing(_) => false,
        };
        if let Some((element, _)) = (0..).zip(engine.items()).find(is_used) {
            worst = Some((element, question, factor));
        }
    }
    worst
}
