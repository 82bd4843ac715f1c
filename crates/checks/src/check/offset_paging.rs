//! `offset-paging`: pages that are found by counting the rows before them.

use pgtailor_model::construct::Construct;
use pgtailor_model::finding::Finding;
use pgtailor_model::index::Direction;
use pgtailor_model::name::{printable, quote_identifier};
use pgtailor_model::shape::{OrderKey, Subject as Key};
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::suspect::{Statements, Suspect, mean, time};
use crate::threshold::{ENOUGH_CALLS, EVEN_DEVIATIONS};

/// Paging with `OFFSET`.
///
/// # What it finds
///
/// Statements that take noticeable time and skip rows by `OFFSET`, with the condition that finds the same page by the last row of the page before.
/// A constant of less than 100 rows is no paging. Where every page takes the same time, something else is slow.
///
/// # Why it matters
///
/// `OFFSET n` computes n rows to throw them away: the last page costs as much as the whole list, and rows that come or go meanwhile are shown
/// twice or never.
///
/// # Example
///
/// ```sql
/// SELECT * FROM orders ORDER BY created_at DESC, id DESC LIMIT 20 OFFSET 40000;
/// ```
///
/// # Instead
///
/// ```sql
/// SELECT * FROM orders WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT 20;
/// ```
///
/// # When to ignore it
///
/// When nobody turns beyond the first few pages, or when a page must be reached by its number.
pub(super) struct OffsetPaging;

impl Check for OffsetPaging {
    fn name(&self) -> &'static str {
        "offset-paging"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let pages = statements.noticeable().filter(|query| is_paging(query) && !costs_the_same_everywhere(query));
        let suspects = pages.filter_map(|query| suspect(query, &statements)).collect();
        statements.findings(self.name(), suspects)
    }
}

fn is_paging(query: &Query) -> bool {
    query.constructs.iter().any(|construct| matches!(construct, Construct::Offset { .. }))
}

/// Whether its times are so much alike that the rows before a page cannot be what takes them: sorting all rows anew for each page does,
/// which asking for what follows a row would do as well.
fn costs_the_same_everywhere(query: &Query) -> bool {
    query.calls >= ENOUGH_CALLS && query.spread.is_some_and(|spread| spread.deviation.0 < EVEN_DEVIATIONS * mean(query))
}

fn suspect<'a>(query: &'a Query, statements: &Statements<'a>) -> Option<Suspect<'a>> {
    // The reference that is paged through: the one that the order is of, else any that the limit reaches.
    let ordered = query.shapes.iter().find(|shape| shape.limited && !shape.order_by.is_empty());
    let shape = ordered.or_else(|| query.shapes.iter().find(|shape| shape.limited));
    let table = shape.map_or_else(|| statements.largest_table(query), |shape| statements.table(shape.table))?;
    let keys = ordered.map_or(&[][..], |shape| &shape.order_by);
    let advice = match condition(keys) {
        Some(condition) => format!(
            "remember the last row of a page and ask for what follows it: {condition} with the same ORDER BY and LIMIT, and no OFFSET; the \
             last key must be unique and none of them null, and the page is reached from its neighbour only"
        ),
        None if keys.is_empty() => {
            "give the pages an order by columns of one table that ends with a unique one, and ask for what follows the last row of a page \
             instead of skipping rows"
                .to_owned()
        }
        None => "ask for what follows the last row of a page, key by key in the order of ORDER BY, instead of skipping rows".to_owned(),
    };
    Some(Suspect {
        query,
        table,
        about: advice.clone(),
        columns: keys.iter().flat_map(|key| key.subject.columns()).map(str::to_owned).collect(),
        severity: statements.severity(query),
        problem: format!(
            "a statement pages through {} by OFFSET, which finds the rows before a page to throw them away; it takes {} on the mean",
            table.name,
            time(mean(query))
        ),
        evidence: Vec::new(),
        advice,
    })
}

/// `(created_at, id) < ($1, $2)`; `None` when the keys are no columns, or do not all run the same way.
fn condition(keys: &[OrderKey]) -> Option<String> {
    let first = keys.first()?.direction;
    let names: Vec<String> = keys
        .iter()
        .map(|key| match &key.subject {
            Key::Column(column) if key.direction == first && key.distance.is_none() => Some(quote_identifier(column)),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let operator = if first == Direction::Descending { "<" } else { ">" };
    let values: Vec<&str> = names.iter().map(|_| "…").collect();
    Some(printable(&format!("({}) {operator} ({})", names.join(", "), values.join(", "))))
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Shape;
    use pgtailor_model::spread::Spread;
    use pgtailor_model::unit::Milliseconds;

    use super::*;
    use crate::fixture::{Fixture, order_key, workload};

    fn found(time: f64, order: &[(&str, Direction)]) -> Vec<Finding> {
        found_of(time, order, |_| {})
    }

    fn found_of(time: f64, order: &[(&str, Direction)], change: impl FnOnce(&mut Query)) -> Vec<Finding> {
        let fixture = Fixture::new().table("t", 500, &["a", "b"]);
        let order_by = order.iter().map(|(column, direction)| order_key(column, *direction)).collect();
        let page = Shape { limited: true, order_by, ..Shape::of(fixture.oid("t")) };
        let mut workload = workload(&[("other", 90_000.0, Shape::default()), ("page", time, page)]);
        workload.queries[1].constructs.push(Construct::Offset { parameter: Some(2) });
        change(&mut workload.queries[1]);
        OffsetPaging.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn the_condition_follows_the_order() {
        let findings = found(9_000.0, &[("a", Direction::Descending), ("b", Direction::Descending)]);
        assert_eq!(findings[0].statements[0].columns, ["a", "b"]);
        assert!(findings[0].advice.contains("(a, b) < (…, …)"), "{}", findings[0].advice);
        let mixed = found(9_000.0, &[("a", Direction::Descending), ("b", Direction::Ascending)]);
        assert!(mixed[0].advice.contains("key by key"), "{}", mixed[0].advice);
        assert!(found(9_000.0, &[])[0].advice.starts_with("give the pages an order"));
    }

    /// Sites of a Wagtail, sorted by an expression: 33 ms for each page, the first one as well.
    #[test]
    fn pages_that_all_take_the_same_time_are_not_slow_by_their_offset() {
        let of = |deviation: f64, calls: u64| {
            found_of(9_000.0, &[("a", Direction::Ascending)], |page| {
                page.calls = calls;
                page.spread = Some(Spread { deviation: Milliseconds(deviation), ..Spread::default() });
            })
            .len()
        };
        // The mean is 90 ms.
        assert_eq!([of(17.9, 100), of(18.1, 100)], [0, 1]);
        assert_eq!(of(0.0, 9), 1, "nine are too few to tell");
    }

    #[test]
    fn pages_that_take_no_time_are_left_alone() {
        assert_eq!(found(100.0, &[("a", Direction::Ascending)]), []);
    }
}
