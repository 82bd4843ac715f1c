//! Sending the capture's statements: whole answers, streams, and attempts that may fail without ending the transaction.
//!
//! Everything goes through unnamed statements of the extended protocol (`query_typed`), so that a pooler between us and the server does
//! no harm. Every statement carries the comment `pgtailor`, by which the capture knows its own statements in `pg_stat_statements`.

use futures_util::{TryStreamExt, pin_mut};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, Transaction};

use crate::error::Error;

/// The parameters of a statement with their types.
pub(super) type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// All rows of the answer; `doing` says what for, to be read after "cannot".
pub(super) async fn rows(
    transaction: &Transaction<'_>,
    doing: &'static str,
    sql: &str,
    parameters: Parameters<'_>,
) -> Result<Vec<Row>, Error> {
    transaction.query_typed(sql, parameters).await.map_err(|source| failed(doing, source))
}

/// The only row of the answer.
pub(super) async fn row(transaction: &Transaction<'_>, doing: &'static str, sql: &str) -> Result<Row, Error> {
    transaction.query_typed_one(sql, &[]).await.map_err(|source| failed(doing, source))
}

/// Gives each row of the answer to `each` as it comes, so that a large answer is never held whole.
pub(super) async fn stream(
    transaction: &Transaction<'_>,
    doing: &'static str,
    sql: &str,
    parameters: Parameters<'_>,
    each: impl FnMut(&Row),
) -> Result<(), Error> {
    send(transaction, sql, parameters, each).await.map_err(|source| failed(doing, source))
}

/// As [`stream`], inside a savepoint: what the server refuses comes back as its SQLSTATE, and the transaction goes on.
///
/// Rows that came before a refusal have been given to `each` already.
pub(super) async fn attempt(
    transaction: &mut Transaction<'_>,
    doing: &'static str,
    sql: &str,
    parameters: Parameters<'_>,
    each: impl FnMut(&Row),
) -> Result<Result<(), SqlState>, Error> {
    let savepoint = transaction.savepoint("pgtailor_attempt").await.map_err(|source| failed(doing, source))?;
    match send(&savepoint, sql, parameters, each).await {
        Ok(()) => {
            savepoint.commit().await.map_err(|source| failed(doing, source))?;
            Ok(Ok(()))
        }
        Err(refused) => {
            // A refusal of the server leaves the connection usable; anything else (it is gone) does not.
            let Some(state) = refused.code().cloned() else { return Err(failed(doing, refused)) };
            savepoint.rollback().await.map_err(|source| failed(doing, source))?;
            Ok(Err(state))
        }
    }
}

/// A count that the server keeps as `bigint`; its counters are never negative.
pub(super) fn count(row: &Row, column: &str) -> u64 {
    u64::try_from(row.get::<_, Option<i64>>(column).unwrap_or_default()).unwrap_or_default()
}

async fn send(
    transaction: &Transaction<'_>,
    sql: &str,
    parameters: Parameters<'_>,
    mut each: impl FnMut(&Row),
) -> Result<(), tokio_postgres::Error> {
    let parameters = parameters.iter().map(|(value, kind)| (*value, kind.clone()));
    let answer = transaction.query_typed_raw(sql, parameters).await?;
    pin_mut!(answer);
    while let Some(row) = answer.try_next().await? {
        each(&row);
    }
    Ok(())
}

fn failed(doing: &'static str, source: tokio_postgres::Error) -> Error {
    Error::query(doing, source)
}
