//! `not-in-subquery`: `NOT IN` over a sub-select, which is no anti join.

use pgtailor_model::construct::{ColumnOf, Construct};
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::quantity::Unit;
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::serving::{fraction, need};
use crate::setting::hash_memory;
use crate::suspect::{Statements, Suspect, estimated, mean, rows, time};

/// Bytes of a row in the hash table of a sub-select, without its values (`MAXALIGN(SizeofHeapTupleHeader)` in `subpath_is_hashable`,
/// `subselect.c`).
const ROW_HEADER: f64 = 24.0;

/// Bytes of a value whose width is not known: that of a `bigint`.
const USUAL_WIDTH: f64 = 8.0;

/// `NOT IN (SELECT …)`.
///
/// # What it finds
///
/// Statements that take noticeable time and exclude rows by `NOT IN` over a sub-select: when the sub-select returns more than fits into the
/// memory of a hash table, or when one of the columns may be null. Where neither can be null it gives the whole statement with `NOT EXISTS`.
///
/// # Why it matters
///
/// The server never makes an anti join of it, because of nulls. It keeps the sub-select's result in a hash table as long as that fits into
/// `work_mem × hash_mem_multiplier`, and beyond compares every row with every other, from one day to the next. And a single null in
/// the result makes the whole statement return nothing.
///
/// # Example
///
/// ```sql
/// SELECT * FROM customers WHERE id NOT IN (SELECT customer_id FROM orders);
/// ```
///
/// # Instead
///
/// ```sql
/// SELECT * FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id);
/// ```
///
/// # When to ignore it
///
/// When the sub-select returns a handful of rows, none of them null.
pub(super) struct NotInSubquery;

impl Check for NotInSubquery {
    fn name(&self) -> &'static str {
        "not-in-subquery"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let suspects = statements.noticeable().flat_map(|query| {
            query.constructs.iter().filter_map(|construct| match construct {
                Construct::NotIn { compared, returned, may_be_null, rewritten } => {
                    suspect(query, &statements, (compared.as_ref(), returned.as_ref()), *may_be_null, rewritten.as_deref())
                }
                _ => None,
            })
        });
        let suspects = suspects.collect();
        statements.findings(self.name(), suspects)
    }
}

fn suspect<'a>(
    query: &'a Query,
    statements: &Statements<'a>,
    (compared, returned): (Option<&ColumnOf>, Option<&ColumnOf>),
    may_be_null: bool,
    rewritten: Option<&str>,
) -> Option<Suspect<'a>> {
    let of_returned = returned.and_then(|column| Some((column, statements.table_at(query, column.shape)?)));
    let table = of_returned.map(|(_, table)| table).or_else(|| statements.largest_table(query))?;
    let memory = hash_memory(statements.snapshot);
    let needed = of_returned.and_then(|(column, table)| {
        let shape = query.shapes.get(column.shape)?;
        let left = need(shape, false).map_or(Some(1.0), |need| fraction(&need, table)).unwrap_or(1.0);
        let statistics = table.column(&column.column)?.statistics.as_ref();
        let width = statistics.map_or(USUAL_WIDTH, |statistics| f64::from(statistics.average_width));
        let count = statements.rows(table.oid)? * left;
        Some((count, count * (width + ROW_HEADER)))
    });
    let is_too_large = needed.zip(memory).is_some_and(|((_, bytes), memory)| bytes > memory);
    let is_known = needed.is_some() && memory.is_some();
    if is_known && !is_too_large && !may_be_null {
        return None;
    }
    let mut evidence = Vec::new();
    let size = match needed {
        Some((count, bytes)) if is_too_large => {
            evidence.push(estimated("rows that the sub-select returns", count, Unit::Rows));
            evidence.push(estimated("memory that a hash table of them takes", bytes, Unit::Bytes));
            evidence.extend(memory.map(|memory| crate::suspect::measured("memory for a hash table", memory, Unit::Bytes)));
            format!("compares each row with each of some {} rows of {}, too many for a hash table", rows(count), table.name)
        }
        _ => format!("excludes rows by NOT IN over a sub-select of {}", table.name),
    };
    let nulls = if may_be_null { ", of which a single null makes it return nothing" } else { "" };
    let advice = match rewritten {
        Some(rewritten) => format!("neither side can be null, so this returns the same: {}", printable(rewritten)),
        None if may_be_null => {
            "write NOT EXISTS (SELECT 1 FROM … WHERE … = …), which ignores nulls: not the same where there are some, and most likely what is \
             meant; or declare both columns NOT NULL"
                .to_owned()
        }
        None => "write NOT EXISTS (SELECT 1 FROM … WHERE … = …), which returns the same since neither side can be null".to_owned(),
    };
    Some(Suspect {
        query,
        table,
        about: rewritten.unwrap_or_default().to_owned(),
        columns: [returned, compared].into_iter().flatten().map(|column| column.column.clone()).collect(),
        severity: if is_too_large { statements.severity(query).max(Severity::Warning) } else { Severity::Notice },
        problem: format!("a statement {size}{nulls}; it takes {} on the mean", time(mean(query))),
        evidence,
        advice,
    })
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Shape;

    use super::*;
    use crate::fixture::{Fixture, workload};

    fn found(rows: u64, may_be_null: bool, rewritten: Option<&str>) -> Vec<Finding> {
        let fixture = Fixture::new().table("customers", 500, &["id"]).table("orders", 500, &["customer_id"]).rows("orders", rows);
        let fixture = fixture.setting("work_mem", "4096").setting("hash_mem_multiplier", "2");
        let mut workload = workload(&[("s", 9_000.0, Shape::of(fixture.oid("customers")))]);
        workload.queries[0].shapes.push(Shape::of(fixture.oid("orders")));
        let column = |shape, column: &str| Some(ColumnOf { shape, column: column.to_owned() });
        let (compared, returned) = (column(0, "id"), column(1, "customer_id"));
        let rewritten = rewritten.map(str::to_owned);
        workload.queries[0].constructs.push(Construct::NotIn { compared, returned, may_be_null, rewritten });
        NotInSubquery.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn what_fits_into_memory_and_is_never_null_is_fine() {
        // 8 MB hold 262 144 rows of 32 bytes.
        assert_eq!(found(262_144, false, None), []);
        let findings = found(262_145, false, Some("SELECT 1"));
        assert!(findings[0].problem.contains("each of some 262 145 rows of orders"), "{}", findings[0].problem);
        assert!(findings[0].advice.ends_with("this returns the same: SELECT 1"));
        assert!(findings[0].severity >= Severity::Warning);
    }

    #[test]
    fn a_null_is_a_trap_at_any_size() {
        let findings = found(10, true, None);
        assert_eq!(findings[0].severity, Severity::Notice);
        assert!(findings[0].problem.contains("a single null makes it return nothing"));
        assert!(findings[0].advice.contains("not the same where there are some"));
    }
}
