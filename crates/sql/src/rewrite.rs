//! An expression of a statement, written down as an index on one table could have it.
//!
//! Columns lose their qualifiers and get their names in the table. Constants can be somebody's data, so only those stay that name a part of
//! the schema or a unit: keys of documents, arguments such as the `day` of `date_trunc`; and blanks, short numbers, booleans, NULL. The others become
//! the parameters that stand for them in the normalized text. The constants of a view's definition stay as they are.

use std::rc::Rc;

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AConst, AExpr, AExprKind, ColumnRef, LimitOption, Node, ParamRef, ParseResult, RawStmt, ResTarget, SelectStmt, SetOperation,
    String as NameNode, a_const,
};

use crate::expression::Expression;
use crate::function;
use crate::numbers::Numbers;
use crate::scope::Column;
use crate::walker::string;

/// Most digits of a number that is shown: nobody's account number, and yet the `100` of `total / 100`.
const SHOWN_DIGITS: usize = 3;

/// Longest run of white space that is shown, in bytes.
const LONGEST_BLANK: usize = 2;

/// The state of one rewriting.
pub(crate) struct Rewriting<'a, 't> {
    columns: std::slice::Iter<'a, Column<'t>>,
    reference: usize,
    /// `None` in a view, whose constants stay.
    numbers: Option<&'a Numbers>,
    found: Vec<String>,
    hides_constants: bool,
}

/// An expression in words.
pub(crate) struct Written {
    /// As SQL.
    pub(crate) sql: String,
    /// Its columns, each once.
    pub(crate) columns: Vec<String>,
    /// Whether parameters stand in it.
    pub(crate) hides_constants: bool,
}

/// Whether text constants stay.
#[derive(Clone, Copy, PartialEq)]
enum Texts {
    Kept,
    Hidden,
}

impl<'a, 't> Rewriting<'a, 't> {
    /// `expression` over the columns of `reference`; `None` when it holds something that no index expression can be made of.
    pub(crate) fn of(expression: &'a Expression<'t>, reference: usize, numbers: Option<&'a Numbers>) -> Option<Written> {
        let mut rewriting =
            Self { columns: expression.columns.iter(), reference, numbers, found: Vec::new(), hides_constants: false };
        let node = rewriting.copy(expression.node, Texts::Hidden)?;
        // Another number of columns than were read: a sub-select, or a clause that is not copied.
        if rewriting.columns.next().is_some() {
            return None;
        }
        Some(Written { sql: deparse(node)?, columns: rewriting.found, hides_constants: rewriting.hides_constants })
    }

    fn copy(&mut self, node: &Node, texts: Texts) -> Option<Node> {
        let copied = match node.node.as_ref()? {
            NodeEnum::ColumnRef(_) => return self.column(),
            NodeEnum::AConst(constant) => self.constant(constant, texts)?,
            NodeEnum::ParamRef(parameter) => {
                self.hides_constants = true;
                NodeEnum::ParamRef(*parameter)
            }
            NodeEnum::TypeCast(cast) => {
                let mut cast = cast.clone();
                cast.arg = self.boxed(cast.arg.as_deref(), texts)?;
                NodeEnum::TypeCast(cast)
            }
            NodeEnum::AExpr(expression) => self.operator(expression)?,
            NodeEnum::FuncCall(call) => {
                let mut call = call.clone();
                let name = function::name(&call).to_owned();
                let argument = |(position, argument): (usize, &Node)| {
                    let texts = if function::names_something(&name, position) { Texts::Kept } else { Texts::Hidden };
                    self.copy(argument, texts)
                };
                call.args = call.args.iter().enumerate().map(argument).collect::<Option<_>>()?;
                NodeEnum::FuncCall(call)
            }
            NodeEnum::CollateClause(clause) => {
                let mut clause = clause.clone();
                clause.arg = self.boxed(clause.arg.as_deref(), texts)?;
                NodeEnum::CollateClause(clause)
            }
            NodeEnum::AIndirection(indirection) => {
                let mut indirection = indirection.clone();
                indirection.arg = self.boxed(indirection.arg.as_deref(), Texts::Hidden)?;
                indirection.indirection = self.all(&indirection.indirection, Texts::Kept)?;
                NodeEnum::AIndirection(indirection)
            }
            NodeEnum::AIndices(indices) => {
                let mut indices = indices.clone();
                indices.lidx = self.boxed(indices.lidx.as_deref(), Texts::Kept)?;
                indices.uidx = self.boxed(indices.uidx.as_deref(), Texts::Kept)?;
                NodeEnum::AIndices(indices)
            }
            NodeEnum::String(name) => NodeEnum::String(name.clone()),
            other => self.construct(other)?,
        };
        Some(Node { node: Some(copied) })
    }

    /// Constructs that only hold other expressions.
    fn construct(&mut self, node: &NodeEnum) -> Option<NodeEnum> {
        Some(match node {
            NodeEnum::BoolExpr(expression) => {
                let mut expression = expression.clone();
                expression.args = self.all(&expression.args, Texts::Hidden)?;
                NodeEnum::BoolExpr(expression)
            }
            NodeEnum::NullTest(test) => {
                let mut test = test.clone();
                test.arg = self.boxed(test.arg.as_deref(), Texts::Hidden)?;
                NodeEnum::NullTest(test)
            }
            NodeEnum::BooleanTest(test) => {
                let mut test = test.clone();
                test.arg = self.boxed(test.arg.as_deref(), Texts::Hidden)?;
                NodeEnum::BooleanTest(test)
            }
            NodeEnum::CoalesceExpr(expression) => {
                let mut expression = expression.clone();
                expression.args = self.all(&expression.args, Texts::Hidden)?;
                NodeEnum::CoalesceExpr(expression)
            }
            NodeEnum::MinMaxExpr(expression) => {
                let mut expression = expression.clone();
                expression.args = self.all(&expression.args, Texts::Hidden)?;
                NodeEnum::MinMaxExpr(expression)
            }
            NodeEnum::CaseExpr(expression) => {
                let mut expression = expression.clone();
                expression.arg = self.boxed(expression.arg.as_deref(), Texts::Hidden)?;
                expression.args = self.all(&expression.args, Texts::Hidden)?;
                expression.defresult = self.boxed(expression.defresult.as_deref(), Texts::Hidden)?;
                NodeEnum::CaseExpr(expression)
            }
            NodeEnum::CaseWhen(branch) => {
                let mut branch = branch.clone();
                branch.expr = self.boxed(branch.expr.as_deref(), Texts::Hidden)?;
                branch.result = self.boxed(branch.result.as_deref(), Texts::Hidden)?;
                NodeEnum::CaseWhen(branch)
            }
            NodeEnum::AArrayExpr(array) => {
                let mut array = array.clone();
                array.elements = self.all(&array.elements, Texts::Hidden)?;
                NodeEnum::AArrayExpr(array)
            }
            NodeEnum::List(list) => {
                let mut list = list.clone();
                list.items = self.all(&list.items, Texts::Hidden)?;
                NodeEnum::List(list)
            }
            _ => return None,
        })
    }

    fn operator(&mut self, expression: &AExpr) -> Option<NodeEnum> {
        let name = expression.name.last().and_then(string).unwrap_or_default();
        let is_operator = expression.kind == AExprKind::AexprOp as i32;
        let texts = if is_operator && function::takes_key(name) { Texts::Kept } else { Texts::Hidden };
        let mut expression = expression.clone();
        expression.lexpr = self.boxed(expression.lexpr.as_deref(), Texts::Hidden)?;
        expression.rexpr = self.boxed(expression.rexpr.as_deref(), texts)?;
        Some(NodeEnum::AExpr(Box::new(expression)))
    }

    /// The next column, by its name in the table, or what it is computed by.
    fn column(&mut self) -> Option<Node> {
        let column = self.columns.next()?;
        if let Some(computed) = &column.computed {
            let computed: &'a Rc<Expression<'t>> = computed;
            let around = std::mem::replace(&mut self.columns, computed.columns.iter());
            let numbers = if computed.in_view { self.numbers.take() } else { self.numbers };
            let copied = self.copy(computed.node, Texts::Hidden);
            if computed.in_view {
                self.numbers = numbers;
            }
            self.columns = around;
            return copied;
        }
        let origin = column.origins.iter().find(|origin| origin.reference == self.reference)?;
        if self.found.iter().all(|known| known != origin.column) {
            self.found.push(origin.column.to_owned());
        }
        let name = Node { node: Some(NodeEnum::String(NameNode { sval: origin.column.to_owned() })) };
        Some(Node { node: Some(NodeEnum::ColumnRef(ColumnRef { fields: vec![name], location: -1 })) })
    }

    fn constant(&mut self, constant: &AConst, texts: Texts) -> Option<NodeEnum> {
        let Some(numbers) = self.numbers else { return Some(NodeEnum::AConst(constant.clone())) };
        let is_shown = constant.isnull
            || match &constant.val {
                Some(a_const::Val::Boolval(_)) => true,
                Some(a_const::Val::Ival(number)) => number.ival.unsigned_abs() < 1000,
                Some(a_const::Val::Fval(number)) => number.fval.chars().filter(char::is_ascii_digit).count() <= SHOWN_DIGITS,
                // Blanks say nothing about anybody: `coalesce(title, '') || ' ' || …`.
                Some(a_const::Val::Sval(text)) if text.sval.trim().is_empty() && text.sval.len() <= LONGEST_BLANK => true,
                _ => texts == Texts::Kept,
            };
        if is_shown {
            return Some(NodeEnum::AConst(constant.clone()));
        }
        self.hides_constants = true;
        let number = i32::try_from(numbers.number_at(constant.location)?).ok()?;
        Some(NodeEnum::ParamRef(ParamRef { number, location: -1 }))
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one is whether it could be copied, the inner one whether there is anything"
    )]
    fn boxed(&mut self, node: Option<&Node>, texts: Texts) -> Option<Option<Box<Node>>> {
        match node {
            Some(node) => Some(Some(Box::new(self.copy(node, texts)?))),
            None => Some(None),
        }
    }

    fn all(&mut self, nodes: &[Node], texts: Texts) -> Option<Vec<Node>> {
        nodes.iter().map(|node| self.copy(node, texts)).collect()
    }
}

/// The expression `node` as SQL: of the parser's deparser, which knows whole statements only.
fn deparse(node: Node) -> Option<String> {
    let target = ResTarget { val: Some(Box::new(node)), ..ResTarget::default() };
    let select = SelectStmt {
        target_list: vec![Node { node: Some(NodeEnum::ResTarget(Box::new(target))) }],
        limit_option: LimitOption::Default as i32,
        op: SetOperation::SetopNone as i32,
        ..SelectStmt::default()
    };
    let statement = RawStmt {
        stmt: Some(Box::new(Node { node: Some(NodeEnum::SelectStmt(Box::new(select))) })),
        stmt_location: 0,
        stmt_len: 0,
    };
    let text =
        pg_query::deparse(&ParseResult { version: 0, stmts: vec![statement] }, pg_query::DeparseOptions::default()).ok()?;
    text.strip_prefix("SELECT ").map(str::to_owned)
}
