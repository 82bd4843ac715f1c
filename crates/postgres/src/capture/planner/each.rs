//! One statement for each of many objects, without keeping a lock and without one's failure being the next one's.
//!
//! A page of statements is sent one behind the other in a savepoint that is rolled back: the locks that they took go with it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Row, Transaction};

use crate::error::Error;

/// Statements on their way at a time; each holds the lock of its table until the page is done.
const PAGE: usize = 50;

/// Answers of `statements`, in their order: rows, or the SQLSTATE of what the server refused; `None` for those that `budget` left no time for.
pub(super) async fn read_each(
    transaction: &mut Transaction<'_>,
    doing: &'static str,
    statements: &[String],
    budget: Duration,
) -> Result<Vec<Option<Result<Vec<Row>, SqlState>>>, Error> {
    let began = Instant::now();
    let mut answers: Vec<Option<Result<Vec<Row>, SqlState>>> = Vec::with_capacity(statements.len());
    while answers.len() < statements.len() && began.elapsed() < budget {
        let rest = &statements[answers.len()..];
        let page = &rest[..rest.len().min(PAGE)];
        let failed = |source| Error::query(doing, source);
        let savepoint = transaction.savepoint("pgtailor_each").await.map_err(failed)?;
        let outcomes = join_all(page.iter().map(|sql| savepoint.query_typed(sql, &[]))).await;
        savepoint.rollback().await.map_err(failed)?;
        for outcome in outcomes {
            match outcome {
                Ok(rows) => answers.push(Some(Ok(rows))),
                // What came behind one that failed was not even looked at: it is asked again.
                Err(error) => {
                    let Some(state) = error.code().cloned() else { return Err(failed(error)) };
                    answers.push(Some(Err(state)));
                    break;
                }
            }
        }
    }
    answers.resize_with(statements.len(), || None);
    Ok(answers)
}
