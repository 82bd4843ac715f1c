//! The index that would cure a statement: tried in the twin, and told only when the statement passes with it.

use std::collections::BTreeSet;

use pgtailor_checks::candidates;
use pgtailor_model::catalog::{Table, TableKind};
use pgtailor_model::index::{Build, KeyPart};
use pgtailor_model::name::QualifiedName;
use pgtailor_model::plan_check::{Cure, CureIndex};
use pgtailor_model::unit::Pages;
use pgtailor_model::what_if::{CandidateIndex, Planned};
use pgtailor_model::workload::Query;

use super::judge::{Judge, weighed};
use super::planning::Asked;
use crate::error::Error;

/// Most candidates that are tried for one statement: its references to tables are few, and the first of each are the best.
const MOST_TRIED: usize = 12;

/// The cheapest single index with which `query` passes, else the indexes that it uses when it may have all of them.
pub(super) async fn find(
    judge: &mut Judge<'_>,
    query: &Query,
    asked: &[Asked<'_>],
    cost_before: Option<f64>,
) -> Result<Option<Cure>, Error> {
    let tried = to_try(judge, query);
    let mut best: Option<(f64, BTreeSet<CandidateIndex>)> = None;
    for (candidate, _) in &tried {
        let alone = BTreeSet::from([candidate.clone()]);
        if let Some(planned) = passes(judge, query, asked, cost_before, &alone).await?
            && best.as_ref().is_none_or(|(cost, _)| planned.0 < *cost)
        {
            best = Some((planned.0, alone));
        }
    }
    if best.is_none() && tried.len() > 1 {
        let all: BTreeSet<CandidateIndex> = tried.iter().map(|(candidate, _)| candidate.clone()).collect();
        if let Some((_, used)) = passes(judge, query, asked, cost_before, &all).await?
            && let Some((cost, _)) = passes(judge, query, asked, cost_before, &used).await?
        {
            best = Some((cost, used));
        }
    }
    let Some((cost, indexes)) = best else { return Ok(None) };
    let mut cure = Cure { indexes: Vec::new(), cost };
    for candidate in indexes {
        let Some((_, table)) = tried.iter().find(|(tried, _)| *tried == candidate) else { continue };
        let pages = judge.after.pages(&candidate).await?;
        let is_partitioned = |table: &Table| table.kind == TableKind::Partitioned;
        let build =
            if judge.after.catalog().table(table).is_some_and(is_partitioned) { Build::Blocking } else { Build::Concurrent };
        cure.indexes.push(CureIndex {
            build,
            table: table.clone(),
            name: judge.after.free_name(table, &words(&candidate)),
            definition: candidate.definition,
            size: pages.map(|pages| Pages(pages).bytes(u64::from(judge.snapshot.server.block_size))),
        });
    }
    Ok(Some(cure))
}

/// The cost, and the candidates that are used, when `query` passes with `indexes`.
async fn passes(
    judge: &mut Judge<'_>,
    query: &Query,
    asked: &[Asked<'_>],
    cost_before: Option<f64>,
    indexes: &BTreeSet<CandidateIndex>,
) -> Result<Option<(f64, BTreeSet<CandidateIndex>)>, Error> {
    let answers = judge.after.plan(asked, indexes).await?;
    let Ok(planned) = weighed(asked, answers) else { return Ok(None) };
    let verdict = judge.verdict(query, &planned, cost_before);
    let used = |(_, plan): &(f64, Planned)| plan.candidates.intersection(indexes).cloned().collect::<Vec<_>>();
    Ok(verdict.problems.is_empty().then(|| (verdict.cost, planned.iter().flat_map(used).collect())))
}

/// Candidates for tables of the source, with their names: first what the change took away, then what the statement asks for.
fn to_try(judge: &Judge<'_>, query: &Query) -> Vec<(CandidateIndex, QualifiedName)> {
    let after = judge.after.catalog();
    let mut found: Vec<(CandidateIndex, QualifiedName)> = Vec::new();
    let mut add = |name: &QualifiedName, definition: pgtailor_model::index::IndexDefinition| {
        let Some(table) = judge.after.on_source(name) else { return };
        let exists = after
            .table(name)
            .is_some_and(|table| table.indexes.iter().any(|index| index.valid && index.definition.as_ref() == Some(&definition)));
        let candidate = (CandidateIndex { table, definition }, name.clone());
        if !exists && !found.contains(&candidate) {
            found.push(candidate);
        }
    };
    let tables = || query.shapes.iter().filter_map(|shape| after.table_by_oid(shape.table));
    if let Some(before) = &judge.before {
        for table in tables() {
            let earlier = before.catalog().table(&table.name).map(|table| table.indexes.as_slice()).unwrap_or_default();
            for definition in earlier.iter().filter_map(|index| index.definition.clone()) {
                add(&table.name, definition);
            }
        }
    }
    for (table, definition) in candidates(query) {
        if let Some(table) = after.table_by_oid(table) {
            add(&table.name, definition);
        }
    }
    found.truncate(MOST_TRIED);
    found
}

/// For a name: the columns of the index.
fn words(candidate: &CandidateIndex) -> String {
    let word = |part: &KeyPart| match part {
        KeyPart::Column(column) => column.clone(),
        KeyPart::Expression(_) => "expr".to_owned(),
    };
    candidate.definition.keys.iter().map(|key| word(&key.part)).collect::<Vec<_>>().join("_")
}
