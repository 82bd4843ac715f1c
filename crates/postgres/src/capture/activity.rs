//! Counters of tables and indexes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pgtailor_model::activity::{DatabaseActivity, IndexActivity, TableActivity};
use pgtailor_model::catalog::Catalog;
use pgtailor_model::name::Oid;
use pgtailor_model::unit::{Bytes, Milliseconds, Rows};
use tokio_postgres::Transaction;

use super::query::{count, row, stream};
use crate::error::Error;

/// A database whose counters were never reset has counted since it was made or, after a crash, since the server's start; the start is
/// the later one, so it is what can be said for sure.
fn period(server_version: u32) -> String {
    let active_time = if server_version >= 140_000 { "s.active_time" } else { "NULL::float8" };
    format!(
        "SELECT /* pgtailor */ coalesce(s.stats_reset, pg_postmaster_start_time()) AS since, {active_time} AS active_time
  FROM pg_catalog.pg_stat_database s WHERE s.datname = current_database()"
    )
}

/// `GREATEST` ignores nulls. The views take no lock on what they count.
const TABLES: &str = r"SELECT /* pgtailor */ s.relid AS oid, s.seq_scan, s.seq_tup_read, s.idx_scan, s.idx_tup_fetch, s.n_live_tup, s.n_dead_tup,
       s.n_tup_ins, s.n_tup_upd, s.n_tup_hot_upd, s.n_tup_del, s.n_mod_since_analyze, s.n_ins_since_vacuum,
       GREATEST(s.last_vacuum, s.last_autovacuum) AS last_vacuum,
       GREATEST(s.last_analyze, s.last_autoanalyze) AS last_analyze
  FROM pg_catalog.pg_stat_all_tables s
 WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema'";

const INDEXES: &str = r"SELECT /* pgtailor */ s.indexrelid AS oid, s.idx_scan, s.idx_tup_read, s.idx_tup_fetch, {last_scan} AS last_scan
  FROM pg_catalog.pg_stat_all_indexes s
 WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema'";

/// The horizon is what `ComputeXidHorizons` (`procarray.c`) keeps vacuum from passing, as far as views show it.
const DATABASE: &str = r"SELECT /* pgtailor */ age(d.datfrozenxid)::int8 AS frozen_age, mxid_age(d.datminmxid)::int8 AS multixact_age,
       pg_snapshot_xmax(pg_current_snapshot())::text::int8 AS transactions, s.temp_files, s.temp_bytes,
       GREATEST((SELECT max(GREATEST(age(a.backend_xid), age(a.backend_xmin))) FROM pg_catalog.pg_stat_activity a
                  WHERE a.pid <> pg_backend_pid()),
                (SELECT max(age(p.transaction)) FROM pg_catalog.pg_prepared_xacts p),
                (SELECT max(GREATEST(age(r.xmin), age(r.catalog_xmin))) FROM pg_catalog.pg_replication_slots r))::int8 AS horizon_age
  FROM pg_catalog.pg_database d JOIN pg_catalog.pg_stat_database s ON s.datid = d.oid
 WHERE d.datname = current_database()";

/// Servers that stream from this one, and slots of those that are away. Every role sees that they are there, if not what they are; logical
/// subscribers do not read our indexes, and a backup ends.
pub(super) async fn read_standbys(transaction: &Transaction<'_>) -> Result<u32, Error> {
    const STANDBYS: &str = "SELECT /* pgtailor */ (SELECT count(*) FROM pg_catalog.pg_stat_replication r
                LEFT JOIN pg_catalog.pg_replication_slots s ON s.active_pid = r.pid
               WHERE r.state IS DISTINCT FROM 'backup' AND s.slot_type IS DISTINCT FROM 'logical')
            + (SELECT count(*) FROM pg_catalog.pg_replication_slots WHERE slot_type = 'physical' AND NOT active) AS standbys";
    let found = row(transaction, "count the standbys", STANDBYS).await?;
    Ok(u32::try_from(count(&found, "standbys")).unwrap_or(u32::MAX))
}

/// Counters and ages of the database as a whole.
pub(super) async fn read_database(transaction: &Transaction<'_>) -> Result<DatabaseActivity, Error> {
    let found = row(transaction, "read the counters of the database", DATABASE).await?;
    Ok(DatabaseActivity {
        frozen_age: count(&found, "frozen_age"),
        multixact_age: count(&found, "multixact_age"),
        transactions: count(&found, "transactions"),
        temporary_files: count(&found, "temp_files"),
        temporary_bytes: Bytes(count(&found, "temp_bytes")),
        horizon_age: count(&found, "horizon_age"),
    })
}

/// When the counters of this database began, and how long sessions have executed statements in it since then.
pub(super) async fn read_period(
    transaction: &Transaction<'_>,
    server_version: u32,
) -> Result<(Option<Timestamp>, Option<Milliseconds>), Error> {
    let period = row(transaction, "read since when the server counts", &period(server_version)).await?;
    Ok((period.get("since"), period.get::<_, Option<f64>>("active_time").map(Milliseconds)))
}

/// The counters of the catalog's tables and of their indexes.
pub(super) async fn read_counters(
    transaction: &Transaction<'_>,
    server_version: u32,
    catalog: &Catalog,
) -> Result<(BTreeMap<Oid, TableActivity>, BTreeMap<Oid, IndexActivity>), Error> {
    let mut known: Vec<Oid> = catalog.tables.iter().map(|table| table.oid).collect();
    known.sort_unstable();
    let mut tables = BTreeMap::new();
    stream(transaction, "read the counters of tables", TABLES, &[], |row| {
        let oid = Oid(row.get("oid"));
        if known.binary_search(&oid).is_err() {
            return;
        }
        let activity = TableActivity {
            sequential_scans: count(row, "seq_scan"),
            sequential_rows: Rows(count(row, "seq_tup_read")),
            index_scans: count(row, "idx_scan"),
            index_rows: Rows(count(row, "idx_tup_fetch")),
            live_rows: Rows(count(row, "n_live_tup")),
            dead_rows: Rows(count(row, "n_dead_tup")),
            inserted: count(row, "n_tup_ins"),
            updated: count(row, "n_tup_upd"),
            hot_updated: count(row, "n_tup_hot_upd"),
            deleted: count(row, "n_tup_del"),
            modified_since_analyze: Rows(count(row, "n_mod_since_analyze")),
            inserted_since_vacuum: Rows(count(row, "n_ins_since_vacuum")),
            last_vacuum: row.get("last_vacuum"),
            last_analyze: row.get("last_analyze"),
        };
        tables.insert(oid, activity);
    })
    .await?;

    let mut known: Vec<Oid> = catalog.indexes().map(|(_, index)| index.oid).collect();
    known.sort_unstable();
    let mut indexes = BTreeMap::new();
    let last_scan = if server_version >= 160_000 { "s.last_idx_scan" } else { "NULL::timestamptz" };
    stream(transaction, "read the counters of indexes", &INDEXES.replace("{last_scan}", last_scan), &[], |row| {
        let oid = Oid(row.get("oid"));
        if known.binary_search(&oid).is_ok() {
            let activity = IndexActivity {
                scans: count(row, "idx_scan"),
                entries_read: count(row, "idx_tup_read"),
                rows_fetched: Rows(count(row, "idx_tup_fetch")),
                last_scan: row.get("last_scan"),
            };
            indexes.insert(oid, activity);
        }
    })
    .await?;
    Ok((tables, indexes))
}
