//! Scopes: which names a statement can use at a place, and which table's column each of them is.
//!
//! A column keeps its **origins**, the table references that it comes from, through sub-selects, common table expressions and
//! joins, as long as a condition on it could be pushed down to the table. A column without origins is known to exist and serves
//! nothing: an aggregate, a function's result, a column of something that the catalog does not hold.

use std::ops::Range;

/// A column of one reference to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Position of the reference among all of the statement.
    pub(crate) reference: usize,
    /// The column's name in the table.
    pub(crate) column: String,
    /// The common table expressions between the table and the use: a condition passes them only when they are inlined.
    pub(crate) through: Vec<usize>,
}

/// A column as a scope, a sub-select or a table shows it.
#[derive(Clone, Debug)]
pub(crate) struct Exposed {
    /// Its name here.
    pub(crate) name: String,
    /// Where it comes from: none for computed ones, several for merged columns and set operations.
    pub(crate) origins: Vec<Origin>,
}

/// A reference to a table that ends of a statement (`ORDER BY`, `LIMIT`) reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Position of the reference.
    pub(crate) reference: usize,
    /// As in [`Origin::through`].
    pub(crate) through: Vec<usize>,
}

/// What a table, sub-select or function returns.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    /// First to last.
    pub(crate) columns: Vec<Exposed>,
    /// Whether there are more columns, with names that are not known.
    pub(crate) more: bool,
    /// The tables whose rows are returned as they are, one for one or joined.
    pub(crate) reach: Vec<Reach>,
}

/// One thing in a `FROM` clause.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// The name that qualifies its columns.
    pub(crate) alias: String,
    /// The schema that may stand before the name, when there is no alias.
    pub(crate) schema: Option<String>,
    /// Its columns.
    pub(crate) output: Output,
}

/// The names of one query level, inside those of the levels around it.
pub(crate) struct Scope<'o> {
    /// First to last.
    pub(crate) items: Vec<Item>,
    /// Columns of `JOIN … USING` and `NATURAL JOIN`, each with the position of the join's first item.
    pub(crate) merged: Vec<(usize, Exposed)>,
    /// The level around this one, where its names can be seen.
    pub(crate) outer: Option<&'o Scope<'o>>,
    /// 0 for the statement's own level.
    pub(crate) depth: usize,
}

/// A column reference, resolved.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Where it comes from; empty when that is no table's column.
    pub(crate) origins: Vec<Origin>,
    /// The depth of the scope that it belongs to.
    pub(crate) depth: usize,
}

impl<'o> Scope<'o> {
    /// An empty scope inside `outer`.
    pub(crate) fn inside(outer: Option<&'o Scope<'o>>) -> Self {
        Self { items: Vec::new(), merged: Vec::new(), outer, depth: outer.map_or(0, |scope| scope.depth + 1) }
    }

    /// The column that `fields` name, seen from a place where only the items from `first` on are visible at this level.
    pub(crate) fn resolve(&self, fields: &[&str], first: usize) -> Option<Column> {
        let found = match fields {
            [column] => self.resolve_unqualified(column, first),
            [table, column] => self.resolve_qualified(None, table, column, first),
            [.., schema, table, column] => self.resolve_qualified(Some(schema), table, column, first),
            [] => None,
        };
        found.or_else(|| self.outer.and_then(|outer| outer.resolve(fields, 0)))
    }

    fn resolve_unqualified(&self, name: &str, first: usize) -> Option<Column> {
        let visible = first..self.items.len();
        if let Some(exposed) = self.exposed_in(&visible, name) {
            return Some(self.column(exposed.origins.clone()));
        }
        // It may well be one of the columns that we do not know, so an outer level's column of that name must not be taken for it.
        self.items[visible].iter().any(|item| item.output.more).then(|| self.column(Vec::new()))
    }

    fn resolve_qualified(&self, schema: Option<&str>, table: &str, name: &str, first: usize) -> Option<Column> {
        let item = self.items[first..]
            .iter()
            .find(|item| item.alias == table && (schema.is_none() || item.schema.as_deref() == schema))?;
        let exposed = item.output.columns.iter().find(|column| column.name == name);
        Some(self.column(exposed.map(|column| column.origins.clone()).unwrap_or_default()))
    }

    fn column(&self, origins: Vec<Origin>) -> Column {
        Column { origins, depth: self.depth }
    }

    /// The one column called `name` among the items of `range`; merged columns stand before their parts.
    pub(crate) fn exposed_in(&self, range: &Range<usize>, name: &str) -> Option<&Exposed> {
        let merged = self.merged.iter().rev().find(|(first, exposed)| range.contains(first) && exposed.name == name);
        merged.map(|(_, exposed)| exposed).or_else(|| {
            let mut found =
                self.items[range.clone()].iter().flat_map(|item| &item.output.columns).filter(|column| column.name == name);
            let one = found.next();
            if found.next().is_some() { None } else { one }
        })
    }

    /// All that the items of `range` return, as `*` does: merged columns first.
    pub(crate) fn star(&self, range: &Range<usize>) -> Output {
        let mut output = Output::default();
        // A later join of the same columns has merged the earlier one's; the last entry stands for all.
        for (_, exposed) in self.merged.iter().rev().filter(|(first, _)| range.contains(first)) {
            if output.columns.iter().all(|column| column.name != exposed.name) {
                output.columns.push(exposed.clone());
            }
        }
        output.columns.reverse();
        let merged: Vec<String> = output.columns.iter().map(|column| column.name.clone()).collect();
        for item in &self.items[range.clone()] {
            let columns = item.output.columns.iter().filter(|column| !merged.contains(&column.name));
            output.columns.extend(columns.cloned());
            output.more |= item.output.more;
            output.reach.extend(item.output.reach.iter().cloned());
        }
        output
    }

    /// The references to tables that the items of `range` show columns of.
    pub(crate) fn references_in(&self, range: Range<usize>) -> Vec<usize> {
        let columns = self.items[range].iter().flat_map(|item| &item.output.columns);
        let mut references: Vec<usize> = columns.flat_map(|column| &column.origins).map(|origin| origin.reference).collect();
        references.sort_unstable();
        references.dedup();
        references
    }
}

impl Output {
    /// The same with the columns renamed by an alias's column list.
    pub(crate) fn renamed(mut self, names: &[&str]) -> Self {
        for (position, name) in names.iter().enumerate() {
            match self.columns.get_mut(position) {
                Some(column) => (*name).clone_into(&mut column.name),
                None => self.columns.push(Exposed { name: (*name).to_owned(), origins: Vec::new() }),
            }
        }
        self
    }

    /// The same, for a place that conditions cannot be pushed through.
    pub(crate) fn opaque(mut self) -> Self {
        for column in &mut self.columns {
            column.origins.clear();
        }
        self.reach.clear();
        self
    }

    /// The same, seen through the common table expression `cte`.
    pub(crate) fn through(mut self, cte: usize) -> Self {
        for origin in self.columns.iter_mut().flat_map(|column| &mut column.origins) {
            origin.through.push(cte);
        }
        for reach in &mut self.reach {
            reach.through.push(cte);
        }
        self
    }
}
