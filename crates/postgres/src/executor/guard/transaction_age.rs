//! The database is not on its way to run out of transaction ids (`faults` F86).
//!
//! A build holds a snapshot while it reads the table, and until its end no vacuum of the whole database can clean or freeze what came
//! later. Where freezing is far behind already, it comes first.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::moment::Answer;
use pgtailor_model::unit::grouped;

use super::Question;
use crate::executor::error::{ApplyError, while_doing};

/// In transactions. Autovacuum freezes at 200 million by default (`autovacuum_freeze_max_age`); the server stops at two billion.
const LIMIT: u64 = 500_000_000;

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    const AGE: &str = "SELECT /* pgtailor */ pg_catalog.age(d.datfrozenxid) \
         FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";
    async move {
        if !question.change.is_build() {
            return Ok(Answer::Passes);
        }
        let doing = "ask for the age of the oldest transaction id";
        let rows = question.rows(doing, AGE, &[]).await?;
        let age: i32 = rows[0].try_get(0).map_err(while_doing(doing))?;
        Ok(decide(u64::try_from(age).unwrap_or(0)))
    }
    .boxed()
}

fn decide(age: u64) -> Answer {
    if age < LIMIT {
        return Answer::Passes;
    }
    Answer::Refuses(format!(
        "the oldest transaction id of the database is {} transactions old; vacuum must catch up first, and a build holds it up",
        grouped(age)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_autovacuum_holds_by_default_passes() {
        assert_eq!(decide(200_000_000), Answer::Passes);
        assert!(matches!(decide(LIMIT), Answer::Refuses(reason) if reason.contains("500 000 000")));
    }
}
