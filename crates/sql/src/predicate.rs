//! Conditions to facts: what must hold of which column for a row to count.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, BoolExprType, BoolTestType, Node, NullTestType, SubLink, SubLinkType, a_const};

use crate::fact::{Fact, Kind, about, either};
use crate::operand::Operand;
use crate::pattern::{self, Pattern};
use crate::scope::{Column, Output};
use crate::walker::{Place, Walker, string};

/// A comparison operator.
#[derive(Clone, Debug)]
enum Operator {
    /// `=`
    Equal,
    /// `<`, `<=`, `>`, `>=`
    Ordering(String),
    /// None that a B-tree serves, with the reason.
    Refused(String),
}

impl Walker<'_> {
    /// What `node` says when it is true, or when it is false if `negated`.
    pub(crate) fn condition(&mut self, node: &Node, place: Place<'_>, negated: bool) -> Vec<Fact> {
        match &node.node {
            Some(NodeEnum::BoolExpr(expression)) => {
                let conjunction = match BoolExprType::try_from(expression.boolop) {
                    Ok(BoolExprType::AndExpr) => !negated,
                    Ok(BoolExprType::OrExpr) => negated,
                    _ => return expression.args.iter().flat_map(|part| self.condition(part, place, !negated)).collect(),
                };
                if conjunction {
                    return expression.args.iter().flat_map(|part| self.condition(part, place, negated)).collect();
                }
                let branches: Vec<Vec<Fact>> =
                    expression.args.iter().map(|part| self.condition(part, place.inside_or(), negated)).collect();
                either(&branches)
            }
            Some(NodeEnum::AExpr(expression)) => self.comparison(expression, place, negated),
            Some(NodeEnum::SubLink(link)) => self.sub_select_condition(node, link, place, negated),
            Some(NodeEnum::NullTest(test)) => {
                let operand = test.arg.as_deref().map_or(Operand::Constant, |inner| self.operand(inner, place));
                let is_null = (test.nulltesttype == NullTestType::IsNull as i32) != negated;
                let kind = if is_null {
                    Kind::IsNull
                } else {
                    refused("IS NOT NULL, which suits the predicate of a partial index, not a key")
                };
                say(&operand, &kind, place)
            }
            Some(NodeEnum::BooleanTest(test)) => {
                let operand = test.arg.as_deref().map_or(Operand::Constant, |inner| self.operand(inner, place));
                let kind = match BoolTestType::try_from(test.booltesttype) {
                    Ok(BoolTestType::IsTrue | BoolTestType::IsFalse) if !negated => Kind::Equality,
                    Ok(BoolTestType::IsUnknown) if !negated => Kind::IsNull,
                    _ => refused("a negated test of truth"),
                };
                say(&operand, &kind, place)
            }
            // A bare column is a boolean one: `WHERE is_active` is `WHERE is_active = true`, and NOT makes it `= false`.
            _ => {
                let operand = self.operand(node, place);
                say(&operand, &Kind::Equality, place)
            }
        }
    }

    fn comparison(&mut self, expression: &AExpr, place: Place<'_>, negated: bool) -> Vec<Fact> {
        let kind = AExprKind::try_from(expression.kind).unwrap_or(AExprKind::Undefined);
        let name = expression.name.last().and_then(string).unwrap_or_default();
        let left = expression.lexpr.as_deref().map_or(Operand::Constant, |node| self.operand(node, place));
        if kind == AExprKind::AexprLike {
            let pattern = expression.rexpr.as_deref().and_then(constant_text).map(pattern::of);
            let right = expression.rexpr.as_deref().map_or(Operand::Constant, |node| self.operand(node, place));
            return like((name == "!~~") != negated, pattern, &left, &right, place);
        }
        let right = expression.rexpr.as_deref().map_or(Operand::Constant, |node| self.list_or_operand(node, place));
        match kind {
            AExprKind::AexprOp => compare(&operator(name, negated), &left, &right, place),
            AExprKind::AexprIn => one_of((name == "<>") != negated, &left, &right, place),
            AExprKind::AexprOpAny => match operator(name, negated) {
                Operator::Equal if matches!(right, Operand::Constant) => compare(&Operator::Equal, &left, &right, place),
                Operator::Equal => refuse_all(&[&left, &right], "= ANY over the elements of a column", place),
                Operator::Refused(_) if negated && name == "=" => refuse_all(&[&left, &right], "<> ALL", place),
                _ => refuse_all(&[&left, &right], &format!("{name} ANY"), place),
            },
            AExprKind::AexprBetween | AExprKind::AexprBetweenSym if !negated => {
                compare(&Operator::Ordering("BETWEEN".to_owned()), &left, &bounds(right), place)
            }
            AExprKind::AexprNotBetween | AExprKind::AexprNotBetweenSym if negated => {
                compare(&Operator::Ordering("BETWEEN".to_owned()), &left, &bounds(right), place)
            }
            AExprKind::AexprBetween | AExprKind::AexprBetweenSym | AExprKind::AexprNotBetween | AExprKind::AexprNotBetweenSym => {
                refuse_all(&[&left, &right], "NOT BETWEEN", place)
            }
            AExprKind::AexprIlike => {
                refuse_all(&[&left, &right], if (name == "!~~*") == negated { "ILIKE" } else { "NOT ILIKE" }, place)
            }
            AExprKind::AexprSimilar => refuse_all(&[&left, &right], "SIMILAR TO", place),
            AExprKind::AexprOpAll => refuse_all(&[&left, &right], &format!("{name} ALL"), place),
            AExprKind::AexprDistinct | AExprKind::AexprNotDistinct => {
                refuse_all(&[&left, &right], "IS [NOT] DISTINCT FROM", place)
            }
            _ => refuse_all(&[&left, &right], "an expression of the column", place),
        }
    }

    /// `node`, or the row of its items when it is a parenthesized list (of `IN`, or the bounds of `BETWEEN`).
    fn list_or_operand(&mut self, node: &Node, place: Place<'_>) -> Operand {
        match &node.node {
            Some(NodeEnum::List(list)) => Operand::Row(list.items.iter().map(|item| self.operand(item, place)).collect()),
            _ => self.operand(node, place),
        }
    }

    fn sub_select_condition(&mut self, node: &Node, link: &SubLink, place: Place<'_>, negated: bool) -> Vec<Fact> {
        let Some(query) = link.subselect.as_deref() else { return Vec::new() };
        let joined = place.conjunct && !negated;
        match SubLinkType::try_from(link.sub_link_type) {
            Ok(SubLinkType::ExistsSublink) => {
                self.query(query, Some(place.scope), place.commons, joined);
                Vec::new()
            }
            Ok(SubLinkType::AnySublink) => {
                let test = link.testexpr.as_deref().map_or(Operand::Constant, |test| self.operand(test, place));
                let output = self.query(query, Some(place.scope), place.commons, joined);
                match link.oper_name.last().and_then(string) {
                    None | Some("=") if negated => refuse_all(&[&test], "NOT IN (sub-select)", place),
                    None | Some("=") => member_of(&test, &output, place),
                    Some(name) => refuse_all(&[&test], &format!("{name} ANY (sub-select)"), place),
                }
            }
            _ => {
                let operand = self.operand(node, place);
                refuse_all(&[&operand], "compared with all rows of a sub-select", place)
            }
        }
    }
}

/// `left operator right`.
fn compare(operator: &Operator, left: &Operand, right: &Operand, place: Place<'_>) -> Vec<Fact> {
    match (left, right) {
        (Operand::Row(lefts), Operand::Row(rights)) if lefts.len() == rights.len() => {
            lefts.iter().zip(rights).flat_map(|(left, right)| compare(operator, left, right, place)).collect()
        }
        (Operand::Row(parts), other) | (other, Operand::Row(parts)) => {
            parts.iter().flat_map(|part| compare(operator, part, other, place)).collect()
        }
        (Operand::Column(left), Operand::Column(right)) => compare_columns(operator, left, right, place),
        (Operand::Column(column), other) | (other, Operand::Column(column)) => {
            let mut facts = compare_column(operator, column, other, place);
            facts.extend(say(other, &Kind::Equality, place));
            facts
        }
        _ => [left, right].into_iter().flat_map(|side| say(side, &Kind::Equality, place)).collect(),
    }
}

fn compare_columns(operator: &Operator, left: &Column, right: &Column, place: Place<'_>) -> Vec<Fact> {
    let kind = match operator {
        _ if is_same_reference(left, &[right]) => refused("compared with another column of the same table"),
        Operator::Equal => Kind::Join,
        Operator::Ordering(name) => refused(format!("compared by {name} with a column of another table")),
        Operator::Refused(reason) => refused(reason),
    };
    [left, right].into_iter().filter(|column| place.binds(column)).flat_map(|column| about(column, &kind)).collect()
}

/// `column operator other`, where `other` is no column itself.
fn compare_column(operator: &Operator, column: &Column, other: &Operand, place: Place<'_>) -> Vec<Fact> {
    if !place.binds(column) {
        return Vec::new();
    }
    let kind = match (operator, other) {
        (Operator::Refused(reason), _) => refused(reason),
        (_, Operand::Volatile(function)) => refused(format!("compared with the volatile function {function}()")),
        (_, Operand::Expression { columns, .. }) if is_same_reference(column, &columns.iter().collect::<Vec<_>>()) => {
            refused("compared with an expression of the same table")
        }
        (Operator::Equal, Operand::Expression { .. }) => Kind::Join,
        (Operator::Ordering(name), Operand::Expression { .. }) => refused(format!("compared by {name} with another table")),
        (Operator::Equal, _) => Kind::Equality,
        (Operator::Ordering(_), _) => Kind::Range,
    };
    about(column, &kind)
}

/// `left IN (…)`, `right` being the list.
fn one_of(negated: bool, left: &Operand, right: &Operand, place: Place<'_>) -> Vec<Fact> {
    let Operand::Row(items) = right else { return refuse_all(&[left, right], "IN", place) };
    if negated {
        return refuse_all(&[left, right], "NOT IN", place);
    }
    if let [item] = items.as_slice() {
        return compare(&Operator::Equal, left, item, place);
    }
    if items.iter().any(|item| !item.columns().is_empty()) {
        return refuse_all(&[left, right], "IN with values that differ from row to row", place);
    }
    compare(&Operator::Equal, left, &Operand::Constant, place)
}

/// `test IN (sub-select)` with what the sub-select returns.
fn member_of(test: &Operand, output: &Output, place: Place<'_>) -> Vec<Fact> {
    let parts = match test {
        Operand::Row(parts) => parts.iter().collect(),
        one => vec![one],
    };
    let mut facts = Vec::new();
    for (part, returned) in parts.into_iter().zip(&output.columns) {
        // The other side of a semi-join can be looked up, too; for a constant it is searched as for any constant.
        let kind = if matches!(part, Operand::Constant) { Kind::Equality } else { Kind::Join };
        facts.extend(say(part, &Kind::Join, place));
        facts.extend(returned.origins.iter().map(|origin| Fact { origin: origin.clone(), kind: kind.clone() }));
    }
    facts
}

fn like(negated: bool, pattern: Option<Pattern>, left: &Operand, right: &Operand, place: Place<'_>) -> Vec<Fact> {
    let kind = match pattern {
        _ if negated => refused("NOT LIKE"),
        Some(Pattern::Exact) => Kind::Equality,
        Some(Pattern::Prefix) => Kind::Range,
        Some(Pattern::Wildcard) => refused("LIKE with a wildcard first"),
        None => refused("LIKE with a pattern that is not known before it runs"),
    };
    let mut facts = say(left, &kind, place);
    facts.extend(refuse_all(&[right], "the pattern of a LIKE", place));
    facts
}

/// `kind` of `operand` when that is a column; of an expression's columns, that they are hidden in one.
fn say(operand: &Operand, kind: &Kind, place: Place<'_>) -> Vec<Fact> {
    match operand {
        Operand::Column(column) if place.binds(column) => about(column, kind),
        Operand::Constant | Operand::Volatile(_) | Operand::Column(_) => Vec::new(),
        Operand::Row(parts) => parts.iter().flat_map(|part| say(part, kind, place)).collect(),
        Operand::Expression { columns, what } => {
            columns.iter().filter(|column| place.binds(column)).flat_map(|column| about(column, &refused(what))).collect()
        }
    }
}

fn refuse_all(operands: &[&Operand], reason: &str, place: Place<'_>) -> Vec<Fact> {
    operands.iter().flat_map(|operand| say(operand, &refused(reason), place)).collect()
}

fn refused(reason: impl Into<String>) -> Kind {
    Kind::NotSargable(reason.into())
}

fn is_same_reference(column: &Column, others: &[&Column]) -> bool {
    let has = |other: &Column, reference| other.origins.iter().any(|origin| origin.reference == reference);
    column.origins.iter().any(|origin| others.iter().any(|other| has(other, origin.reference)))
}

/// Both bounds as one operand: constant only if both are.
fn bounds(right: Operand) -> Operand {
    match right {
        Operand::Row(parts) if parts.iter().all(|part| matches!(part, Operand::Constant)) => Operand::Constant,
        Operand::Row(parts) => {
            let columns = parts.iter().flat_map(Operand::columns).cloned().collect();
            Operand::Expression { columns, what: "a bound of BETWEEN".to_owned() }
        }
        other => other,
    }
}

fn operator(name: &str, negated: bool) -> Operator {
    match (name, negated) {
        ("=", false) | ("<>" | "!=", true) => Operator::Equal,
        ("<>" | "!=", false) | ("=", true) => Operator::Refused("<>".to_owned()),
        // The negation of an ordering is an ordering.
        ("<" | "<=" | ">" | ">=", _) => Operator::Ordering(name.to_owned()),
        (_, false) => Operator::Refused(format!("operator {name}, which a B-tree does not serve")),
        (_, true) => Operator::Refused(format!("negated operator {name}, which a B-tree does not serve")),
    }
}

/// The text of a string constant, casts aside.
fn constant_text(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::TypeCast(cast)) => cast.arg.as_deref().and_then(constant_text),
        Some(NodeEnum::AConst(constant)) => match &constant.val {
            Some(a_const::Val::Sval(text)) => Some(&text.sval),
            _ => None,
        },
        _ => None,
    }
}
