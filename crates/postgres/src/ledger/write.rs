//! Writing the ledger, from the executor's second session only.
//!
//! Every write has a deadline on this side, too: a commit that waits for a lost synchronous standby is not ended by
//! `statement_timeout` (`faults` F89).

use std::future::Future;
use std::time::Duration;

use jiff::Timestamp;
use pgtailor_model::change::Change;
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::ledger::{Builder, State};
use pgtailor_model::name::Oid;
use serde_json::Value;
use tokio_postgres::Client;

use super::read::is_installed;
use super::{LedgerError, read};

const SCHEMA_SQL: &str = include_str!("schema.sql");
/// Longer than the session's `statement_timeout`, which answers first in every case but F89.
const DEADLINE: Duration = Duration::from_secs(10);

/// What is known before a statement is sent.
pub(crate) struct NewEntry<'a> {
    pub undoes: Option<i64>,
    pub server_fingerprint: &'a str,
    pub change: &'a Change,
    pub do_sql: &'a str,
    pub undo_sql: Option<&'a str>,
    pub indexes_before: &'a [Oid],
    pub builder: Builder,
}

/// What a move adds to an entry; fields that are `None` stay as they are.
#[derive(Default)]
pub(crate) struct Move<'a> {
    pub index_oid: Option<Oid>,
    pub built: Option<&'a IndexDefinition>,
    pub sqlstate: Option<&'a str>,
    pub note: Option<&'a str>,
}

/// Creates the ledger where there is none. The caller holds the advisory lock, so that nobody else does the same.
pub(crate) async fn install(client: &Client) -> Result<(), LedgerError> {
    if is_installed(client).await? {
        return Ok(());
    }
    // A message of several statements is one transaction: all of the schema or nothing.
    within("create the ledger", client.batch_execute(SCHEMA_SQL)).await
}

/// Drops the ledger, once nothing in the database depends on it any more: every entry is taken back or failed.
pub(crate) async fn remove(client: &Client) -> Result<(), LedgerError> {
    const REMOVE: &str = "DROP TABLE pgtailor.event; DROP TABLE pgtailor.change; DROP SCHEMA pgtailor RESTRICT";
    let entries = read::entries(client).await?.unwrap_or_default();
    let settled = |state| matches!(state, State::RolledBack | State::Failed);
    let in_use = entries.iter().find(|entry| !settled(entry.state) && entry.undoes.is_none() && !is_irreversible(&entry.change));
    if let Some(entry) = in_use {
        return Err(LedgerError::InUse { id: entry.id, state: entry.state.to_string() });
    }
    within("remove the ledger", client.batch_execute(REMOVE)).await
}

/// Writes the intent down and returns its number and time. When this returns, the row is durable.
pub(crate) async fn record_intent(client: &Client, entry: &NewEntry<'_>) -> Result<(i64, Timestamp), LedgerError> {
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
pub(crate) async fn advance(client: &Client, id: i64, from: State, to: State, add: &Move<'_>) -> Result<(), LedgerError> {
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

/// Whether nothing would be lost with the entry.
fn is_irreversible(change: &Change) -> bool {
    matches!(change, Change::Analyze { .. } | Change::Vacuum { .. } | Change::RebuildIndex { .. })
}
