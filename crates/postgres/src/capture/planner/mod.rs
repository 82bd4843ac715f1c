//! Reading what the planner reads, so that a twin can be raised from it: see [`PlannerInputs`].
//!
//! In the capture's own transaction, from raw catalogs, under its limits. Nothing is installed and no `pg_dump` is run: that would lock every
//! table for as long as it runs, switch the limits of time off, and fail at the first table that this role may not read. What must open a
//! table goes through the capture's guard or is read in savepoints that are rolled back, so that no lock is kept. Values of columns are read
//! here, as far as the level allows; the caller stores them with care. Start reading at [`read`].

mod columns;
mod definitions;
mod each;
mod extended;
mod extremes;
mod functions;
mod heads;
mod locale;
mod objects;
mod relations;
mod statistics;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::catalog::Catalog;
use pgtailor_model::name::Oid;
use pgtailor_model::planner::{Inexact, PlannerInputs, SchemaObject, SchemaObjectKind, StatisticsLevel};
use pgtailor_model::snapshot::{Capabilities, Server};
use tokio_postgres::Transaction;

use super::dictionary::Dictionary;
use super::guard::Guard;
use crate::error::Error;

/// What of the planner's inputs to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannerOptions {
    /// What to keep of the values in statistics: none, or all. Replacing them by pseudonyms is the caller's work, and what is read for that
    /// says that it is exact.
    pub level: StatisticsLevel,
    /// The tables wanted, with all their partitions and parents; `None` for all.
    pub tables: Option<BTreeSet<Oid>>,
}

/// What the parts of this module share while they read.
struct Reading<'a> {
    server: &'a Server,
    catalog: &'a Catalog,
    dictionary: &'a Dictionary,
    guard: Guard,
    schema: Vec<SchemaObject>,
    inexact: Vec<Inexact>,
    /// Tables that cannot be carried to a twin, with everything that belongs to them.
    left_out: BTreeSet<Oid>,
}

impl Reading<'_> {
    fn at_least(&self, version: u32) -> bool {
        self.server.version >= version
    }

    /// Notes that something cannot be had in the twin.
    fn missing(&mut self, object: impl Into<String>, table: Option<Oid>, reason: impl Into<String>) {
        self.inexact.push(Inexact { object: object.into(), table, reason: reason.into() });
    }
}

/// Reads the planner's inputs; the search path is left to the caller, who knows it.
///
/// The transaction's settings are changed for what remains of it, so this comes last.
pub(super) async fn read(
    transaction: &mut Transaction<'_>,
    server: &Server,
    capabilities: &Capabilities,
    catalog: &Catalog,
    dictionary: &Dictionary,
    options: &PlannerOptions,
) -> Result<PlannerInputs, Error> {
    let locale = locale::read_locale(transaction, server.version).await?;
    let settings = locale::read_settings(transaction, server.version).await?;
    let guard = Guard::new(transaction).await?;
    let mut reading =
        Reading { server, catalog, dictionary, guard, schema: Vec::new(), inexact: Vec::new(), left_out: BTreeSet::new() };

    let (types, labels) = types::read_types(transaction, &mut reading, capabilities).await?;
    functions::read_functions(transaction, &mut reading).await?;
    columns::read_tables(transaction, &mut reading).await?;
    definitions::read_definitions(transaction, &mut reading).await?;
    objects::read_objects(transaction, &mut reading).await?;
    reading.schema.sort_by_key(|object| match object.kind {
        // As they were made, mixed: of two indexes that serve alike the planner takes by that order.
        SchemaObjectKind::Index => SchemaObjectKind::Constraint,
        kind => kind,
    });

    let mut inputs = PlannerInputs {
        // Values are here until somebody replaces them.
        level: match options.level {
            StatisticsLevel::None => StatisticsLevel::None,
            StatisticsLevel::Exact | StatisticsLevel::Anonymized => StatisticsLevel::Exact,
        },
        locale,
        settings,
        search_path: Vec::new(),
        schema: std::mem::take(&mut reading.schema),
        relations: relations::read_relations(transaction, &mut reading).await?,
        statistics: Vec::new(),
        extended: Vec::new(),
        extremes: Vec::new(),
        types,
        labels,
        plans: Vec::new(),
        inexact: Vec::new(),
    };
    let family = options.tables.as_ref().map(|tables| inputs.families(tables));
    if let Some(family) = &family {
        inputs = inputs.subset(family);
    }
    let known: BTreeSet<Oid> = inputs.relations.iter().map(|relation| relation.oid).collect();
    inputs.statistics = statistics::read_statistics(transaction, &mut reading, &known, options.level).await?;
    inputs.extended = extended::read_extended(transaction, &mut reading, &known, options.level).await?;
    heads::read_heads(transaction, &mut reading, capabilities, &mut inputs.relations).await?;
    if options.level != StatisticsLevel::None {
        inputs.extremes = extremes::read_extremes(transaction, &mut reading, &known).await?;
    }
    reading.inexact.sort();
    inputs.inexact = reading.inexact;
    // A table that could not be read has no relation, but is wanted.
    if let Some(family) = family {
        inputs.inexact.retain(|inexact| inexact.table.is_none_or(|table| family.contains(&table) || known.contains(&table)));
    }
    Ok(inputs)
}

/// Tables of the catalog by identifier.
fn tables(catalog: &Catalog) -> BTreeMap<Oid, &pgtailor_model::catalog::Table> {
    catalog.tables.iter().map(|table| (table.oid, table)).collect()
}
