//! What is made of columns, and what an index would have to hold for it.
//!
//! A condition is about a **term**: a column, or an expression over columns of one reference. An expression is written down only when it
//! is a term, as an index could have it; whether an index could hold it at all (only what is immutable) was found out while it was read.

use std::rc::Rc;

use pg_query::NodeEnum;
use pg_query::protobuf::Node;
use pgtailor_model::shape::Subject;

use crate::operand::Operand;
use crate::rewrite::Rewriting;
use crate::scope::{Column, Origin};
use crate::types::Type;
use crate::walker::{Place, Walker, string};

/// Something made of columns.
#[derive(Clone, Debug)]
pub(crate) struct Expression<'t> {
    /// Where it stands.
    pub(crate) node: &'t Node,
    /// The columns in it, one for each reference to a column, in the order of [`crate::children`].
    pub(crate) columns: Vec<Column<'t>>,
    /// The numbers of the parameters in it.
    pub(crate) parameters: Vec<u32>,
    /// The family of its type.
    pub(crate) result: Type,
    /// How many columns of tables are in it, counted once for each time they would be written.
    pub(crate) n_leaves: usize,
    /// Why no index can hold it, as a clause, if so.
    pub(crate) refusal: Option<String>,
    /// Whether it is computed over many rows: an aggregate or a window function.
    pub(crate) of_many_rows: bool,
    /// Whether it is of a view's definition, whose constants are part of the schema.
    pub(crate) in_view: bool,
}

/// What a condition, a sort key or a grouping is about, for one reference.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// Position of the reference.
    pub(crate) reference: usize,
    /// As in [`Origin::through`].
    pub(crate) through: Vec<usize>,
    /// Whether a condition on it can be pushed down to the table.
    pub(crate) pushed: bool,
    /// The column or expression.
    pub(crate) subject: Subject,
    /// The family of its type.
    pub(crate) result: Type,
    /// Why no index can hold it, if so.
    pub(crate) refusal: Option<String>,
}

/// Most columns in an expression that is looked into through a sub-select: each level can double them, and no index has as many.
const MOST_LEAVES: usize = 32;

impl<'t> Expression<'t> {
    /// Whether it is small enough to be asked for from outside the query level that computes it.
    pub(crate) fn is_small(&self) -> bool {
        self.n_leaves <= MOST_LEAVES
    }

    /// How many columns of tables are in `columns`, those inside computed ones included.
    pub(crate) fn count_leaves(columns: &[Column<'_>]) -> usize {
        columns.iter().map(|column| column.computed.as_ref().map_or(1, |inner| inner.n_leaves)).sum()
    }

    /// The same, as if its columns belonged to the level of `depth`.
    pub(crate) fn at_depth(&self, depth: usize) -> Self {
        let mut expression = self.clone();
        for column in &mut expression.columns {
            column.depth = depth;
            if let Some(inner) = &mut column.computed {
                *inner = Rc::new(inner.at_depth(depth));
            }
        }
        expression
    }

    /// Changes every origin in it.
    pub(crate) fn for_each_origin(&mut self, change: &impl Fn(&mut Origin<'t>)) {
        for column in &mut self.columns {
            column.origins.iter_mut().for_each(change);
            if let Some(inner) = &mut column.computed {
                Rc::make_mut(inner).for_each_origin(change);
            }
        }
    }

    /// The columns of tables in it, those inside computed columns included.
    pub(crate) fn leaves(&self) -> Vec<&Column<'t>> {
        let mut leaves = Vec::new();
        for column in &self.columns {
            match &column.computed {
                Some(inner) => leaves.extend(inner.leaves()),
                None => leaves.push(column),
            }
        }
        leaves
    }
}

impl<'t> Walker<'t> {
    /// What `operand` is, once for each reference that it can be about; none for what is of no table, or of several.
    pub(crate) fn terms(&self, operand: &Operand<'t>) -> Vec<Term> {
        match operand {
            Operand::Column(column) => column.origins.iter().map(|origin| self.column_term(origin)).collect(),
            Operand::Expression(expression) => self.expression_terms(expression),
            Operand::Fixed(_) | Operand::Row(_) => Vec::new(),
        }
    }

    fn column_term(&self, origin: &Origin<'t>) -> Term {
        Term {
            reference: origin.reference,
            through: origin.through.clone(),
            pushed: origin.pushed,
            subject: Subject::Column(origin.column.to_owned()),
            result: self.type_of(origin),
            refusal: None,
        }
    }

    /// The family of the type of a table's column.
    pub(crate) fn type_of(&self, origin: &Origin<'_>) -> Type {
        let column = self.references[origin.reference].table.column(origin.column);
        column.map(|column| Type::of_column(&column.type_name)).unwrap_or_default()
    }

    fn expression_terms(&self, expression: &Expression<'t>) -> Vec<Term> {
        let leaves = expression.leaves();
        let Some(first) = leaves.first().filter(|_| !expression.of_many_rows) else { return Vec::new() };
        let mut terms = Vec::new();
        for origin in &first.origins {
            let Some(origins) = leaves.iter().map(|leaf| of_reference(leaf, origin.reference)).collect::<Option<Vec<_>>>() else {
                continue;
            };
            let numbers = (!expression.in_view).then_some(self.numbers);
            let Some(written) = Rewriting::of(expression, origin.reference, numbers) else { continue };
            terms.push(Term {
                reference: origin.reference,
                through: origin.through.clone(),
                pushed: origins.iter().all(|origin| origin.pushed),
                result: expression.result,
                refusal: expression.refusal.clone().or_else(|| {
                    let unknown =
                        || "an expression with a constant that is not shown, and no index can be made of it without".to_owned();
                    written.hides_constants.then(unknown)
                }),
                subject: Subject::Expression { sql: written.sql, columns: written.columns },
            });
        }
        terms
    }
}

impl Operand<'_> {
    /// Whether conditions at `place` bind all of its columns.
    pub(crate) fn is_bound(&self, place: Place<'_, '_>) -> bool {
        self.columns().iter().all(|column| place.binds(column))
    }
}

fn of_reference<'a, 't>(column: &'a Column<'t>, reference: usize) -> Option<&'a Origin<'t>> {
    column.origins.iter().find(|origin| origin.reference == reference)
}

/// What `node` makes of a column; identifiers only, never a constant.
pub(crate) fn describe(node: &Node) -> String {
    match &node.node {
        Some(NodeEnum::FuncCall(call)) => format!("function {}(...) of the column", crate::function::name(call)),
        Some(NodeEnum::TypeCast(cast)) => {
            let name = cast.type_name.as_ref().and_then(|name| name.names.last()).and_then(string).unwrap_or("another type");
            format!("cast of the column to {name}")
        }
        Some(NodeEnum::AExpr(expression)) => match expression.name.last().and_then(string) {
            Some(operator) => format!("operator {operator} applied to the column"),
            None => "an expression of the column".to_owned(),
        },
        Some(NodeEnum::CollateClause(_)) => "the column in another collation".to_owned(),
        Some(NodeEnum::CoalesceExpr(_)) => "COALESCE of the column".to_owned(),
        Some(NodeEnum::CaseExpr(_)) => "CASE over the column".to_owned(),
        Some(NodeEnum::AIndirection(_)) => "an element or field of the column".to_owned(),
        Some(NodeEnum::SubLink(_)) => "a sub-select over the column".to_owned(),
        _ => "an expression of the column".to_owned(),
    }
}
