//! A vacuum that keeps transaction ids from running out is let finish (`faults` F10).
//!
//! Unlike an ordinary autovacuum the server does not end it for anybody: a statement that wants a lock would only wait, unseen by the
//! progress view, and everything else behind it.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::moment::Answer;

use super::Question;
use crate::executor::error::{ApplyError, while_doing};

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    // The text says it, but only to those who may read it. To others the table's age does, by the rule that makes autovacuum begin one
    // (`relation_needs_vacanalyze` in `autovacuum.c`); a worker has no user.
    const WORKERS: &str = "SELECT /* pgtailor */ a.pid, CASE WHEN a.query LIKE 'autovacuum:%' \
             THEN a.query LIKE '%(to prevent wraparound)' \
             ELSE pg_catalog.age(c.relfrozenxid) > least(pg_catalog.current_setting('autovacuum_freeze_max_age')::bigint, \
                     (SELECT o.option_value::bigint FROM pg_catalog.pg_options_to_table(c.reloptions) o \
                      WHERE o.option_name = 'autovacuum_freeze_max_age')) \
                 OR pg_catalog.mxid_age(c.relminmxid) > pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::bigint END \
         FROM pg_catalog.pg_class c, pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE c.oid = $1 AND l.locktype = 'relation' AND l.granted AND l.mode = 'ShareUpdateExclusiveLock' AND l.relation = c.oid \
             AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) \
             AND a.usesysid IS NULL";
    async move {
        // Short statements are asked as well: they would queue, again and again, in front of everybody.
        let Some(table) = question.change.table_oid() else { return Ok(Answer::Passes) };
        let doing = "look for a vacuum that prevents wraparound";
        for row in question.rows(doing, WORKERS, &[&table.0]).await? {
            let pid: i32 = row.try_get(0).map_err(while_doing(doing))?;
            if row.try_get::<_, Option<bool>>(1).map_err(while_doing(doing))?.unwrap_or(false) {
                return Ok(Answer::Refuses(format!(
                    "autovacuum (process {pid}) keeps transaction ids of the table from running out; it must finish first"
                )));
            }
        }
        Ok(Answer::Passes)
    }
    .boxed()
}
