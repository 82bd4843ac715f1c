//! Plans of the workload's statements on the source, with which a twin shows that it plans alike.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use pgtailor_model::binding::{Binding, Literal};
use pgtailor_model::name::Oid;
use pgtailor_model::planner::{Inexact, SourcePlan, StatisticsLevel};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::workload::Workload;
use pgtailor_postgres::planning::{BindOptions, PlanOptions, Question, Refusal, bind, plans};
use pgtailor_postgres::session::ReadOnlySession;

use super::TwinCapture;
use crate::error::Error;
use crate::workload::search_path;

/// Longest time that planning on the source may take in all.
const BUDGET: Duration = Duration::from_secs(20);

/// Plans that are stored: enough to see whether a twin is right, and a second's work for the source.
const MOST: usize = 1_000;

/// Plans between two looks at the clock.
const PAGE: usize = 200;

/// Binds and plans the statements of `workload`, those that take most time first; without values where none may be kept.
pub(super) async fn source_plans(
    session: &mut ReadOnlySession,
    workload: &mut Workload,
    snapshot: &Snapshot,
    options: &TwinCapture,
) -> Result<(Vec<SourcePlan>, Option<Inexact>), Error> {
    let began = Instant::now();
    let path = search_path(snapshot);
    let binding = BindOptions { foreign_code: options.foreign_code, ..BindOptions::default() };
    let bound = bind(session, workload, &snapshot.catalog, &path, &binding).await?;
    let known: BTreeSet<Oid> =
        snapshot.planner.iter().flat_map(|inputs| inputs.relations.iter().map(|relation| relation.table)).collect();
    let mut refused: BTreeMap<String, String> = BTreeMap::new();
    let mut asked = Vec::new();
    // The statements that take most time come first.
    let each = (MOST / workload.queries.len().max(1)).max(1);
    for query in workload.queries.iter().filter(|query| query.shapes.iter().all(|shape| known.contains(&shape.table))) {
        let Some(statement) = bound.prepared.get(&query.fingerprint) else {
            let found = bound.refused.iter().find(|(fingerprint, _)| *fingerprint == query.fingerprint);
            refused.extend(found.map(|(fingerprint, refusal)| (fingerprint.clone(), words(refusal))));
            continue;
        };
        if options.level == StatisticsLevel::None || query.bindings.is_empty() {
            asked.push((&query.fingerprint, Question { statement, binding: None }));
        } else {
            let mut bindings: Vec<&Binding> = query.bindings.iter().collect();
            bindings.sort_by(|one, other| other.weight.total_cmp(&one.weight));
            let questions = bindings.into_iter().take(each).map(|binding| Question { statement, binding: Some(binding) });
            asked.extend(questions.map(|question| (&query.fingerprint, question)));
        }
    }
    let planning = PlanOptions { foreign_code: options.foreign_code, ..PlanOptions::default() };
    let mut found = Vec::new();
    asked.truncate(MOST);
    for (at, page) in asked.chunks(PAGE).enumerate() {
        if began.elapsed() > BUDGET {
            let left = asked.len() - at * PAGE;
            let note = Inexact {
                object: format!("{left} of {} plans to compare with", asked.len()),
                table: None,
                reason: format!("planning on the source was given {} seconds", BUDGET.as_secs()),
            };
            return Ok((found, Some(note)));
        }
        let questions: Vec<Question<'_>> = page.iter().map(|(_, question)| *question).collect();
        let answers = plans(session, &questions, &path, planning).await?;
        for ((fingerprint, question), answer) in page.iter().zip(answers) {
            let plan = match answer {
                Ok(plan) => plan,
                Err(refusal) => {
                    refused.insert((*fingerprint).clone(), words(&refusal));
                    continue;
                }
            };
            let values = question.binding.map(|binding| {
                binding.values.iter().map(|value| value.as_ref().map(Literal::expose).map(str::to_owned)).collect()
            });
            found.push(SourcePlan {
                fingerprint: (*fingerprint).clone(),
                text: question.statement.text.clone(),
                types: question.statement.types.clone(),
                values,
                weight: question.binding.map_or(1.0, |binding| binding.weight),
                nodes: pgtailor_twin::nodes(&plan),
            });
        }
    }
    Ok((found, unplanned(&refused)))
}

/// What keeps statements from being compared; the most frequent reason stands for all.
fn unplanned(refused: &BTreeMap<String, String>) -> Option<Inexact> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in refused.values() {
        *counts.entry(reason).or_default() += 1;
    }
    let (reason, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    let (count, many) = (refused.len(), if refused.len() == 1 { "statement" } else { "statements" });
    let object = format!("plans of {count} {many} to compare with");
    Some(Inexact { object, table: None, reason: format!("the source did not plan them; for example one, because {reason}") })
}

/// What helps belongs to the reason.
fn words(refusal: &Refusal) -> String {
    match &refusal.hint {
        Some(hint) => format!("{}; {hint}", refusal.reason),
        None => refusal.reason.clone(),
    }
}
