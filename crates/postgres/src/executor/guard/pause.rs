//! A person can ask for quiet: the words `pgtailor: pause` in the comment of the database or of a table.
//!
//! `COMMENT ON DATABASE shop IS 'pgtailor: pause, month end until Friday'` needs its owner, no schema and no superuser, is seen by every
//! instance at its next step, and says why. A running statement goes on: it is stopped by interrupting the program.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use pgtailor_model::moment::Answer;
use pgtailor_model::name::printable;

use super::Question;
use crate::executor::error::{ApplyError, while_doing};

/// The words that pause, whatever their case.
const WORDS: &str = "pgtailor: pause";

pub(super) fn ask<'q>(question: &'q Question<'q>) -> BoxFuture<'q, Result<Answer, ApplyError>> {
    const COMMENTS: &str = "SELECT /* pgtailor */ pg_catalog.shobj_description(d.oid, 'pg_database'), \
             pg_catalog.obj_description($1, 'pg_class') \
         FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()";
    async move {
        let doing = "look for a pause";
        let table = question.change.table_oid().unwrap_or_default();
        let rows = question.rows(doing, COMMENTS, &[&table.0]).await?;
        let database: Option<String> = rows[0].try_get(0).map_err(while_doing(doing))?;
        let on_table: Option<String> = rows[0].try_get(1).map_err(while_doing(doing))?;
        Ok(decide(&[("the database", database), ("the table", on_table)]))
    }
    .boxed()
}

fn decide(comments: &[(&str, Option<String>)]) -> Answer {
    let paused = comments.iter().find_map(|(what, comment)| {
        let comment = comment.as_deref().filter(|comment| comment.to_lowercase().contains(WORDS))?;
        Some(format!("the comment of {what} asks for a pause: {}", printable(comment)))
    });
    paused.map_or(Answer::Passes, Answer::Refuses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_pause() {
        let comment = |text: &str| decide(&[("the database", None), ("the table", Some(text.to_owned()))]);
        assert!(matches!(comment("Orders. PGTailor: pause until Friday"), Answer::Refuses(reason) if reason.contains("Friday")));
        assert_eq!(comment("kept in order by pgtailor; a pause is no harm"), Answer::Passes);
        assert_eq!(decide(&[("the database", None)]), Answer::Passes);
    }
}
