//! The server is not at its limit: a build takes a processor or more and much of the disk for as long as it runs (`faults` 3.4).
//!
//! How many processors a server has SQL does not say, so the limit is the one that pt-online-schema-change is known for. A pile of
//! statements that wait for locks counts as well: whatever made it, this is no time to begin.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::moment::Answer;

use super::Question;
use crate::executor::error::{ApplyError, while_doing};

/// Statements that run at once; the default of `--max-load Threads_running` of pt-online-schema-change.
const LIMIT: i64 = 25;

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    // Statements that wait for their client, as a COPY does, load nothing. Sessions of others show no state to a role that may not see it.
    const RUNNING: &str = "SELECT /* pgtailor */ count(*) FILTER (WHERE a.state = 'active' AND a.backend_type = 'client backend' \
             AND a.wait_event_type IS DISTINCT FROM 'Client'), \
             count(*) FILTER (WHERE a.state IS NULL AND a.usesysid IS NOT NULL AND a.backend_type IS NULL) \
         FROM pg_catalog.pg_stat_activity a WHERE a.pid <> pg_catalog.pg_backend_pid()";
    async move {
        if !question.change.is_build() {
            return Ok(Answer::Passes);
        }
        let doing = "count running statements";
        let rows = question.rows(doing, RUNNING, &[]).await?;
        let running: i64 = rows[0].try_get(0).map_err(while_doing(doing))?;
        let hidden: i64 = rows[0].try_get(1).map_err(while_doing(doing))?;
        Ok(decide(running, hidden))
    }
    .boxed()
}

fn decide(running: i64, hidden: i64) -> Answer {
    if running > LIMIT {
        return Answer::Refuses(format!("{running} statements run at once, more than {LIMIT}; a build would slow them down"));
    }
    if running + hidden > LIMIT {
        return Answer::Unknown(format!("what {hidden} sessions do this role may not see; GRANT pg_read_all_stats shows it"));
    }
    Answer::Passes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hidden_matter_only_where_they_could_be_too_many() {
        assert_eq!(decide(LIMIT, 0), Answer::Passes);
        assert_eq!(decide(1, LIMIT - 1), Answer::Passes);
        assert!(matches!(decide(1, LIMIT), Answer::Unknown(_)));
        assert!(matches!(decide(LIMIT + 1, 0), Answer::Refuses(_)));
    }
}
