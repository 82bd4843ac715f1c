//! `unbounded-result`: statements that return as many rows as there are, and there are many.

use pgtailor_model::construct::Construct;
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::quantity::Unit;
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::suspect::{Statements, Suspect, measured, rows};
use crate::threshold::{ENOUGH_CALLS, MANY_ROWS};

/// Many rows, and no limit.
///
/// # What it finds
///
/// Statements without `LIMIT` that took noticeable time, ran at least ten times, and returned 10 000 rows and more on the mean. Those without a
/// `WHERE` clause are a warning.
///
/// # Why it matters
///
/// The result grows with the table: in the memory of the application, on the network, and in the time until the first row is shown. It works in
/// tests, and some day no longer.
///
/// # Example
///
/// ```sql
/// SELECT id, title FROM articles;
/// ```
///
/// # Instead
///
/// ```sql
/// SELECT id, title FROM articles WHERE id > $1 ORDER BY id LIMIT 1000;
/// ```
///
/// # When to ignore it
///
/// When it is an export, or is read through a cursor, a few rows at a time: the server counts them as one statement.
pub(super) struct UnboundedResult;

impl Check for UnboundedResult {
    fn name(&self) -> &'static str {
        "unbounded-result"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let suspects = statements.noticeable().filter_map(|query| suspect(query, &statements)).collect();
        statements.findings(self.name(), suspects)
    }
}

fn suspect<'a>(query: &'a Query, statements: &Statements<'a>) -> Option<Suspect<'a>> {
    let filtered = query.constructs.iter().find_map(|construct| match construct {
        Construct::Unlimited { filtered } => Some(*filtered),
        _ => None,
    })?;
    let count = query.rows_per_call().filter(|count| *count >= MANY_ROWS && query.calls >= ENOUGH_CALLS)?;
    let table = statements.largest_table(query)?;
    let (severity, what) = if filtered {
        (Severity::Notice, "no limit")
    } else {
        (statements.severity(query).max(Severity::Warning), "neither a limit nor a condition")
    };
    Some(Suspect {
        query,
        table,
        about: what.to_owned(),
        columns: Vec::new(),
        severity,
        problem: format!("a statement over {} has {what}, and returns {} rows on the mean", table.name, rows(count)),
        evidence: vec![measured("rows of an execution", count, Unit::Rows)],
        advice: "fetch it in pages by the last key (WHERE id > $1 ORDER BY id LIMIT …), or have the server add up what is needed of it".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Shape;
    use pgtailor_model::unit::Rows;

    use super::*;
    use crate::fixture::{Fixture, workload};

    fn found(filtered: bool, rows: u64, calls: u64) -> Vec<Finding> {
        let fixture = Fixture::new().table("t", 500, &["a"]);
        let mut workload = workload(&[("s", 9_000.0, Shape::of(fixture.oid("t")))]);
        workload.queries[0].calls = calls;
        workload.queries[0].rows = Some(Rows(rows * calls));
        workload.queries[0].constructs.push(Construct::Unlimited { filtered });
        UnboundedResult.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn many_rows_again_and_again_are_found_and_one_export_is_not() {
        let findings = found(false, 10_000, 10);
        assert_eq!(
            findings[0].problem,
            "a statement over t has neither a limit nor a condition, and returns 10 000 rows on the mean"
        );
        assert!(findings[0].severity >= Severity::Warning);
        assert_eq!(found(true, 10_000, 10)[0].severity, Severity::Notice);
        assert_eq!(found(false, 9_999, 10), []);
        assert_eq!(found(false, 10_000, 9), []);
    }
}
