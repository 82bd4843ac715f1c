//! Reads from the catalog what became of a change, and brings its entry to an end.
//!
//! The same code runs after every statement and for entries that an earlier run left open: a reply, a lost connection and a dead process
//! are told apart only by the words.

use std::time::Duration;

use pgtailor_model::catalog::Index;
use pgtailor_model::change::Change;
use pgtailor_model::ledger::{Entry, State};
use pgtailor_model::name::{Oid, printable, quote_identifier};
use pgtailor_model::outcome::StepResult;
use pgtailor_model::unit::Milliseconds;

use super::aside;
use super::error::{ApplyError, while_doing};
use super::event::Events;
use super::gate::same_build;
use super::sessions::Sessions;
use crate::ledger::{Move, advance};

/// An entry on its way to an end.
pub(super) struct Open<'a> {
    pub id: i64,
    pub undoes: Option<i64>,
    pub change: &'a Change,
    pub indexes_before: &'a [Oid],
    pub index_oid: Option<Oid>,
    pub state: State,
    pub created_at: jiff::Timestamp,
}

/// Why the statement did not simply succeed, in our words.
pub(super) struct Trouble {
    pub reason: String,
    pub sqlstate: Option<String>,
}

impl<'a> Open<'a> {
    pub fn of(entry: &'a Entry) -> Self {
        Self {
            id: entry.id,
            undoes: entry.undoes,
            change: &entry.change,
            indexes_before: &entry.indexes_before,
            index_oid: entry.index_oid,
            state: entry.state,
            created_at: entry.created_at,
        }
    }

    async fn go(&mut self, sessions: &Sessions, to: State, add: Move<'_>) -> Result<(), ApplyError> {
        advance(&sessions.watchdog, self.id, self.state, to, &add).await?;
        self.state = to;
        Ok(())
    }
}

/// Brings `open` to an end; `took` is what the statement took, `trouble` why it did not simply succeed.
pub(super) async fn settle(
    mut open: Open<'_>,
    sessions: &Sessions,
    took: Duration,
    trouble: Option<&Trouble>,
    events: &Events,
) -> Result<StepResult, ApplyError> {
    let next = if trouble.is_some() { State::Reconciling } else { State::Verifying };
    if open.state != State::CleanupPending {
        let add = Move {
            sqlstate: trouble.and_then(|trouble| trouble.sqlstate.as_deref()),
            note: trouble.map(|trouble| trouble.reason.as_str()),
            ..Move::default()
        };
        open.go(sessions, next, add).await?;
    }
    let duration = Milliseconds(took.as_secs_f64() * 1_000.0);
    match open.change {
        Change::CreateIndex { .. } => settle_create(open, sessions, duration, trouble, events).await,
        Change::DropIndex { .. } => settle_drop(open, sessions, duration, trouble, events).await,
        Change::Analyze { .. } => settle_analyze(open, sessions, duration, trouble).await,
    }
}

async fn settle_create(
    mut open: Open<'_>,
    sessions: &Sessions,
    duration: Milliseconds,
    trouble: Option<&Trouble>,
    events: &Events,
) -> Result<StepResult, ApplyError> {
    let Change::CreateIndex { table, table_oid, name, definition } = open.change else { unreachable!("settled by its kind") };
    let indexes = sessions.indexes_of(*table_oid).await?;
    let is_ours = |index: &&Index| {
        open.index_oid == Some(index.oid)
            || ((index.name == *name || index.name == aside::name(index.oid)) && !open.indexes_before.contains(&index.oid))
    };
    let Some(index) = indexes.iter().find(is_ours) else {
        open.go(sessions, State::Failed, Move::default()).await?;
        return Ok(failed(trouble, "the server built no index"));
    };
    let found = Move { index_oid: Some(index.oid), built: index.definition.as_ref(), ..Move::default() };
    if index.valid && index.ready && index.live {
        if index.definition.as_ref().is_some_and(|built| same_build(definition, built)) {
            open.go(sessions, State::Applied, found).await?;
            return Ok(StepResult::Applied { size: index.size, duration });
        }
        open.go(sessions, State::NeedsHuman, Move { note: Some("the index is not what was asked for"), ..found }).await?;
        let reason = format!("index {} exists but is not what was asked for; look at it before anything else", printable(name));
        return Ok(StepResult::NeedsHuman { reason });
    }
    if open.state != State::CleanupPending {
        open.go(sessions, State::CleanupPending, found).await?;
    }
    if !aside::drop_leftover(sessions, &table.schema, *table_oid, index, events).await? {
        let reason = format!(
            "{}; the unfinished index {} could not be dropped yet, because a transaction is in the way; run pgtailor again",
            words(trouble, "the build did not finish"),
            printable(&index.name)
        );
        return Ok(StepResult::LeftOver { reason });
    }
    open.go(sessions, State::Failed, Move::default()).await?;
    Ok(failed(trouble, "the build did not finish"))
}

async fn settle_drop(
    mut open: Open<'_>,
    sessions: &Sessions,
    duration: Milliseconds,
    trouble: Option<&Trouble>,
    events: &Events,
) -> Result<StepResult, ApplyError> {
    let Change::DropIndex { table, table_oid, name, index_oid, .. } = open.change else { unreachable!("settled by its kind") };
    let indexes = sessions.indexes_of(*table_oid).await?;
    let index_oid = open.index_oid.unwrap_or(*index_oid);
    match indexes.iter().find(|index| index.oid == index_oid) {
        Some(index) if index.valid => {
            // Nothing of the drop has begun: the old name is given back.
            if index.name != *name {
                aside::rename(sessions, &table.schema, &index.name, name, index.oid).await?;
            }
            open.go(sessions, State::Failed, Move::default()).await?;
            return Ok(failed(trouble, "the server did not drop the index"));
        }
        Some(index) => {
            // A drop that has made the index invalid is only ever finished (F73): writes still pay for what no query can use.
            if open.state != State::CleanupPending {
                open.go(sessions, State::CleanupPending, Move::default()).await?;
            }
            if !aside::drop_leftover(sessions, &table.schema, *table_oid, index, events).await? {
                let reason = format!(
                    "{}; index {} is invalid and could not be dropped yet, because a transaction is in the way; run pgtailor again",
                    words(trouble, "the drop did not finish"),
                    printable(name)
                );
                return Ok(StepResult::LeftOver { reason });
            }
        }
        None => {}
    }
    open.go(sessions, State::Applied, Move::default()).await?;
    if let Some(undone) = open.undoes {
        advance(&sessions.watchdog, undone, State::Applied, State::RolledBack, &Move::default()).await?;
    }
    Ok(StepResult::Applied { size: None, duration })
}

/// `ANALYZE` without the right to it succeeds with a warning only (F55): the counter says whether it ran.
async fn settle_analyze(
    mut open: Open<'_>,
    sessions: &Sessions,
    duration: Milliseconds,
    trouble: Option<&Trouble>,
) -> Result<StepResult, ApplyError> {
    const ANALYZED: &str = "SELECT /* pgtailor */ pg_catalog.pg_stat_get_last_analyze_time($1) >= $2";
    let (_, table_oid) = open.change.table();
    let mut analyzed = false;
    // Before server 15 the counters arrive by way of another process, up to half a second later.
    for _ in 0..50 {
        let row = sessions
            .watchdog
            .query_one(ANALYZED, &[&table_oid.0, &open.created_at])
            .await
            .map_err(while_doing("see whether the table was analyzed"))?;
        let newer: Option<bool> = row.try_get(0).map_err(while_doing("see whether the table was analyzed"))?;
        analyzed = newer.unwrap_or(false);
        if analyzed || trouble.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    if analyzed {
        open.go(sessions, State::Applied, Move::default()).await?;
        return Ok(StepResult::Applied { size: None, duration });
    }
    open.go(sessions, State::Failed, Move::default()).await?;
    Ok(failed(trouble, "the server skipped the table: only its owner may analyze it"))
}

fn failed(trouble: Option<&Trouble>, otherwise: &str) -> StepResult {
    StepResult::Failed { reason: words(trouble, otherwise), sqlstate: trouble.and_then(|trouble| trouble.sqlstate.clone()) }
}

fn words(trouble: Option<&Trouble>, otherwise: &str) -> String {
    trouble.map_or_else(|| otherwise.to_owned(), |trouble| trouble.reason.clone())
}

/// `DROP INDEX CONCURRENTLY` for a name in a schema.
pub(super) fn drop_sql(schema: &str, name: &str) -> String {
    format!("DROP INDEX CONCURRENTLY {}.{}", quote_identifier(schema), quote_identifier(name))
}
