//! The state of one statement's reading: its references to tables, and what was found out about them.

use std::collections::{BTreeMap, BTreeSet};

use pg_query::NodeEnum;
use pg_query::protobuf::Node;
use pgtailor_model::catalog::Table;
use pgtailor_model::shape::{OrderKey, Shape, Subject, Write};

use crate::connection::{Link, Mentions};
use crate::construct::Noticed;
use crate::fact::{self, Said};
use crate::numbers::Numbers;
use crate::parameter::Noted;
use crate::relation::{Relation, Relations};
use crate::scope::{Column, Origin, Output, Scope};

/// Reads one statement. Every table reference, fact and ending is appended; [`Walker::finish`] adds them up.
pub(crate) struct Walker<'t> {
    /// Names to relations.
    pub(crate) relations: &'t Relations<'t>,
    /// Constants to parameters.
    pub(crate) numbers: &'t Numbers,
    /// The statement's references to tables.
    pub(crate) references: Vec<Reference<'t>>,
    /// What its conditions say.
    pub(crate) said: Said,
    /// How its levels end.
    pub(crate) endings: Vec<Ending>,
    /// Its common table expressions.
    pub(crate) common: Vec<Common<'t>>,
    /// Columns of outer levels that were used, in order of use: how a sub-select is known to be correlated.
    pub(crate) outer_columns: Vec<Column<'t>>,
    /// Relations that are not tables of the catalog.
    pub(crate) strangers: Vec<Relation<'t>>,
    /// What is known of the parameters.
    pub(crate) noted: BTreeMap<u32, Noted>,
    /// The parameters in the order in which they were read.
    pub(crate) seen: Vec<u32>,
    /// Where the next query level's columns are written to.
    pub(crate) assigning: Vec<Written<'t>>,
    /// The views that are being read, outermost first.
    pub(crate) views: Vec<usize>,
    /// How many query levels are being read, one inside the other.
    pub(crate) depth: usize,
    /// How many views were read.
    pub(crate) n_views_read: usize,
    /// What no shape shows, in the order in which it was met.
    pub(crate) constructs: Vec<Noticed>,
    /// The condition of the statement's own `WHERE` that is being read: its position among those joined by `AND`, and itself.
    pub(crate) conjunct: Option<(usize, &'t Node)>,
    /// References that an outer join may fill with nulls.
    pub(crate) filled: BTreeSet<usize>,
    /// What was named.
    pub(crate) mentions: Mentions,
    /// References that conditions connect.
    pub(crate) links: Vec<Link>,
}

/// One reference to a table.
pub(crate) struct Reference<'t> {
    /// The table.
    pub(crate) table: &'t Table,
    /// What the statement does to it.
    pub(crate) write: Option<Write>,
    /// The columns whose values are used.
    pub(crate) needed: BTreeSet<&'t str>,
    /// The views through which it is reached, outermost first.
    pub(crate) through: Vec<String>,
}

/// A column that is written to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'t> {
    /// Position of the reference.
    pub(crate) reference: usize,
    /// The column's name in the table.
    pub(crate) column: &'t str,
    /// Whether all of it is; `tags[1]` is a part.
    pub(crate) is_whole: bool,
}

/// The order, the grouping and the limit of a query level, for one table.
#[derive(Debug)]
pub(crate) struct Ending {
    /// Position of the reference.
    pub(crate) reference: usize,
    /// As in [`Origin::through`].
    pub(crate) through: Vec<usize>,
    /// The order asked for.
    pub(crate) order: Vec<OrderKey>,
    /// The keys of `GROUP BY`.
    pub(crate) group: Vec<Subject>,
    /// The keys of `DISTINCT`.
    pub(crate) distinct: Vec<Subject>,
    /// Whether the level stops after some rows.
    pub(crate) limited: bool,
}

/// A common table expression of the statement.
pub(crate) struct Common<'t> {
    /// How often it is referred to.
    pub(crate) uses: usize,
    /// `NOT MATERIALIZED`.
    pub(crate) never_materialized: bool,
    /// The columns of tables that it returns.
    pub(crate) returned: Vec<(usize, &'t str)>,
}

/// The common table expressions that can be seen from a place.
#[derive(Default)]
pub(crate) struct Commons<'p, 't> {
    /// Those of the levels around.
    pub(crate) outer: Option<&'p Commons<'p, 't>>,
    /// Name, position in [`Walker::common`], and what it returns.
    pub(crate) entries: Vec<(&'t str, usize, Output<'t>)>,
}

/// Where in a statement an expression stands.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p, 't> {
    /// The names of this level.
    pub(crate) scope: &'p Scope<'p, 't>,
    /// The first item of the scope that is visible here: an `ON` sees only its own join.
    pub(crate) first: usize,
    /// Its common table expressions.
    pub(crate) commons: &'p Commons<'p, 't>,
    /// Whether the expression must be true for a row to count: reached through `AND` only.
    pub(crate) conjunct: bool,
    /// Whether this level is joined to the one around it (`EXISTS`, `IN`), so that its conditions bind that one's columns, too.
    pub(crate) semi_join: bool,
}

impl<'t> Walker<'t> {
    /// A walker that has read nothing.
    pub(crate) fn new(relations: &'t Relations<'t>, numbers: &'t Numbers) -> Self {
        Self {
            relations,
            numbers,
            references: Vec::new(),
            said: Said::default(),
            endings: Vec::new(),
            common: Vec::new(),
            outer_columns: Vec::new(),
            strangers: Vec::new(),
            noted: BTreeMap::new(),
            seen: Vec::new(),
            assigning: Vec::new(),
            views: Vec::new(),
            depth: 0,
            n_views_read: 0,
            constructs: Vec::new(),
            conjunct: None,
            filled: BTreeSet::new(),
            mentions: Mentions::default(),
            links: Vec::new(),
        }
    }

    /// One shape for each reference to a table, in the order of the text.
    pub(crate) fn finish(mut self) -> Vec<Shape> {
        // PostgreSQL inlines a common table expression that is referred to once (`inline_cte` in `subselect.c`); others are computed
        // before anyone's condition is known, with all of their columns.
        let common = std::mem::take(&mut self.common);
        let is_inlined = |cte: &Common<'_>| cte.uses == 1 || cte.never_materialized;
        for (reference, column) in common.iter().filter(|cte| !is_inlined(cte)).flat_map(|cte| &cte.returned) {
            self.references[*reference].needed.insert(column);
        }
        let holds = |through: &[usize]| through.iter().all(|&cte| is_inlined(&common[cte]));

        let mut shapes: Vec<Shape> = self
            .references
            .into_iter()
            .map(|reference| Shape {
                write: reference.write,
                needed: reference.needed.into_iter().map(str::to_owned).collect(),
                through: reference.through,
                ..Shape::of(reference.table.oid)
            })
            .collect();
        fact::record(&mut shapes, self.said, &holds);
        for ending in self.endings.into_iter().filter(|ending| holds(&ending.through)) {
            let shape = &mut shapes[ending.reference];
            shape.limited |= ending.limited;
            if shape.order_by.is_empty() {
                shape.order_by = ending.order;
            }
            if shape.group_by.is_empty() {
                shape.group_by = ending.group;
            }
            if shape.distinct.is_empty() {
                shape.distinct = ending.distinct;
            }
        }
        shapes
    }

    /// The column that `node` names, when it is a plain column reference; its value counts as needed.
    pub(crate) fn column(&mut self, node: &'t Node, place: Place<'_, 't>) -> Option<Column<'t>> {
        let Some(column) = self.resolve(node, place) else {
            self.need_whole_row(node, place);
            return None;
        };
        self.need(&column.origins);
        Some(column)
    }

    /// The same, for a place that only hands the value on.
    pub(crate) fn resolve(&mut self, node: &'t Node, place: Place<'_, 't>) -> Option<Column<'t>> {
        let Some(NodeEnum::ColumnRef(reference)) = &node.node else { return None };
        let found = named(&reference.fields, place);
        self.mentions.name(found.as_ref());
        let column = found?;
        if column.depth < place.scope.depth {
            self.outer_columns.push(column.clone());
        }
        Some(column)
    }

    /// Says that the values of `origins` are used.
    pub(crate) fn need(&mut self, origins: &[Origin<'t>]) {
        for origin in origins {
            self.references[origin.reference].needed.insert(origin.column);
        }
    }

    /// Says that all that `output` holds is used.
    pub(crate) fn need_output(&mut self, output: &Output<'t>) {
        for column in &output.columns {
            self.need(&column.origins);
        }
    }

    /// A name that is no column's may be a whole row: `row_to_json(o)`, `o.*`.
    fn need_whole_row(&mut self, node: &'t Node, place: Place<'_, 't>) {
        let Some(NodeEnum::ColumnRef(reference)) = &node.node else { return };
        let Some(name) = reference.fields.iter().rev().find_map(string) else { return };
        let mut scope = Some(place.scope);
        while let Some(level) = scope {
            if let Some(item) = level.items.iter().find(|item| item.alias == name) {
                self.need_output(&item.output);
                return;
            }
            scope = level.outer;
        }
    }

    /// Whether what is being read is a view's definition, whose constants are nobody's data and have no numbers.
    pub(crate) fn is_in_view(&self) -> bool {
        !self.views.is_empty()
    }
}

impl<'t> Commons<'_, 't> {
    /// The innermost one called `name`.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Output<'t>)> {
        let here = self.entries.iter().rev().find(|(known, ..)| *known == name);
        here.map(|(_, position, output)| (*position, output)).or_else(|| self.outer.and_then(|outer| outer.find(name)))
    }
}

impl<'p, 't> Place<'p, 't> {
    /// The place of a level's conditions, with all of the level's names.
    pub(crate) fn of(scope: &'p Scope<'p, 't>, commons: &'p Commons<'p, 't>) -> Self {
        Self { scope, first: 0, commons, conjunct: true, semi_join: false }
    }

    /// Whether conditions here bind `column`: one of this level, or of the level that this one is joined to.
    pub(crate) fn binds(&self, column: &Column<'_>) -> bool {
        column.depth == self.scope.depth || (self.semi_join && column.depth + 1 == self.scope.depth)
    }

    /// The same place, inside something that need not be true for a row to count.
    #[must_use]
    pub(crate) fn inside_or(self) -> Self {
        Self { conjunct: false, ..self }
    }
}

/// The column that `fields` name at `place`.
fn named<'t>(fields: &[Node], place: Place<'_, 't>) -> Option<Column<'t>> {
    match fields {
        [only] => place.scope.resolve(&[string(only)?], place.first),
        [table, column] => place.scope.resolve(&[string(table)?, string(column)?], place.first),
        fields => place.scope.resolve(&fields.iter().map(string).collect::<Option<Vec<_>>>()?, place.first),
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
