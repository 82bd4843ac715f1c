//! Counters of tables and indexes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pgtailor_model::activity::{IndexActivity, TableActivity};
use pgtailor_model::catalog::Catalog;
use pgtailor_model::name::Oid;
use pgtailor_model::unit::{Milliseconds, Rows};
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
       s.n_tup_ins, s.n_tup_upd, s.n_tup_hot_upd, s.n_tup_del, s.n_mod_since_analyze,
       GREATEST(s.last_vacuum, s.last_autovacuum) AS last_vacuum,
       GREATEST(s.last_analyze, s.last_autoanalyze) AS last_analyze
  FROM pg_catalog.pg_stat_all_tables s
 WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema'";

const INDEXES: &str = r"SELECT /* pgtailor */ s.indexrelid AS oid, s.idx_scan, s.idx_tup_read, s.idx_tup_fetch
  FROM pg_catalog.pg_stat_all_indexes s
 WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema'";

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
            last_vacuum: row.get("last_vacuum"),
            last_analyze: row.get("last_analyze"),
        };
        tables.insert(oid, activity);
    })
    .await?;

    let mut known: Vec<Oid> = catalog.indexes().map(|(_, index)| index.oid).collect();
    known.sort_unstable();
    let mut indexes = BTreeMap::new();
    stream(transaction, "read the counters of indexes", INDEXES, &[], |row| {
        let oid = Oid(row.get("oid"));
        if known.binary_search(&oid).is_ok() {
            let activity = IndexActivity {
                scans: count(row, "idx_scan"),
                entries_read: count(row, "idx_tup_read"),
                rows_fetched: Rows(count(row, "idx_tup_fetch")),
            };
            indexes.insert(oid, activity);
        }
    })
    .await?;
    Ok((tables, indexes))
}
