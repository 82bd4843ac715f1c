//! Rename, verify, drop: an index is only ever dropped under a name that nobody else can have given to another one (`faults` F24, F36).

use std::time::Duration;

use pgtailor_model::catalog::Index;
use pgtailor_model::name::{Oid, quote_identifier};
use pgtailor_model::rollout::Limits;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_util::sync::CancellationToken;

use super::error::{ApplyError, while_doing};
use super::event::Events;
use super::sessions::Sessions;
use super::settle::drop_sql;
use super::supervise::{self, Cancellable};

/// How often a rename is tried; each try waits half a second for its lock, so that nobody queues behind it for longer.
const ATTEMPTS: u32 = 20;
/// How long the drop of a leftover may wait. It is invalid already, so giving up changes nothing, and the next run goes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// The name under which the index `oid` is dropped.
pub(super) fn name(oid: Oid) -> String {
    format!("_pgt_drop_{oid}")
}

/// Renames the index `oid` from `from` to `to`, in one short transaction that is rolled back unless the name meant that very index.
///
/// `ALTER INDEX … RENAME` locks only the index, in a mode that readers and writers do not notice.
pub(super) async fn rename(sessions: &Sessions, schema: &str, from: &str, to: &str, oid: Oid) -> Result<(), ApplyError> {
    let rename = format!(
        "BEGIN /* pgtailor */; SET LOCAL lock_timeout = '500ms'; ALTER INDEX {}.{} RENAME TO {}",
        quote_identifier(schema),
        quote_identifier(from),
        quote_identifier(to)
    );
    for attempt in 1.. {
        match try_rename(&sessions.builder, &rename, to, oid).await {
            Err(error) if attempt < ATTEMPTS && error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                // Spread out by the process number, so that two instances do not try in step.
                let jitter = u64::from(sessions.identity.process_id.unsigned_abs() % 500);
                tokio::time::sleep(Duration::from_millis(500 + jitter)).await;
            }
            done => {
                let is_that_index = done.map_err(while_doing("rename the index before dropping it"))?;
                return if is_that_index { Ok(()) } else { Err(ApplyError::NotThatIndex) };
            }
        }
    }
    unreachable!("the last attempt returns")
}

/// Drops an invalid index that is proven ours; false when something was in the way for too long.
pub(super) async fn drop_leftover(
    sessions: &Sessions,
    schema: &str,
    table: Oid,
    index: &Index,
    events: &Events,
) -> Result<bool, ApplyError> {
    if being_built(&sessions.watchdog, table).await? {
        return Ok(false);
    }
    let aside = name(index.oid);
    if index.name != aside {
        rename(sessions, schema, &index.name, &aside, index.oid).await?;
    }
    let limits = Limits {
        lock_timeout: Duration::ZERO,
        statement_timeout: Duration::ZERO,
        first_lock_budget: PATIENCE,
        wait_budget: PATIENCE,
        run_budget: PATIENCE * 30,
    };
    // An interruption has happened already when this runs, so it has a token of its own; the patience bounds it.
    let never = CancellationToken::new();
    supervise::run(&drop_sql(schema, &aside), sessions, limits, Cancellable::Always, events, &never).await;
    let left = sessions.indexes_of(table).await?;
    Ok(!left.iter().any(|left| left.oid == index.oid))
}

/// Whether somebody builds on the table. A row may have no index yet, and a role without the right to see has only nulls (F25): both
/// count as yes.
async fn being_built(client: &Client, table: Oid) -> Result<bool, ApplyError> {
    const BUILDING: &str = "SELECT /* pgtailor */ EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index \
         WHERE datname = pg_catalog.current_database() AND (relid = $1 OR relid IS NULL))";
    let row = client.query_one(BUILDING, &[&table.0]).await.map_err(while_doing("see whether the index is being built"))?;
    row.try_get(0).map_err(while_doing("see whether the index is being built"))
}

/// Whether the name meant the index `oid`; if not, the renaming was taken back.
async fn try_rename(builder: &Client, rename: &str, to: &str, oid: Oid) -> Result<bool, tokio_postgres::Error> {
    const NAMED: &str = "SELECT /* pgtailor */ EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = $1 AND relname::text = $2)";
    let renamed = match builder.batch_execute(rename).await {
        Ok(()) => builder.query_one(NAMED, &[&oid.0, &to]).await.and_then(|row| row.try_get::<_, bool>(0)),
        Err(error) => Err(error),
    };
    let end = if matches!(renamed, Ok(true)) { "COMMIT /* pgtailor */" } else { "ROLLBACK /* pgtailor */" };
    builder.batch_execute(end).await?;
    renamed
}
