//! Indexes that were sorted by rules which the operating system has changed since: the versions of collations then and now.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::catalog::Table;
use pgtailor_model::name::Oid;
use tokio_postgres::Transaction;

use super::query::stream;
use crate::error::Error;

/// The collations of indexes that depend on rules from outside the server, each with whether its version is another now. The default
/// collation has the database's version, which server 15 began to keep; without a version (`C`) nothing can change.
fn question(server_version: u32) -> String {
    let of_database = if server_version >= 150_000 {
        "(SELECT coalesce(d.datcollversion <> pg_database_collation_actual_version(d.oid), false)
            FROM pg_catalog.pg_database d WHERE d.datname = current_database())"
    } else {
        "NULL::bool"
    };
    format!(
        "SELECT /* pgtailor */ i.indexrelid AS index,
       CASE WHEN c.collprovider = 'd' THEN {of_database}
            ELSE coalesce(c.collversion <> pg_collation_actual_version(c.oid), false) END AS outdated
  FROM pg_catalog.pg_index i
  CROSS JOIN LATERAL unnest(i.indcollation::oid[]) k (used)
  JOIN pg_catalog.pg_collation c ON c.oid = k.used
 WHERE i.indexrelid >= 16384"
    )
}

/// Tells of every index whether a collation that it is sorted by is outdated.
pub(super) async fn read_outdated(transaction: &Transaction<'_>, server_version: u32, tables: &mut [Table]) -> Result<(), Error> {
    let mut answers: BTreeMap<Oid, BTreeSet<Option<bool>>> = BTreeMap::new();
    stream(transaction, "read the versions of collations", &question(server_version), &[], |row| {
        answers.entry(Oid(row.get("index"))).or_default().insert(row.get("outdated"));
    })
    .await?;
    for index in tables.iter_mut().flat_map(|table| &mut table.indexes) {
        index.collation_outdated = match answers.get(&index.oid) {
            Some(answers) if answers.contains(&Some(true)) => Some(true),
            Some(answers) if answers.contains(&None) => None,
            Some(_) | None => Some(false),
        };
    }
    Ok(())
}
