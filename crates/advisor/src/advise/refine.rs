//! The last word of the planner: the set that was found is planned directly, members that do not pay beside the others go, and so do those
//! that make some statement dearer than is allowed.

use pgtailor_model::what_if::{Planned, WhatIf};

use super::Request;
use super::elements::Elements;
use super::justified::unjustified;
use super::questions::Baseline;
use crate::cost::{Costs, Element, Engine, Item, Set, price};
use crate::select::{cost_of, paying, planned};

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
///
/// What a member is worth follows mostly from plans that are known, so that the whole workload is planned only when all that are left pay.
pub(super) fn refine<W: WhatIf>(
    request: &Request<'_>,
    engine: &mut Engine<'_, W>,
    elements: &Elements,
    baseline: &Baseline,
    found: &Set,
) -> Result<Refined, W::Error> {
    let mut chosen = found.clone();
    let mut regressions = Vec::new();
    let mut kept = Set::new();
    let mut direct = Direct::of(engine, elements, baseline);
    loop {
        paying(engine, &elements.problem, &mut chosen)?;
        direct.plan(engine, &chosen)?;
        if let Some((element, question, factor)) = regression(request, baseline, &direct.plans, engine) {
            regressions.push((element, question, factor));
            chosen.remove(element);
            continue;
        }
        let before = chosen.clone();
        let losses = paying(engine, &elements.problem, &mut chosen)?;
        if chosen != before {
            continue;
        }
        let (_, cost) = cost_of(engine, &elements.problem, &chosen);
        if let Some(existing) = idle(engine, elements, &chosen.difference(&kept), &chosen, &direct.plans, cost)? {
            chosen.remove(existing);
            continue;
        }
        if let Some(existing) = unjustified(request, elements, &chosen) {
            kept.insert(existing);
            chosen.insert(existing);
            continue;
        }
        return Ok(Refined { elements: chosen, plans: direct.plans, cost, losses, regressions });
    }
}

/// One of `members` of `chosen` that is an existing index, that no plan uses and without which nothing gets dearer: where nothing is written it costs nothing that a
/// search would see, and still it takes room, and time of every vacuum.
fn idle<W: WhatIf>(
    engine: &mut Engine<'_, W>,
    elements: &Elements,
    members: &Set,
    chosen: &Set,
    plans: &[Option<Planned>],
    cost: f64,
) -> Result<Option<Element>, W::Error> {
    for existing in members.iter().filter(|element| elements.problem.exists(*element)) {
        let Item::Existing(oid) = &elements.items[Elements::at(existing)] else { continue };
        let is_used = plans.iter().flatten().any(|plan| plan.existing.contains(oid));
        if !is_used && planned(engine, &elements.problem, &chosen.without(existing))? <= cost {
            return Ok(Some(existing));
        }
    }
    Ok(None)
}

/// Plans of all questions, and under which of their elements.
struct Direct {
    plans: Vec<Option<Planned>>,
    seen: Vec<Option<Set>>,
}

impl Direct {
    /// What is known before anything is changed.
    fn of<W: WhatIf>(engine: &Engine<'_, W>, elements: &Elements, baseline: &Baseline) -> Self {
        let existing = elements.problem.existing();
        let seen = (0..engine.questions()).map(|question| Some(existing.intersection(engine.relevant(question))));
        Self { plans: baseline.plans.clone(), seen: seen.collect() }
    }

    /// Plans every question that sees another set than before with exactly `elements`, and believes that before everything else.
    fn plan<W: WhatIf>(&mut self, engine: &mut Engine<'_, W>, elements: &Set) -> Result<(), W::Error> {
        let mut numbers: Vec<usize> = Vec::new();
        for question in 0..engine.questions() {
            let visible = elements.intersection(engine.relevant(question));
            if self.seen[question].as_ref() != Some(&visible) {
                self.seen[question] = Some(visible);
                numbers.push(question);
            }
        }
        let answers = engine.plan(&numbers, elements)?;
        for (number, answer) in numbers.into_iter().zip(answers) {
            if let Ok(planned) = &answer {
                engine.learn(number, elements, planned);
            }
            self.plans[number] = answer.ok();
        }
        Ok(())
    }
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
        let factor = price(plan) / before.max(f64::MIN_POSITIVE);
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
