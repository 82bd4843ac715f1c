//! Rename, verify, drop: an index is only ever dropped under a name that nobody else can have given to another one (`faults` F24, F36).

use std::time::Duration;

use pgtailor_model::catalog::Index;
use pgtailor_model::name::{Oid, quote_identifier};
use pgtailor_model::rollout::Limits;
use tokio_util::sync::CancellationToken;

use super::error::{ApplyError, while_doing};
use super::event::Events;
use super::sessions::Sessions;
use super::short::{self, Condition};
use super::supervise::{self, Cancellable};

/// How long the drop of a leftover may wait. It is invalid already, so giving up changes nothing, and the next run goes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// The name under which the index `oid` is dropped.
pub(super) fn name(oid: Oid) -> String {
    format!("_pgt_drop_{oid}")
}

/// `DROP INDEX CONCURRENTLY` for a name in a schema.
pub(super) fn drop_sql(schema: &str, name: &str) -> String {
    format!("DROP INDEX CONCURRENTLY {}.{}", quote_identifier(schema), quote_identifier(name))
}

/// Renames the index `oid` from `from` to `to`, in one short transaction that is rolled back unless the name meant that very index.
///
/// `ALTER INDEX … RENAME` locks only the index, in a mode that readers and writers do not notice.
pub(super) async fn rename(sessions: &Sessions, schema: &str, from: &str, to: &str, oid: Oid) -> Result<(), ApplyError> {
    const NAMED: &str = "SELECT /* pgtailor */ EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = $1 AND relname::text = $2)";
    let rename =
        format!("ALTER INDEX {}.{} RENAME TO {}", quote_identifier(schema), quote_identifier(from), quote_identifier(to));
    let condition = Condition { sql: NAMED, parameters: &[&oid.0, &to] };
    let is_that_index =
        short::when(&rename, Some(condition), sessions).await.map_err(while_doing("rename the index before dropping it"))?;
    if is_that_index { Ok(()) } else { Err(ApplyError::NotThatIndex) }
}

/// Drops an invalid index that is proven ours; false when something was in the way for too long.
pub(super) async fn drop_leftover(
    sessions: &Sessions,
    schema: &str,
    table: Oid,
    index: &Index,
    events: &Events,
) -> Result<bool, ApplyError> {
    if being_built(sessions, table).await? {
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
    supervise::run(&drop_sql(schema, &aside), sessions, limits, Cancellable::Always, None, events, &never).await;
    let left = sessions.indexes_of(table).await?;
    Ok(!left.iter().any(|left| left.oid == index.oid))
}

/// Whether somebody else builds on the table. A row may have no index yet, and a role without the right to see has only nulls (F25): both
/// count as yes. Our own builder has told us of its error before it takes its row away (`PostgresMain` reports, then aborts).
async fn being_built(sessions: &Sessions, table: Oid) -> Result<bool, ApplyError> {
    const BUILDING: &str = "SELECT /* pgtailor */ EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index \
         WHERE datname = pg_catalog.current_database() AND (relid = $1 OR relid IS NULL) AND pid <> $2)";
    let doing = while_doing("see whether the index is being built");
    let row = sessions.watchdog.query_one(BUILDING, &[&table.0, &sessions.identity.process_id]).await.map_err(&doing)?;
    row.try_get(0).map_err(&doing)
}
