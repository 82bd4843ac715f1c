//! Scopes: which names a statement can use at a place, and which table's column each of them is.
//!
//! A column keeps its **origins**, the table references that it comes from, through sub-selects, views, common table expressions
//! and joins, together with whether a condition on it could be pushed down to the table. A column that is computed keeps the expression
//! instead. A column with neither is known to exist and serves nothing: an aggregate, a function's result, a column of something that
//! the catalog does not hold.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use crate::expression::Expression;

/// Most columns of a result (`MaxTupleAttributeNumber` in `htup_details.h`).
const MOST_COLUMNS: usize = 1664;

/// Most tables that a column is followed to: common table expressions could double them at each step.
const MOST_ORIGINS: usize = 64;

/// A column of one reference to a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin<'t> {
    /// Position of the reference among all of the statement.
    pub(crate) reference: usize,
    /// The column's name in the table.
    pub(crate) column: &'t str,
    /// The common table expressions between the table and the use: a condition passes them only when they are inlined.
    pub(crate) through: Vec<usize>,
    /// Whether a condition on it can be pushed down to the table.
    pub(crate) pushed: bool,
}

/// A column as a scope, a sub-select or a table shows it.
#[derive(Clone, Debug)]
pub(crate) struct Exposed<'t> {
    /// Its name here.
    pub(crate) name: Cow<'t, str>,
    /// Where it comes from: none for computed ones, several for merged columns and set operations.
    pub(crate) origins: Vec<Origin<'t>>,
    /// What it is computed by, row for row.
    pub(crate) computed: Option<Rc<Expression<'t>>>,
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
pub(crate) struct Output<'t> {
    /// First to last.
    pub(crate) columns: Vec<Exposed<'t>>,
    /// Whether there are more columns, with names that are not known.
    pub(crate) more: bool,
    /// The tables whose rows are returned as they are, one for one or joined.
    pub(crate) reach: Vec<Reach>,
}

/// One thing in a `FROM` clause.
#[derive(Clone, Debug)]
pub(crate) struct Item<'t> {
    /// The name that qualifies its columns.
    pub(crate) alias: &'t str,
    /// The schema that may stand before the name, when there is no alias.
    pub(crate) schema: Option<&'t str>,
    /// Its columns.
    pub(crate) output: Output<'t>,
}

/// The names of one query level, inside those of the levels around it.
pub(crate) struct Scope<'o, 't> {
    /// First to last.
    pub(crate) items: Vec<Item<'t>>,
    /// Columns of `JOIN … USING` and `NATURAL JOIN`, each with the position of the join's first item.
    pub(crate) merged: Vec<(usize, Exposed<'t>)>,
    /// The level around this one, where its names can be seen.
    pub(crate) outer: Option<&'o Scope<'o, 't>>,
    /// 0 for the statement's own level.
    pub(crate) depth: usize,
}

/// A column reference, resolved.
#[derive(Clone, Debug)]
pub(crate) struct Column<'t> {
    /// Where it comes from; empty when that is no table's column.
    pub(crate) origins: Vec<Origin<'t>>,
    /// What it is computed by.
    pub(crate) computed: Option<Rc<Expression<'t>>>,
    /// The depth of the scope that it belongs to.
    pub(crate) depth: usize,
}

impl<'o, 't> Scope<'o, 't> {
    /// An empty scope inside `outer`.
    pub(crate) fn inside(outer: Option<&'o Scope<'o, 't>>) -> Self {
        Self { items: Vec::new(), merged: Vec::new(), outer, depth: outer.map_or(0, |scope| scope.depth + 1) }
    }

    /// The column that `fields` name, seen from a place where only the items from `first` on are visible at this level.
    pub(crate) fn resolve(&self, fields: &[&str], first: usize) -> Option<Column<'t>> {
        let found = match fields {
            [column] => self.resolve_unqualified(column, first),
            [table, column] => self.resolve_qualified(None, table, column, first),
            [.., schema, table, column] => self.resolve_qualified(Some(schema), table, column, first),
            [] => None,
        };
        found.or_else(|| self.outer.and_then(|outer| outer.resolve(fields, 0)))
    }

    fn resolve_unqualified(&self, name: &str, first: usize) -> Option<Column<'t>> {
        let visible = first..self.items.len();
        if let Some(exposed) = self.exposed_in(&visible, name) {
            return Some(self.column(exposed));
        }
        // It may well be one of the columns that we do not know, so an outer level's column of that name must not be taken for it.
        self.items[visible].iter().any(|item| item.output.more).then(|| self.unknown_column())
    }

    fn resolve_qualified(&self, schema: Option<&str>, table: &str, name: &str, first: usize) -> Option<Column<'t>> {
        let item = self.items[first..].iter().find(|item| item.alias == table && (schema.is_none() || item.schema == schema))?;
        let exposed = item.output.columns.iter().find(|column| column.name == name);
        Some(exposed.map_or_else(|| self.unknown_column(), |exposed| self.column(exposed)))
    }

    /// `exposed` as a column of this level.
    pub(crate) fn column(&self, exposed: &Exposed<'t>) -> Column<'t> {
        let computed = exposed.computed.as_ref().map(|expression| Rc::new(expression.at_depth(self.depth)));
        Column { origins: exposed.origins.clone(), computed, depth: self.depth }
    }

    /// A column that belongs to nothing known.
    pub(crate) fn unknown_column(&self) -> Column<'t> {
        Column { origins: Vec::new(), computed: None, depth: self.depth }
    }

    /// The one column called `name` among the items of `range`; merged columns stand before their parts.
    pub(crate) fn exposed_in(&self, range: &Range<usize>, name: &str) -> Option<&Exposed<'t>> {
        let merged = self.merged.iter().rev().find(|(first, exposed)| range.contains(first) && exposed.name == name);
        merged.map(|(_, exposed)| exposed).or_else(|| {
            let mut found =
                self.items[range.clone()].iter().flat_map(|item| &item.output.columns).filter(|column| column.name == name);
            let one = found.next();
            if found.next().is_some() { None } else { one }
        })
    }

    /// All that the items of `range` return, as `*` does: merged columns first.
    pub(crate) fn star(&self, range: &Range<usize>) -> Output<'t> {
        let mut output = Output::default();
        // A later join of the same columns has merged the earlier one's; the last entry stands for all.
        for (_, exposed) in self.merged.iter().rev().filter(|(first, _)| range.contains(first)) {
            if output.columns.iter().all(|column| column.name != exposed.name) {
                output.columns.push(exposed.clone());
            }
        }
        output.columns.reverse();
        let n_merged = output.columns.len();
        for item in &self.items[range.clone()] {
            for column in &item.output.columns {
                if output.columns[..n_merged].iter().all(|merged| merged.name != column.name) {
                    output.columns.push(column.clone());
                }
            }
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

impl<'t> Exposed<'t> {
    /// A column called `name` of which nothing is known.
    pub(crate) fn unknown(name: impl Into<Cow<'t, str>>) -> Self {
        Self { name: name.into(), origins: Vec::new(), computed: None }
    }

    /// Adds what `others` come from, each once, as far as somebody could want to know.
    pub(crate) fn add_origins(&mut self, others: Vec<Origin<'t>>) {
        for origin in others {
            if self.origins.len() < MOST_ORIGINS && !self.origins.contains(&origin) {
                self.origins.push(origin);
            }
        }
    }

    /// Every origin in it, those of the columns that it is computed from included.
    fn for_each_origin(&mut self, change: &impl Fn(&mut Origin<'t>)) {
        self.origins.iter_mut().for_each(change);
        if let Some(expression) = &mut self.computed {
            Rc::make_mut(expression).for_each_origin(change);
        }
    }
}

impl<'t> Output<'t> {
    /// The same with the columns renamed by an alias's column list.
    pub(crate) fn renamed(mut self, names: impl IntoIterator<Item = &'t str>) -> Self {
        for (position, name) in names.into_iter().enumerate() {
            match self.columns.get_mut(position) {
                Some(column) => column.name = name.into(),
                None => self.columns.push(Exposed::unknown(name)),
            }
        }
        self
    }

    /// The same without what no server would return: each sub-select could double the columns of the one before.
    pub(crate) fn bounded(mut self) -> Self {
        self.more |= self.columns.len() > MOST_COLUMNS;
        self.columns.truncate(MOST_COLUMNS);
        self.reach.truncate(MOST_ORIGINS);
        self
    }

    /// The same, for a place that conditions cannot be pushed through.
    pub(crate) fn opaque(mut self) -> Self {
        for column in &mut self.columns {
            column.for_each_origin(&|origin| origin.pushed = false);
        }
        self.reach.clear();
        self
    }

    /// The same, with one row for several: a condition on a column can still be one on the key of the grouping, one on what is computed
    /// is not looked into.
    pub(crate) fn grouped(mut self) -> Self {
        for column in &mut self.columns {
            column.computed = None;
        }
        self.reach.clear();
        self
    }

    /// The same, seen through the common table expression `cte`.
    pub(crate) fn through(mut self, cte: usize) -> Self {
        for column in &mut self.columns {
            column.for_each_origin(&|origin| origin.through.push(cte));
        }
        for reach in &mut self.reach {
            reach.through.push(cte);
        }
        self
    }
}
