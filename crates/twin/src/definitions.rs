//! Making what a snapshot defines, by the owner's session.
//!
//! In pages, each one transaction; a page that fails is made one by one. What needs something that comes later (a function a table, a view
//! another view) is tried again as long as anything succeeds; what fails for good is named, and the rest goes on without it.

use pgtailor_model::planner::{Inexact, SchemaObject, SchemaObjectKind};
use pgtailor_postgres::error::Error;
use pgtailor_postgres::lab_session::LabSession;

use crate::error::TwinError;

/// Objects made in one transaction.
const PAGE: usize = 100;

/// Whether the tables hold the rows of extremes already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// No: conditions on rows are fulfilled.
    None,
    /// Yes: conditions are not looked at, since those rows need not fulfil them; the planner is told by the catalog that all do.
    Extremes,
}

/// What did not succeed, with the reason.
pub(crate) struct Failed<'a> {
    pub object: &'a SchemaObject,
    pub error: Error,
}

/// Makes `objects` in their order and returns those that could not be made.
pub(crate) async fn make<'a>(
    session: &LabSession,
    objects: &[&'a SchemaObject],
    rows: Rows,
) -> Result<Vec<Failed<'a>>, TwinError> {
    let mut left: Vec<&'a SchemaObject> = Vec::new();
    for page in objects.chunks(PAGE) {
        let whole: Vec<String> = page.iter().map(|object| statement(object, rows)).collect();
        match session.run("make a page of definitions", &whole.join(";\n")).await {
            Ok(()) => {}
            Err(error) if error.is_connection_lost() => return Err(error.into()),
            Err(_) => left.extend(make_each(session, page, rows).await?.into_iter().map(|failed| failed.object)),
        }
    }
    loop {
        let failed = make_each(session, &left, rows).await?;
        if failed.len() == left.len() {
            return Ok(failed);
        }
        left = failed.into_iter().map(|failed| failed.object).collect();
    }
}

async fn make_each<'a>(session: &LabSession, objects: &[&'a SchemaObject], rows: Rows) -> Result<Vec<Failed<'a>>, TwinError> {
    let mut failed = Vec::new();
    for page in objects.chunks(PAGE) {
        let statements: Vec<String> = page.iter().map(|object| statement(object, rows)).collect();
        let texts: Vec<&str> = statements.iter().map(String::as_str).collect();
        let outcomes = session.run_each("make a definition", &texts).await?;
        failed.extend(page.iter().zip(outcomes).filter_map(|(object, outcome)| Some(Failed { object, error: outcome.err()? })));
    }
    Ok(failed)
}

fn statement(object: &SchemaObject, rows: Rows) -> String {
    let mut sql = object.statement(&[]);
    let may_wait = matches!(object.kind, SchemaObjectKind::Check | SchemaObjectKind::ForeignKey | SchemaObjectKind::DomainCheck);
    if rows == Rows::Extremes && may_wait && !sql.ends_with("NOT VALID") {
        sql.push_str(" NOT VALID");
    }
    sql
}

/// Makes each of the tables that failed without the columns whose types are not here; what has none left, or fails all the same, is named.
pub(crate) async fn make_without_columns(
    session: &LabSession,
    failed: Vec<Failed<'_>>,
    inexact: &mut Vec<Inexact>,
) -> Result<(), TwinError> {
    for Failed { object, error } in failed {
        if object.kind != SchemaObjectKind::Table || object.columns.is_empty() {
            inexact.push(missing(object, &error));
            continue;
        }
        let alone: Vec<String> = object
            .columns
            .iter()
            .map(|column| format!("CREATE TEMPORARY TABLE pgtailor_column ({}); DROP TABLE pg_temp.pgtailor_column", column.sql))
            .collect();
        let texts: Vec<&str> = alone.iter().map(String::as_str).collect();
        let outcomes = session.run_each("try the type of a column", &texts).await?;
        let bad: Vec<&str> = object
            .columns
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_err())
            .map(|(column, _)| column.name.as_str())
            .collect();
        let again = session.run("make a table", &object.statement(&bad)).await;
        match again {
            Ok(()) => inexact.push(Inexact {
                object: format!("{} {} of {}", if bad.len() == 1 { "column" } else { "columns" }, bad.join(", "), object.name),
                table: object.table,
                reason: "the type is not installed here; statements that name it are skipped".to_owned(),
            }),
            Err(error) => inexact.push(missing(object, &error)),
        }
    }
    Ok(())
}

/// What is said of an object that could not be made.
pub(crate) fn missing(object: &SchemaObject, error: &Error) -> Inexact {
    let state = error.sqlstate().map(|state| format!(" (SQLSTATE {state})")).unwrap_or_default();
    Inexact {
        object: format!("{} {}", object.kind.name(), object.name),
        table: object.table,
        reason: format!("the twin's server could not make it{state}"),
    }
}
