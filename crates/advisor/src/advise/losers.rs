//! Why each candidate that is not recommended is not, with the numbers.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::advice::{Loss, Rejected};
use pgtailor_model::name::{Oid, QualifiedName, quote_identifier};
use pgtailor_model::what_if::WhatIf;

use super::Request;
use super::elements::Elements;
use super::refine::Refined;
use crate::candidate::{Subject, Support};
use crate::cost::{Costs, Element, Engine, Item, Set};

/// All of them: refused ones first, then by what they would gain.
pub(super) fn losers<W: WhatIf>(
    request: &Request<'_>,
    engine: &Engine<'_, W>,
    elements: &Elements,
    refined: &Refined,
    named: &BTreeMap<Element, String>,
) -> Vec<Rejected> {
    let mut rejected: Vec<Rejected> = Vec::new();
    for refused in &elements.refused {
        let (table, definition) = described(&refused.subject);
        let Some(table) = table_name(request, table) else { continue };
        let reason = Loss::Refused { because: refused.reason.clone() };
        rejected.push(Rejected { table, definition, size: None, reason, because: Vec::new() });
    }
    let mut others: Vec<(f64, Rejected)> = Vec::new();
    for (element, item) in (0..).zip(&elements.items) {
        let Item::Candidate(candidate) = item else { continue };
        if refined.elements.contains(element) {
            continue;
        }
        let Some(table) = table_name(request, candidate.table) else { continue };
        let at = Elements::at(element);
        let (gain, reason) = reason(engine, elements, refined, element, named, request);
        others.push((
            gain,
            Rejected {
                table,
                definition: candidate.definition.to_string(),
                size: Some(elements.sizes[at]),
                reason,
                because: because(&elements.support[at]),
            },
        ));
    }
    others.sort_by(|one, other| {
        let key = |rejected: &Rejected| (rejected.table.clone(), rejected.definition.clone());
        other.0.total_cmp(&one.0).then_with(|| key(&one.1).cmp(&key(&other.1)))
    });
    rejected.extend(others.into_iter().map(|(_, rejected)| rejected));
    rejected
}

/// What it gains alone, and why it lost.
fn reason<W: WhatIf>(
    engine: &Engine<'_, W>,
    elements: &Elements,
    refined: &Refined,
    element: Element,
    named: &BTreeMap<Element, String>,
    request: &Request<'_>,
) -> (f64, Loss) {
    if let Some((_, question, factor)) = refined.regressions.iter().find(|(taken, ..)| *taken == element) {
        let query = engine.asked()[*question].query;
        let statement = request.workload.queries[query].fingerprint.clone();
        return (0.0, Loss::Regression { statement, factor: *factor });
    }
    let problem = &elements.problem;
    let existing = problem.existing();
    let (mut alone, mut beside) = (0.0, 0.0);
    let mut by: BTreeSet<String> = BTreeSet::new();
    for question in 0..engine.questions() {
        let facts = engine.facts(question);
        if !facts.all().iter().any(|fact| fact.used.contains(element)) {
            continue;
        }
        let weight = engine.weight(question);
        let most = |there: &Set| facts.bounds(&there.intersection(engine.relevant(question))).1;
        let gained = (most(&existing) - most(&existing.with(element))).max(0.0);
        alone += weight * gained;
        beside += weight * (most(&refined.elements) - most(&refined.elements.with(element))).max(0.0);
        if let (true, Some(plan)) = (gained > 0.0, &refined.plans[question]) {
            let used = |(number, _): &(&Element, &String)| match &elements.items[Elements::at(**number)] {
                Item::Candidate(candidate) => plan.candidates.contains(candidate),
                Item::Existing(_) => false,
            };
            by.extend(named.iter().filter(used).map(|(_, name)| name.clone()));
        }
    }
    let upkeep = problem.upkeep(element);
    if alone <= 0.0 && beside <= 0.0 {
        return (0.0, Loss::Unused);
    }
    let least = problem.terms(element).map_or(0.0, |terms| terms.least);
    if beside - upkeep > least && !problem.allows(&refined.elements.with(element)) {
        return (alone, Loss::Limit { gain: beside, limit: limit(elements, &refined.elements, element) });
    }
    if upkeep > 0.0 && beside > 0.0 && beside <= upkeep + least && (beside <= upkeep || beside > least) {
        return (alone, Loss::Upkeep { gain: beside, upkeep });
    }
    let by_share = problem.least.share * refined.cost;
    if beside > by_share && beside <= upkeep + least {
        return (alone, Loss::Size { gain: beside, least });
    }
    (alone, Loss::Overlapped { alone, beside, by: by.into_iter().collect() })
}

/// The limit that it breaks, as a clause.
fn limit(elements: &Elements, chosen: &Set, element: Element) -> String {
    let problem = &elements.problem;
    let size = elements.sizes[Elements::at(element)];
    let limits = &problem.program.limits;
    if let Some(bytes) = limits.bytes.filter(|bytes| problem.size(&chosen.with(element)) > bytes.as_f64()) {
        return if size > bytes {
            format!("it takes {size}, more than the budget of {bytes}")
        } else {
            format!("it takes {size}, and what gains more has used the budget of {bytes}")
        };
    }
    if let Some(number) =
        limits.number.filter(|number| problem.count_of(chosen) >= usize::try_from(*number).unwrap_or(usize::MAX))
    {
        return format!("the {number} indexes allowed gain more");
    }
    if limits.number_per_table.is_some() && !problem.upkeep_is_exceeded(&chosen.with(element)) {
        return "the indexes allowed on its table gain more".to_owned();
    }
    "the upkeep allowed is spent on what gains more".to_owned()
}

fn described(subject: &Subject) -> (Oid, String) {
    match subject {
        Subject::Index(candidate) => (candidate.table, candidate.definition.to_string()),
        Subject::Statistics(statistics) => {
            let columns: Vec<String> = statistics.columns.iter().map(|column| quote_identifier(column)).collect();
            (statistics.table, columns.join(", "))
        }
    }
}

fn because(support: &Support) -> Vec<String> {
    support.reasons.iter().map(|reason| reason.because.clone()).collect::<BTreeSet<_>>().into_iter().collect()
}

fn table_name(request: &Request<'_>, oid: Oid) -> Option<QualifiedName> {
    request.snapshot.catalog.table_by_oid(oid).map(|table| table.name.clone())
}
