//! Values for the parameters of the statements, and what the planner makes of them.

use std::collections::BTreeMap;

use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::workload::{SourceReport, Workload};
use pgtailor_postgres::planning::{
    BindOptions, BindReport, Examples, PlanOptions, Prepared, Question, Refusal, add_examples, plan_costs,
};
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_sql::Collector;

use super::{Costs, WorkloadOptions, search_path};
use crate::error::Error;

/// What the server said of the statements, by fingerprint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bound {
    /// Why a statement has no values, or was not planned, as a sentence about "it" without a period.
    pub refused: BTreeMap<String, String>,
    /// Planner costs, when they were asked for: the mean over the sets of values by their weights; of the generic plan where there are
    /// none.
    pub costs: BTreeMap<String, f64>,
}

/// Adds the examples of `pg_qualstats`, where it is installed; says so only when there is something to say.
pub(super) async fn examples(session: &ReadOnlySession, collector: &mut Collector) -> Result<Option<SourceReport>, Error> {
    let note = match add_examples(session, collector).await? {
        Examples::NotInstalled | Examples::Added(0) => return Ok(None),
        Examples::Added(count) => format!("gave values for {count} statements"),
        Examples::Refused(reason) => reason,
    };
    Ok(Some(SourceReport { name: "pg_qualstats".to_owned(), notes: vec![note], ..SourceReport::default() }))
}

/// Fills the bindings of `workload`, and plans its statements when costs are asked for.
pub(super) async fn bind(
    session: &mut ReadOnlySession,
    workload: &mut Workload,
    snapshot: &Snapshot,
    options: &WorkloadOptions,
) -> Result<Bound, Error> {
    let path = search_path(snapshot);
    let binding = BindOptions { foreign_code: options.foreign_code, ..BindOptions::default() };
    let BindReport { prepared, refused, unbound, notes } =
        pgtailor_postgres::planning::bind(session, workload, &snapshot.catalog, &path, &binding).await?;
    let mut bound = Bound::default();
    bound.refused.extend(unbound);
    bound.refused.extend(refused.into_iter().map(|(fingerprint, refusal)| (fingerprint, words(&refusal))));
    if let Some(source) = workload.sources.first_mut() {
        source.notes.extend(notes);
    }
    if options.costs == Costs::Planned {
        plan(session, workload, &prepared, &path, options, &mut bound).await?;
    }
    Ok(bound)
}

async fn plan(
    session: &mut ReadOnlySession,
    workload: &Workload,
    prepared: &BTreeMap<String, Prepared>,
    path: &[String],
    options: &WorkloadOptions,
    bound: &mut Bound,
) -> Result<(), Error> {
    let mut asked = Vec::new();
    for query in &workload.queries {
        let Some(statement) = prepared.get(&query.fingerprint) else { continue };
        if query.bindings.is_empty() {
            asked.push((&query.fingerprint, 1.0, Question { statement, binding: None }));
        }
        let weighed = query.bindings.iter().filter(|binding| binding.weight > 0.0);
        asked.extend(weighed.map(|binding| (&query.fingerprint, binding.weight, Question { statement, binding: Some(binding) })));
    }
    let questions: Vec<Question<'_>> = asked.iter().map(|(.., question)| *question).collect();
    let planning = PlanOptions { foreign_code: options.foreign_code, ..PlanOptions::default() };
    let answers = plan_costs(session, &questions, path, planning).await?;
    let mut sums: BTreeMap<&String, (f64, f64)> = BTreeMap::new();
    for ((fingerprint, weight, _), answer) in asked.into_iter().zip(answers) {
        match answer {
            Ok(cost) => {
                let (sum, weights) = sums.entry(fingerprint).or_default();
                *sum += weight * cost;
                *weights += weight;
            }
            Err(refusal) => {
                bound.refused.insert(fingerprint.clone(), words(&refusal));
            }
        }
    }
    bound.costs = sums.into_iter().map(|(fingerprint, (sum, weights))| (fingerprint.clone(), sum / weights)).collect();
    Ok(())
}

/// What helps belongs to the reason, and the server's code to both.
fn words(refusal: &Refusal) -> String {
    let mut words = refusal.reason.clone();
    if let Some(sqlstate) = &refusal.sqlstate {
        words = format!("{words} (SQLSTATE {sqlstate})");
    }
    match &refusal.hint {
        Some(hint) => format!("{words}; {hint}"),
        None => words,
    }
}
