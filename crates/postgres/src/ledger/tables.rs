//! The ledger in tables of the target database: in the same write-ahead log as the effect.
//!
//! Every write has a deadline on this side, too: a commit that waits for a lost synchronous standby is not ended by
//! `statement_timeout` (`faults` F89).

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use pgtailor_model::ledger::{Builder, Entry, State};
use pgtailor_model::name::Oid;
use serde_json::Value;
use tokio_postgres::{Client, Row};

use super::{LedgerError, Move, NewEntry, VERSION_COMMENT};

const SCHEMA_SQL: &str = include_str!("schema.sql");
/// Longer than the session's `statement_timeout`, which answers first in every case but F89.
const DEADLINE: Duration = Duration::from_secs(10);

/// Creates the ledger where there is none. The caller holds the advisory lock, so that nobody else does the same.
pub(super) async fn install(client: &Client) -> Result<(), LedgerError> {
    if is_installed(client).await? {
        return Ok(());
    }
    // A message of several statements is one transaction: all of the schema or nothing.
    within("create the ledger", client.batch_execute(SCHEMA_SQL)).await
}

/// Drops the tables and the schema.
pub(super) async fn remove(client: &Client) -> Result<(), LedgerError> {
    const REMOVE: &str = "DROP /* pgtailor */ TABLE pgtailor.event; DROP TABLE pgtailor.change; DROP SCHEMA pgtailor RESTRICT";
    within("remove the ledger", client.batch_execute(REMOVE)).await
}

/// The server's clock: what is counted there is compared with it.
pub(super) async fn now(client: &Client) -> Result<Timestamp, LedgerError> {
    const NOW: &str = "SELECT /* pgtailor */ pg_catalog.clock_timestamp()";
    let row = within("ask for the time", client.query_one(NOW, &[])).await?;
    row.try_get(0).map_err(|source| LedgerError::Server { doing: "ask for the time", source })
}

/// Writes the intent down and returns its number and time. When this returns, the row is durable.
pub(super) async fn record_intent(client: &Client, entry: &NewEntry<'_>) -> Result<(i64, Timestamp), LedgerError> {
    const INSERT: &str = "WITH /* pgtailor */ entry AS (INSERT INTO pgtailor.change (undoes, server_fingerprint, change, do_sql, undo_sql, \
             indexes_before, state, builder_pid, builder_started_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id, state, created_at), \
         moved AS (INSERT INTO pgtailor.event (change_id, to_state) SELECT id, state FROM entry) SELECT id, created_at FROM entry";
    let change = serde_json::to_value(entry.change).expect("a change is plain data");
    let before: Vec<u32> = entry.indexes_before.iter().map(|oid| oid.0).collect();
    let row = within(
        "write the intent down",
        client.query_one(
            INSERT,
            &[
                &entry.undoes,
                &entry.server_fingerprint,
                &change,
                &entry.do_sql,
                &entry.undo_sql,
                &before,
                &State::Intent.name(),
                &entry.builder.process_id,
                &entry.builder.started_at,
            ],
        ),
    )
    .await?;
    let unreadable = |source| LedgerError::Server { doing: "write the intent down", source };
    Ok((row.try_get(0).map_err(unreadable)?, row.try_get(1).map_err(unreadable)?))
}

/// Moves an entry on, if it still is where it is believed to be.
pub(super) async fn advance(client: &Client, id: i64, from: State, to: State, add: &Move<'_>) -> Result<(), LedgerError> {
    const UPDATE: &str = "WITH /* pgtailor */ entry AS (UPDATE pgtailor.change SET state = $3, state_since = pg_catalog.clock_timestamp(), \
             index_oid = coalesce($4, index_oid), built = coalesce($5, built), sqlstate = coalesce($6, sqlstate), note = coalesce($7, note) \
             WHERE id = $1 AND state = $2 RETURNING id) \
         INSERT INTO pgtailor.event (change_id, from_state, to_state, sqlstate, note) SELECT id, $2, $3, $6, $7 FROM entry";
    let built: Option<Value> = add.built.map(|definition| serde_json::to_value(definition).expect("a definition is plain data"));
    let moved = within(
        "move an entry of the ledger",
        client
            .execute(UPDATE, &[&id, &from.name(), &to.name(), &add.index_oid.map(|oid| oid.0), &built, &add.sqlstate, &add.note]),
    )
    .await?;
    if moved == 1 { Ok(()) } else { Err(LedgerError::Moved { id, expected: from.to_string() }) }
}

async fn within<T>(
    doing: &'static str,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, LedgerError> {
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(answered) => answered.map_err(|source| LedgerError::Server { doing, source }),
        Err(_elapsed) => Err(LedgerError::NoAnswer { doing, seconds: DEADLINE.as_secs() }),
    }
}

const ENTRIES: &str = "SELECT /* pgtailor */ id, undoes, server_fingerprint, change, do_sql, undo_sql, indexes_before, index_oid, built, \
     state, state_since, created_at, builder_pid, builder_started_at, sqlstate, note FROM pgtailor.change ORDER BY id";

/// Every entry, oldest first; `None` when this database has no ledger.
pub(super) async fn entries(client: &Client) -> Result<Option<Vec<Entry>>, LedgerError> {
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
