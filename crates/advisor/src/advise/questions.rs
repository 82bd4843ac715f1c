//! The workload as questions: every statement with every set of values, the look-ups that it causes, and what each counts.
//!
//! A look-up has no share in the statement's executions, only a weight.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::advice::Weighing;
use pgtailor_model::binding::{Binding, BindingOrigin};
use pgtailor_model::name::Oid;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{Milliseconds, count_as_f64};
use pgtailor_model::what_if::{Planned, WhatIf};
use pgtailor_model::workload::{Query, Skipped};

use super::Request;
use super::elements::Elements;
use super::references::{LookUp, look_ups};
use crate::cost::{Asked, Element, Engine, Item, Set, price};

/// What the workload costs as the database is.
pub(super) struct Baseline {
    /// By question, early stops priced; `None` where it was not planned.
    pub costs: Vec<Option<f64>>,
    /// By question, without the plans' nodes.
    pub plans: Vec<Option<Planned>>,
    /// Of the whole workload, weighed.
    pub cost: f64,
    /// What a unit of planner cost in one execution counts in it.
    pub unit: f64,
    /// Statements that were not planned with any values.
    pub unplanned: Vec<Skipped>,
    /// Of which statements some values are left out, as sentences without a period.
    pub notes: Vec<String>,
}

/// Questions, and the statements of which there are none.
pub(super) fn questions(request: &Request<'_>, elements: &Elements) -> (Vec<Asked>, Vec<Skipped>) {
    let by_table = by_table(request.snapshot, &elements.items);
    let (mut asked, mut skipped) = (Vec::new(), Vec::new());
    for (position, query) in request.workload.queries.iter().enumerate() {
        let Some(statement) = request.statements.get(&query.fingerprint) else {
            let reason = request.refused.get(&query.fingerprint).cloned();
            skipped.push(skip(query, reason.unwrap_or_else(|| "the server does not accept it".to_owned())));
            continue;
        };
        let tables: BTreeSet<Oid> = query.shapes.iter().map(|shape| shape.table).collect();
        let relevant: Set = tables.iter().filter_map(|table| by_table.get(table)).flatten().copied().collect();
        let calls = count_as_f64(query.calls.max(1));
        let question = |binding: Option<&Binding>, share: f64| Asked {
            query: position,
            text: statement.text.clone(),
            types: statement.types.clone(),
            binding: binding.cloned(),
            share,
            weight: calls * share,
            relevant: relevant.clone(),
        };
        if query.bindings.iter().all(|binding| binding.weight <= 0.0) {
            asked.push(question(None, 1.0));
        } else {
            let shares = shares(query);
            asked.extend(query.bindings.iter().zip(shares).map(|(binding, share)| question(Some(binding), share)));
        }
        for LookUp { table, statement, times } in look_ups(query, request.snapshot) {
            asked.push(Asked {
                query: position,
                text: statement.text,
                types: statement.types,
                binding: None,
                share: 0.0,
                weight: times,
                relevant: by_table.get(&table).into_iter().flatten().copied().collect(),
            });
        }
    }
    (asked, skipped)
}

/// The share of the statement's executions that each of its bindings stands for: their weights, unless every execution was seen with its
/// values; then no other counts, and drawn ones only show what else could happen.
fn shares(query: &Query) -> Vec<f64> {
    let is_observed = |binding: &&Binding| binding.origin == BindingOrigin::Observed;
    let observed = query.bindings.iter().filter(is_observed).count();
    let is_complete = u64::try_from(observed).is_ok_and(|observed| observed > 0 && observed >= query.calls);
    let counts = |binding: &&Binding| !is_complete || is_observed(binding);
    let sum: f64 = query.bindings.iter().filter(counts).map(|binding| binding.weight).sum();
    let share = |binding: &Binding| if counts(&binding) && sum > 0.0 { binding.weight / sum } else { 0.0 };
    query.bindings.iter().map(share).collect()
}

/// Plans every question with what exists, and puts the weights in order: a question that cannot be planned counts nothing and the statement's
/// others count for it, and where statements are weighed by time, each counts as much as it takes.
pub(super) fn baseline<W: WhatIf>(
    request: &Request<'_>,
    engine: &mut Engine<'_, W>,
    existing: &Set,
) -> Result<Baseline, W::Error> {
    let numbers: Vec<usize> = (0..engine.asked().len()).collect();
    let answers = engine.plan(&numbers, existing)?;
    let mut refused: BTreeMap<usize, String> = BTreeMap::new();
    let (mut costs, mut plans) = (Vec::new(), Vec::new());
    for (number, answer) in numbers.iter().zip(answers) {
        match answer {
            Ok(plan) => {
                engine.learn(*number, existing, &plan);
                costs.push(Some(price(&plan)));
                plans.push(Some(Planned { nodes: Vec::new(), ..plan }));
            }
            Err(reason) => {
                let Asked { query, share, .. } = engine.asked()[*number];
                if share > 0.0 {
                    refused.insert(query, reason);
                }
                engine.weigh(*number, if share > 0.0 { engine.asked()[*number].weight } else { 0.0 });
                costs.push(None);
                plans.push(None);
            }
        }
    }
    let (unplanned, notes) = without_refused(request, engine, &costs, refused);
    let sum = |engine: &Engine<'_, W>| -> f64 {
        let weighed = engine.asked().iter().zip(&costs);
        weighed.map(|(asked, cost)| asked.weight * cost.unwrap_or(0.0)).sum()
    };
    let mut unit = 1.0;
    if request.weighing == Weighing::Time {
        let whole = sum(engine);
        let queries = &request.workload.queries;
        let mut by_query = vec![0.0; queries.len()];
        for (asked, cost) in engine.asked().iter().zip(&costs) {
            by_query[asked.query] += asked.weight * cost.unwrap_or(0.0);
        }
        let planned = queries.iter().zip(&by_query).filter(|(_, cost)| **cost > 0.0);
        let time: f64 = planned.map(|(query, _)| query.total_time.0).sum();
        unit = if whole > 0.0 && time > 0.0 { time / whole } else { 1.0 };
        for number in &numbers {
            let query = engine.asked()[*number].query;
            if by_query[query] > 0.0 && time > 0.0 {
                engine.weigh(*number, queries[query].total_time.0 / by_query[query]);
            }
        }
    }
    Ok(Baseline { cost: sum(engine), costs, plans, unit, unplanned, notes })
}

/// Takes the weight of values that cannot be planned, of statements with the reasons in `refused`, and gives it to the statement's others:
/// one execution that failed must not hide a thousand that did not. Statements of which nothing is left, and notes of the others.
fn without_refused<W: WhatIf>(
    request: &Request<'_>,
    engine: &mut Engine<'_, W>,
    costs: &[Option<f64>],
    refused: BTreeMap<usize, String>,
) -> (Vec<Skipped>, Vec<String>) {
    let (mut unplanned, mut notes) = (Vec::new(), Vec::new());
    for (query, reason) in refused {
        let of_query = (0..costs.len()).filter(|number| engine.asked()[*number].query == query);
        let (of_query, others): (Vec<usize>, Vec<usize>) = of_query.partition(|number| engine.asked()[*number].share > 0.0);
        let weight =
            |numbers: &mut dyn Iterator<Item = &usize>| -> f64 { numbers.map(|number| engine.asked()[*number].weight).sum() };
        let whole = weight(&mut of_query.iter());
        let planned = weight(&mut of_query.iter().filter(|number| costs[**number].is_some()));
        for number in &of_query {
            let own =
                if costs[*number].is_some() && planned > 0.0 { engine.asked()[*number].weight * whole / planned } else { 0.0 };
            engine.weigh(*number, own);
        }
        let statement = &request.workload.queries[query];
        if planned > 0.0 {
            let left_out = of_query.iter().filter(|number| costs[**number].is_none()).count();
            notes.push(format!(
                "statement {} is judged without {left_out} of its {} sets of values: {reason}",
                statement.fingerprint,
                of_query.len()
            ));
        } else {
            for number in others {
                engine.weigh(number, 0.0);
            }
            unplanned.push(skip(statement, reason));
        }
    }
    (unplanned, notes)
}

/// Elements by the table that a statement must name for them to matter to it: their own, and those that it is a partition of.
pub(crate) fn by_table(snapshot: &Snapshot, items: &[Item]) -> BTreeMap<Oid, Vec<Element>> {
    let mut by_table: BTreeMap<Oid, Vec<Element>> = BTreeMap::new();
    let catalog = &snapshot.catalog;
    for (element, item) in (0..).zip(items) {
        let mut table = match item {
            Item::Candidate(candidate) => Some(candidate.table),
            Item::Existing(index) => catalog.indexes().find(|(_, other)| other.oid == *index).map(|(table, _)| table.oid),
        };
        while let Some(oid) = table {
            by_table.entry(oid).or_default().push(element);
            table = catalog.table_by_oid(oid).and_then(|table| table.partition_of);
        }
    }
    by_table
}

fn skip(query: &Query, reason: String) -> Skipped {
    Skipped { statement: query.text.clone(), calls: query.calls, total_time: Milliseconds(query.total_time.0), reason }
}
