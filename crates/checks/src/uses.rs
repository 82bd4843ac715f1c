//! Which statements refer to a table, without going through all statements for each of thousands of tables.
//!
//! Knows references only, nothing of what is wrong with them.

use std::collections::BTreeMap;

use pgtailor_model::name::Oid;
use pgtailor_model::shape::Shape;
use pgtailor_model::workload::{Query, Workload};

/// References of statements to tables.
pub(crate) struct Uses<'w> {
    by_table: BTreeMap<Oid, Vec<Use<'w>>>,
}

/// One reference of a statement to a table.
#[derive(Clone, Copy)]
pub(crate) struct Use<'w> {
    pub(crate) query: &'w Query,
    pub(crate) shape: &'w Shape,
    /// Of the shape among those of the statement.
    pub(crate) position: usize,
    /// Of the statement in the workload.
    rank: usize,
}

impl<'w> Uses<'w> {
    /// Those of `workload`.
    pub(crate) fn of(workload: &'w Workload) -> Self {
        let mut by_table: BTreeMap<Oid, Vec<Use<'w>>> = BTreeMap::new();
        for (rank, query) in workload.queries.iter().enumerate() {
            for (position, shape) in query.shapes.iter().enumerate() {
                by_table.entry(shape.table).or_default().push(Use { query, shape, position, rank });
            }
        }
        Self { by_table }
    }

    /// The references to any of `tables`, in the order of the workload, which begins with the longest statement.
    pub(crate) fn of_tables<'t>(&self, tables: impl IntoIterator<Item = &'t Oid>) -> Vec<Use<'w>> {
        let mut uses: Vec<Use<'w>> = tables.into_iter().filter_map(|table| self.by_table.get(table)).flatten().copied().collect();
        uses.sort_by_key(|one| (one.rank, one.position));
        uses
    }

    /// The statements with a reference to any of `tables` for which `is_wanted`, each once, in the order of the workload.
    pub(crate) fn queries<'t>(
        &self,
        tables: impl IntoIterator<Item = &'t Oid>,
        is_wanted: impl Fn(&Use<'w>) -> bool,
    ) -> Vec<&'w Query> {
        let mut uses = self.of_tables(tables);
        uses.retain(is_wanted);
        uses.dedup_by_key(|one| one.rank);
        uses.into_iter().map(|one| one.query).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_come_in_the_order_of_the_workload() {
        let query = |text: &str, tables: &[u32]| Query {
            text: text.to_owned(),
            shapes: tables.iter().map(|table| Shape::of(Oid(*table))).collect(),
            ..Query::default()
        };
        let queries = vec![query("a", &[2, 1]), query("b", &[3]), query("c", &[1, 2, 1])];
        let workload = Workload { queries, ..Workload::default() };
        let uses = Uses::of(&workload);
        let seen: Vec<(&str, usize)> =
            uses.of_tables(&[Oid(1), Oid(2)]).iter().map(|one| (one.query.text.as_str(), one.position)).collect();
        assert_eq!(seen, [("a", 0), ("a", 1), ("c", 0), ("c", 1), ("c", 2)]);
        let texts: Vec<&str> =
            uses.queries(&[Oid(1), Oid(9)], |one| one.position > 0).iter().map(|query| query.text.as_str()).collect();
        assert_eq!(texts, ["a", "c"]);
    }
}
