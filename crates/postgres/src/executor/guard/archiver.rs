//! WAL is archived: while `archive_command` fails the server keeps every segment, and what a build writes is kept as well (`faults` F88).

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::moment::Answer;

use super::Question;
use crate::executor::error::{ApplyError, while_doing};

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    const ARCHIVER: &str = "SELECT /* pgtailor */ pg_catalog.current_setting('archive_mode') <> 'off' \
             AND a.last_failed_time > coalesce(a.last_archived_time, '-infinity'), \
             extract(epoch FROM pg_catalog.clock_timestamp() - a.last_failed_time)::bigint \
         FROM pg_catalog.pg_stat_archiver a";
    async move {
        if question.much_wal().await?.is_none() {
            return Ok(Answer::Passes);
        }
        let doing = "ask whether WAL is archived";
        let rows = question.rows(doing, ARCHIVER, &[]).await?;
        let is_failing: Option<bool> = rows[0].try_get(0).map_err(while_doing(doing))?;
        let seconds: Option<i64> = rows[0].try_get(1).map_err(while_doing(doing))?;
        Ok(match (is_failing, seconds) {
            (Some(true), Some(seconds)) => Answer::Refuses(format!(
                "WAL could not be archived {seconds} s ago, nor since; the server keeps all of it, and a build adds to it"
            )),
            _ => Answer::Passes,
        })
    }
    .boxed()
}
