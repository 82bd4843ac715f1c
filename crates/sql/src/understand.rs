//! Gathered statements to a workload: what was understood, and what was not with its reason.

use pgtailor_model::activity::StatementActivity;
use pgtailor_model::binding::{Binding, BindingOrigin, Literal, Parameter, Role};
use pgtailor_model::catalog::Catalog;
use pgtailor_model::unit::count_as_f64;
use pgtailor_model::workload::{Query, Skipped, Workload};

use crate::collector::{Collector, Kind, Observation, Values};
use crate::constants::{Constants, constants};
use crate::group::{Group, Sample, Variant};
use crate::reading::read_tree;
use crate::relation::Relations;
use crate::room::with_room;
use crate::{rewritten, text};

/// What `statements` of `pg_stat_statements` ask of the tables of `catalog`; [`Collector::understand`] for one source.
pub fn understand(statements: &[StatementActivity], catalog: &Catalog, search_path: &[String]) -> Workload {
    let mut collector = Collector::default();
    collector.add_recorded(statements);
    collector.understand(catalog, search_path)
}

impl Collector {
    /// Adds what `pg_stat_statements` recorded.
    pub fn add_recorded(&mut self, statements: &[StatementActivity]) {
        self.fill(|filling| {
            for (position, statement) in statements.iter().enumerate() {
                let place = || format!("statement {} (query id {})", position + 1, statement.query_id);
                filling.add(
                    Kind::Counters,
                    &Observation {
                        text: &statement.text,
                        values: Values::Unknown,
                        calls: statement.calls,
                        total_time: statement.total_time,
                        spread: statement.spread,
                        rows: Some(statement.rows),
                        planning_time: statement.planning_time,
                        wal: statement.wal,
                        blocks_read: Some(statement.blocks_read),
                        temp_written: Some(statement.temp_written),
                        tags: Some(&statement.tags),
                        place: &place,
                    },
                );
            }
        });
    }

    /// What the statements ask of the tables of `catalog`.
    ///
    /// `search_path` holds schemas as `current_schemas(false)` lists them. Statements with the same fingerprint are one; the way of writing
    /// that took longest speaks for all. Both lists are sorted by total time, longest first, then by calls, then by fingerprint or place;
    /// neither depends on the order in which statements of one execution each were added, except that a text that cannot be read is named
    /// by its place.
    pub fn understand(self, catalog: &Catalog, search_path: &[String]) -> Workload {
        with_room(|| self.read(&Relations::new(catalog, search_path)))
    }

    fn read(self, relations: &Relations<'_>) -> Workload {
        let mut workload = Workload::default();
        for (fingerprint, group) in self.groups {
            match query(fingerprint, &group, relations) {
                Ok(query) => workload.queries.push(query),
                Err(skipped) => workload.skipped.push(skipped),
            }
        }
        for (unread, sum) in self.unread {
            workload.skipped.push(Skipped {
                statement: sum.place,
                calls: sum.calls,
                total_time: sum.total_time,
                reason: unread.reason.to_owned(),
            });
        }
        workload.queries.sort_by(|one, other| {
            let by_time = other.total_time.0.total_cmp(&one.total_time.0);
            by_time.then(other.calls.cmp(&one.calls)).then_with(|| one.fingerprint.cmp(&other.fingerprint))
        });
        workload.skipped.sort_by(|one, other| {
            let by_time = other.total_time.0.total_cmp(&one.total_time.0);
            by_time.then(other.calls.cmp(&one.calls)).then_with(|| one.statement.cmp(&other.statement))
        });
        workload
    }
}

fn query(fingerprint: String, group: &Group, relations: &Relations<'_>) -> Result<Query, Skipped> {
    let total = group.total();
    let variant = group.representative().expect("a group begins with a way of writing it");
    let skipped = |reason: String| Skipped {
        statement: variant.normalized.clone(),
        calls: total.calls,
        total_time: total.total_time,
        reason,
    };
    let (tree, constants) = parsed(variant).map_err(|reason| skipped(reason.to_owned()))?;
    let mut reading = read_tree(&tree, relations, &constants.numbers).map_err(skipped)?;
    // A parameter in a clause that no shape comes from (`CYCLE`) is one all the same.
    let known = u32::try_from(reading.parameters.len()).unwrap_or(u32::MAX);
    let all = text::highest_parameter(&variant.normalized);
    reading.parameters.extend((known + 1..=all).map(|number| Parameter { number, role: Role::Free, cast: None }));
    Ok(Query {
        fingerprint,
        text: variant.normalized.clone(),
        calls: total.calls,
        total_time: total.total_time,
        spread: total.spread,
        rows: total.rows,
        blocks_read: total.blocks_read,
        temp_written: total.temp_written,
        planning_time: total.planning_time,
        wal: total.wal,
        bindings: observed(group.samples(), variant, &constants, reading.parameters.len()),
        shapes: reading.shapes,
        constructs: rewritten::written_out(reading.constructs, &variant.normalized, relations.catalog),
        parameters: reading.parameters,
        tags: group.tags.clone(),
    })
}

/// The tree of the text as it came, with its constants; or, when these cannot be told, the tree of the normalized text.
fn parsed(variant: &Variant) -> Result<(pg_query::NodeEnum, Constants), text::Reason> {
    match constants(&variant.original, &variant.normalized) {
        Some(constants) => Ok((text::tree(&variant.original)?, constants)),
        None => Ok((text::tree(&variant.normalized)?, Constants::default())),
    }
}

/// The values that were seen, as bindings of equal weight; those of other ways of writing do not fit and are left out.
fn observed(samples: &[Sample], variant: &Variant, original: &Constants, n_parameters: usize) -> Vec<Binding> {
    let mut bindings: Vec<Binding> = Vec::new();
    let mut weights: Vec<u64> = Vec::new();
    for sample in samples {
        let Some(values) = values_of(sample, variant, original, n_parameters) else { continue };
        if let Some(known) = bindings.iter().position(|known| known.values == values) {
            weights[known] += 1;
        } else {
            let origin = if values.is_empty() { BindingOrigin::Constant } else { BindingOrigin::Observed };
            bindings.push(Binding { values, weight: 0.0, origin });
            weights.push(1);
        }
    }
    let all = count_as_f64(weights.iter().sum());
    for (binding, weight) in bindings.iter_mut().zip(weights) {
        binding.weight = count_as_f64(weight) / all;
    }
    bindings
}

fn values_of(sample: &Sample, variant: &Variant, original: &Constants, n_parameters: usize) -> Option<Vec<Option<Literal>>> {
    let own;
    let constants = if sample.text == variant.original {
        original
    } else {
        own = text::normalized(&sample.text).filter(|normalized| *normalized == variant.normalized);
        &constants(&sample.text, own.as_deref()?)?
    };
    let value = |number: usize| {
        let constant = u32::try_from(number).ok().and_then(|number| constants.values.get(&number));
        constant.or_else(|| sample.values.get(number - 1)).cloned()
    };
    (1..=n_parameters).map(value).collect()
}
