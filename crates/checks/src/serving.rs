//! Whether an index that exists serves what a statement asks of a table, and what an index that does would look like.
//!
//! These are rules of thumb over definitions and numbers of distinct values. The planner is not asked; whoever proposes a change does that.

use pgtailor_model::catalog::{Index, Table};
use pgtailor_model::index::{Direction, KeyPart, Nulls};
use pgtailor_model::shape::{OrderKey, Shape, Subject};
use pgtailor_model::workload::Query;

use crate::threshold::{ASSUMED_RANGE_FRACTION, WELL_SERVED_FRACTION};

/// What an index could do for one reference to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// Columns compared for equality, with constants or with other tables; any order serves.
    pub(crate) equality: Vec<String>,
    /// Columns within bounds: the first that follows in an index narrows the scan.
    pub(crate) range: Vec<String>,
    /// The order that lets the statement stop early; empty when it does not stop.
    pub(crate) order: Vec<OrderKey>,
}

/// What an index could do for `shape`, or `None` when none could.
///
/// Joined columns count when `is_selective`: another part of the statement picks rows, so that the join looks up some rows of this table and
/// not all of them.
pub(crate) fn need(shape: &Shape, is_selective: bool) -> Option<Need> {
    let mut equality = shape.equality();
    if is_selective {
        equality.extend(shape.join().into_iter().filter(|column| !shape.equality().contains(column)));
    }
    let range = shape.range().into_iter().filter(|column| !equality.contains(column)).map(str::to_owned).collect();
    let equality: Vec<String> = equality.into_iter().map(str::to_owned).collect();
    let order: Vec<OrderKey> = if shape.limited {
        // Sorting by what is equal anyway sorts nothing.
        let constant = shape.equality();
        shape.order_by.iter().filter(|key| !constant.contains(&key.subject.text())).cloned().collect()
    } else {
        Vec::new()
    };
    let need = Need { equality, range, order };
    (!need.equality.is_empty() || !need.range.is_empty() || !need.order.is_empty()).then_some(need)
}

/// Whether anything in `query` picks some rows, other than the joins of the reference at `position`.
pub(crate) fn picks_rows(query: &Query, position: usize) -> bool {
    let picks = |shape: &Shape| !shape.equality().is_empty() || !shape.range().is_empty() || shape.limited;
    query.shapes.iter().enumerate().any(|(other, shape)| other != position && picks(shape))
}

/// The columns of an index that would serve `need`, as SQL would list them: those of equality first, then the order, else a range.
pub(crate) fn columns(need: &Need) -> Vec<String> {
    let mut columns = need.equality.clone();
    if need.order.is_empty() {
        columns.extend(need.range.first().cloned());
    } else {
        columns.extend(need.order.iter().map(|key| key.subject.text().to_owned()));
    }
    columns
}

/// The same with directions: `organization_id, created_at DESC`.
pub(crate) fn columns_sql(need: &Need) -> String {
    let quote = |name: &String| pgtailor_model::name::quote_identifier(name);
    let mut columns: Vec<String> = need.equality.iter().map(quote).collect();
    if need.order.is_empty() {
        columns.extend(need.range.first().map(quote));
    }
    columns.extend(need.order.iter().map(|key| {
        let direction = if key.direction == Direction::Descending { " DESC" } else { "" };
        let nulls = match key.nulls {
            nulls if nulls == Nulls::default_for(key.direction) => "",
            Nulls::First => " NULLS FIRST",
            Nulls::Last => " NULLS LAST",
        };
        let subject = match &key.subject {
            Subject::Column(column) => quote(column),
            Subject::Expression { sql, .. } => format!("({sql})"),
        };
        format!("{subject}{direction}{nulls}")
    }));
    pgtailor_model::name::printable(&columns.join(", "))
}

/// Fraction of the rows of `table`, 0 to 1, that `need` leaves, by the numbers of distinct values and as if columns were independent;
/// `None` when some number is not known.
pub(crate) fn fraction(need: &Need, table: &Table) -> Option<f64> {
    let equal: f64 = need.equality.iter().map(|column| one_of_distinct(column, table)).product::<Option<f64>>()?;
    let ranges = i32::try_from(need.range.len()).unwrap_or(i32::MAX);
    Some(equal * ASSUMED_RANGE_FRACTION.powi(ranges))
}

/// Whether some valid index of `table` serves `need` well enough.
pub(crate) fn is_served(need: &Need, table: &Table) -> bool {
    table.indexes.iter().any(|index| serves(index, need, table))
}

/// Walks the index's keys: first the columns of equality, in whichever order the index has them, then one column of the range or the
/// order. It serves when that covers all of the equality, or enough of it to leave few rows.
///
/// A partial index is given the benefit of the doubt, since whether a condition implies its predicate cannot be told here.
pub(crate) fn serves(index: &Index, need: &Need, table: &Table) -> bool {
    let Some(definition) = index.definition.as_ref().filter(|_| index.valid) else { return false };
    let keys: Vec<&str> = definition
        .keys
        .iter()
        .map_while(|key| match &key.part {
            KeyPart::Column(name) => Some(name.as_str()),
            KeyPart::Expression(_) => None,
        })
        .collect();
    match definition.method.as_str() {
        "btree" => {}
        "hash" => return need.equality.len() == 1 && keys.first().is_some_and(|key| *key == need.equality[0]),
        "brin" => return need.range.iter().any(|column| keys.contains(&column.as_str())),
        _ => return false,
    }
    let equal = keys.iter().take_while(|key| need.equality.iter().any(|column| column == *key)).count();
    if definition.unique && equal == definition.keys.len() {
        return true;
    }
    let next = keys.get(equal);
    let in_range = next.is_some_and(|key| need.range.iter().any(|column| column == key));
    let in_order =
        next.is_some_and(|key| need.order.first().is_some_and(|first| first.subject == Subject::Column((*key).to_owned())));
    if need.equality.is_empty() {
        // With both, either may be what makes the statement fast.
        return in_range || in_order;
    }
    if equal == 0 {
        return false;
    }
    if equal == need.equality.len() {
        return true;
    }
    let used = Need {
        equality: keys[..equal].iter().map(|key| (*key).to_owned()).collect(),
        range: if in_range { vec![keys[equal].to_owned()] } else { Vec::new() },
        order: Vec::new(),
    };
    // Without statistics nothing can be said against an index that serves in part.
    fraction(&used, table).is_none_or(|left| left <= WELL_SERVED_FRACTION)
}

fn one_of_distinct(column: &str, table: &Table) -> Option<f64> {
    let distinct = table.column(column)?.statistics?.distinct;
    (distinct > 0.0).then(|| 1.0 / distinct.max(1.0))
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::IndexDefinition;
    use pgtailor_model::name::Oid;
    use pgtailor_model::shape::Comparison;

    use super::*;
    use crate::fixture::Fixture;

    fn need_of(equality: &[&str], range: &[&str], order: &[&str]) -> Need {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let key = |column: String| crate::fixture::order_key(&column, Direction::Descending);
        Need { equality: owned(equality), range: owned(range), order: owned(order).into_iter().map(key).collect() }
    }

    fn served(definition: IndexDefinition, need: &Need) -> bool {
        let fixture = Fixture::new()
            .table("orders", 500, &["id", "org", "status", "at"])
            .distinct("orders", "id", 10_000.0)
            .distinct("orders", "org", 200.0)
            .distinct("orders", "status", 5.0)
            .distinct("orders", "at", 9_000.0)
            .index("orders", definition);
        is_served(need, &fixture.snapshot().catalog.tables[0])
    }

    #[test]
    fn equality_columns_serve_in_any_order_and_only_from_the_front() {
        let both = need_of(&["org", "status"], &[], &[]);
        assert!(served(IndexDefinition::btree(["status", "org"]), &both));
        assert!(served(IndexDefinition::btree(["org", "status", "at"]), &both));
        assert!(!served(IndexDefinition::btree(["at", "org", "status"]), &both));
        assert!(!served(IndexDefinition::btree(["status", "at"]), &both), "a fifth of the rows is left");
        assert!(served(IndexDefinition::btree(["org"]), &both), "one row in 200 is left");
        assert!(!served(IndexDefinition { method: "gist".to_owned(), ..IndexDefinition::btree(["org"]) }, &both));
    }

    #[test]
    fn a_unique_index_serves_whatever_else_is_filtered() {
        let lookup = need_of(&["id", "org"], &[], &[]);
        assert!(served(IndexDefinition { unique: true, ..IndexDefinition::btree(["id"]) }, &lookup));
    }

    #[test]
    fn without_equality_the_range_or_the_order_must_lead() {
        assert!(served(IndexDefinition::btree(["at"]), &need_of(&[], &["at"], &[])));
        assert!(served(IndexDefinition::btree(["at"]), &need_of(&[], &[], &["at"])));
        assert!(!served(IndexDefinition::btree(["org", "at"]), &need_of(&[], &["at"], &[])));
    }

    #[test]
    fn advice_puts_equality_first_then_order_or_range() {
        let need = need_of(&["org"], &["id"], &["at"]);
        assert_eq!(columns_sql(&need), "org, at DESC");
        assert_eq!(columns(&need), ["org", "at"]);
        assert_eq!(columns(&need_of(&["org"], &["id"], &[])), ["org", "id"]);
    }

    #[test]
    fn joined_columns_count_only_when_something_picks_rows() {
        let shape = crate::fixture::shape(Oid(1), &[("org", Comparison::Join)]);
        assert_eq!(need(&shape, false), None);
        assert_eq!(need(&shape, true), Some(need_of(&["org"], &[], &[])));
    }

    #[test]
    fn an_order_counts_only_with_a_limit() {
        let key = crate::fixture::order_key("at", Direction::Ascending);
        let shape = Shape { order_by: vec![key], ..Shape::default() };
        assert_eq!(need(&shape, false), None);
        assert!(need(&Shape { limited: true, ..shape }, false).is_some());
    }
}
