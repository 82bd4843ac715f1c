//! `function-on-column`: conditions on what is computed of a column, which no index on the column serves.

use pgtailor_model::catalog::Table;
use pgtailor_model::finding::Finding;
use pgtailor_model::index::KeyPart;
use pgtailor_model::name::{printable, quote_identifier};
use pgtailor_model::shape::{Comparison, Predicate, Service, Shape, Subject as Key};
use pgtailor_model::workload::Query;

use super::{Check, Subject};
use crate::indexes::leading_column;
use crate::serving::{is_served, need, picks_rows};
use crate::suspect::{Statements, Suspect, mean, time};

/// Conditions on an expression over a column.
///
/// # What it finds
///
/// Statements that take noticeable time, over tables of 100 pages and more, that pick rows by an expression of a column (`lower(email) = $1`) where no index
/// has that expression and no other condition of the statement is served by an index. Where the expression is immutable it gives the index that
/// would serve it, else what stands against one.
///
/// # Why it matters
///
/// An index on `email` holds addresses, not what `lower` makes of them: every row is read, and the function called for each.
///
/// # Example
///
/// ```sql
/// SELECT * FROM users WHERE lower(email) = $1;
/// SELECT * FROM orders WHERE created_at::date = $1;
/// ```
///
/// # Instead
///
/// ```sql
/// CREATE INDEX CONCURRENTLY ON users (lower(email));
/// SELECT * FROM orders WHERE created_at >= $1 AND created_at < $1 + 1;
/// ```
///
/// # When to ignore it
///
/// When most rows pass the condition, which no index helps.
pub(super) struct FunctionOnColumn;

impl Check for FunctionOnColumn {
    fn name(&self) -> &'static str {
        "function-on-column"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let statements = Statements::of(subject);
        let suspects = statements.noticeable().flat_map(|query| {
            let shapes = query.shapes.iter().enumerate();
            shapes.filter_map(|(position, shape)| suspect(query, position, shape, &statements)).collect::<Vec<_>>()
        });
        let suspects = suspects.collect();
        statements.findings(self.name(), suspects)
    }
}

fn suspect<'a>(query: &'a Query, position: usize, shape: &'a Shape, statements: &Statements<'a>) -> Option<Suspect<'a>> {
    let table = statements.table(shape.table).filter(|table| !statements.is_small(table.oid))?;
    // A statement that finds its rows by something else computes the expression for those only.
    if need(shape, picks_rows(query, position)).is_some_and(|need| is_served(&need, table)) {
        return None;
    }
    let (predicate, sql, columns) = shape.predicates.iter().find_map(|predicate| match &predicate.subject {
        Key::Expression { sql, columns } if picks(predicate) => Some((predicate, sql, columns)),
        _ => None,
    })?;
    if is_indexed(table, sql) {
        return None;
    }
    let bare = columns.iter().find_map(|column| {
        let leads = |index: &&pgtailor_model::catalog::Index| {
            index.valid && index.definition.as_ref().and_then(leading_column) == Some(column.as_str())
        };
        table.indexes.iter().find(leads)
    });
    let beside = match bare {
        Some(index) => format!("index {} holds the bare column and does not serve it", printable(&index.name)),
        None => "no index serves it".to_owned(),
    };
    let range = is_of_time(sql).then(|| {
        let column = columns.first().map(|column| quote_identifier(column)).unwrap_or_default();
        printable(&format!("compare the bare column with a range, {column} >= $1 AND {column} < $2, which an index on it serves"))
    });
    let advice = match (&predicate.service, range) {
        (Service::By(_), range) => {
            let index = printable(&format!("CREATE INDEX CONCURRENTLY ON {} (({sql}))", table.name.sql()));
            let range = range.map(|range| format!("; or {range}")).unwrap_or_default();
            format!(
                "run {index}{range}; ANALYZE {} afterwards, so that the planner knows its values",
                printable(&table.name.sql())
            )
        }
        (Service::Nothing(reason), Some(range)) => format!("{range}; an index cannot hold the expression: {reason}"),
        (Service::Nothing(reason), None) => {
            format!(
                "compare the bare column, with the computation on the other side; an index cannot hold the expression: {reason}"
            )
        }
    };
    Some(Suspect {
        query,
        table,
        about: sql.clone(),
        columns: columns.clone(),
        severity: statements.severity(query),
        problem: format!(
            "a statement picks rows of {} by {}: {beside}; it takes {} on the mean",
            table.name,
            printable(sql),
            time(mean(query))
        ),
        evidence: Vec::new(),
        advice,
    })
}

/// Whether the comparison could find few rows by an index over its subject.
fn picks(predicate: &Predicate) -> bool {
    matches!(predicate.comparison, Comparison::Equal | Comparison::OneOf | Comparison::Range | Comparison::Prefix)
        && (predicate.is_served_by_btree() || matches!(predicate.service, Service::Nothing(_)))
}

/// Whether some key of a valid index of `table` is `sql`. The server writes casts and parentheses that a statement leaves out, so these do not
/// count.
fn is_indexed(table: &Table, sql: &str) -> bool {
    let keys = table.indexes.iter().filter(|index| index.valid).filter_map(|index| index.definition.as_ref());
    keys.flat_map(|definition| &definition.keys).any(|key| match &key.part {
        KeyPart::Expression(known) => bare(known) == bare(sql),
        KeyPart::Column(_) => false,
    })
}

/// `sql` without casts, parentheses and blanks.
fn bare(sql: &str) -> String {
    let mut parts = sql.split("::");
    let mut bare = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // The name of a type may have a second word and a length: `character varying(20)`.
        let name = part.find(|c: char| !(c.is_alphanumeric() || matches!(c, ' ' | '_' | '.' | '"')));
        bare.push_str(name.map_or("", |end| &part[end..]));
    }
    bare.retain(|c| !matches!(c, '(' | ')' | ' '));
    bare.to_lowercase()
}

/// Whether the expression is a part of a time, so that what it is compared with is a range of times.
fn is_of_time(sql: &str) -> bool {
    let sql = sql.to_lowercase();
    ["::date", "date_trunc", "date(", "to_char(", "as date", "date_part", "extract("].iter().any(|name| sql.contains(name))
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::{IndexDefinition, IndexKey};

    use super::*;
    use crate::fixture::{Fixture, shape, workload};

    fn users() -> Fixture {
        Fixture::new().table("users", 500, &["id", "email"]).index("users", IndexDefinition::btree(["email"]))
    }

    fn found(fixture: Fixture, sql: &str, service: Service, also: &[(&str, Comparison)]) -> Vec<Finding> {
        let mut shape = shape(fixture.oid("users"), &[&[("email", Comparison::Equal)], also].concat());
        shape.predicates[0].subject = Key::Expression { sql: sql.to_owned(), columns: vec!["email".to_owned()] };
        shape.predicates[0].service = service;
        let workload = workload(&[("s", 9_000.0, shape)]);
        FunctionOnColumn.find(&Subject::new(&fixture.snapshot(), &workload))
    }

    #[test]
    fn an_immutable_expression_gets_its_index() {
        let findings = found(users(), "lower(email)", Service::btree(), &[]);
        assert!(findings[0].problem.contains("index users_index_1 holds the bare column"), "{}", findings[0].problem);
        assert!(findings[0].advice.starts_with("run CREATE INDEX CONCURRENTLY ON public.users ((lower(email)));"));
    }

    #[test]
    fn what_is_not_immutable_is_rewritten() {
        let findings = found(users(), "email::date", Service::nothing("a cast to date, which is not immutable"), &[]);
        assert!(findings[0].advice.starts_with("compare the bare column with a range, email >= $1"), "{}", findings[0].advice);
    }

    #[test]
    fn an_index_on_the_expression_or_another_condition_ends_it() {
        let key = IndexKey { part: KeyPart::Expression("lower((email)::text)".to_owned()), ..IndexKey::column("") };
        let indexed = users().index("users", IndexDefinition { keys: vec![key], ..IndexDefinition::btree::<String>([]) });
        assert_eq!(found(indexed, "lower(email)", Service::btree(), &[]), []);
        let unique = IndexDefinition { unique: true, ..IndexDefinition::btree(["id"]) };
        assert_eq!(found(users().index("users", unique), "lower(email)", Service::btree(), &[("id", Comparison::Equal)]), []);
        assert_eq!(found(users().pages("users", 99), "lower(email)", Service::btree(), &[]), []);
    }
}
