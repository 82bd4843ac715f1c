//! The state of one statement's reading: its references to tables, and what was found out about them.

use pg_query::NodeEnum;
use pg_query::protobuf::Node;
use pgtailor_model::catalog::Table;
use pgtailor_model::shape::{OrderKey, Shape, Write, WriteKind};

use crate::fact::{self, Fact};
use crate::relation::{Relation, Relations};
use crate::scope::{Column, Output, Scope};

/// Reads one statement. Every table reference, fact and ending is appended; [`Walker::finish`] adds them up.
pub(crate) struct Walker<'c> {
    /// Names to relations.
    pub(crate) relations: &'c Relations<'c>,
    /// The statement's references to tables, each with the columns that it writes.
    pub(crate) references: Vec<Reference<'c>>,
    /// What its conditions say.
    pub(crate) facts: Vec<Fact>,
    /// How its levels end.
    pub(crate) endings: Vec<Ending>,
    /// Its common table expressions.
    pub(crate) common: Vec<Common>,
    /// Columns of outer levels that were used, in order of use: how a sub-select is known to be correlated.
    pub(crate) outer_columns: Vec<Column>,
    /// Relations that are not tables of the catalog.
    pub(crate) strangers: Vec<Relation<'c>>,
}

/// One reference to a table.
pub(crate) struct Reference<'c> {
    /// The table.
    pub(crate) table: &'c Table,
    /// The columns that the statement changes through it.
    pub(crate) written: Vec<String>,
}

/// The order and the limit of a query level, for one table.
pub(crate) struct Ending {
    /// Position of the reference.
    pub(crate) reference: usize,
    /// As in [`crate::scope::Origin::through`].
    pub(crate) through: Vec<usize>,
    /// The order asked for.
    pub(crate) order: Vec<OrderKey>,
    /// Whether the level stops after some rows.
    pub(crate) limited: bool,
}

/// A common table expression of the statement.
pub(crate) struct Common {
    /// How often it is referred to.
    pub(crate) uses: usize,
    /// `NOT MATERIALIZED`.
    pub(crate) never_materialized: bool,
}

/// The common table expressions that can be seen from a place.
#[derive(Default)]
pub(crate) struct Commons<'p> {
    /// Those of the levels around.
    pub(crate) outer: Option<&'p Commons<'p>>,
    /// Name, position in [`Walker::common`], and what it returns.
    pub(crate) entries: Vec<(String, usize, Output)>,
}

/// Where in a statement an expression stands.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p> {
    /// The names of this level.
    pub(crate) scope: &'p Scope<'p>,
    /// The first item of the scope that is visible here: an `ON` sees only its own join.
    pub(crate) first: usize,
    /// Its common table expressions.
    pub(crate) commons: &'p Commons<'p>,
    /// Whether the expression must be true for a row to count: reached through `AND` only.
    pub(crate) conjunct: bool,
    /// Whether this level is joined to the one around it (`EXISTS`, `IN`), so that its conditions bind that one's columns, too.
    pub(crate) semi_join: bool,
}

impl<'c> Walker<'c> {
    /// A walker that has read nothing.
    pub(crate) fn new(relations: &'c Relations<'c>) -> Self {
        Self {
            relations,
            references: Vec::new(),
            facts: Vec::new(),
            endings: Vec::new(),
            common: Vec::new(),
            outer_columns: Vec::new(),
            strangers: Vec::new(),
        }
    }

    /// One shape for each reference to a table, in the order of the text.
    pub(crate) fn finish(self) -> Vec<Shape> {
        let mut shapes: Vec<Shape> = self
            .references
            .iter()
            .map(|reference| {
                let columns = reference.written.clone();
                let write = (!columns.is_empty()).then_some(Write { kind: WriteKind::Update, columns });
                Shape { write, ..Shape::of(reference.table.oid) }
            })
            .collect();
        // PostgreSQL inlines a common table expression that is referred to once (`inline_cte` in `subselect.c`); others are computed
        // before anyone's condition is known.
        let inlined =
            |through: &[usize]| through.iter().all(|&cte| self.common[cte].uses == 1 || self.common[cte].never_materialized);
        for fact in self.facts.iter().filter(|fact| inlined(&fact.origin.through)) {
            fact::record(&mut shapes[fact.origin.reference], &fact.origin.column, &fact.kind);
        }
        for ending in self.endings.into_iter().filter(|ending| inlined(&ending.through)) {
            let shape = &mut shapes[ending.reference];
            shape.limited |= ending.limited;
            if shape.order_by.is_empty() {
                shape.order_by = ending.order;
            }
        }
        shapes
    }

    /// The column that `node` names, when it is a plain column reference.
    pub(crate) fn column(&mut self, node: &Node, place: Place<'_>) -> Option<Column> {
        let Some(NodeEnum::ColumnRef(reference)) = &node.node else { return None };
        let fields: Vec<&str> = reference.fields.iter().map(string).collect::<Option<_>>()?;
        let column = place.scope.resolve(&fields, place.first)?;
        if column.depth < place.scope.depth {
            self.outer_columns.push(column.clone());
        }
        Some(column)
    }
}

impl Commons<'_> {
    /// The innermost one called `name`.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Output)> {
        let here = self.entries.iter().rev().find(|(known, ..)| known == name);
        here.map(|(_, position, output)| (*position, output)).or_else(|| self.outer.and_then(|outer| outer.find(name)))
    }
}

impl Place<'_> {
    /// Whether conditions here bind `column`: one of this level, or of the level that this one is joined to.
    pub(crate) fn binds(&self, column: &Column) -> bool {
        column.depth == self.scope.depth || (self.semi_join && column.depth + 1 == self.scope.depth)
    }

    /// The same place, inside something that need not be true for a row to count.
    #[must_use]
    pub(crate) fn inside_or(self) -> Self {
        Self { conjunct: false, ..self }
    }
}

/// The text of a name's part; `None` for `*` and everything else.
pub(crate) fn string(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(text)) => Some(&text.sval),
        _ => None,
    }
}

/// The names in a list of name parts.
pub(crate) fn strings(nodes: &[Node]) -> Vec<&str> {
    nodes.iter().filter_map(string).collect()
}
