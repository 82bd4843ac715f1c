//! What stands on one side of a comparison: something fixed, a column, or something made of columns.

use std::rc::Rc;

use pg_query::NodeEnum;
use pg_query::protobuf::{AConst, AExpr, AExprKind, FuncCall, Node, SubLink, TypeName, a_const};
use pgtailor_model::shape;

use crate::expression::Expression;
use crate::scope::Column;
use crate::types::Type;
use crate::walker::{Place, Walker, string};
use crate::{cast, children, function, result, volatility};

/// One side of a comparison.
#[derive(Clone, Debug)]
pub(crate) enum Operand<'t> {
    /// Of no table.
    Fixed(Fixed),
    /// A column itself.
    Column(Column<'t>),
    /// `(a, b)`
    Row(Vec<Operand<'t>>),
    /// Made of columns.
    Expression(Rc<Expression<'t>>),
}

/// Something of no table: constants, parameters, functions of them, sub-selects that do not look outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fixed {
    /// The numbers of the parameters in it.
    pub(crate) parameters: Vec<u32>,
    /// How it is made of them.
    pub(crate) form: Form,
    /// The family of its type; unknown for a parameter or constant without a cast.
    pub(crate) result: Type,
    /// The name of its type, that of the elements for an array; `None` for a parameter or text without a cast.
    pub(crate) type_name: Option<String>,
    /// Why no index can hold it (`now()`), though it is the same for every row.
    pub(crate) refusal: Option<String>,
    /// The function that makes it another value for each row.
    pub(crate) volatile: Option<String>,
    /// Whether it brings a collation of its own.
    pub(crate) collated: bool,
}

/// How something fixed is made of its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// One parameter or constant, maybe cast.
    Value,
    /// `true` or `false`.
    Boolean(bool),
    /// An array of values.
    List,
    /// A sum or difference, with the parameters that are terms of it.
    Sum(Vec<u32>),
    /// A function of one value: `lower($1)`.
    Call,
    /// Anything else.
    #[default]
    Other,
}

impl<'t> Operand<'t> {
    /// The columns in it, one for each reference to a column.
    pub(crate) fn columns(&self) -> Vec<&Column<'t>> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Column(column) => vec![column],
            Self::Row(parts) => parts.iter().flat_map(Self::columns).collect(),
            Self::Expression(expression) => expression.columns.iter().collect(),
        }
    }

    /// Whether it is of no table.
    pub(crate) fn is_fixed(&self) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Row(parts) => parts.iter().all(Self::is_fixed),
            _ => false,
        }
    }

    /// The numbers of the parameters in it.
    pub(crate) fn parameters(&self) -> Vec<u32> {
        match self {
            Self::Fixed(fixed) => fixed.parameters.clone(),
            Self::Column(_) => Vec::new(),
            Self::Row(parts) => parts.iter().flat_map(Self::parameters).collect(),
            Self::Expression(expression) => expression.parameters.clone(),
        }
    }

    /// The function that makes it another value for each row, though it is of no table.
    pub(crate) fn volatile(&self) -> Option<&String> {
        match self {
            Self::Fixed(fixed) => fixed.volatile.as_ref(),
            Self::Row(parts) => parts.iter().find_map(Self::volatile),
            _ => None,
        }
    }

    /// The family of its type.
    pub(crate) fn result(&self, walker: &Walker<'t>) -> Type {
        match self {
            Self::Fixed(fixed) => fixed.result,
            Self::Column(column) => column.origins.first().map(|origin| walker.type_of(origin)).unwrap_or_default(),
            Self::Row(_) => Type::Unknown,
            Self::Expression(expression) => expression.result,
        }
    }

    /// As the model says it, for what is compared with it.
    pub(crate) fn to_model(&self) -> shape::Operand {
        match self {
            Self::Fixed(Fixed { form: Form::Boolean(value), .. }) => shape::Operand::Boolean(*value),
            _ if self.is_values() => shape::Operand::Parameters(self.parameters()),
            _ if self.is_fixed() => shape::Operand::Computed(self.parameters()),
            Self::Column(column) => match column.origins.as_slice() {
                [origin] => shape::Operand::Column { shape: origin.reference, column: origin.column.to_owned() },
                _ => shape::Operand::Elsewhere,
            },
            _ => shape::Operand::Elsewhere,
        }
    }

    /// Whether it is nothing but parameters; the constants of views are none.
    fn is_values(&self) -> bool {
        match self {
            Self::Fixed(fixed) => {
                matches!(fixed.form, Form::Value | Form::List | Form::Boolean(_)) && !fixed.parameters.is_empty()
            }
            Self::Row(parts) => !parts.is_empty() && parts.iter().all(Self::is_values),
            _ => false,
        }
    }

    fn refusal(&self) -> Option<&String> {
        match self {
            Self::Fixed(fixed) => fixed.refusal.as_ref(),
            Self::Column(_) => None,
            Self::Row(parts) => parts.iter().find_map(Self::refusal),
            Self::Expression(expression) => expression.refusal.as_ref(),
        }
    }

    fn counts_many_rows(&self) -> bool {
        match self {
            Self::Fixed(_) | Self::Column(_) => false,
            Self::Row(parts) => parts.iter().any(Self::counts_many_rows),
            Self::Expression(expression) => expression.of_many_rows,
        }
    }
}

impl<'t> Walker<'t> {
    /// What `node` is at `place`. Sub-selects inside are walked, so each expression may be passed only once.
    pub(crate) fn operand(&mut self, node: &'t Node, place: Place<'_, 't>) -> Operand<'t> {
        match &node.node {
            Some(NodeEnum::ColumnRef(_)) => match self.column(node, place) {
                Some(column) if column.computed.is_some() => {
                    let expression = column.computed.as_ref().map(|inner| Expression {
                        node,
                        columns: vec![column.clone()],
                        parameters: inner.parameters.clone(),
                        result: inner.result,
                        n_leaves: inner.n_leaves,
                        refusal: inner.refusal.clone(),
                        of_many_rows: inner.of_many_rows,
                        in_view: self.is_in_view(),
                    });
                    expression.map_or(Operand::Column(column), |expression| Operand::Expression(Rc::new(expression)))
                }
                // A name that resolves to nothing is a whole row or a system column: of some table, but of no column.
                found => Operand::Column(found.unwrap_or_else(|| place.scope.unknown_column())),
            },
            Some(NodeEnum::AConst(constant)) => Operand::Fixed(self.constant(constant)),
            Some(NodeEnum::ParamRef(parameter)) => {
                let number = u32::try_from(parameter.number).ok().filter(|number| *number > 0 && !self.is_in_view());
                if let Some(number) = number {
                    self.see(number);
                }
                Operand::Fixed(Fixed { parameters: number.into_iter().collect(), form: Form::Value, ..Fixed::default() })
            }
            Some(NodeEnum::RowExpr(row)) => Operand::Row(row.args.iter().map(|part| self.operand(part, place)).collect()),
            Some(NodeEnum::SubLink(link)) => self.sub_select(node, link, place),
            Some(NodeEnum::TypeCast(cast)) => {
                let Some(inner) = &cast.arg else { return Operand::Fixed(Fixed::default()) };
                let operand = self.operand(inner, place);
                match operand {
                    Operand::Column(column) if self.changes_nothing(&column, cast.type_name.as_ref()) => Operand::Column(column),
                    Operand::Fixed(mut fixed) => {
                        if let Some(to) = &cast.type_name {
                            fixed.result = Type::of_cast(to);
                            fixed.type_name = cast::named(to);
                            if let (Form::Value | Form::Boolean(_), [number]) = (&fixed.form, fixed.parameters.as_slice()) {
                                self.note_cast(*number, to);
                            }
                        }
                        Operand::Fixed(fixed)
                    }
                    operand => self.made_of(&[operand], node),
                }
            }
            Some(NodeEnum::FuncCall(call)) => self.call(call, node, place),
            Some(NodeEnum::AExpr(expression)) => self.nested_operator(expression, node, place),
            Some(NodeEnum::AIndirection(_)) => {
                let parts: Vec<Operand<'t>> = children::of(node).into_iter().map(|child| self.operand(child, place)).collect();
                if let Some((document, keys)) = parts.split_first()
                    && document.result(self) == Type::Jsonb
                {
                    for key in keys {
                        self.document_key(document, key);
                    }
                }
                self.made_of(&parts, node)
            }
            _ => {
                let parts: Vec<Operand<'t>> = children::of(node).into_iter().map(|child| self.operand(child, place)).collect();
                self.made_of(&parts, node)
            }
        }
    }

    /// Walks `node` for the sub-selects, columns and parameters inside.
    pub(crate) fn visit(&mut self, node: Option<&'t Node>, place: Place<'_, 't>) {
        if let Some(node) = node {
            self.operand(node, place.inside_or());
        }
    }

    /// The same for a list.
    pub(crate) fn visit_all(&mut self, nodes: &'t [Node], place: Place<'_, 't>) {
        for node in nodes {
            self.visit(Some(node), place);
        }
    }

    fn constant(&mut self, constant: &AConst) -> Fixed {
        let number = if self.is_in_view() { None } else { self.numbers.number_at(constant.location) };
        if let Some(number) = number {
            self.see(number);
        }
        let (form, result) = match &constant.val {
            Some(a_const::Val::Boolval(value)) => (Form::Boolean(value.boolval), Type::Boolean),
            Some(a_const::Val::Ival(_) | a_const::Val::Fval(_)) => (Form::Value, Type::Number),
            _ => (Form::Value, Type::Unknown),
        };
        let type_name = cast::of_constant(constant).map(str::to_owned);
        Fixed { parameters: number.into_iter().collect(), form, result, type_name, ..Fixed::default() }
    }

    fn call(&mut self, call: &'t FuncCall, node: &'t Node, place: Place<'_, 't>) -> Operand<'t> {
        let parts: Vec<Operand<'t>> = children::of(node).into_iter().map(|child| self.operand(child, place)).collect();
        let name = function::name(call);
        if function::reads_text_query(name) {
            if let Some(Operand::Fixed(query)) = call.args.len().checked_sub(1).and_then(|last| parts.get(last)) {
                self.text_query(query);
            }
        } else if function::is_extraction(name)
            && let Some((document, keys)) = parts.split_first()
        {
            for key in keys {
                self.document_key(document, key);
            }
        }
        self.made_of(&parts, node)
    }

    fn nested_operator(&mut self, expression: &'t AExpr, node: &'t Node, place: Place<'_, 't>) -> Operand<'t> {
        let parts: Vec<Operand<'t>> = children::of(node).into_iter().map(|child| self.operand(child, place)).collect();
        if let ([left, right], true) = (parts.as_slice(), expression.kind == AExprKind::AexprOp as i32) {
            let name = expression.name.last().and_then(string).unwrap_or_default();
            self.nested_roles(name, left, right);
        }
        self.made_of(&parts, node)
    }

    /// A sub-select that stands for a value.
    fn sub_select(&mut self, node: &'t Node, link: &'t SubLink, place: Place<'_, 't>) -> Operand<'t> {
        let (mark, seen) = (self.outer_columns.len(), self.seen.len());
        if let Some(query) = &link.subselect {
            let output = self.query(query, Some(place.scope), place.commons, false);
            self.need_output(&output);
        }
        // Columns of this level and of those around it; what lies between is the sub-select's own affair.
        let outside = self.outer_columns[mark..].iter().filter(|column| column.depth <= place.scope.depth);
        let mut columns: Vec<Column<'t>> = outside.cloned().collect();
        if let Some(test) = &link.testexpr {
            columns.extend(self.operand(test, place).columns().into_iter().cloned());
        }
        let parameters = self.seen[seen..].to_vec();
        let refusal = Some("a sub-select".to_owned());
        if columns.is_empty() {
            Operand::Fixed(Fixed { parameters, refusal, ..Fixed::default() })
        } else {
            let (result, in_view) = (Type::Unknown, self.is_in_view());
            let n_leaves = Expression::count_leaves(&columns);
            let expression = Expression { node, columns, parameters, result, n_leaves, refusal, of_many_rows: false, in_view };
            Operand::Expression(Rc::new(expression))
        }
    }

    /// Whether a cast of `column` leaves the value as it is, so that an index on the column still serves.
    fn changes_nothing(&self, column: &Column<'_>, to: Option<&TypeName>) -> bool {
        let Some(to) = to.filter(|to| to.array_bounds.is_empty() && to.typmods.is_empty()) else { return false };
        let to = to.names.last().and_then(string).unwrap_or_default();
        let from =
            |reference: usize, name: &str| self.references[reference].table.column(name).map(|column| column.type_name.as_str());
        !column.origins.is_empty()
            && column
                .origins
                .iter()
                .all(|origin| from(origin.reference, origin.column).is_some_and(|from| is_same_type(from, to)))
    }

    fn made_of(&self, parts: &[Operand<'t>], node: &'t Node) -> Operand<'t> {
        let families: Vec<Type> = parts.iter().map(|part| part.result(self)).collect();
        let result = result::of(node, &families);
        let call = match &node.node {
            Some(NodeEnum::FuncCall(call)) => Some(call),
            _ => None,
        };
        let own_volatile =
            call.filter(|call| volatility::is_volatile(call, self.relations.catalog)).map(|call| function::name(call).to_owned());
        let parameters: Vec<u32> = parts.iter().flat_map(Operand::parameters).collect();
        let refusal = self.refusal_of(node, &families).or_else(|| parts.iter().find_map(Operand::refusal).cloned());
        if parts.iter().all(Operand::is_fixed) {
            let volatile = own_volatile.or_else(|| parts.iter().find_map(Operand::volatile).cloned());
            let collated = matches!(node.node, Some(NodeEnum::CollateClause(_)));
            let form = form_of(node, parts);
            return Operand::Fixed(Fixed { form, parameters, result, type_name: None, refusal, volatile, collated });
        }
        let of_many_rows = parts.iter().any(Operand::counts_many_rows)
            || call.is_some_and(|call| {
                function::is_aggregate(call) || call.over.is_some() || function::returns_set(function::name(call))
            });
        let columns: Vec<Column<'t>> = parts.iter().flat_map(Operand::columns).cloned().collect();
        let (n_leaves, in_view) = (Expression::count_leaves(&columns), self.is_in_view());
        Operand::Expression(Rc::new(Expression { node, columns, parameters, result, n_leaves, refusal, of_many_rows, in_view }))
    }

    fn refusal_of(&self, node: &Node, families: &[Type]) -> Option<String> {
        let first = families.first().copied().unwrap_or_default();
        match &node.node {
            Some(NodeEnum::FuncCall(call)) => volatility::refusal_of_call(call, families, self.relations.catalog),
            Some(NodeEnum::TypeCast(cast)) => cast.type_name.as_ref().and_then(|to| volatility::refusal_of_cast(first, to)),
            Some(NodeEnum::AExpr(expression)) if expression.kind == AExprKind::AexprOp as i32 => {
                volatility::refusal_of_operator(&expression.name, first, families.last().copied().unwrap_or_default())
            }
            Some(NodeEnum::SqlvalueFunction(_)) => Some("the time or the user, which is not immutable".to_owned()),
            _ => None,
        }
    }
}

fn form_of(node: &Node, parts: &[Operand<'_>]) -> Form {
    let is_value = |part: &Operand<'_>| matches!(part, Operand::Fixed(Fixed { form: Form::Value, .. }));
    match &node.node {
        Some(NodeEnum::AArrayExpr(_)) if parts.iter().all(is_value) => Form::List,
        Some(NodeEnum::CollateClause(_)) if parts.iter().all(is_value) => Form::Value,
        Some(NodeEnum::FuncCall(_)) if parts.len() == 1 && is_value(&parts[0]) => Form::Call,
        Some(NodeEnum::AExpr(expression)) if matches!(expression.name.last().and_then(string), Some("+" | "-")) => {
            let terms = parts.iter().flat_map(|part| match part {
                Operand::Fixed(Fixed { form: Form::Value, parameters, .. }) => parameters.clone(),
                Operand::Fixed(Fixed { form: Form::Sum(terms), .. }) => terms.clone(),
                _ => Vec::new(),
            });
            Form::Sum(terms.collect())
        }
        _ => Form::Other,
    }
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
