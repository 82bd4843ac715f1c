//! What a person is told: recommendations in the order of what they add, each with the statements that it serves, and the statements
//! themselves before and after.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::advice::{Advice, AdvisedStatement, Bound, EarlyStops, Effort, FrontPoint, Partition, Recommendation};
use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::change::{Carried, Change};
use pgtailor_model::index::Build;
use pgtailor_model::unit::{Bytes, f64_as_count};
use pgtailor_model::what_if::WhatIf;
use pgtailor_model::workload::Skipped;

use super::Request;
use super::elements::Elements;
use super::losers;
use super::name::free_name;
use super::questions::Baseline;
use super::refine::Refined;
use crate::cost::{Asked, Element, Engine, Item, Set, price};
use crate::select::{self, Chosen, added, foresee, order, planned};

/// Everything but the bound and what it took.
pub(super) fn advice<W: WhatIf>(
    request: &Request<'_>,
    engine: &mut Engine<'_, W>,
    elements: &Elements,
    baseline: &Baseline,
    refined: &Refined,
    skipped: Vec<Skipped>,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<Advice, W::Error> {
    let steps = steps(engine, elements, refined)?;
    let named = names(request, elements, refined);
    let statements = statements(request, engine, elements, baseline, refined, &named);
    let early_stops = early_stops(&statements);
    let mut recommendations: Vec<Recommendation> = Vec::new();
    for step in &steps {
        let Some(name) = named.get(&step.element) else { continue };
        recommendations.extend(recommendation(request, elements, refined, step, name, &statements));
    }
    recommendations.extend(drops(request, elements, refined, &recommendations));
    let smaller = select::front(engine, &elements.problem, &refined.elements, keep_going)?;
    let front = front(elements, baseline, &steps, &smaller);
    let rejected = losers::losers(request, engine, elements, refined, &named);
    let chosen = &refined.elements;
    let snapshot = request.snapshot;
    Ok(Advice {
        database: snapshot.server.database.clone(),
        version: snapshot.server.version_text.clone(),
        captured_at: snapshot.captured_at,
        fidelity: request.fidelity.cloned(),
        weighed_by: request.weighing,
        limits: request.limits.clone(),
        recommendations,
        rejected,
        statements,
        skipped: skipped
            .into_iter()
            .chain(baseline.unplanned.iter().cloned())
            .chain(request.workload.skipped.iter().cloned())
            .collect(),
        cost_before: baseline.cost + elements.problem.upkeep_of(&elements.problem.existing()),
        cost_after: refined.cost,
        early_stops,
        upkeep: elements.problem.upkeep_of(&chosen.difference(&elements.problem.existing())),
        size: Bytes(f64_as_count(elements.problem.size(chosen))),
        bound: Bound::default(),
        front,
        effort: Effort::default(),
        notes: baseline.notes.clone(),
        catalog: None,
    })
}

/// A member, and what the workload costs when it is added to those before it.
struct Step {
    element: Element,
    before: f64,
    after: f64,
    /// With all those before it and it.
    elements: Set,
}

/// Members in the order in which each adds most to those before it.
fn steps<W: WhatIf>(engine: &mut Engine<'_, W>, elements: &Elements, refined: &Refined) -> Result<Vec<Step>, W::Error> {
    let problem = &elements.problem;
    let mut there: Set = problem.existing().intersection(&refined.elements);
    let members: Set = refined.losses.iter().map(|(element, _)| *element).collect();
    let mut before = planned(engine, problem, &there)?;
    let mut steps = Vec::new();
    let order = order(engine, problem, &there, &members);
    foresee(engine, &there, &order)?;
    for element in order {
        let after = before + added(engine, problem, &there, element)?;
        there.insert(element);
        steps.push(Step { element, before, after, elements: there.clone() });
        before = after;
    }
    Ok(steps)
}

/// By recommended candidate: the name that it will have.
fn names(request: &Request<'_>, elements: &Elements, refined: &Refined) -> BTreeMap<Element, String> {
    let mut taken = BTreeSet::new();
    let mut named = BTreeMap::new();
    for element in refined.elements.iter() {
        let (Item::Candidate(candidate), Some(table)) =
            (&elements.items[Elements::at(element)], elements.table(element, request))
        else {
            continue;
        };
        let name = free_name(&request.snapshot.catalog, &table.name, &candidate.definition, &taken);
        taken.insert(name.clone());
        named.insert(element, name);
    }
    named
}

fn recommendation(
    request: &Request<'_>,
    elements: &Elements,
    refined: &Refined,
    step: &Step,
    name: &str,
    statements: &[AdvisedStatement],
) -> Option<Recommendation> {
    let at = Elements::at(step.element);
    let Item::Candidate(candidate) = &elements.items[at] else { return None };
    let table = elements.table(step.element, request)?;
    let support = &elements.support[at];
    let replaces = table.indexes.iter().filter(|index| {
        let is_served = index.definition.as_ref().is_some_and(|existing| candidate.definition.serves_all_of(existing));
        index.constraint.is_none() && is_served
    });
    let uses = |(_, statement): &(usize, &AdvisedStatement)| statement.uses.iter().any(|used| used == name);
    Some(Recommendation {
        change: Change::CreateIndex {
            table: table.name.clone(),
            table_oid: table.oid,
            name: name.to_owned(),
            definition: candidate.definition.clone(),
            carries: Carried::default(),
        },
        sql: candidate.definition.create_sql(name, &table.name, Build::Concurrent),
        table: table.name.clone(),
        partitions: partitions(request, table),
        kinds: support.reasons.iter().map(|reason| reason.generator.to_owned()).collect::<BTreeSet<_>>().into_iter().collect(),
        size: elements.sizes[at],
        gain: step.before - step.after,
        loss_without: refined.losses.iter().find(|(element, _)| *element == step.element).map_or(0.0, |(_, loss)| *loss),
        upkeep: elements.upkeep[at].clone(),
        serves: statements.iter().enumerate().filter(uses).map(|(position, _)| position).collect(),
        replaces: replaces.map(|index| index.name.clone()).collect(),
        because: support.reasons.iter().map(|reason| reason.because.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
    })
}

/// The partitions of a partitioned table, parents before their children; `None` for an ordinary one.
fn partitions(request: &Request<'_>, table: &Table) -> Option<Vec<Partition>> {
    if table.kind != TableKind::Partitioned {
        return None;
    }
    let mut found: Vec<Partition> = Vec::new();
    let mut parents = vec![(table.oid, table.name.clone())];
    while let Some((oid, parent)) = parents.pop() {
        for child in request.snapshot.catalog.tables.iter().filter(|child| child.partition_of == Some(oid)) {
            let is_leaf = child.kind != TableKind::Partitioned;
            found.push(Partition { table: child.name.clone(), parent: parent.clone(), is_leaf });
            if !is_leaf {
                parents.push((child.oid, child.name.clone()));
            }
        }
    }
    Some(found)
}

/// Existing indexes that are better gone.
fn drops(request: &Request<'_>, elements: &Elements, refined: &Refined, made: &[Recommendation]) -> Vec<Recommendation> {
    let mut drops = Vec::new();
    for (element, item) in (0..).zip(&elements.items) {
        let Item::Existing(oid) = item else { continue };
        if refined.elements.contains(element) {
            continue;
        }
        let Some((table, index)) = request.snapshot.catalog.indexes().find(|(_, index)| index.oid == *oid) else { continue };
        let Some(definition) = &index.definition else { continue };
        let served_by = made.iter().find_map(|recommendation| match &recommendation.change {
            Change::CreateIndex { name, definition: new, table_oid, .. }
                if *table_oid == table.oid && new.serves_all_of(definition) =>
            {
                Some(name.clone())
            }
            _ => None,
        });
        let because = match served_by {
            Some(name) => format!("{name} serves all that it serves"),
            None => {
                "no statement is cheaper for it, and it was never scanned or another index serves all that it serves".to_owned()
            }
        };
        let at = Elements::at(element);
        drops.push(Recommendation {
            sql: format!(
                "DROP INDEX CONCURRENTLY {}",
                pgtailor_model::name::QualifiedName::new(&table.name.schema, &index.name).sql()
            ),
            change: Change::DropIndex {
                table: table.name.clone(),
                table_oid: table.oid,
                name: index.name.clone(),
                index_oid: index.oid,
                definition: definition.clone(),
                carries: index.carries.clone(),
            },
            table: table.name.clone(),
            partitions: None,
            kinds: vec!["drop".to_owned()],
            size: elements.sizes[at],
            gain: elements.upkeep[at].cost,
            loss_without: elements.upkeep[at].cost,
            upkeep: elements.upkeep[at].clone(),
            serves: Vec::new(),
            replaces: Vec::new(),
            because: vec![because],
        });
    }
    drops
}

/// By statement, of the questions that were planned and have a share in its executions: their shares together, and their weights. Values that
/// were not planned leave their share to the others.
struct Shares(BTreeMap<usize, (f64, f64)>);

impl Shares {
    fn of<W: WhatIf>(engine: &Engine<'_, W>, baseline: &Baseline, refined: &Refined) -> Self {
        let mut planned: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for ((asked, before), plan) in engine.asked().iter().zip(&baseline.costs).zip(&refined.plans) {
            if before.is_some() && plan.is_some() && asked.share > 0.0 {
                let (shares, weights) = planned.entry(asked.query).or_default();
                *shares += asked.share;
                *weights += asked.weight;
            }
        }
        Self(planned)
    }

    /// How often the question is asked for one execution of its statement: its share, and of a look-up as often as its weight says; `None` when
    /// nothing of the statement counts, which is told as skipped then.
    fn each(&self, asked: &Asked) -> Option<f64> {
        let (shares, weights) = self.0.get(&asked.query)?;
        let look_up = if *weights > 0.0 { asked.weight / weights } else { 0.0 };
        Some(if asked.share > 0.0 { asked.share / shares } else { look_up })
    }
}

/// Statements before and after, those that gain most first.
fn statements<W: WhatIf>(
    request: &Request<'_>,
    engine: &Engine<'_, W>,
    elements: &Elements,
    baseline: &Baseline,
    refined: &Refined,
    named: &BTreeMap<Element, String>,
) -> Vec<AdvisedStatement> {
    let name_of: BTreeMap<_, &String> = named
        .iter()
        .filter_map(|(element, name)| match &elements.items[Elements::at(*element)] {
            Item::Candidate(candidate) => Some((candidate, name)),
            Item::Existing(_) => None,
        })
        .collect();
    let shares = Shares::of(engine, baseline, refined);
    let mut by_query: BTreeMap<usize, AdvisedStatement> = BTreeMap::new();
    for ((asked, before), plan) in engine.asked().iter().zip(&baseline.plans).zip(&refined.plans) {
        let (Some(before), Some(plan)) = (before, plan) else { continue };
        let Some(share) = shares.each(asked) else { continue };
        let counts = [before, plan].map(price);
        let query = &request.workload.queries[asked.query];
        let statement = by_query.entry(asked.query).or_insert_with(|| AdvisedStatement {
            fingerprint: query.fingerprint.clone(),
            text: query.text.clone(),
            calls: query.calls,
            weight: 0.0,
            share: 0.0,
            before: 0.0,
            after: 0.0,
            early_stop_before: 0.0,
            early_stop_after: 0.0,
            worst_binding: 0.0,
            uses: Vec::new(),
        });
        statement.before += share * counts[0];
        statement.after += share * counts[1];
        statement.early_stop_before += share * (counts[0] - before.cost);
        statement.early_stop_after += share * (counts[1] - plan.cost);
        if asked.share > 0.0 {
            statement.weight += asked.weight;
            statement.worst_binding = statement.worst_binding.max(counts[1] / counts[0].max(f64::MIN_POSITIVE));
        }
        for name in plan.candidates.iter().filter_map(|candidate| name_of.get(candidate)) {
            if !statement.uses.contains(name) {
                statement.uses.push((*name).clone());
            }
        }
    }
    let mut statements: Vec<AdvisedStatement> = by_query.into_values().collect();
    for statement in &mut statements {
        statement.share = if baseline.cost > 0.0 { statement.weight * statement.before / baseline.cost } else { 0.0 };
    }
    let gain = |statement: &AdvisedStatement| statement.weight * (statement.before - statement.after);
    statements.sort_by(|one, other| gain(other).total_cmp(&gain(one)).then_with(|| one.fingerprint.cmp(&other.fingerprint)));
    statements
}

/// What the planner does not see of the workload's cost.
fn early_stops(statements: &[AdvisedStatement]) -> Option<EarlyStops> {
    let stops = statements.iter().filter(|statement| statement.early_stop_before > 0.0 || statement.early_stop_after > 0.0);
    let stops = stops.fold(EarlyStops::default(), |sum, statement| EarlyStops {
        before: sum.before + statement.weight * statement.early_stop_before,
        after: sum.after + statement.weight * statement.early_stop_after,
        statements: sum.statements + 1,
    });
    (stops.statements > 0).then_some(stops)
}

/// What the first so many recommendations take and bring, and the best smaller sets: of all that, what is better in cost or in size than
/// everything else.
fn front(elements: &Elements, baseline: &Baseline, steps: &[Step], smaller: &[Chosen]) -> Vec<FrontPoint> {
    let problem = &elements.problem;
    let existing = problem.existing();
    let point = |there: &Set, cost: f64| {
        let new = there.difference(&existing);
        FrontPoint {
            size: Bytes(f64_as_count(problem.size(&new))),
            cost,
            upkeep: problem.upkeep_of(&new),
            indexes: problem.count_of(&new),
        }
    };
    let mut points = vec![point(&existing, baseline.cost + problem.upkeep_of(&existing))];
    points.extend(steps.iter().map(|step| point(&step.elements, step.after)));
    points.extend(smaller.iter().map(|chosen| point(&chosen.elements, chosen.cost)));
    points.sort_by(|one, other| one.size.cmp(&other.size).then_with(|| one.cost.total_cmp(&other.cost)));
    let mut least = f64::INFINITY;
    points.retain(|point| {
        let is_better = point.cost < least;
        least = least.min(point.cost);
        is_better
    });
    points
}
