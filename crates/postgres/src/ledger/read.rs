//! Reading the ledger, from any session.

use jiff::Timestamp;
use pgtailor_model::ledger::{Builder, Entry};
use pgtailor_model::name::Oid;
use serde_json::Value;
use tokio_postgres::{Client, Row};

use super::{LedgerError, VERSION_COMMENT};
use crate::session::ReadOnlySession;

const ENTRIES: &str = "SELECT /* pgtailor */ id, undoes, server_fingerprint, change, do_sql, undo_sql, indexes_before, index_oid, built, \
     state, state_since, created_at, builder_pid, builder_started_at, sqlstate, note FROM pgtailor.change ORDER BY id";

/// Every entry, oldest first, by a session that cannot write; `None` when this database has no ledger.
pub async fn entries_of(session: &ReadOnlySession) -> Result<Option<Vec<Entry>>, LedgerError> {
    entries(&session.client).await
}

/// Every entry, oldest first; `None` when this database has no ledger.
pub(crate) async fn entries(client: &Client) -> Result<Option<Vec<Entry>>, LedgerError> {
    if !is_installed(client).await? {
        return Ok(None);
    }
    let rows = client.query(ENTRIES, &[]).await.map_err(|source| LedgerError::Server { doing: "read the ledger", source })?;
    rows.iter().map(entry).collect::<Result<Vec<_>, _>>().map(Some)
}

/// Which server and database a ledger belongs to: `system identifier/database OID`.
///
/// Equal on a standby and on what it is promoted to, so that undo works after a failover; different on another cluster and on a copy
/// of the database within the cluster.
pub(crate) async fn fingerprint(client: &Client) -> Result<String, LedgerError> {
    const FINGERPRINT: &str = "SELECT /* pgtailor */ (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) || '/' || oid::text \
         FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()";
    let row = client
        .query_one(FINGERPRINT, &[])
        .await
        .map_err(|source| LedgerError::Server { doing: "identify the server", source })?;
    row.try_get(0).map_err(|source| LedgerError::Server { doing: "identify the server", source })
}

/// Whether the schema is there; an error when it is there and not ours.
pub(super) async fn is_installed(client: &Client) -> Result<bool, LedgerError> {
    const COMMENT: &str = "SELECT /* pgtailor */ pg_catalog.obj_description(oid, 'pg_namespace') FROM pg_catalog.pg_namespace WHERE nspname = 'pgtailor'";
    let row =
        client.query_opt(COMMENT, &[]).await.map_err(|source| LedgerError::Server { doing: "look for the ledger", source })?;
    let Some(row) = row else { return Ok(false) };
    let found: Option<String> = row.try_get(0).map_err(|source| LedgerError::Server { doing: "look for the ledger", source })?;
    if found.as_deref() == Some(VERSION_COMMENT) { Ok(true) } else { Err(LedgerError::ForeignSchema { found }) }
}

fn entry(row: &Row) -> Result<Entry, LedgerError> {
    let id: i64 = row.try_get("id").map_err(|source| LedgerError::Server { doing: "read the ledger", source })?;
    let bad = |problem: String| LedgerError::BadEntry { id, problem };
    let unreadable = |error: tokio_postgres::Error| bad(error.to_string());
    let change: Value = row.try_get("change").map_err(unreadable)?;
    let built: Option<Value> = row.try_get("built").map_err(unreadable)?;
    let state: String = row.try_get("state").map_err(unreadable)?;
    let indexes_before: Vec<u32> = row.try_get("indexes_before").map_err(unreadable)?;
    let index_oid: Option<u32> = row.try_get("index_oid").map_err(unreadable)?;
    let process_id: Option<i32> = row.try_get("builder_pid").map_err(unreadable)?;
    let started_at: Option<Timestamp> = row.try_get("builder_started_at").map_err(unreadable)?;
    Ok(Entry {
        id,
        undoes: row.try_get("undoes").map_err(unreadable)?,
        server_fingerprint: row.try_get("server_fingerprint").map_err(unreadable)?,
        change: serde_json::from_value(change).map_err(|error| bad(format!("its change is not understood ({error})")))?,
        do_sql: row.try_get("do_sql").map_err(unreadable)?,
        undo_sql: row.try_get("undo_sql").map_err(unreadable)?,
        indexes_before: indexes_before.into_iter().map(Oid).collect(),
        index_oid: index_oid.map(Oid),
        built: built
            .map(serde_json::from_value)
            .transpose()
            .map_err(|error| bad(format!("its definition is not understood ({error})")))?,
        state: state.parse().map_err(|error| bad(format!("{error}")))?,
        state_since: row.try_get("state_since").map_err(unreadable)?,
        created_at: row.try_get("created_at").map_err(unreadable)?,
        builder: process_id.zip(started_at).map(|(process_id, started_at)| Builder { process_id, started_at }),
        sqlstate: row.try_get("sqlstate").map_err(unreadable)?,
        note: row.try_get("note").map_err(unreadable)?,
    })
}
