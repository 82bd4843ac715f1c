//! `early-stop`: the first rows in an order that an index has, of those that a condition picks and no index leads to.

use pgtailor_model::catalog::{Index, Table};
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::name::printable;
use pgtailor_model::quantity::Unit;
use pgtailor_model::shape::{Shape, Subject as Key};
use pgtailor_model::unit::three_digits;
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::indexes::leading_column;
use crate::serving::{Need, columns, columns_sql, fraction, need};
use crate::suspect::{Statements, Suspect, estimated, mean, rows, time};
use crate::threshold::LARGEST_INDEXED_FRACTION;

/// `ORDER BY … LIMIT` with a condition that the order's index knows nothing of.
///
/// # What it finds
///
/// Statements that take noticeable time and ask for the first rows in an order that an index has, of those that a condition on another column
/// picks, where no index leads with a column of the condition. The rows read for each one returned are estimated from the numbers of distinct
/// values.
///
/// # Why it matters
///
/// The planner hopes to stop early: it walks the index from one end until it has met enough rows that fit, as if they were spread evenly. When
/// the newest rows have none of them it walks to the other end, and a value for which there are fewer rows than the limit always does. The same
/// statement takes a millisecond or a minute, by its values.
///
/// # Example
///
/// ```sql
/// SELECT * FROM events WHERE device = $1 ORDER BY at DESC LIMIT 10;  -- index on (at) only
/// ```
///
/// # Instead
///
/// ```sql
/// CREATE INDEX CONCURRENTLY ON events (device, at DESC);
/// ```
///
/// # When to ignore it
///
/// When the condition holds for most rows.
pub(super) struct EarlyStop;

impl Check for EarlyStop {
    fn name(&self) -> &'static str {
        "early-stop"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let suspects = statements
            .noticeable()
            .flat_map(|query| query.shapes.iter().filter_map(|shape| suspect(query, shape, &statements)).collect::<Vec<_>>());
        let suspects = suspects.collect();
        statements.findings(self.name(), suspects)
    }
}

fn suspect<'a>(query: &'a Query, shape: &Shape, statements: &Statements<'a>) -> Option<Suspect<'a>> {
    let table = statements.table(shape.table).filter(|table| !statements.is_small(table.oid))?;
    // Joined columns are filtered by the rows of the other table, which nobody knows here.
    let need = need(shape, false).filter(|need| !need.order.is_empty())?;
    let filtered = Need { order: Vec::new(), ..need.clone() };
    let left = fraction(&filtered, table).filter(|left| *left <= LARGEST_INDEXED_FRACTION)?;
    let walked = walked(&need, table)?;
    let is_led_to = |index: &Index| {
        let first = index.definition.as_ref().filter(|_| index.valid).and_then(leading_column);
        first.is_some_and(|first| filtered.equality.iter().chain(&filtered.range).any(|column| column == first))
    };
    if table.indexes.iter().any(is_led_to) {
        return None;
    }
    let conditions: Vec<&str> = filtered.equality.iter().chain(&filtered.range).map(String::as_str).collect();
    let for_each = 1.0 / left;
    // A range and an order cannot both be keys that narrow: the order stops, the range picks, and which is better depends on the values.
    let index = if filtered.equality.is_empty() { columns_sql(&filtered) } else { columns_sql(&need) };
    Some(Suspect {
        query,
        table,
        about: index.clone(),
        columns: columns(&need),
        severity: statements.severity(query).max(Severity::Notice),
        problem: format!(
            "a statement wants the first rows of {} in the order of index {} and filters by {}, which no index leads with: some {} rows are \
             walked for each one that fits, all of them where fewer fit than are wanted; it takes {} on the mean",
            table.name,
            printable(&walked.name),
            printable(&conditions.join(", ")),
            three_digits(for_each),
            time(mean(query))
        ),
        evidence: evidence(for_each, statements.rows(table.oid)),
        advice: format!(
            "have the advisor try an index on ({index}), which finds the rows that fit{}",
            if filtered.equality.is_empty() { ", to be sorted" } else { " in their order" }
        ),
    })
}

fn evidence(for_each: f64, of_table: Option<f64>) -> Vec<pgtailor_model::finding::Evidence> {
    let mut evidence = vec![estimated("rows walked for each that fits", for_each, Unit::Rows)];
    evidence.extend(of_table.map(|count| estimated(format!("rows walked at worst, {}", rows(count)), count, Unit::Rows)));
    evidence
}

/// The valid B-tree that has the order, in either direction.
fn walked<'t>(need: &Need, table: &'t Table) -> Option<&'t Index> {
    let first = match need.order.first() {
        Some(key) if key.distance.is_none() => &key.subject,
        _ => return None,
    };
    let Key::Column(first) = first else { return None };
    table.indexes.iter().find(|index| {
        let definition = index.definition.as_ref().filter(|definition| index.valid && definition.method == "btree");
        definition.is_some_and(|definition| definition.predicate.is_none() && leading_column(definition) == Some(first.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::{Direction, IndexDefinition};
    use pgtailor_model::shape::Comparison;

    use super::*;
    use crate::fixture::{Fixture, order_key, shape, workload};

    fn events(distinct: f64) -> Fixture {
        let fixture = Fixture::new().table("events", 500, &["at", "device"]).distinct("events", "device", distinct);
        fixture.index("events", IndexDefinition::btree(["at"]))
    }

    fn found(fixture: Fixture, limited: bool) -> Vec<Finding> {
        let by_device = shape(fixture.oid("events"), &[("device", Comparison::Equal)]);
        let first = Shape { limited, order_by: vec![order_key("at", Direction::Descending)], ..by_device };
        EarlyStop.find(&Subject::new(&fixture.snapshot(), &workload(&[("s", 9_000.0, first)])))
    }

    #[test]
    fn a_rare_value_behind_an_ordered_walk_is_found() {
        let findings = found(events(400.0), true);
        assert!(findings[0].problem.contains("some 400 rows are walked for each one that fits"), "{}", findings[0].problem);
        assert!(findings[0].advice.contains("(device, at DESC)"), "{}", findings[0].advice);
        assert_eq!(findings[0].statements[0].columns, ["device", "at"]);
    }

    #[test]
    fn common_values_other_indexes_and_whole_results_are_fine() {
        assert_eq!(found(events(4.0), true), []);
        assert_eq!(found(events(400.0), false), []);
        assert_eq!(found(events(400.0).index("events", IndexDefinition::btree(["device"])), true), []);
        let unindexed = Fixture::new().table("events", 500, &["at", "device"]).distinct("events", "device", 400.0);
        assert_eq!(found(unindexed, true), [], "there is nothing to walk");
    }
}
