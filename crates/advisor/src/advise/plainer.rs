//! Smaller indexes in place of larger ones that gain next to nothing more: what pays for a column more is not noise of the statistics.
//!
//! The search takes the cheapest set, however little cheaper it is, and so it likes indexes that cover everything. Start reading at [`plainer`].

use pgtailor_model::what_if::WhatIf;

use super::Request;
use super::elements::Elements;
use crate::cost::{Element, Engine, Set};
use crate::select::{cost_of, planned};

/// `chosen`, which costs `cost`, with members exchanged for smaller ones of the same statements, as long as all exchanges together cost less
/// than the least gain of an index, taken of what is left of the workload's cost.
pub(super) fn plainer<W: WhatIf>(
    request: &Request<'_>,
    engine: &mut Engine<'_, W>,
    elements: &Elements,
    chosen: &Set,
    cost: f64,
) -> Result<Set, W::Error> {
    let most = cost * (1.0 + request.limits.minimal_gain);
    let size = |element: Element| elements.sizes[Elements::at(element)];
    let mut members: Vec<Element> = chosen.iter().filter(|member| !elements.problem.exists(*member)).collect();
    members.sort_by_key(|member| std::cmp::Reverse(size(*member)));
    let mut found = chosen.clone();
    for member in members {
        let mut smaller: Vec<Element> =
            alternatives(elements, member).filter(|other| size(*other) < size(member) && !found.contains(*other)).collect();
        smaller.sort_by_key(|other| size(*other));
        for other in smaller {
            let exchanged = found.without(member).with(other);
            // Plans that were seen say at most what it costs; only what is promising is planned.
            let is_promising = cost_of(engine, &elements.problem, &exchanged).1 <= most;
            if is_promising && elements.problem.allows(&exchanged) && planned(engine, &elements.problem, &exchanged)? <= most {
                found = exchanged;
                break;
            }
        }
    }
    Ok(found)
}

/// Other indexes on the same table that were proposed for one of the same statements.
fn alternatives(elements: &Elements, member: Element) -> impl Iterator<Item = Element> + '_ {
    let table = elements.problem.terms(member).map(|terms| terms.table);
    let queries = &elements.support[Elements::at(member)].queries;
    (0..).zip(&elements.support).filter_map(move |(other, support)| {
        let is_like = other != member
            && !elements.problem.exists(other)
            && elements.problem.terms(other).map(|terms| terms.table) == table
            && !support.queries.is_disjoint(queries);
        is_like.then_some(other)
    })
}
