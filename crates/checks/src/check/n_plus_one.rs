//! `n-plus-one`: rows that are fetched one by one for each row of another statement.

use std::collections::BTreeMap;

use pgtailor_model::catalog::Table;
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::name::{Oid, printable};
use pgtailor_model::quantity::Unit;
use pgtailor_model::shape::{Comparison, Operand, Shape, Subject as Key};
use pgtailor_model::unit::{count_as_f64, grouped, three_digits};
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::suspect::{Statements, Suspect, mean, measured, number_of, time};
use crate::threshold::{LOOKUPS_FOR_EACH, MANY_LOOKUPS, QUICK_LOOKUP};

/// Look-ups that should be one statement.
///
/// # What it finds
///
/// Look-ups of one table by one column that are quick each and take noticeable time in all, and that run many times for each execution of
/// another statement, which reads a table that a foreign key joins to the first, and which returns about as many rows as there are look-ups. Where
/// comments in the statements name their senders (sqlcommenter), both must have one in common. That one causes the other is inferred from these
/// numbers: the server does not record what an application does in between.
///
/// # Why it matters
///
/// Each look-up waits for the network, is parsed and started. A page that shows a hundred orders asks a hundred and one times.
///
/// # Example
///
/// ```sql
/// SELECT id, customer_id FROM orders WHERE status = $1;
/// SELECT name FROM customers WHERE id = $1;  -- for each order
/// ```
///
/// # Instead
///
/// ```sql
/// SELECT id, name FROM customers WHERE id = ANY ($1);  -- all at once; or a join
/// ```
///
/// # When to ignore it
///
/// When the look-ups are of different requests: sessions, users and settings are looked up once a request by right.
pub(super) struct NPlusOne;

impl Check for NPlusOne {
    fn name(&self) -> &'static str {
        "n-plus-one"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let mut lists: BTreeMap<Oid, Vec<&Query>> = BTreeMap::new();
        for query in subject.workload.queries.iter().filter(|query| query.rows_per_call().is_some_and(|rows| rows >= 2.0)) {
            for shape in query.shapes.iter().filter(|shape| shape.write.is_none()) {
                lists.entry(shape.table).or_default().push(query);
            }
        }
        let lookups = statements.noticeable().filter_map(|query| Some((query, lookup(query)?)));
        let suspects =
            lookups.filter_map(|(query, (shape, column))| suspect(query, shape, column, &lists, &statements)).collect();
        statements.findings(self.name(), suspects)
    }
}

/// The only reference of `query`, and the only column that it is looked up by.
fn lookup(query: &Query) -> Option<(&Shape, &str)> {
    let [shape] = query.shapes.as_slice() else { return None };
    let is_quick = query.calls >= MANY_LOOKUPS && mean(query) <= QUICK_LOOKUP;
    let equal: Vec<&str> = shape
        .predicates
        .iter()
        .filter(|predicate| predicate.comparison == Comparison::Equal)
        .filter_map(|predicate| match (&predicate.subject, &predicate.operand) {
            (Key::Column(column), Operand::Parameters(_)) => Some(column.as_str()),
            _ => None,
        })
        .collect();
    match equal.as_slice() {
        [column] if is_quick && shape.write.is_none() => Some((shape, column)),
        _ => None,
    }
}

fn suspect<'a>(
    query: &'a Query,
    shape: &Shape,
    column: &str,
    lists: &BTreeMap<Oid, Vec<&'a Query>>,
    statements: &Statements<'a>,
) -> Option<Suspect<'a>> {
    let table = statements.table(shape.table)?;
    let related = related(table, column, statements);
    let lists = related.iter().filter_map(|table| lists.get(table)).flatten();
    let mut matching = lists.filter_map(|list| Some((likeness(query, list)?, *list))).collect::<Vec<_>>();
    matching.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (_, list) = matching.first()?;
    let for_each = count_as_f64(query.calls) / count_as_f64(list.calls);
    let rows = list.rows_per_call()?;
    let list_table =
        list.shapes.iter().find(|shape| related.contains(&shape.table)).and_then(|shape| statements.table(shape.table))?;
    let route = common_tag(query, list);
    let by = route.map_or_else(|| "inferred from their numbers".to_owned(), |(tag, value)| format!("both of {tag} {value}"));
    let column_sql = printable(&pgtailor_model::name::quote_identifier(column));
    Some(Suspect {
        query,
        table,
        about: column.to_owned(),
        columns: vec![column.to_owned()],
        severity: statements.severity(query).min(Severity::Warning),
        problem: format!(
            "a look-up of {} by {} ran {} times, {} times for each execution of a statement over {} that returns {} rows ({by}): one for \
             each row",
            table.name,
            printable(column),
            grouped(query.calls),
            three_digits(for_each),
            list_table.name,
            three_digits(rows)
        ),
        evidence: vec![
            number_of("look-ups", count_as_f64(query.calls)),
            number_of("look-ups for each execution of the other statement", for_each),
            measured("rows of each execution of the other statement", rows, Unit::Rows),
            number_of("executions of the other statement", count_as_f64(list.calls)),
        ],
        advice: format!(
            "fetch them together, with {column_sql} = ANY ($1) or a join ({}); each takes {} on the server, and a round trip beside that. The \
             other statement: {}",
            "in an object-relational mapper: eager loading",
            time(mean(query)),
            list.text
        ),
    })
}

/// The tables that a foreign key joins to `column` of `table`: those that refer to it, and the one that it refers to.
fn related(table: &Table, column: &str, statements: &Statements<'_>) -> Vec<Oid> {
    let mut related: Vec<Oid> = Vec::new();
    let referred = table.foreign_keys.iter().filter(|key| key.columns == [column]).map(|key| key.references);
    related.extend(referred);
    for other in &statements.snapshot.catalog.tables {
        let refers =
            |key: &pgtailor_model::catalog::ForeignKey| key.references == table.oid && key.referenced_columns == [column];
        if other.foreign_keys.iter().any(refers) {
            related.push(other.oid);
        }
    }
    related
}

/// How far the look-ups are from one for each row of `list`, as the logarithm of a factor; `None` when that is no explanation of them: fewer than
/// a few for each execution, or not within a factor of two of the rows.
fn likeness(query: &Query, list: &Query) -> Option<f64> {
    let is_explained = query.fingerprint != list.fingerprint && query.calls >= list.calls.saturating_mul(LOOKUPS_FOR_EACH);
    let rows = list.rows.filter(|rows| is_explained && rows.0 > 0)?;
    let distance = (count_as_f64(query.calls) / rows.as_f64()).ln().abs();
    let is_of_others = !query.tags.is_empty() && !list.tags.is_empty() && common_tag(query, list).is_none();
    (distance <= std::f64::consts::LN_2 && !is_of_others).then_some(distance)
}

/// A tag that both have with the same value.
fn common_tag<'q>(query: &'q Query, list: &Query) -> Option<(&'q str, &'q str)> {
    let of = |(tag, values): (&'q String, &'q BTreeMap<String, u64>)| {
        let others = list.tags.get(tag)?;
        let value = values.keys().find(|value| others.contains_key(*value))?;
        Some((tag.as_str(), value.as_str()))
    };
    // The application's name says little: everything is of it.
    query.tags.iter().filter(|(tag, _)| *tag != "application").find_map(of)
}

#[cfg(test)]
mod tests {
    use pgtailor_model::catalog::{ForeignKey, ReferentialAction};
    use pgtailor_model::unit::{Milliseconds, Rows};
    use pgtailor_model::workload::Workload;

    use super::*;
    use crate::fixture::{Fixture, shape, workload};

    fn tables() -> Fixture {
        let fixture = Fixture::new().table("customers", 500, &["id"]).table("orders", 500, &["id", "customer_id"]);
        let references = fixture.oid("customers");
        fixture.foreign_key(
            "orders",
            ForeignKey {
                name: "orders_customer_id_fkey".to_owned(),
                columns: vec!["customer_id".to_owned()],
                references,
                referenced_columns: vec!["id".to_owned()],
                validated: true,
                on_delete: ReferentialAction::NoAction,
            },
        )
    }

    /// `lookups` of customers of 0.2 ms, and 100 lists of orders with `rows` in all.
    fn asked(fixture: &Fixture, lookups: u64, rows: u64) -> Workload {
        let by_id = shape(fixture.oid("customers"), &[("id", Comparison::Equal)]);
        let mut workload = workload(&[("lookup", 0.0, by_id), ("list", 500.0, Shape::of(fixture.oid("orders")))]);
        workload.queries[0].calls = lookups;
        workload.queries[0].total_time = Milliseconds(count_as_f64(lookups) * 0.2);
        workload.queries[1].rows = Some(Rows(rows));
        workload
    }

    fn found(change: impl FnOnce(&mut Workload), lookups: u64, rows: u64) -> Vec<Finding> {
        let fixture = tables();
        let mut workload = asked(&fixture, lookups, rows);
        change(&mut workload);
        NPlusOne.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn a_lookup_for_each_row_of_a_related_list_is_found() {
        let findings = found(|_| {}, 2_000, 2_500);
        let problem = "a look-up of customers by id ran 2 000 times, 20.0 times for each execution of a statement over orders that returns \
                       25.0 rows (inferred from their numbers): one for each row";
        assert_eq!(findings[0].problem, problem);
        assert!(findings[0].advice.contains("id = ANY ($1)"));
    }

    #[test]
    fn numbers_that_do_not_match_and_statements_that_are_not_related_are_no_cause() {
        assert_eq!(found(|_| {}, 2_000, 4_001), [], "half as many as rows");
        assert_eq!(found(|_| {}, 2_000, 999), [], "twice as many as rows");
        assert_eq!(found(|_| {}, 999, 1_000), [], "not many");
        assert_eq!(found(|workload| workload.queries[1].shapes.clear(), 2_000, 2_500), []);
        assert_eq!(found(|workload| workload.queries[0].total_time = Milliseconds(5_000.0), 2_000, 2_500), [], "slow each");
    }

    #[test]
    fn senders_must_agree_where_they_are_known() {
        let tagged = |one: &str, other: &str| {
            let tag = |value: &str| BTreeMap::from([("route".to_owned(), BTreeMap::from([(value.to_owned(), 1)]))]);
            let (one, other) = (tag(one), tag(other));
            found(|workload| (workload.queries[0].tags, workload.queries[1].tags) = (one, other), 2_000, 2_500)
        };
        assert!(tagged("/orders", "/orders")[0].problem.contains("(both of route /orders)"));
        assert_eq!(tagged("/orders", "/login"), []);
    }
}
