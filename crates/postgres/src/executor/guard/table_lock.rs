//! Nobody holds for long what the statement's first lock conflicts with (`faults` F11, F12, F14).
//!
//! A holder who came a moment ago is waited for under the eyes of the watchdog: nothing exists yet, so giving up leaves nothing. Two are
//! different. Another concurrent build is never waited for: it will wait for our snapshot while we wait for its lock, and the deadlock
//! may be resolved at *its* cost. An ordinary autovacuum is ended by the server for us, which is worth a remark.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::moment::Answer;

use super::Question;
use super::who::{Who, oldest};
use crate::executor::error::{ApplyError, while_doing};

/// A holder of a lock of the strength of `SHARE UPDATE EXCLUSIVE` or more.
struct Holder {
    who: Who,
    /// An autovacuum worker: it has no user.
    is_autovacuum: bool,
    builds: bool,
}

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    // A row of the progress view shows its process to everybody, and all else only to some (F25).
    const HOLDERS: &str = "SELECT /* pgtailor */ a.pid, a.application_name, a.state, \
             extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::bigint, a.usesysid IS NULL, \
             EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.pid = a.pid) \
         FROM pg_catalog.pg_stat_activity a WHERE EXISTS (SELECT FROM pg_catalog.pg_locks l \
             WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND l.relation = $1 \
             AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) \
             AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'))";
    async move {
        let Some(table) = question.waiting_table() else { return Ok(Answer::Passes) };
        let doing = "see who has the table locked";
        let mut holders = Vec::new();
        for row in question.rows(doing, HOLDERS, &[&table.0]).await? {
            let is_autovacuum: bool = row.try_get(4).map_err(while_doing(doing))?;
            let builds: bool = row.try_get(5).map_err(while_doing(doing))?;
            holders.push(Holder { who: Who::session(&row)?, is_autovacuum, builds });
        }
        Ok(decide(&holders, question.conditions.oldest_blocker()))
    }
    .boxed()
}

fn decide(holders: &[Holder], limit: Duration) -> Answer {
    if let Some(builder) = holders.iter().find(|holder| holder.builds) {
        return Answer::Refuses(format!(
            "{} builds an index on the table; a second statement beside it can end in a deadlock that costs it the index",
            builder.who.name
        ));
    }
    let people: Vec<Who> = holders.iter().filter(|holder| !holder.is_autovacuum).map(|holder| holder.who.clone()).collect();
    match oldest(&people) {
        Some(who) if who.is_older_than(limit) => Answer::Refuses(format!("the table is locked by {}", who.describe())),
        Some(_) if people.iter().any(|who| who.seconds.is_none()) => Answer::Unknown(
            "the table is locked, and for how long this role may not see; GRANT pg_read_all_stats shows it".to_owned(),
        ),
        None if !holders.is_empty() => {
            Answer::Remarks("autovacuum works on the table, and the server ends it for this step".to_owned())
        }
        Some(_) | None => Answer::Passes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(seconds: Option<u64>) -> Holder {
        Holder { who: Who { name: "session 7 (psql)".to_owned(), seconds }, is_autovacuum: false, builds: false }
    }

    #[test]
    fn only_what_lasts_or_builds_is_refused() {
        let decided = |holders: &[Holder]| decide(holders, Duration::from_mins(1));
        assert_eq!(decided(&[]), Answer::Passes);
        assert_eq!(decided(&[holder(Some(3))]), Answer::Passes);
        assert!(matches!(decided(&[holder(Some(3)), holder(Some(60))]), Answer::Refuses(_)));
        assert!(matches!(decided(&[holder(None)]), Answer::Unknown(_)));
        assert!(matches!(decided(&[holder(None), holder(Some(61))]), Answer::Refuses(_)), "what is known is enough");
        assert!(matches!(decided(&[Holder { builds: true, ..holder(Some(0)) }]), Answer::Refuses(_)));
        assert!(matches!(decided(&[Holder { is_autovacuum: true, ..holder(Some(900)) }]), Answer::Remarks(_)));
    }
}
