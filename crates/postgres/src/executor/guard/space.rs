//! The disk holds the new index, and what building it needs (`faults` F85).
//!
//! PostgreSQL does not say how much space is free, and its disk need not be on this machine, so a person says it (`--free-space`), for
//! the whole run. Unsaid, a build of up to a gigabyte goes ahead: the server takes as much for WAL without asking anybody. More is
//! refused, since a full disk ends the server, not the build.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::change::Change;
use pgtailor_model::moment::Answer;
use pgtailor_model::unit::Bytes;

use super::{Question, with_margin};
use crate::executor::error::{ApplyError, while_doing};

/// The default of `max_wal_size`: what the server itself lets its disk use grow by between two checkpoints.
const UNASKED: Bytes = Bytes(1 << 30);

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    async move {
        let Some(size) = question.build_size().await? else { return Ok(Answer::Passes) };
        let needed = with_margin(size) + sort_spill(question, size).await?;
        let left = question.conditions.free_space.map(|free| free - question.spent);
        Ok(decide(needed, left))
    }
    .boxed()
}

/// What the sort of a build writes to temporary files: about as much as the index holds, unless it fits into memory.
pub(super) async fn sort_spill(question: &Question<'_>, size: Bytes) -> Result<Bytes, ApplyError> {
    const MEMORY: &str = "SELECT /* pgtailor */ pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem'))";
    let sorts = match question.change {
        Change::CreateIndex { definition, .. } | Change::RebuildIndex { definition, .. } => {
            matches!(definition.method.as_str(), "btree" | "hash")
        }
        _ => false,
    };
    if !sorts {
        return Ok(Bytes(0));
    }
    let doing = "ask how much memory a build gets";
    let rows = question.rows(doing, MEMORY, &[]).await?;
    let memory: i64 = rows[0].try_get(0).map_err(while_doing(doing))?;
    Ok(if size.0 > memory.unsigned_abs() { size } else { Bytes(0) })
}

fn decide(needed: Bytes, left: Option<Bytes>) -> Answer {
    match left {
        Some(left) if needed > left => Answer::Refuses(format!(
            "building it needs about {needed} of disk space (estimated), and {left} of --free-space are left"
        )),
        None if needed > UNASKED => Answer::Refuses(format!(
            "building it needs about {needed} of disk space (estimated), and PostgreSQL does not say what is free; say it with --free-space"
        )),
        Some(_) | None => Answer::Passes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_counts_and_the_unknown_is_enough_for_little() {
        assert_eq!(decide(Bytes(10), Some(Bytes(10))), Answer::Passes);
        assert!(matches!(decide(Bytes(11), Some(Bytes(10))), Answer::Refuses(_)));
        assert_eq!(decide(UNASKED, None), Answer::Passes);
        assert!(matches!(decide(UNASKED + Bytes(1), None), Answer::Refuses(reason) if reason.contains("--free-space")));
    }
}
