//! Conditions to facts: what must hold of which subject for a row to count.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, BoolExprType, BoolTestType, Node, NullTestType, SubLink, SubLinkType};
use pgtailor_model::shape::{self, Comparison, Predicate, Service, Subject};

use crate::expression::{Term, describe};
use crate::fact::{Fact, Said, either};
use crate::operand::{Fixed, Operand};
use crate::types::Type;
use crate::walker::{Place, Walker, string};
use crate::{function, service, spatial};

/// What is said of a subject, but for the subject and what depends on its type.
#[derive(Clone, Debug)]
pub(crate) struct Saying<'a> {
    /// How it is compared.
    pub(crate) comparison: Comparison,
    /// The operator.
    pub(crate) operator: &'a str,
    /// With what.
    pub(crate) operand: shape::Operand,
}

impl<'t> Walker<'t> {
    /// What `node` says when it is true, or when it is false if `negated`.
    pub(crate) fn condition(&mut self, node: &'t Node, place: Place<'_, 't>, negated: bool) -> Said {
        match &node.node {
            Some(NodeEnum::BoolExpr(expression)) => {
                let conjunction = match BoolExprType::try_from(expression.boolop) {
                    Ok(BoolExprType::AndExpr) => !negated,
                    Ok(BoolExprType::OrExpr) => negated,
                    _ => return expression.args.iter().map(|part| self.condition(part, place, !negated)).collect(),
                };
                if conjunction {
                    return expression.args.iter().map(|part| self.condition(part, place, negated)).collect();
                }
                let branches =
                    expression.args.iter().map(|part| self.condition(part, place.inside_or(), negated)).collect::<Vec<_>>();
                if place.conjunct && !negated {
                    self.notice_or(node, &branches);
                }
                either(branches)
            }
            Some(NodeEnum::AExpr(expression)) => self.comparison(expression, place, negated),
            Some(NodeEnum::SubLink(link)) => self.sub_select_condition(node, link, place, negated),
            Some(NodeEnum::NullTest(test)) => {
                let Some(inner) = test.arg.as_deref() else { return Said::default() };
                let operand = self.operand(inner, place);
                let is_null = (test.nulltesttype == NullTestType::IsNull as i32) != negated;
                let comparison = if is_null { Comparison::Null } else { Comparison::NotNull };
                let saying = Saying { comparison, operator: "", operand: shape::Operand::Nothing };
                self.say(&operand, &saying, place, |_| {
                    if is_null {
                        Service::btree()
                    } else {
                        Service::nothing("IS NOT NULL, which suits the predicate of a partial index, not a key")
                    }
                })
            }
            Some(NodeEnum::BooleanTest(test)) => {
                let Some(inner) = test.arg.as_deref() else { return Said::default() };
                let kind = BoolTestType::try_from(test.booltesttype);
                let compares = matches!(inner.node, Some(NodeEnum::AExpr(_) | NodeEnum::BoolExpr(_)));
                match kind {
                    Ok(BoolTestType::IsTrue) if !negated && compares => self.condition(inner, place, false),
                    Ok(BoolTestType::IsFalse) if !negated && compares => self.condition(inner, place, true),
                    Ok(BoolTestType::IsTrue) if !negated => self.boolean(inner, place, true),
                    Ok(BoolTestType::IsFalse) if !negated => self.boolean(inner, place, false),
                    Ok(BoolTestType::IsUnknown) if !negated => {
                        let operand = self.operand(inner, place);
                        let (comparison, operand_of_test) = (Comparison::Null, shape::Operand::Nothing);
                        let saying = Saying { comparison, operator: "", operand: operand_of_test };
                        self.say(&operand, &saying, place, |_| Service::btree())
                    }
                    _ => {
                        let operand = self.operand(inner, place);
                        self.refuse(&operand, "a negated test of truth", place)
                    }
                }
            }
            Some(NodeEnum::FuncCall(call)) if function::name(call) == "overlaps" => {
                let operand = self.operand(node, place);
                refuse_columns(&operand, "OVERLAPS, which no index serves; a range type and && would be served", place)
            }
            Some(NodeEnum::FuncCall(call)) if function::name(call) == "starts_with" && call.args.len() == 2 && !negated => {
                let (subject, prefix) = (self.operand(&call.args[0], place), self.operand(&call.args[1], place));
                self.compare("^@", &subject, &prefix, place)
            }
            Some(NodeEnum::FuncCall(call)) if spatial::is_predicate(call) && !negated => self.spatial(call, place),
            _ => self.boolean(node, place, !negated),
        }
    }

    /// A bare column is a boolean one: `WHERE is_active` is `WHERE is_active = true`, and NOT makes it `= false`.
    fn boolean(&mut self, node: &'t Node, place: Place<'_, 't>, value: bool) -> Said {
        let operand = self.operand(node, place);
        let saying = Saying { comparison: Comparison::Equal, operator: "", operand: shape::Operand::Boolean(value) };
        self.say(&operand, &saying, place, |_| service::equality(Type::Boolean))
    }

    fn comparison(&mut self, expression: &'t AExpr, place: Place<'_, 't>, negated: bool) -> Said {
        let name = expression.name.last().and_then(string).unwrap_or_default();
        let kind = match (AExprKind::try_from(expression.kind).unwrap_or(AExprKind::Undefined), name) {
            // LIKE by its operator.
            (AExprKind::AexprOp, "~~" | "!~~") => AExprKind::AexprLike,
            (AExprKind::AexprOp, "~~*" | "!~~*") => AExprKind::AexprIlike,
            (kind, _) => kind,
        };
        let left = expression.lexpr.as_deref().map_or(Operand::Fixed(Fixed::default()), |node| self.operand(node, place));
        let right_node = expression.rexpr.as_deref();
        let right = right_node.map_or(Operand::Fixed(Fixed::default()), |node| self.list_or_operand(node, place));
        match kind {
            AExprKind::AexprLike | AExprKind::AexprIlike | AExprKind::AexprSimilar => {
                self.pattern(name, kind, negated, (&left, &right), right_node, place)
            }
            AExprKind::AexprOp
                if matches!(name, "~" | "~*" | "!~" | "!~*") && right.is_fixed() && left.result(self).may_be_text() =>
            {
                self.pattern(name, kind, negated, (&left, &right), right_node, place)
            }
            AExprKind::AexprOp => match (negated, service::negated(name)) {
                (false, _) => self.compare(name, &left, &right, place),
                (true, Some(name)) => self.compare(name, &left, &right, place),
                (true, None) => {
                    self.compared(name, &left, &right, false);
                    let reason = format!("negated operator {name}, which no index serves");
                    self.refuse_both(&left, &right, &reason, place)
                }
            },
            AExprKind::AexprIn => self.one_of((name == "<>") != negated, &left, &right, place),
            AExprKind::AexprOpAny => self.any_of(name, negated, &left, &right, place),
            AExprKind::AexprBetween | AExprKind::AexprBetweenSym if !negated => self.between(&left, &right, place),
            AExprKind::AexprNotBetween | AExprKind::AexprNotBetweenSym if negated => self.between(&left, &right, place),
            AExprKind::AexprBetween | AExprKind::AexprBetweenSym | AExprKind::AexprNotBetween | AExprKind::AexprNotBetweenSym => {
                self.between_roles(&left, &right);
                self.refuse_both(&left, &right, "NOT BETWEEN", place)
            }
            AExprKind::AexprOpAll => {
                self.compared(name, &left, &right, true);
                let reason = if name == "<>" && !negated { "<> ALL".to_owned() } else { format!("{name} ALL") };
                self.refuse_both(&left, &right, &reason, place)
            }
            AExprKind::AexprDistinct | AExprKind::AexprNotDistinct => {
                self.compared(if kind == AExprKind::AexprDistinct { "<>" } else { "=" }, &left, &right, false);
                self.refuse_both(&left, &right, "IS [NOT] DISTINCT FROM", place)
            }
            _ => self.refuse_both(&left, &right, "an expression of the column", place),
        }
    }

    /// `node`, or the row of its items when it is a parenthesized list (of `IN`, or the bounds of `BETWEEN`).
    fn list_or_operand(&mut self, node: &'t Node, place: Place<'_, 't>) -> Operand<'t> {
        match &node.node {
            Some(NodeEnum::List(list)) => Operand::Row(list.items.iter().map(|item| self.operand(item, place)).collect()),
            _ => self.operand(node, place),
        }
    }

    fn sub_select_condition(&mut self, node: &'t Node, link: &'t SubLink, place: Place<'_, 't>, negated: bool) -> Said {
        let Some(query) = link.subselect.as_deref() else { return Said::default() };
        let joined = place.conjunct && !negated;
        match SubLinkType::try_from(link.sub_link_type) {
            Ok(SubLinkType::ExistsSublink) => {
                self.query(query, Some(place.scope), place.commons, joined);
                Said::default()
            }
            Ok(SubLinkType::AnySublink) => {
                let test = link.testexpr.as_deref();
                let test = test.map_or(Operand::Fixed(Fixed::default()), |test| self.operand(test, place));
                let output = self.query(query, Some(place.scope), place.commons, joined);
                self.need_output(&output);
                match link.oper_name.last().and_then(string) {
                    None | Some("=") if negated => {
                        self.notice_not_in(node, &test, &output, place);
                        self.refuse(&test, "NOT IN (sub-select)", place)
                    }
                    None | Some("=") if !place.conjunct => {
                        self.refuse(&test, "IN (sub-select) below OR, which is no join", place)
                    }
                    None | Some("=") => self.member_of(&test, &output, place),
                    Some(name) => self.refuse(&test, &format!("{name} ANY (sub-select)"), place),
                }
            }
            Ok(SubLinkType::AllSublink) => {
                let operand = self.operand(node, place);
                refuse_columns(&operand, "compared with all rows of a sub-select", place)
            }
            _ => {
                let operand = self.operand(node, place);
                self.refuse(&operand, "a sub-select over the column", place)
            }
        }
    }

    /// Says `saying` of `operand` where conditions at `place` bind it; `service` is what serves it over a type.
    ///
    /// What is made of columns of several references, or cannot be written as an index expression, is said to hide its columns.
    pub(crate) fn say(
        &self,
        operand: &Operand<'t>,
        saying: &Saying<'_>,
        place: Place<'_, 't>,
        service: impl Fn(Type) -> Service + Copy,
    ) -> Said {
        if let Operand::Row(parts) = operand {
            return parts.iter().map(|part| self.say(part, saying, place, service)).collect();
        }
        if operand.is_fixed() {
            return Said::default();
        }
        let terms = if operand.is_bound(place) { self.terms(operand) } else { Vec::new() };
        if terms.is_empty() {
            return match operand {
                Operand::Expression(expression) => refuse_columns(operand, &describe(expression.node), place),
                _ => Said::default(),
            };
        }
        let facts = terms.into_iter().filter(|term| term.pushed).map(|term| {
            let Term { reference, through, subject, result, refusal, .. } = term;
            let service = refusal.map_or_else(|| service(result), Service::Nothing);
            let Saying { comparison, operator, operand } = saying.clone();
            let predicate = Predicate { subject, comparison, operator: operator.to_owned(), operand, service };
            Fact::new(reference, through, predicate)
        });
        Said { facts: facts.collect(), ors: Vec::new() }
    }

    /// Says that no index serves what is asked of `operand`, and why.
    pub(crate) fn refuse(&self, operand: &Operand<'t>, reason: &str, place: Place<'_, 't>) -> Said {
        let saying = Saying { comparison: Comparison::Other, operator: "", operand: shape::Operand::Nothing };
        self.say(operand, &saying, place, |_| Service::nothing(reason))
    }

    /// The same for both sides.
    pub(crate) fn refuse_both(&self, left: &Operand<'t>, right: &Operand<'t>, reason: &str, place: Place<'_, 't>) -> Said {
        [left, right].into_iter().map(|side| self.refuse(side, reason, place)).collect()
    }
}

/// Says of every column that no index serves it, and why: those in `operand`.
pub(crate) fn refuse_columns(operand: &Operand<'_>, reason: &str, place: Place<'_, '_>) -> Said {
    let mut facts: Vec<Fact> = Vec::new();
    let leaves = match operand {
        Operand::Expression(expression) => expression.leaves(),
        other => other.columns(),
    };
    for origin in leaves.iter().filter(|leaf| place.binds(leaf)).flat_map(|leaf| &leaf.origins) {
        let predicate = Predicate {
            subject: Subject::Column(origin.column.to_owned()),
            comparison: Comparison::Other,
            operator: String::new(),
            operand: shape::Operand::Nothing,
            service: Service::nothing(reason),
        };
        let fact = Fact::new(origin.reference, origin.through.clone(), predicate);
        if origin.pushed && !facts.contains(&fact) {
            facts.push(fact);
        }
    }
    Said { facts, ors: Vec::new() }
}
