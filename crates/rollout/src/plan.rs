//! From requests to a rollout: allowed classes, guards, order, and the `ANALYZE` steps that new indexes and statistics need.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::change::{Change, ChangeClass};
use pgtailor_model::disuse::DropEvidence;
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::rollout::{Estimate, LeftOut, Rollout};
use pgtailor_model::snapshot::Snapshot;

use crate::evidence;
use crate::guard;
use crate::partitioned::over_partitions;
use crate::step::step;

/// A change that somebody wants, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The change.
    pub change: Change,
    /// Why, as a sentence without a period.
    pub reason: String,
    /// What it will probably take.
    pub estimate: Estimate,
}

/// What a rollout may contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The classes that may be carried out.
    pub allowed: BTreeSet<ChangeClass>,
    /// What entitles to drop an index.
    pub evidence: DropEvidence,
}

impl Rules {
    /// The classes that are carried out unless told otherwise: `create-index` and `analyze`.
    pub fn usual() -> Self {
        Self::allowing(BTreeSet::from([ChangeClass::CreateIndex, ChangeClass::Analyze]))
    }

    /// These classes, and the usual evidence.
    pub fn allowing(allowed: BTreeSet<ChangeClass>) -> Self {
        Self { allowed, ..Self::default() }
    }
}

/// The rollout of `requests` on the database of `snapshot`.
///
/// Changes of a class that is not allowed, and those that a guard refuses, are left out with the reason. Steps keep the order of the
/// requests; an index on a partitioned table becomes the steps that build it on every partition. `ANALYZE` of a table comes after all
/// builds, once a table: after expression and partial indexes and changes of what statistics there are (the planner has none of
/// them otherwise), and for tables with a new index that were never analyzed. Drops come last, whatever the order of the requests: what
/// replaces an index is there, and the planner knows of it, before the index goes.
pub fn plan(requests: &[Request], snapshot: &Snapshot, rules: &Rules) -> Rollout {
    let mut rollout = Rollout::default();
    let mut to_analyze: BTreeMap<QualifiedName, (Oid, String)> = BTreeMap::new();
    let mut names = BTreeSet::new();
    let mut drops = Vec::new();
    let mut passed = Vec::new();
    for request in requests {
        let parts = over_partitions(request, snapshot, &mut names);
        let refused =
            class_refusal(&request.change, rules).or_else(|| parts.iter().find_map(|part| guard_refusal(&part.change, snapshot)));
        match refused {
            Some(reason) => rollout.left_out.push(LeftOut { change: request.change.clone(), reason }),
            None => passed.push((request, parts)),
        }
    }
    // What is refused replaces nothing.
    let planned: Vec<&Request> = passed.iter().map(|(request, _)| *request).collect();
    for (request, parts) in &passed {
        if let Some(reason) = evidence::refusal(&request.change, &planned, snapshot, &rules.evidence) {
            rollout.left_out.push(LeftOut { change: request.change.clone(), reason });
            continue;
        }
        for part in parts {
            let wanted = match &part.change {
                Change::Analyze { .. } => Some(part.reason.as_str()),
                change => wants_analyze(change, snapshot),
            };
            if let (Some(reason), Some((table, table_oid))) = (wanted, part.change.table()) {
                to_analyze.entry(table.clone()).or_insert_with(|| (table_oid, reason.to_owned()));
            }
            match &part.change {
                Change::Analyze { .. } => {}
                Change::DropIndex { .. } => drops.push(step(part)),
                _ => rollout.steps.push(step(part)),
            }
        }
    }
    for (table, (table_oid, reason)) in to_analyze {
        let change = Change::Analyze { table, table_oid };
        match class_refusal(&change, rules).or_else(|| guard_refusal(&change, snapshot)) {
            Some(reason) => rollout.left_out.push(LeftOut { change, reason }),
            None => rollout.steps.push(step(&Request { change, reason, estimate: Estimate::default() })),
        }
    }
    rollout.steps.extend(drops);
    rollout
}

fn class_refusal(change: &Change, rules: &Rules) -> Option<String> {
    let class = change.class();
    (!rules.allowed.contains(&class))
        .then(|| format!("changes of class `{class}` are not allowed; `--allow {class}` allows them"))
}

fn guard_refusal(change: &Change, snapshot: &Snapshot) -> Option<String> {
    guard::ALL.iter().find_map(|guard| guard.refuses(change, snapshot))
}

fn wants_analyze(change: &Change, snapshot: &Snapshot) -> Option<&'static str> {
    match change {
        Change::CreateIndex { definition, .. } if definition.needs_analyze() => {
            Some("the planner has no statistics of a new expression or partial index before an ANALYZE")
        }
        Change::CreateIndex { table_oid, .. } => {
            let never_analyzed = snapshot.catalog.table_by_oid(*table_oid).is_some_and(|table| {
                table.estimated_rows.is_none()
                    && snapshot.activity.tables.get(table_oid).is_none_or(|activity| activity.last_analyze.is_none())
            });
            never_analyzed.then_some("the table was never analyzed, so the planner guesses what the new index is worth")
        }
        Change::CreateStatistics { .. } | Change::SetStatisticsTarget { .. } => {
            Some("what statistics there are changes with the next ANALYZE only")
        }
        _ => None,
    }
}
