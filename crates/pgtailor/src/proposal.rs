//! From what was found, declared and advised to what would be done.
//!
//! Declared entries come first, then advice beside them, then the remedies of findings; drops stand behind all builds, so that what replaces an
//! index is there before it goes. Start reading at [`propose`].

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_advisor::advise::free_name;
use pgtailor_advisor::catalog::to_create;
use pgtailor_advisor::{duration, size};
use pgtailor_checks::Outcome;
use pgtailor_model::advice::{Advice, Counsel, Recommendation};
use pgtailor_model::change::{Carried, Change, ChangeClass};
use pgtailor_model::declared::{Judged, Verdict};
use pgtailor_model::index::{Build, IndexDefinition};
use pgtailor_model::name::{Oid, printable};
use pgtailor_model::quantity::{Quantity, Unit};
use pgtailor_model::rollout::{Estimate, LeftOut, Rollout};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::three_digits;
use pgtailor_model::what_if::CandidateIndex;
use pgtailor_postgres::connect::Database;
use pgtailor_rollout::{Request, plan};

use crate::advise::{AdviseOptions, advise_beside};
use crate::analysis::{Analysis, analyze};
use crate::error::Error;
use crate::optimize::Options;

/// Analyzes `database` and, when `options` want it, asks the advisor what the workload needs beside the declared entries that would be
/// created. Read-only: the advisor's questions go to a twin on this machine. Where there can be none, the counsel says why.
///
/// # Errors
///
/// As [`analyze`], and sources of statements that were named and cannot be read.
pub async fn propose(database: &Database, options: &Options) -> Result<Analysis, Error> {
    let mut analysis = analyze(database, options).await?;
    if !options.wants_advice() {
        return Ok(analysis);
    }
    let asked = AdviseOptions { drops: options.may(ChangeClass::DropIndex), ..options.advice.clone() };
    let planned = if options.may(ChangeClass::CreateIndex) { declared(&analysis, options) } else { Vec::new() };
    analysis.counsel = counsel(advise_beside(database, &asked, &planned).await)?;
    let Analysis { snapshot, judged, outcome, counsel, .. } = &analysis;
    analysis.rollout = rollout(snapshot, judged, outcome, options, counsel);
    Ok(analysis)
}

/// The declared entries that would be created, as indexes to plan with.
fn declared(analysis: &Analysis, options: &Options) -> Vec<CandidateIndex> {
    let created = to_create(&analysis.judged, &analysis.snapshot.catalog, options.policy);
    let candidate = |judged: &&Judged| Some(CandidateIndex { table: judged.table_oid?, definition: judged.definition.clone()? });
    created.iter().filter_map(candidate).collect()
}

/// What cannot be had on this machine or from this database is no reason to do nothing.
fn counsel(advice: Result<Advice, Error>) -> Result<Counsel, Error> {
    match advice {
        Ok(advice) => Ok(Counsel::Given(Box::new(advice))),
        Err(Error::NoStatements { reason, remedy }) => {
            let remedy = format!("{remedy}, or name another source with --workload");
            Ok(Counsel::Unavailable { reason: format!("no statement is known: {reason}"), remedy })
        }
        Err(error @ (Error::Twin(_) | Error::Lab(_))) => {
            let remedy = error.hint().unwrap_or_else(|| "pgtailor doctor says what this machine has".to_owned());
            Ok(Counsel::Unavailable { reason: error.to_string(), remedy })
        }
        Err(error) => Err(error),
    }
}

/// What would be done.
pub(crate) fn rollout(
    snapshot: &Snapshot,
    judged: &[Judged],
    outcome: &Outcome,
    options: &Options,
    counsel: &Counsel,
) -> Rollout {
    let mut requests = declared_requests(snapshot, judged, options);
    let mut drops = Vec::new();
    if let Some(advice) = counsel.advice() {
        let (builds, advised_drops) = advised_requests(advice, snapshot, &requests);
        requests.extend(builds);
        drops = advised_drops;
    }
    let gone: Vec<Change> = drops.iter().map(|drop| drop.change.clone()).collect();
    requests.extend(drops);
    add_remedies(&mut requests, outcome, snapshot, options);
    requests.retain(|request| options.only.as_ref().is_none_or(|only| only.contains(&request.change.class())));
    let mut rollout = plan(&requests, snapshot, &options.rules());
    rollout.left_out.extend(in_the_way(snapshot, judged, options));
    keep_what_is_not_replaced(&mut rollout, &gone);
    rollout
}

/// Adds the remedies of findings, each that nothing before it makes superfluous: two findings may ask for one change, and an index that is
/// declared or advised may serve what another check wants one for. Nobody asked for those of classes that are not allowed: see [`withheld`].
fn add_remedies(requests: &mut Vec<Request>, outcome: &Outcome, snapshot: &Snapshot, options: &Options) {
    // Only changes of one table can make one another superfluous; thousands of findings are not compared with thousands of others.
    let mut by_table: BTreeMap<Option<Oid>, Vec<usize>> = BTreeMap::new();
    for (position, request) in requests.iter().enumerate() {
        by_table.entry(request.change.table_oid()).or_default().push(position);
    }
    let mut taken: BTreeSet<String> = requests.iter().filter_map(|one| one.change.index_name().map(str::to_owned)).collect();
    for finding in &outcome.findings {
        let Some(mut change) = finding.remedy.clone().filter(|change| options.may(change.class())) else { continue };
        let known = by_table.entry(change.table_oid()).or_default();
        let is_superfluous = known.iter().any(|known| does_as_much(&requests[*known].change, &change));
        if is_superfluous || freezes_as_well(requests, known, &change) {
            continue;
        }
        known.push(requests.len());
        let mut estimate = Estimate::default();
        if let Change::CreateIndex { table, table_oid, name, definition, .. } = &mut change {
            if taken.contains(name) {
                *name = free_name(&snapshot.catalog, table, definition, &taken);
            }
            estimate = build_estimate(definition, *table_oid, snapshot);
        }
        taken.extend(change.index_name().map(str::to_owned));
        requests.push(Request { change, reason: finding.problem.clone(), estimate });
    }
}

/// The classes of remedies that are not carried out because they are not allowed, when `options` do not name the classes that are wanted.
pub fn withheld(outcome: &Outcome, options: &Options) -> BTreeSet<ChangeClass> {
    let classes = outcome.findings.iter().filter_map(|finding| Some(finding.remedy.as_ref()?.class()));
    classes.filter(|class| options.only.is_none() && !options.may(*class)).collect()
}

/// Lets a vacuum that is among the `known` of `requests`, those of one table, freeze, too, when that is all that `wanted` wants more.
fn freezes_as_well(requests: &mut [Request], known: &[usize], wanted: &Change) -> bool {
    if !matches!(wanted, Change::Vacuum { .. }) {
        return false;
    }
    let of_table = known.iter().find(|known| matches!(requests[**known].change, Change::Vacuum { .. })).copied();
    if let Some(Change::Vacuum { freeze, .. }) = of_table.map(|position| &mut requests[position].change) {
        *freeze = true;
    }
    of_table.is_some()
}

/// Whether `wanted` is superfluous beside `known`.
fn does_as_much(known: &Change, wanted: &Change) -> bool {
    match (known, wanted) {
        (_, Change::CreateIndex { table_oid, definition, .. }) => serves(known, *table_oid, definition),
        (
            Change::DropIndex { index_oid: known, .. },
            Change::DropIndex { index_oid, .. } | Change::RebuildIndex { index_oid, .. },
        )
        | (Change::RebuildIndex { index_oid: known, .. }, Change::RebuildIndex { index_oid, .. }) => known == index_oid,
        (Change::Vacuum { table_oid: known, freeze, .. }, Change::Vacuum { table_oid, freeze: wanted, .. }) => {
            known == table_oid && (*freeze || !wanted)
        }
        _ => false,
    }
}

/// What the build of an index would take.
fn build_estimate(definition: &IndexDefinition, table_oid: Oid, snapshot: &Snapshot) -> Estimate {
    let Some(table) = snapshot.catalog.table_by_oid(table_oid) else { return Estimate::default() };
    Estimate {
        size: size::estimated_size(definition, table, &snapshot.server),
        duration: duration::estimated_build(definition, table, &snapshot.server, Build::Concurrent),
    }
}

fn declared_requests(snapshot: &Snapshot, judged: &[Judged], options: &Options) -> Vec<Request> {
    let created = to_create(judged, &snapshot.catalog, options.policy).into_iter();
    let request = |judged: &Judged| {
        let definition = judged.definition.clone()?;
        let table_oid = judged.table_oid?;
        let table = snapshot.catalog.table_by_oid(table_oid)?;
        let estimate = build_estimate(&definition, table_oid, snapshot);
        let change = Change::CreateIndex {
            table: table.name.clone(),
            table_oid,
            name: judged.entry.name.clone(),
            definition,
            carries: Carried::default(),
        };
        let reason = if judged.entry.description.is_empty() {
            "the catalog declares it".to_owned()
        } else {
            format!("the catalog declares it: {}", judged.entry.description)
        };
        Some(Request { change, reason, estimate })
    };
    created.filter_map(request).collect()
}

/// Declared entries that are not there and cannot be built, since something else is in their place: what was asked for is not done.
fn in_the_way(snapshot: &Snapshot, judged: &[Judged], options: &Options) -> Vec<LeftOut> {
    let left_out = |judged: &Judged| {
        let reason = match &judged.verdict {
            Verdict::PresentInvalid { index } => format!(
                "index {} is what is declared, and invalid: it is being built, or a build failed; drop it when nobody builds it, then run pgtailor \
                 again",
                printable(index)
            ),
            Verdict::NameTaken { by } => format!("the name is taken by {}", printable(by)),
            Verdict::NotExamined { reason } => reason.clone(),
            _ => return None,
        };
        let table_oid = judged.table_oid?;
        let table = snapshot.catalog.table_by_oid(table_oid)?.name.clone();
        let (name, definition) = (judged.entry.name.clone(), judged.definition.clone()?);
        Some(LeftOut { change: Change::CreateIndex { table, table_oid, name, definition, carries: Carried::default() }, reason })
    };
    if options.only.as_ref().is_some_and(|only| !only.contains(&ChangeClass::CreateIndex)) {
        return Vec::new();
    }
    judged.iter().filter_map(left_out).collect()
}

/// Builds and drops, each in the order of the advice; what `declared` creates already is left out.
fn advised_requests(advice: &Advice, snapshot: &Snapshot, declared: &[Request]) -> (Vec<Request>, Vec<Request>) {
    let mut taken: BTreeSet<String> = declared.iter().filter_map(|one| one.change.index_name().map(str::to_owned)).collect();
    let (mut builds, mut drops) = (Vec::new(), Vec::new());
    for recommendation in &advice.recommendations {
        let reason = reason(advice, recommendation);
        match &recommendation.change {
            Change::CreateIndex { table, table_oid, name, definition, .. } => {
                if declared.iter().any(|one| serves(&one.change, *table_oid, definition)) {
                    continue;
                }
                // The advisor knows the names of the database, and not those that declared entries will have.
                let name =
                    if taken.contains(name) { free_name(&snapshot.catalog, table, definition, &taken) } else { name.clone() };
                taken.insert(name.clone());
                let found = snapshot.catalog.table_by_oid(*table_oid);
                let duration =
                    found.and_then(|table| duration::estimated_build(definition, table, &snapshot.server, Build::Concurrent));
                let size = Some(Quantity::estimated(recommendation.size.as_f64(), Unit::Bytes));
                let change = Change::CreateIndex {
                    table: table.clone(),
                    table_oid: *table_oid,
                    name,
                    definition: definition.clone(),
                    carries: Carried::default(),
                };
                builds.push(Request { change, reason, estimate: Estimate { size, duration } });
            }
            Change::DropIndex { .. } => {
                drops.push(Request { change: recommendation.change.clone(), reason, estimate: Estimate::default() });
            }
            _ => {
                builds.push(Request { change: recommendation.change.clone(), reason, estimate: Estimate::default() });
            }
        }
    }
    (builds, drops)
}

fn serves(change: &Change, on: Oid, other: &IndexDefinition) -> bool {
    matches!(change, Change::CreateIndex { table_oid, definition, .. } if *table_oid == on && definition.serves_all_of(other))
}

/// `the advisor recommends it: planner cost of the workload -41 % (what-if), because …`
fn reason(advice: &Advice, recommendation: &Recommendation) -> String {
    let share = if advice.cost_before > 0.0 { recommendation.gain / advice.cost_before * 100.0 } else { 0.0 };
    let sign = if share < 0.0 { "+" } else { "-" };
    let because = recommendation.because.join("; ");
    format!(
        "the advisor recommends it: planner cost of the workload {sign}{} % (what-if), because {because}",
        three_digits(share.abs())
    )
}

/// Takes back advised drops on tables for which a build is left out: the advice is a whole, and what is to be dropped may be what serves the
/// statements that the missing index was for.
fn keep_what_is_not_replaced(rollout: &mut Rollout, advised: &[Change]) {
    let mut kept = Vec::new();
    let is_build = |left: &&LeftOut| matches!(left.change, Change::CreateIndex { .. });
    let refused: BTreeSet<Oid> = rollout.left_out.iter().filter(is_build).filter_map(|left| left.change.table_oid()).collect();
    rollout.steps.retain(|step| {
        let is_lost = advised.contains(&step.change) && step.change.table_oid().is_some_and(|oid| refused.contains(&oid));
        if is_lost {
            let reason = "an index that it was to be replaced by is left out".to_owned();
            kept.push(LeftOut { change: step.change.clone(), reason });
        }
        !is_lost
    });
    rollout.left_out.extend(kept);
}

#[cfg(test)]
mod tests {
    use pgtailor_model::name::QualifiedName;

    use super::*;

    fn on_orders(columns: &[&str]) -> Change {
        Change::CreateIndex {
            table: QualifiedName::new("public", "orders"),
            table_oid: Oid(1),
            name: "orders_customer_id_idx".to_owned(),
            definition: IndexDefinition::btree(columns.iter().copied()),
            carries: Carried::default(),
        }
    }

    fn drop_of(index_oid: u32) -> Change {
        Change::DropIndex {
            table: QualifiedName::new("public", "orders"),
            table_oid: Oid(1),
            name: format!("i{index_oid}"),
            index_oid: Oid(index_oid),
            definition: IndexDefinition::btree(["a"]),
            carries: Carried::default(),
        }
    }

    #[test]
    fn a_remedy_beside_what_does_as_much_is_superfluous() {
        let foreign_key = on_orders(&["customer_id"]);
        assert!(does_as_much(&on_orders(&["customer_id", "created_at"]), &foreign_key));
        assert!(!does_as_much(&on_orders(&["created_at"]), &foreign_key));
        assert!(does_as_much(&drop_of(7), &drop_of(7)));
        assert!(!does_as_much(&drop_of(7), &drop_of(8)));
    }

    #[test]
    fn a_table_is_vacuumed_once_whatever_it_is_vacuumed_for() {
        let vacuum = |oid, freeze| Change::Vacuum { table: QualifiedName::new("public", "t"), table_oid: Oid(oid), freeze };
        assert!(does_as_much(&vacuum(1, true), &vacuum(1, false)));
        assert!(!does_as_much(&vacuum(1, false), &vacuum(1, true)));
        assert!(!does_as_much(&vacuum(1, true), &vacuum(2, false)));
        let request = |change| Request { change, reason: String::new(), estimate: Estimate::default() };
        let mut requests = vec![request(vacuum(1, false))];
        assert!(!freezes_as_well(&mut requests, &[], &vacuum(2, true)));
        assert!(freezes_as_well(&mut requests, &[0], &vacuum(1, true)));
        assert_eq!(requests, [request(vacuum(1, true))]);
    }
}
