//! Whole statements written otherwise: only where the result is the same whatever the tables hold.
//!
//! It works on the normalized text, which has no literals, and returns one. What is not surely equal is left as it is: the columns of a
//! `NOT IN` that may be null, statements with `LIMIT`, `DISTINCT`, grouping, volatile functions.

use pg_query::NodeEnum;
use pg_query::protobuf::{
    AConst, AExpr, AExprKind, BoolExpr, BoolExprType, BoolTestType, BooleanTest, ColumnRef, Integer, JoinType, LimitOption, Node,
    ParseResult, RawStmt, ResTarget, SelectStmt, SetOperation, String as NameNode, SubLink, SubLinkType, a_const,
};
use pgtailor_model::catalog::Catalog;
use pgtailor_model::construct::Construct;

use crate::construct::{Noticed, conjuncts};
use crate::walker::string;
use crate::{children, order, text, volatility};

/// Most branches of an `OR` that become a statement each.
const MOST_BRANCHES: usize = 4;

/// The constructs of `noticed`, with `normalized` written otherwise where that is possible; needs [`crate::room::with_room`].
pub(crate) fn written_out(noticed: Vec<Noticed>, normalized: &str, catalog: &Catalog) -> Vec<Construct> {
    // Most statements have nothing to write, and need not be parsed once more.
    let tree = noticed.iter().any(|noticed| noticed.conjunct.is_some()).then(|| text::tree(normalized).ok()).flatten();
    let write = |Noticed { mut construct, conjunct, qualifier }: Noticed| {
        if let (Some(tree), Some(position)) = (&tree, conjunct) {
            match &mut construct {
                Construct::NotIn { rewritten, .. } => {
                    *rewritten = qualifier.and_then(|qualifier| not_exists(tree, position, &qualifier)).and_then(deparse);
                }
                Construct::OrAcrossTables { rewritten, .. } => {
                    *rewritten = union_all(tree, position, catalog).and_then(deparse);
                }
                _ => {}
            }
        }
        construct
    };
    noticed.into_iter().map(write).collect()
}

/// `tree` with the condition at `position`, a `NOT IN`, as `NOT EXISTS`; `qualifier` is what the compared column's table is called there.
///
/// Equal as far as neither side is null, which the caller knows.
fn not_exists(tree: &NodeEnum, position: usize, qualifier: &str) -> Option<NodeEnum> {
    let mut tree = tree.clone();
    let (clause, has_with) = match &mut tree {
        NodeEnum::SelectStmt(select) => (&mut select.where_clause, select.with_clause.is_some()),
        NodeEnum::UpdateStmt(update) => (&mut update.where_clause, update.with_clause.is_some()),
        NodeEnum::DeleteStmt(delete) => (&mut delete.where_clause, delete.with_clause.is_some()),
        _ => return None,
    };
    let mut conditions = split(clause.as_deref()?);
    let condition = conditions.get_mut(position).filter(|_| !has_with)?;
    let Some(NodeEnum::BoolExpr(not)) = &mut condition.node else { return None };
    let Some(NodeEnum::SubLink(link)) = not.args.first_mut().and_then(|inner| inner.node.as_mut()) else { return None };
    let Some(NodeEnum::ColumnRef(compared)) = link.testexpr.as_deref().and_then(|test| test.node.as_ref()) else { return None };
    let fields = vec![name(qualifier), compared.fields.last()?.clone()];
    let compared = node(NodeEnum::ColumnRef(ColumnRef { fields, location: -1 }));
    let Some(NodeEnum::SelectStmt(inner)) = link.subselect.as_deref_mut().and_then(|query| query.node.as_mut()) else {
        return None;
    };
    let returned = only_column(inner, qualifier)?;
    let equal = node(NodeEnum::AExpr(Box::new(AExpr {
        kind: AExprKind::AexprOp as i32,
        name: vec![name("=")],
        lexpr: Some(Box::new(returned)),
        rexpr: Some(Box::new(compared)),
        location: -1,
        ..AExpr::default()
    })));
    let mut conditions_inside = inner.where_clause.take().map(|clause| split(&clause)).unwrap_or_default();
    conditions_inside.push(equal);
    inner.where_clause = joined(BoolExprType::AndExpr, conditions_inside);
    inner.distinct_clause.clear();
    inner.sort_clause.clear();
    inner.target_list = vec![target(one())];
    **link =
        SubLink { sub_link_type: SubLinkType::ExistsSublink as i32, testexpr: None, oper_name: Vec::new(), ..(**link).clone() };
    *clause = joined(BoolExprType::AndExpr, conditions);
    Some(tree)
}

/// The column that `select` returns, when it does nothing but choose rows of tables, none of them called `qualifier`.
fn only_column(select: &SelectStmt, qualifier: &str) -> Option<Node> {
    let is_distinct_on = select.distinct_clause.iter().any(|node| node.node.is_some());
    let is_plain = !is_distinct_on && is_choice(select) && select.limit_count.is_none() && select.limit_offset.is_none();
    let [only] = select.target_list.as_slice() else { return None };
    let Some(NodeEnum::ResTarget(only)) = &only.node else { return None };
    let value = only.val.as_deref()?;
    let Some(NodeEnum::ColumnRef(column)) = &value.node else { return None };
    let is_named = column.fields.last().and_then(string).is_some();
    (is_plain && is_named && select.from_clause.iter().all(|item| is_table(item, qualifier))).then(|| value.clone())
}

/// Whether `select` returns rows that it finds as it finds them.
fn is_choice(select: &SelectStmt) -> bool {
    select.larg.is_none()
        && select.with_clause.is_none()
        && select.values_lists.is_empty()
        && select.locking_clause.is_empty()
        && select.into_clause.is_none()
        && !order::is_grouped(select)
        && !order::has_windows(select)
}

/// Whether `item` is tables only, none of them called `qualifier`, and none filled with nulls by an outer join.
fn is_table(item: &Node, qualifier: &str) -> bool {
    match &item.node {
        Some(NodeEnum::RangeVar(table)) => {
            table.alias.as_ref().map_or(table.relname.as_str(), |alias| alias.aliasname.as_str()) != qualifier
        }
        Some(NodeEnum::JoinExpr(join)) => {
            join.jointype == JoinType::JoinInner as i32
                && join.alias.is_none()
                && [&join.larg, &join.rarg].into_iter().flatten().all(|side| is_table(side, qualifier))
        }
        _ => false,
    }
}

/// `tree` with the condition at `position`, an `OR`, as one statement a branch.
///
/// Each branch takes the rows that no branch before it takes (`IS NOT TRUE`, for a condition may be null), so that every row comes as often
/// as before, duplicates included.
fn union_all(tree: &NodeEnum, position: usize, catalog: &Catalog) -> Option<NodeEnum> {
    let NodeEnum::SelectStmt(select) = tree else { return None };
    let is_plain =
        is_choice(select) && select.distinct_clause.is_empty() && select.limit_count.is_none() && select.limit_offset.is_none();
    let conditions = split(select.where_clause.as_deref()?);
    let Some(NodeEnum::BoolExpr(or)) = &conditions.get(position)?.node else { return None };
    let is_sure = !holds(&conditions, &|node| match node {
        NodeEnum::SubLink(_) => true,
        NodeEnum::FuncCall(call) => volatility::is_volatile(call, catalog),
        _ => false,
    });
    if !is_plain || !is_sure || or.args.len() > MOST_BRANCHES || !sorts_by_output(select) {
        return None;
    }
    let mut whole: Option<SelectStmt> = None;
    for (branch, taken) in or.args.iter().enumerate() {
        let mut conditions = conditions.clone();
        conditions[position] = taken.clone();
        if branch > 0 {
            let before = *joined(BoolExprType::OrExpr, or.args[..branch].to_vec())?;
            let test = BooleanTest {
                arg: Some(Box::new(before)),
                booltesttype: BoolTestType::IsNotTrue as i32,
                location: -1,
                ..BooleanTest::default()
            };
            conditions.push(node(NodeEnum::BooleanTest(Box::new(test))));
        }
        let where_clause = joined(BoolExprType::AndExpr, conditions);
        let part = SelectStmt { where_clause, sort_clause: Vec::new(), ..(**select).clone() };
        whole = Some(match whole {
            None => part,
            Some(before) => SelectStmt {
                op: SetOperation::SetopUnion as i32,
                all: true,
                larg: Some(Box::new(before)),
                rarg: Some(Box::new(part)),
                limit_option: LimitOption::Default as i32,
                ..SelectStmt::default()
            },
        });
    }
    let whole = SelectStmt { sort_clause: select.sort_clause.clone(), ..whole? };
    Some(NodeEnum::SelectStmt(Box::new(whole)))
}

/// Whether every sort key is a name or a position of the result, which is all that a union can be sorted by.
fn sorts_by_output(select: &SelectStmt) -> bool {
    let names: Vec<&str> = select.target_list.iter().filter_map(returned_name).collect();
    select.sort_clause.iter().all(|key| {
        let Some(NodeEnum::SortBy(key)) = &key.node else { return false };
        match key.node.as_deref().and_then(|key| key.node.as_ref()) {
            Some(NodeEnum::AConst(constant)) => matches!(constant.val, Some(a_const::Val::Ival(_))),
            Some(NodeEnum::ColumnRef(column)) => match column.fields.as_slice() {
                [only] => string(only).is_some_and(|only| names.contains(&only)),
                _ => false,
            },
            _ => false,
        }
    })
}

/// The name under which a target is returned, when it has one that is plain to see.
fn returned_name(target: &Node) -> Option<&str> {
    let Some(NodeEnum::ResTarget(target)) = &target.node else { return None };
    if !target.name.is_empty() {
        return Some(&target.name);
    }
    match target.val.as_deref().and_then(|value| value.node.as_ref()) {
        Some(NodeEnum::ColumnRef(column)) => column.fields.last().and_then(string),
        _ => None,
    }
}

/// Whether something in `nodes` is `wanted`; sub-selects are not looked into.
fn holds(nodes: &[Node], wanted: &impl Fn(&NodeEnum) -> bool) -> bool {
    let mut waiting: Vec<&Node> = nodes.iter().collect();
    while let Some(node) = waiting.pop() {
        if node.node.as_ref().is_some_and(wanted) {
            return true;
        }
        waiting.extend(children::of(node));
    }
    false
}

fn split(clause: &Node) -> Vec<Node> {
    let mut found = Vec::new();
    conjuncts(clause, &mut found);
    found.into_iter().cloned().collect()
}

/// The conditions of `parts` as one; `None` for none.
fn joined(kind: BoolExprType, mut parts: Vec<Node>) -> Option<Box<Node>> {
    if parts.len() < 2 {
        return parts.pop().map(Box::new);
    }
    let expression = BoolExpr { boolop: kind as i32, args: parts, location: -1, ..BoolExpr::default() };
    Some(Box::new(node(NodeEnum::BoolExpr(Box::new(expression)))))
}

fn node(inner: NodeEnum) -> Node {
    Node { node: Some(inner) }
}

fn name(text: &str) -> Node {
    node(NodeEnum::String(NameNode { sval: text.to_owned() }))
}

fn one() -> Node {
    let value = a_const::Val::Ival(Integer { ival: 1 });
    node(NodeEnum::AConst(AConst { isnull: false, location: -1, val: Some(value) }))
}

fn target(value: Node) -> Node {
    node(NodeEnum::ResTarget(Box::new(ResTarget { val: Some(Box::new(value)), ..ResTarget::default() })))
}

fn deparse(tree: NodeEnum) -> Option<String> {
    let statement = RawStmt { stmt: Some(Box::new(node(tree))), stmt_location: 0, stmt_len: 0 };
    pg_query::deparse(&ParseResult { version: 0, stmts: vec![statement] }, pg_query::DeparseOptions::default()).ok()
}
