//! `mismatched-foreign-key`: columns that refer to others of another type.

use pgtailor_model::catalog::{ForeignKey, Table};
use pgtailor_model::finding::{Finding, Severity};
use pgtailor_model::name::{printable, quote_identifier};

use super::{Check, Subject};

/// Foreign keys between columns of different types.
///
/// # What it finds
///
/// Foreign keys of which a column has another type than the one that it refers to. Lengths do not count, and neither does the difference
/// between `text` and `varchar`, which compare alike.
///
/// # Why it matters
///
/// An `integer` that refers to a `bigint` fails on the first key above 2,147,483,647, on that table only. Where the types are merely
/// different, each comparison converts one of them: joins cannot use an index of the converted side, and merge joins are ruled out when the
/// operators are of different families.
///
/// # Example
///
/// ```sql
/// CREATE TABLE orders (id bigint PRIMARY KEY);
/// CREATE TABLE items (order_id integer REFERENCES orders);
/// ```
///
/// # Instead
///
/// ```sql
/// CREATE TABLE items (order_id bigint REFERENCES orders);
/// ```
///
/// # When to ignore it
///
/// When the referenced table can never have so many rows, and the wider type is there by habit only.
pub(super) struct MismatchedForeignKey;

impl Check for MismatchedForeignKey {
    fn name(&self) -> &'static str {
        "mismatched-foreign-key"
    }

    fn find(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let catalog = &subject.snapshot.catalog;
        let by_oid: std::collections::BTreeMap<_, _> = catalog.tables.iter().map(|table| (table.oid, table)).collect();
        let keys = catalog.tables.iter().flat_map(|table| table.foreign_keys.iter().map(move |key| (table, key)));
        keys.filter_map(|(table, key)| self.finding(table, key, by_oid.get(&key.references)?)).collect()
    }
}

impl MismatchedForeignKey {
    fn finding(&self, table: &Table, key: &ForeignKey, referenced: &Table) -> Option<Finding> {
        let pairs = key.columns.iter().zip(&key.referenced_columns);
        let (column, other) = pairs
            .filter_map(|(column, other)| Some((table.column(column)?, referenced.column(other)?)))
            .find(|(column, other)| family(&column.type_name) != family(&other.type_name))?;
        let is_narrower = match (integer_bytes(&column.type_name), integer_bytes(&other.type_name)) {
            (Some(here), Some(there)) => here < there,
            _ => false,
        };
        let consequence = if is_narrower { ", so that larger keys cannot be referred to" } else { "" };
        let problem = format!(
            "{}.{} is {} and refers to {}.{}, which is {}{consequence}",
            table.name,
            printable(&column.name),
            column.type_name,
            referenced.name,
            printable(&other.name),
            other.type_name
        );
        let advice = format!(
            "give both the same type: ALTER TABLE {} ALTER COLUMN {} TYPE {} rewrites the table under a lock, so on a large one fill a new \
             column in batches and swap",
            printable(&table.name.sql()),
            quote_identifier(&column.name),
            other.type_name
        );
        let severity = if is_narrower { Severity::Warning } else { Severity::Notice };
        Some(Finding { object: Some(key.name.clone()), ..Finding::new(self.name(), severity, &table.name, problem, advice) })
    }
}

/// The type without its length or precision; those that compare alike have one name.
fn family(type_name: &str) -> String {
    let start = type_name.find('(').unwrap_or(type_name.len());
    let end = type_name.find(')').map_or(type_name.len(), |at| at + 1);
    let bare = format!("{}{}", &type_name[..start], &type_name[end..]);
    if bare == "character varying" { "text".to_owned() } else { bare }
}

/// Bytes of an integer type.
fn integer_bytes(type_name: &str) -> Option<u32> {
    match type_name {
        "smallint" => Some(2),
        "integer" => Some(4),
        "bigint" => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_no_types() {
        assert_eq!(family("character varying(20)"), family("text"));
        assert_eq!(family("numeric(12,2)"), "numeric");
        assert_eq!(family("timestamp(3) with time zone"), family("timestamp with time zone"));
        assert_ne!(family("character(3)"), family("character varying(3)"));
        assert_ne!(family("integer"), family("bigint"));
    }
}
