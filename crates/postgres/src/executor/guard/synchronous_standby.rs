//! Commits end: the synchronous standbys that they wait for are there (`faults` F89).
//!
//! Our own sessions commit locally, so that nothing of ours hangs where no timeout reaches it. But the application's commits all do, and a
//! server in that state is no place for changes, however small.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::moment::Answer;

use super::Question;
use crate::executor::error::{ApplyError, while_doing};

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    // To a role that may not see, a standby is a row of nulls.
    const STANDBYS: &str = "SELECT /* pgtailor */ CASE WHEN pg_catalog.current_setting('synchronous_commit') IN ('off', 'local') \
             THEN '' ELSE pg_catalog.current_setting('synchronous_standby_names') END, \
             count(*) FILTER (WHERE r.state = 'streaming' AND r.sync_state IN ('sync', 'quorum')), count(*) FILTER (WHERE r.state IS NULL) \
         FROM pg_catalog.pg_stat_replication r";
    async move {
        let doing = "look for synchronous standbys";
        let rows = question.rows(doing, STANDBYS, &[]).await?;
        let names: String = rows[0].try_get(0).map_err(while_doing(doing))?;
        let present: i64 = rows[0].try_get(1).map_err(while_doing(doing))?;
        let hidden: i64 = rows[0].try_get(2).map_err(while_doing(doing))?;
        Ok(decide(wanted(&names), present, hidden))
    }
    .boxed()
}

/// How many standbys each commit waits for: `FIRST 2 (a, b)`, `ANY 2 (a, b)`, `2 (a, b)`, or names alone, which is one
/// (`syncrep_gram.y`).
fn wanted(names: &str) -> i64 {
    let names = names.trim();
    if names.is_empty() {
        return 0;
    }
    let before = names.split_once('(').map_or("", |(before, _)| before);
    before.split_whitespace().next_back().and_then(|word| word.parse().ok()).unwrap_or(1)
}

fn decide(wanted: i64, present: i64, hidden: i64) -> Answer {
    if present >= wanted {
        return Answer::Passes;
    }
    if present + hidden >= wanted {
        return Answer::Unknown(
            "commits wait for standbys, and whether these are there this role may not see; GRANT pg_read_all_stats shows it"
                .to_owned(),
        );
    }
    Answer::Refuses(format!(
        "commits wait for {wanted} synchronous standbys, and {present} are there; the application hangs at every commit, so this is no time for changes"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_standbys_is_read_as_the_server_reads_it() {
        for (names, count) in
            [("", 0), ("a", 1), ("*", 1), ("a, b", 1), ("FIRST 2 (a, b, c)", 2), ("any 3(a,b,c)", 3), ("2 (\"x y\", b)", 2)]
        {
            assert_eq!(wanted(names), count, "{names}");
        }
    }

    #[test]
    fn what_is_hidden_is_unknown_and_what_is_not_there_is_missing() {
        assert_eq!(decide(0, 0, 0), Answer::Passes);
        assert_eq!(decide(1, 1, 0), Answer::Passes);
        assert!(matches!(decide(2, 1, 0), Answer::Refuses(_)));
        assert!(matches!(decide(2, 0, 2), Answer::Unknown(_)));
        assert!(matches!(decide(2, 0, 1), Answer::Refuses(_)));
    }
}
