//! Nobody old is in the way of what the statement waits for later: transactions, by operation (`faults` F01 to F05, F09).
//!
//! A concurrent build waits for writers of the table, and in the end for every snapshot of this database; an idle reader is no matter. A
//! concurrent drop waits for whoever uses the table, and a rebuild for all of these. Each waits for the whole of the other transaction,
//! so its age is what counts: younger ones are waited for under the eyes of the watchdog. A prepared transaction belongs to no session
//! and may last for ever. Snapshots in other databases and those of standbys are waited for by nobody.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::change::Change;
use pgtailor_model::moment::{Answer, Wait};
use pgtailor_model::name::Oid;

use super::Question;
use super::who::{Who, oldest as oldest_of};
use crate::executor::error::ApplyError;

/// Conflict with `SHARE` (`lock.c`): what a concurrent build waits for, in `WaitForLockers` of `DefineIndex`.
const WRITERS: &[&str] =
    &["RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"];
/// Conflict with `ACCESS EXCLUSIVE`, that is all: what `index_drop` waits for.
const USERS: &[&str] = &[
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    async move { Ok(decide(&all(question).await?, question.conditions.oldest_blocker())) }.boxed()
}

/// The one who has lasted for longest of those that the step would wait for.
pub(super) async fn oldest(question: &Question<'_>) -> Result<Option<Wait>, ApplyError> {
    Ok(oldest_of(&all(question).await?).cloned().map(Wait::from))
}

/// Which locks on the table are waited for, and whether snapshots are.
fn waits_for(change: &Change) -> Option<(Oid, &'static [&'static str], bool)> {
    match change {
        Change::CreateIndex { table_oid, .. } => Some((*table_oid, WRITERS, true)),
        Change::RebuildIndex { table_oid, .. } => Some((*table_oid, USERS, true)),
        Change::DropIndex { table_oid, .. } => Some((*table_oid, USERS, false)),
        _ => None,
    }
}

async fn all(question: &Question<'_>) -> Result<Vec<Who>, ApplyError> {
    // Workers of autovacuum have no user; vacuums are not waited for (`WaitForOlderSnapshots` in `indexcmds.c`).
    const SESSIONS: &str = "SELECT /* pgtailor */ a.pid, a.application_name, a.state, \
             extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::bigint \
         FROM pg_catalog.pg_stat_activity a \
         WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL AND (a.pid IN (\
             SELECT l.pid FROM pg_catalog.pg_locks l WHERE l.granted AND l.locktype = 'relation' AND l.relation = $1 \
             AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) \
             AND l.mode = ANY($2) AND l.pid IS NOT NULL) \
             OR $3 AND a.datname = pg_catalog.current_database() AND a.backend_xmin IS NOT NULL \
                 AND a.pid NOT IN (SELECT v.pid FROM pg_catalog.pg_stat_progress_vacuum v))";
    // A prepared transaction has no process. Its locks are of one virtual transaction, which its own number tells.
    const PREPARED: &str = "SELECT /* pgtailor */ p.gid, p.owner::text, \
             extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::bigint \
         FROM pg_catalog.pg_prepared_xacts p WHERE p.database = pg_catalog.current_database() AND EXISTS (\
             SELECT FROM pg_catalog.pg_locks t JOIN pg_catalog.pg_locks l USING (virtualtransaction) \
             WHERE t.pid IS NULL AND t.locktype = 'transactionid' AND t.transactionid = p.transaction \
             AND l.pid IS NULL AND l.locktype = 'relation' AND l.relation = $1 AND l.mode = ANY($2))";
    let Some((table, modes, snapshots)) = waits_for(question.change) else { return Ok(Vec::new()) };
    let doing = "see who is in the way";
    let mut all = Vec::new();
    for row in question.rows(doing, SESSIONS, &[&table.0, &modes, &snapshots]).await? {
        all.push(Who::session(&row)?);
    }
    for row in question.rows(doing, PREPARED, &[&table.0, &modes]).await? {
        all.push(Who::prepared(&row)?);
    }
    Ok(all)
}

fn decide(all: &[Who], limit: Duration) -> Answer {
    match oldest_of(all) {
        Some(who) if who.is_older_than(limit) => {
            Answer::Refuses(format!("it would wait for {}; a longer --max-wait waits for it", who.describe()))
        }
        Some(_) if all.iter().any(|who| who.seconds.is_none()) => Answer::Unknown(
            "it would wait for transactions, and for how long they have lasted this role may not see; GRANT pg_read_all_stats shows it"
                .to_owned(),
        ),
        Some(_) | None => Answer::Passes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_young_are_waited_for() {
        let who = |seconds| Who { name: "session 7 (psql), idle in transaction".to_owned(), seconds };
        let decided = |all: &[Who]| decide(all, Duration::from_mins(1));
        assert_eq!(decided(&[]), Answer::Passes);
        assert_eq!(decided(&[who(Some(59))]), Answer::Passes);
        assert!(matches!(decided(&[who(Some(1)), who(Some(60))]), Answer::Refuses(reason) if reason.contains("60 s")));
        assert!(matches!(decided(&[who(None), who(Some(1))]), Answer::Unknown(_)));
    }
}
