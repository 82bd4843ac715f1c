//! From requests to a rollout: allowed classes, guards, order, and the `ANALYZE` steps that new indexes need.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::change::{Change, ChangeClass};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::rollout::{Estimate, LeftOut, Rollout};
use pgtailor_model::snapshot::Snapshot;

use crate::guard;
use crate::step::{analyze_step, step};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The classes that may be carried out.
    pub allowed: BTreeSet<ChangeClass>,
}

impl Rules {
    /// The classes that are carried out unless told otherwise: `create-index` and `analyze`.
    pub fn usual() -> Self {
        Self { allowed: BTreeSet::from([ChangeClass::CreateIndex, ChangeClass::Analyze]) }
    }
}

/// The rollout of `requests` on the database of `snapshot`.
///
/// Changes of a class that is not allowed, and those that a guard refuses, are left out with the reason. Steps keep the order of the
/// requests; `ANALYZE` of a table comes after all index builds on all tables, once a table: after expression and partial indexes
/// (the planner has no statistics of them otherwise), and for tables with a new index that were never analyzed.
pub fn plan(requests: &[Request], snapshot: &Snapshot, rules: &Rules) -> Rollout {
    let mut rollout = Rollout::default();
    let mut to_analyze: BTreeMap<QualifiedName, (Oid, String)> = BTreeMap::new();
    for request in requests {
        if let Some(reason) = refusal(&request.change, snapshot, rules) {
            rollout.left_out.push(LeftOut { change: request.change.clone(), reason });
            continue;
        }
        match &request.change {
            Change::Analyze { table, table_oid } => {
                to_analyze.entry(table.clone()).or_insert_with(|| (*table_oid, request.reason.clone()));
            }
            change => {
                if let Some(reason) = wants_analyze(change, snapshot) {
                    let (table, table_oid) = change.table();
                    to_analyze.entry(table.clone()).or_insert_with(|| (table_oid, reason.to_owned()));
                }
                rollout.steps.push(step(request));
            }
        }
    }
    for (table, (table_oid, reason)) in to_analyze {
        let change = Change::Analyze { table: table.clone(), table_oid };
        match refusal(&change, snapshot, rules) {
            Some(reason) => rollout.left_out.push(LeftOut { change, reason }),
            None => rollout.steps.push(analyze_step(&table, table_oid, &reason)),
        }
    }
    rollout
}

fn refusal(change: &Change, snapshot: &Snapshot, rules: &Rules) -> Option<String> {
    let class = change.class();
    if !rules.allowed.contains(&class) {
        return Some(format!("changes of class `{class}` are not allowed; `--allow {class}` allows them"));
    }
    guard::ALL.iter().find_map(|guard| guard.refuses(change, snapshot))
}

fn wants_analyze(change: &Change, snapshot: &Snapshot) -> Option<&'static str> {
    let Change::CreateIndex { table_oid, definition, .. } = change else { return None };
    if definition.needs_analyze() {
        return Some("the planner has no statistics of a new expression or partial index before an ANALYZE");
    }
    let never_analyzed = snapshot.catalog.table_by_oid(*table_oid).is_some_and(|table| {
        table.estimated_rows.is_none()
            && snapshot.activity.tables.get(table_oid).is_none_or(|activity| activity.last_analyze.is_none())
    });
    never_analyzed.then_some("the table was never analyzed, so the planner guesses what the new index is worth")
}
