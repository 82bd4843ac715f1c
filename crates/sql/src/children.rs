//! The expressions directly inside an expression.
//!
//! The parser's own walker leaves out whole clauses (`TABLESAMPLE`, for one), so this one is ours. Sub-selects are not children:
//! they have a scope of their own, and whoever meets a [`NodeEnum::SubLink`] walks it.

use pg_query::NodeEnum;
use pg_query::protobuf::{JsonBehavior, JsonValueExpr, Node, WindowDef};

/// The expressions directly inside `node`, first to last.
pub(crate) fn of(node: &Node) -> Vec<&Node> {
    let mut children = Children(Vec::new());
    match &node.node {
        Some(inner) => children.add_of(inner),
        None => return Vec::new(),
    }
    children.0
}

struct Children<'n>(Vec<&'n Node>);

impl<'n> Children<'n> {
    fn one(&mut self, node: Option<&'n Node>) {
        self.0.extend(node);
    }

    fn all(&mut self, nodes: &'n [Node]) {
        self.0.extend(nodes);
    }

    fn window(&mut self, window: &'n WindowDef) {
        self.all(&window.partition_clause);
        self.all(&window.order_clause);
        self.one(window.start_offset.as_deref());
        self.one(window.end_offset.as_deref());
    }

    fn json_value(&mut self, value: Option<&'n JsonValueExpr>) {
        if let Some(value) = value {
            self.one(value.raw_expr.as_deref());
        }
    }

    /// `DEFAULT … ON ERROR`
    fn behavior(&mut self, behavior: Option<&'n JsonBehavior>) {
        if let Some(behavior) = behavior {
            self.one(behavior.expr.as_deref());
        }
    }

    fn add_of(&mut self, node: &'n NodeEnum) {
        match node {
            NodeEnum::AExpr(n) => {
                self.one(n.lexpr.as_deref());
                self.one(n.rexpr.as_deref());
            }
            NodeEnum::BoolExpr(n) => self.all(&n.args),
            NodeEnum::NullTest(n) => self.one(n.arg.as_deref()),
            NodeEnum::BooleanTest(n) => self.one(n.arg.as_deref()),
            NodeEnum::SubLink(n) => self.one(n.testexpr.as_deref()),
            NodeEnum::TypeCast(n) => self.one(n.arg.as_deref()),
            NodeEnum::CollateClause(n) => self.one(n.arg.as_deref()),
            NodeEnum::FuncCall(n) => {
                self.all(&n.args);
                self.all(&n.agg_order);
                self.one(n.agg_filter.as_deref());
                if let Some(window) = &n.over {
                    self.window(window);
                }
            }
            NodeEnum::WindowDef(n) => self.window(n),
            NodeEnum::NamedArgExpr(n) => self.one(n.arg.as_deref()),
            NodeEnum::SortBy(n) => self.one(n.node.as_deref()),
            NodeEnum::ResTarget(n) => {
                self.all(&n.indirection);
                self.one(n.val.as_deref());
            }
            NodeEnum::CoalesceExpr(n) => self.all(&n.args),
            NodeEnum::MinMaxExpr(n) => self.all(&n.args),
            NodeEnum::CaseExpr(n) => {
                self.one(n.arg.as_deref());
                self.all(&n.args);
                self.one(n.defresult.as_deref());
            }
            NodeEnum::CaseWhen(n) => {
                self.one(n.expr.as_deref());
                self.one(n.result.as_deref());
            }
            NodeEnum::AArrayExpr(n) => self.all(&n.elements),
            NodeEnum::RowExpr(n) => self.all(&n.args),
            NodeEnum::List(n) => self.all(&n.items),
            NodeEnum::AIndirection(n) => {
                self.one(n.arg.as_deref());
                self.all(&n.indirection);
            }
            NodeEnum::AIndices(n) => {
                self.one(n.lidx.as_deref());
                self.one(n.uidx.as_deref());
            }
            NodeEnum::MultiAssignRef(n) => self.one(n.source.as_deref()),
            NodeEnum::GroupingSet(n) => self.all(&n.content),
            NodeEnum::GroupingFunc(n) => self.all(&n.args),
            NodeEnum::XmlExpr(n) => {
                self.all(&n.named_args);
                self.all(&n.args);
            }
            NodeEnum::XmlSerialize(n) => self.one(n.expr.as_deref()),
            _ => self.add_of_json(node),
        }
    }

    fn add_of_json(&mut self, node: &'n NodeEnum) {
        match node {
            NodeEnum::JsonValueExpr(n) => self.one(n.raw_expr.as_deref()),
            NodeEnum::JsonKeyValue(n) => {
                self.one(n.key.as_deref());
                self.json_value(n.value.as_deref());
            }
            NodeEnum::JsonObjectConstructor(n) => self.all(&n.exprs),
            NodeEnum::JsonArrayConstructor(n) => self.all(&n.exprs),
            NodeEnum::JsonObjectAgg(n) => {
                if let Some(pair) = &n.arg {
                    self.one(pair.key.as_deref());
                    self.json_value(pair.value.as_deref());
                }
            }
            NodeEnum::JsonArrayAgg(n) => self.json_value(n.arg.as_deref()),
            NodeEnum::JsonParseExpr(n) => self.json_value(n.expr.as_deref()),
            NodeEnum::JsonScalarExpr(n) => self.one(n.expr.as_deref()),
            NodeEnum::JsonSerializeExpr(n) => self.json_value(n.expr.as_deref()),
            NodeEnum::JsonIsPredicate(n) => self.one(n.expr.as_deref()),
            NodeEnum::JsonArgument(n) => self.json_value(n.val.as_deref()),
            NodeEnum::JsonFuncExpr(n) => {
                self.json_value(n.context_item.as_deref());
                self.one(n.pathspec.as_deref());
                self.all(&n.passing);
                self.behavior(n.on_empty.as_deref());
                self.behavior(n.on_error.as_deref());
            }
            NodeEnum::JsonTableColumn(n) => {
                self.all(&n.columns);
                self.behavior(n.on_empty.as_deref());
                self.behavior(n.on_error.as_deref());
            }
            NodeEnum::RangeTableFuncCol(n) => {
                self.one(n.colexpr.as_deref());
                self.one(n.coldefexpr.as_deref());
            }
            _ => {}
        }
    }
}
