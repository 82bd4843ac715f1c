//! Values for the statements' parameters, from the twin's statistics.
//!
//! The workload names tables by their identifiers on the source, the twin has its own; the statements go there under the twin's and come
//! back under the source's.

use std::collections::BTreeMap;

use pgtailor_advisor::advise::Statement;
use pgtailor_model::binding::Role;
use pgtailor_model::catalog::Catalog;
use pgtailor_model::name::Oid;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::workload::Workload;
use pgtailor_postgres::planning::{BindOptions, BindReport, bind as bound_by};
use pgtailor_twin::Twin;

use crate::error::Error;

/// What the twin's server said of the statements, by fingerprint.
pub(super) struct Bound {
    pub statements: BTreeMap<String, Statement>,
    pub refused: BTreeMap<String, String>,
    pub notes: Vec<String>,
}

/// Fills the bindings of `workload`.
pub(super) async fn bind(twin: &Twin, workload: &mut Workload, snapshot: &Snapshot) -> Result<Bound, Error> {
    let path = twin.inputs().search_path.clone();
    let mut there = workload.clone();
    for query in &mut there.queries {
        for parameter in &mut query.parameters {
            renumber(&mut parameter.role, twin);
        }
    }
    let catalog = renumbered(&snapshot.catalog, twin);
    let mut session = twin.session().await?;
    // Periods that statistics know end at the capture.
    let options = BindOptions { now: Some(snapshot.captured_at), ..BindOptions::default() };
    let BindReport { prepared, refused, notes, .. } = bound_by(&mut session, &mut there, &catalog, &path, &options).await?;
    for (query, bound) in workload.queries.iter_mut().zip(there.queries) {
        query.bindings = bound.bindings;
    }
    let statement = |prepared: pgtailor_postgres::planning::Prepared| Statement { text: prepared.text, types: prepared.types };
    Ok(Bound {
        statements: prepared.into_iter().map(|(fingerprint, prepared)| (fingerprint, statement(prepared))).collect(),
        refused: refused.into_iter().map(|(fingerprint, refusal)| (fingerprint, refusal.reason)).collect(),
        notes,
    })
}

fn renumber(role: &mut Role, twin: &Twin) {
    let table = match role {
        Role::Compared { table, .. }
        | Role::Pattern { table, .. }
        | Role::Offset { table, .. }
        | Role::Assigned { table, .. }
        | Role::DocumentKey { table, .. } => table,
        Role::FullText | Role::RowLimit | Role::RowOffset | Role::Interval | Role::Free => return,
    };
    // What the twin lacks has no identifier there: 0 is nobody's.
    *table = twin.relation(*table).unwrap_or(Oid(0));
}

fn renumbered(catalog: &Catalog, twin: &Twin) -> Catalog {
    let tables = catalog.tables.iter().filter_map(|table| {
        let mut table = table.clone();
        table.oid = twin.relation(table.oid)?;
        Some(table)
    });
    Catalog { tables: tables.collect(), ..Catalog::default() }
}
