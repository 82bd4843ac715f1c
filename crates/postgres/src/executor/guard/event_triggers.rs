//! Event triggers run on the statement, and one may be a freeze: they are named, not refused for (`faults` F28, F29).
//!
//! What a trigger does only running it tells. One that refuses at the end of a build costs the whole build, so it should be known. Before
//! server 17 none runs on `REINDEX`: whoever freezes `CREATE` or `DROP INDEX` means it as well.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::change::Change;
use pgtailor_model::moment::Answer;
use pgtailor_model::name::printable;

use super::Question;
use crate::executor::error::{ApplyError, while_doing};

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    const TRIGGERS: &str = "SELECT /* pgtailor */ t.evtname::text FROM pg_catalog.pg_event_trigger t \
         WHERE t.evtenabled IN ('O', 'A') AND t.evtevent <> 'login' AND (t.evttags IS NULL OR t.evttags && $1) ORDER BY 1";
    async move {
        let tags = tags(question.change);
        if tags.is_empty() {
            return Ok(Answer::Passes);
        }
        let doing = "look for event triggers";
        let mut names = Vec::new();
        for row in question.rows(doing, TRIGGERS, &[&tags]).await? {
            names.push(printable(&row.try_get::<_, String>(0).map_err(while_doing(doing))?));
        }
        Ok(if names.is_empty() {
            Answer::Passes
        } else {
            Answer::Remarks(format!("event triggers run on such statements, and may refuse this one: {}", names.join(", ")))
        })
    }
    .boxed()
}

/// Command tags of what is sent for a change; a drop and the clean-up of a build are renamed first.
fn tags(change: &Change) -> &'static [&'static str] {
    match change {
        Change::CreateIndex { .. } | Change::CreatePartitionedIndex { .. } => &["CREATE INDEX"],
        Change::DropIndex { .. } => &["DROP INDEX", "ALTER INDEX"],
        Change::DropPartitionedIndex { .. } => &["DROP INDEX"],
        Change::RebuildIndex { .. } => &["REINDEX", "CREATE INDEX", "DROP INDEX"],
        Change::AttachIndex { .. } => &["ALTER INDEX"],
        Change::CreateStatistics { .. } => &["CREATE STATISTICS"],
        Change::DropStatistics { .. } => &["DROP STATISTICS"],
        Change::SetStatisticsTarget { .. } | Change::SetStorageParameters { .. } => &["ALTER TABLE"],
        Change::Analyze { .. } | Change::Vacuum { .. } | Change::SetParameter { .. } => &[],
    }
}
