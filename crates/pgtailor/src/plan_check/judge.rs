//! Whether each statement passes: what it reads, what it costs, and what it cost before.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::catalog::{Catalog, Table};
use pgtailor_model::name::Oid;
use pgtailor_model::plan_check::{CheckedStatement, PlanLimits, PlanProblem, TableScan, Unplanned};
use pgtailor_model::planner::{PlannerInputs, Relation};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::unit::{Pages, Rows, count_as_f64, f64_as_count};
use pgtailor_model::what_if::Planned;
use pgtailor_model::workload::{Query, Workload};
use pgtailor_postgres::planning::{BindReport, Refusal};

use super::cure;
use super::planning::{Asked, Planning, asked};
use super::scan::sequential_scans;
use crate::error::Error;

/// Planner cost below which growth is nobody's concern: that of reading a hundred pages in order (`seq_page_cost` is 1).
const LEAST_COST_THAT_MATTERS: f64 = 100.0;

/// What statements are judged by.
pub(super) struct Judge<'a> {
    pub snapshot: &'a Snapshot,
    pub inputs: &'a PlannerInputs,
    pub limits: PlanLimits,
    /// Without the change; `None` when there is none.
    pub before: Option<&'a mut Planning>,
    pub after: &'a mut Planning,
}

/// A statement's plans for all its values, and what follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Verdict {
    pub cost: f64,
    pub rows: f64,
    pub scans: Vec<TableScan>,
    pub problems: Vec<PlanProblem>,
}

impl Judge<'_> {
    /// All statements of `workload`: those that were planned, and those that were not.
    pub(super) async fn statements(
        &mut self,
        workload: &Workload,
        bound: &BindReport,
    ) -> Result<(Vec<CheckedStatement>, Vec<Unplanned>), Error> {
        let mut unplanned: Vec<Unplanned> = Vec::new();
        let mut all: Vec<(&Query, Vec<Asked<'_>>)> = Vec::new();
        for query in &workload.queries {
            if let Some(statement) = bound.prepared.get(&query.fingerprint) {
                all.push((query, asked(query, statement)));
            } else {
                let refusal = bound.refused.iter().find(|(fingerprint, _)| *fingerprint == query.fingerprint);
                // In a change, what is missing was not there before either.
                let words = |(_, refusal): &(String, Refusal)| refusal.reason.replace(" any more", "");
                let reason = refusal.map_or_else(|| "it was not understood".to_owned(), words);
                unplanned.push(Unplanned { statement: query.text.clone(), reason });
            }
        }
        let flat: Vec<Asked<'_>> = all.iter().flat_map(|(_, asked)| asked.iter().copied()).collect();
        let mut after = self.after.plan(&flat, &BTreeSet::new()).await?.into_iter();
        let mut before = match self.before.as_deref_mut() {
            Some(before) => Some(before.plan(&flat, &BTreeSet::new()).await?.into_iter()),
            None => None,
        };
        let mut statements = Vec::new();
        for (query, asked) in &all {
            let answers: Vec<_> = after.by_ref().take(asked.len()).collect();
            let earlier = before.as_mut().and_then(|before| mean_cost(asked, before.by_ref().take(asked.len())));
            match weighed(asked, answers) {
                Ok(planned) => statements.push(self.statement(query, asked, &planned, earlier).await?),
                Err(reason) => unplanned.push(Unplanned { statement: query.text.clone(), reason }),
            }
        }
        Ok((statements, unplanned))
    }

    async fn statement(
        &mut self,
        query: &Query,
        asked: &[Asked<'_>],
        planned: &[(f64, Planned)],
        cost_before: Option<f64>,
    ) -> Result<CheckedStatement, Error> {
        let verdict = self.verdict(query, planned, cost_before);
        let cure = if verdict.problems.is_empty() { None } else { cure::find(self, query, asked, cost_before).await? };
        Ok(CheckedStatement {
            fingerprint: query.fingerprint.clone(),
            text: query.text.clone(),
            cost: verdict.cost,
            rows: verdict.rows,
            cost_before,
            scans: verdict.scans,
            problems: verdict.problems,
            cure,
        })
    }

    /// What follows from a statement's plans.
    pub(super) fn verdict(&self, query: &Query, planned: &[(f64, Planned)], cost_before: Option<f64>) -> Verdict {
        let family = family(self.after.catalog(), query);
        let mut scans: BTreeMap<Oid, TableScan> = BTreeMap::new();
        let mut exceeding: BTreeMap<Oid, TableScan> = BTreeMap::new();
        for (weight, plan) in planned {
            let mut read: BTreeMap<Oid, (f64, f64)> = BTreeMap::new();
            for scan in sequential_scans(&plan.nodes) {
                // Two of a name, in two schemas: the larger one is assumed.
                let of_name = family.iter().filter(|member| member.table.name.name == scan.table);
                let largest = of_name.max_by_key(|member| self.relation(member.table).and_then(|relation| relation.blocks));
                if let Some(member) = largest {
                    let (rows, pages) = self.size(member.table);
                    let sum = read.entry(member.root).or_default();
                    *sum = (sum.0 + rows * scan.times, sum.1 + pages * scan.times);
                }
            }
            for (root, read) in read {
                let Some(scan) = self.scanned(&family, root, read, *weight) else { continue };
                if self.limits.scan.is_exceeded_by(&scan) {
                    worse(&mut exceeding, root, scan.clone());
                }
                worse(&mut scans, root, scan);
            }
        }
        let sum = |of: fn(&Planned) -> f64| {
            let weights: f64 = planned.iter().map(|(weight, _)| weight).sum();
            planned.iter().map(|(weight, plan)| weight * of(plan)).sum::<f64>() / weights
        };
        let cost = sum(|plan| plan.cost);
        let mut problems: Vec<PlanProblem> = largest_first(exceeding).into_iter().map(PlanProblem::Scan).collect();
        if let Some(before) = cost_before
            && cost > LEAST_COST_THAT_MATTERS
            && cost > before * self.limits.growth
        {
            problems.push(PlanProblem::Growth { before, after: cost });
        }
        let rows = sum(|plan| plan.nodes.first().map_or(0.0, |top| top.rows));
        Verdict { cost, rows, scans: largest_first(scans), problems }
    }

    fn relation(&self, table: &Table) -> Option<&Relation> {
        self.inputs.relations.iter().find(|relation| relation.name == table.name)
    }

    /// Rows and pages of a table on the source, where rows are as many as the planner takes them for (`estimate_rel_size` in `plancat.c`: as
    /// dense as they were, on the pages that are there now). Nothing for a table that the change makes.
    fn size(&self, table: &Table) -> (f64, f64) {
        let Some(relation) = self.relation(table) else { return (0.0, 0.0) };
        let (known, tuples) = (f64::from(relation.pages), f64::from(relation.tuples.max(0.0)));
        let pages = relation.blocks.map_or(known, count_as_f64);
        (if known > 0.0 { tuples / known * pages } else { tuples }, pages)
    }

    /// What a plan reads of the table `root` and its partitions together.
    fn scanned(&self, family: &[Member<'_>], root: Oid, (rows, pages): (f64, f64), share: f64) -> Option<TableScan> {
        let members = || family.iter().filter(|member| member.root == root);
        let table = members().find(|member| member.table.oid == root)?.table;
        let (all_rows, all_pages) =
            members().map(|member| self.size(member.table)).fold((0.0, 0.0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
        Some(TableScan {
            table: table.name.clone(),
            table_rows: Rows(f64_as_count(all_rows)),
            table_size: Pages(f64_as_count(all_pages)).bytes(u64::from(self.snapshot.server.block_size)),
            read_rows: Rows(f64_as_count(rows)),
            read_pages: Pages(f64_as_count(pages)),
            share,
        })
    }
}

/// Plans with their weights; the reason when there is none at all.
pub(super) fn weighed(asked: &[Asked<'_>], answers: Vec<Result<Planned, String>>) -> Result<Vec<(f64, Planned)>, String> {
    let mut planned = Vec::new();
    let mut refused = "the twin gave no plan".to_owned();
    for (asked, answer) in asked.iter().zip(answers) {
        match answer {
            Ok(plan) => planned.push((asked.weight, plan)),
            Err(reason) => refused = reason,
        }
    }
    if planned.is_empty() { Err(refused) } else { Ok(planned) }
}

/// The mean cost, when all were planned.
fn mean_cost(asked: &[Asked<'_>], answers: impl Iterator<Item = Result<Planned, String>>) -> Option<f64> {
    let (mut sum, mut weights) = (0.0, 0.0);
    // All are taken, whatever comes of them: the next statement's answers follow.
    let answers: Vec<_> = answers.collect();
    for (asked, answer) in asked.iter().zip(answers) {
        sum += asked.weight * answer.ok()?.cost;
        weights += asked.weight;
    }
    (weights > 0.0).then(|| sum / weights)
}

fn worse(scans: &mut BTreeMap<Oid, TableScan>, oid: Oid, scan: TableScan) {
    match scans.get_mut(&oid) {
        None => {
            scans.insert(oid, scan);
        }
        Some(known) => {
            let share = known.share + scan.share;
            if scan.read_rows > known.read_rows {
                *known = scan;
            }
            known.share = share.min(1.0);
        }
    }
}

fn largest_first(scans: BTreeMap<Oid, TableScan>) -> Vec<TableScan> {
    let mut scans: Vec<TableScan> = scans.into_values().collect();
    scans.sort_by(|one, other| other.read_rows.cmp(&one.read_rows).then(one.table.cmp(&other.table)));
    scans
}

/// A table that a statement reads.
#[derive(Clone, Copy)]
struct Member<'c> {
    table: &'c Table,
    /// The table that the statement names: itself, or what it is a partition or child of.
    root: Oid,
}

/// The tables that `query` names, each with all that is read along with it.
fn family<'c>(catalog: &'c Catalog, query: &Query) -> Vec<Member<'c>> {
    let mut members: Vec<Member<'c>> = Vec::new();
    for shape in &query.shapes {
        let mut waiting: Vec<&Table> = catalog.table_by_oid(shape.table).into_iter().collect();
        while let Some(table) = waiting.pop() {
            if members.iter().any(|member| member.table.oid == table.oid) {
                continue;
            }
            members.push(Member { table, root: shape.table });
            let is_below = |below: &&Table| below.partition_of == Some(table.oid) || below.inherits.contains(&table.oid);
            waiting.extend(catalog.tables.iter().filter(is_below));
        }
    }
    members
}
