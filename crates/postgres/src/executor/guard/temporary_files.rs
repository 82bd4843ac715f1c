//! The sort of a build fits under `temp_file_limit`: over it the build ends with 53400, after all its work (`faults` F87).

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::moment::Answer;
use pgtailor_model::unit::Bytes;

use super::Question;
use super::space::sort_spill;
use crate::executor::error::{ApplyError, while_doing};

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    // In units of kilobytes; -1 is no limit.
    const LIMIT: &str = "SELECT /* pgtailor */ s.setting::bigint FROM pg_catalog.pg_settings s WHERE s.name = 'temp_file_limit'";
    async move {
        let Some(size) = question.build_size().await? else { return Ok(Answer::Passes) };
        let doing = "ask for the limit of temporary files";
        let rows = question.rows(doing, LIMIT, &[]).await?;
        let limit: i64 = rows[0].try_get(0).map_err(while_doing(doing))?;
        let limit = u64::try_from(limit).ok().map(|kilobytes| Bytes(kilobytes.saturating_mul(1024)));
        Ok(decide(sort_spill(question, size).await?, limit))
    }
    .boxed()
}

fn decide(spill: Bytes, limit: Option<Bytes>) -> Answer {
    match limit {
        Some(limit) if spill > limit => Answer::Refuses(format!(
            "its sort needs about {spill} of temporary files (estimated), and temp_file_limit allows {limit}"
        )),
        Some(_) | None => Answer::Passes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_nothing_lets_what_fits_into_memory_pass() {
        assert_eq!(decide(Bytes(0), Some(Bytes(0))), Answer::Passes);
        assert_eq!(decide(Bytes(1 << 40), None), Answer::Passes);
        assert!(matches!(decide(Bytes(1025), Some(Bytes(1024))), Answer::Refuses(_)));
    }
}
