//! What stands on one side of a comparison: a constant, a column, or something made of columns.

use pg_query::NodeEnum;
use pg_query::protobuf::{Node, SubLink, TypeName};

use crate::scope::Column;
use crate::walker::{Place, Walker, string};
use crate::{children, function};

/// One side of a comparison.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    /// The same for every row: constants, parameters, stable functions of them, sub-selects that do not look outside.
    Constant,
    /// Of no table, and yet another value for each row: the name of the function that makes it so.
    Volatile(String),
    /// A column itself.
    Column(Column),
    /// `(a, b)`
    Row(Vec<Operand>),
    /// Made of columns: which ones, and how, so that "… of the column" can be said.
    Expression {
        /// The columns.
        columns: Vec<Column>,
        /// What is made of them, for example `function lower(...) of the column`.
        what: String,
    },
}

impl Operand {
    /// The columns in it.
    pub(crate) fn columns(&self) -> Vec<&Column> {
        match self {
            Self::Constant | Self::Volatile(_) => Vec::new(),
            Self::Column(column) => vec![column],
            Self::Row(parts) => parts.iter().flat_map(Self::columns).collect(),
            Self::Expression { columns, .. } => columns.iter().collect(),
        }
    }

    fn volatile(&self) -> Option<&String> {
        match self {
            Self::Volatile(function) => Some(function),
            Self::Row(parts) => parts.iter().find_map(Self::volatile),
            _ => None,
        }
    }
}

impl Walker<'_> {
    /// What `node` is at `place`. Sub-selects inside are walked, so each expression may be passed only once.
    pub(crate) fn operand(&mut self, node: &Node, place: Place<'_>) -> Operand {
        match &node.node {
            Some(NodeEnum::ColumnRef(reference)) => {
                // A name that resolves to nothing is a whole row or a system column: of some table, but of no column.
                let nowhere = Column { origins: Vec::new(), depth: place.scope.depth };
                let is_star = reference.fields.iter().any(|field| string(field).is_none());
                if is_star { Operand::Constant } else { Operand::Column(self.column(node, place).unwrap_or(nowhere)) }
            }
            Some(NodeEnum::RowExpr(row)) => Operand::Row(row.args.iter().map(|part| self.operand(part, place)).collect()),
            Some(NodeEnum::SubLink(link)) => self.sub_select(link, place),
            Some(NodeEnum::TypeCast(cast)) => {
                let Some(inner) = &cast.arg else { return Operand::Constant };
                match self.operand(inner, place) {
                    Operand::Column(column) if self.changes_nothing(&column, cast.type_name.as_ref()) => Operand::Column(column),
                    operand => made_of(&[operand], node),
                }
            }
            _ => {
                let parts: Vec<Operand> = children::of(node).into_iter().map(|child| self.operand(child, place)).collect();
                made_of(&parts, node)
            }
        }
    }

    /// Walks the sub-selects inside `node`, whose columns do not matter.
    pub(crate) fn visit(&mut self, node: Option<&Node>, place: Place<'_>) {
        if let Some(node) = node {
            self.operand(node, place.inside_or());
        }
    }

    /// The same for a list.
    pub(crate) fn visit_all(&mut self, nodes: &[Node], place: Place<'_>) {
        for node in nodes {
            self.visit(Some(node), place);
        }
    }

    /// A sub-select that stands for a value.
    fn sub_select(&mut self, link: &SubLink, place: Place<'_>) -> Operand {
        let mark = self.outer_columns.len();
        if let Some(query) = &link.subselect {
            self.query(query, Some(place.scope), place.commons, false);
        }
        // Columns of this level and of those around it; what lies between is the sub-select's own affair.
        let outside = self.outer_columns[mark..].iter().filter(|column| column.depth <= place.scope.depth);
        let mut columns: Vec<Column> = outside.cloned().collect();
        if let Some(test) = &link.testexpr {
            columns.extend(self.operand(test, place).columns().into_iter().cloned());
        }
        if columns.is_empty() {
            Operand::Constant
        } else {
            Operand::Expression { columns, what: "a sub-select over the column".to_owned() }
        }
    }

    /// Whether a cast of `column` leaves the value as it is, so that an index on the column still serves.
    fn changes_nothing(&self, column: &Column, to: Option<&TypeName>) -> bool {
        let Some(to) = to.filter(|to| to.array_bounds.is_empty() && to.typmods.is_empty()) else { return false };
        let to = to.names.last().and_then(string).unwrap_or_default();
        let from =
            |reference: usize, name: &str| self.references[reference].table.column(name).map(|column| column.type_name.as_str());
        !column.origins.is_empty()
            && column
                .origins
                .iter()
                .all(|origin| from(origin.reference, &origin.column).is_some_and(|from| is_same_type(from, to)))
    }
}

fn made_of(parts: &[Operand], node: &Node) -> Operand {
    let columns: Vec<Column> = parts.iter().flat_map(Operand::columns).cloned().collect();
    if !columns.is_empty() {
        return Operand::Expression { columns, what: describe(node) };
    }
    let own = match &node.node {
        Some(NodeEnum::FuncCall(call)) if function::is_volatile(call) => Some(function::name(call).to_owned()),
        _ => None,
    };
    let volatile = own.or_else(|| parts.iter().find_map(Operand::volatile).cloned());
    volatile.map_or(Operand::Constant, Operand::Volatile)
}

/// Types whose values are the same bits: `format_type`'s name of the column's type against the parser's of the cast.
fn is_same_type(from: &str, to: &str) -> bool {
    let base = from.split('(').next().unwrap_or(from);
    match base {
        "character varying" | "text" => matches!(to, "text" | "varchar"),
        "smallint" => to == "int2",
        "integer" => to == "int4",
        "bigint" => to == "int8",
        "boolean" => to == "bool",
        "timestamp with time zone" => to == "timestamptz",
        "timestamp without time zone" => to == "timestamp",
        _ => base == to,
    }
}

/// What `node` makes of a column; identifiers only, never a constant.
fn describe(node: &Node) -> String {
    match &node.node {
        Some(NodeEnum::FuncCall(call)) => format!("function {}(...) of the column", function::name(call)),
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
        _ => "an expression of the column".to_owned(),
    }
}
