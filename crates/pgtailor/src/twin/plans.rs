//! Plans of the workload's statements on the source, with which a twin shows that it plans alike.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use pgtailor_model::binding::Literal;
use pgtailor_model::name::Oid;
use pgtailor_model::planner::{Inexact, SourcePlan, StatisticsLevel};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::workload::Workload;
use pgtailor_postgres::planning::{BindOptions, PlanOptions, Question, bind, plans};
use pgtailor_postgres::session::ReadOnlySession;

use super::TwinCapture;
use crate::error::Error;
use crate::workload::search_path;

/// Longest time that planning on the source may take in all.
const BUDGET: Duration = Duration::from_secs(20);

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
    let mut asked = Vec::new();
    for query in workload.queries.iter().filter(|query| query.shapes.iter().all(|shape| known.contains(&shape.table))) {
        let Some(statement) = bound.prepared.get(&query.fingerprint) else { continue };
        if options.level == StatisticsLevel::None || query.bindings.is_empty() {
            asked.push((&query.fingerprint, Question { statement, binding: None }));
        } else {
            let questions = query.bindings.iter().map(|binding| Question { statement, binding: Some(binding) });
            asked.extend(questions.map(|question| (&query.fingerprint, question)));
        }
    }
    let planning = PlanOptions { foreign_code: options.foreign_code, ..PlanOptions::default() };
    let mut found = Vec::new();
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
            let Ok(plan) = answer else { continue };
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
    Ok((found, None))
}
