//! Comparisons: two operands and an operator to facts, and to what the parameters in them are for.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExprKind, Node, a_const};
use pgtailor_model::shape::{self, Comparison, Service};

use crate::expression::describe;
use crate::fact::Said;
use crate::operand::{Fixed, Form, Operand};
use crate::pattern::{self, Pattern};
use crate::predicate::{Saying, refuse_columns};
use crate::scope::{Column, Output};
use crate::walker::{Place, Walker};
use crate::{function, service};

impl<'t> Walker<'t> {
    /// `left operator right`.
    pub(crate) fn compare(&mut self, operator: &str, left: &Operand<'t>, right: &Operand<'t>, place: Place<'_, 't>) -> Said {
        match (left, right) {
            (Operand::Row(lefts), Operand::Row(rights)) if lefts.len() == rights.len() => {
                self.compare_rows(operator, lefts, rights, place)
            }
            (Operand::Row(parts), other) => parts.iter().map(|part| self.compare(operator, part, other, place)).collect(),
            (other, Operand::Row(parts)) => parts.iter().map(|part| self.compare(operator, other, part, place)).collect(),
            (subject, other) if other.is_fixed() => {
                self.compared(operator, subject, other, false);
                self.compare_with_fixed(operator, subject, other, place)
            }
            (other, subject) if other.is_fixed() => match service::commuted(operator) {
                Some(operator) => {
                    self.compared(operator, subject, other, false);
                    self.compare_with_fixed(operator, subject, other, place)
                }
                None => self.refuse(subject, &format!("operator {operator} with the column on its right"), place),
            },
            _ => self.compare_columns(operator, left, right, place),
        }
    }

    /// `(a, b) = (c, d)`; or `(a, b) < (c, d)`, which bounds the first part, and the second only where the first is equal: nothing is
    /// said of that, since an index uses it behind the first part only.
    fn compare_rows(&mut self, operator: &str, lefts: &[Operand<'t>], rights: &[Operand<'t>], place: Place<'_, 't>) -> Said {
        let of_pairs: Vec<Said> =
            lefts.iter().zip(rights).map(|(left, right)| self.compare(operator, left, right, place)).collect();
        if !service::is_ordering(operator) {
            return of_pairs.into_iter().collect();
        }
        let mut first: Said = of_pairs.into_iter().take(1).collect();
        for fact in &mut first.facts {
            // Only B-trees are searched by rows (`match_rowcompare_to_indexcol` in `indxpath.c`).
            if let Service::By(ways) = &mut fact.predicate.service {
                ways.retain(|serving| serving.method == "btree");
            }
        }
        first
    }

    fn compare_with_fixed(&mut self, operator: &str, subject: &Operand<'t>, other: &Operand<'t>, place: Place<'_, 't>) -> Said {
        let (comparison, _) = service::of_operator(operator, subject.result(self));
        let collated = |operand: &Operand<'t>| match operand {
            Operand::Fixed(fixed) => fixed.collated,
            Operand::Expression(expression) => matches!(expression.node.node, Some(NodeEnum::CollateClause(_))),
            _ => false,
        };
        let foreign = collated(other) && !collated(subject);
        let cast = self.cast_for(operator, subject, other);
        let saying = Saying { comparison, operator, operand: other.to_model() };
        self.say(subject, &saying, place, |family| match other.volatile() {
            _ if cast.is_some() => Service::nothing(cast.clone().unwrap_or_default()),
            Some(function) => Service::nothing(format!("compared with the volatile function {function}()")),
            None if foreign => Service::nothing("compared in another collation than the column's own"),
            None => service::of_operator(operator, family).1,
        })
    }

    fn compare_columns(&mut self, operator: &str, left: &Operand<'t>, right: &Operand<'t>, place: Place<'_, 't>) -> Said {
        if is_same_reference(left, right) {
            let of_side = |side: &Operand<'t>, other: &Operand<'t>| match (side, other) {
                (Operand::Expression(expression), _) => refuse_columns(side, &describe(expression.node), place),
                (_, Operand::Column(_)) => self.refuse(side, "compared with another column of the same table", place),
                _ => self.refuse(side, "compared with an expression of the same table", place),
            };
            return [of_side(left, right), of_side(right, left)].into_iter().collect();
        }
        let mut said = self.compare_with_elsewhere(Some(operator), operator, left, right, place);
        said.add(self.compare_with_elsewhere(service::commuted(operator), operator, right, left, place));
        said
    }

    /// `subject operator other`, where `other` is of another table; `operator` is `None` when only the other side could be searched.
    fn compare_with_elsewhere(
        &mut self,
        operator: Option<&str>,
        written: &str,
        subject: &Operand<'t>,
        other: &Operand<'t>,
        place: Place<'_, 't>,
    ) -> Said {
        let Some(operator) = operator else {
            return self.refuse(subject, &format!("operator {written} with the column on its right"), place);
        };
        let comparison = match service::of_operator(operator, subject.result(self)).0 {
            Comparison::Equal => Comparison::Join,
            // A nested loop could search the index once a row; it hardly ever is the best way.
            Comparison::Range | Comparison::Prefix | Comparison::Pattern => Comparison::Other,
            comparison => comparison,
        };
        let cast = self.cast_for(operator, subject, other);
        let saying = Saying { comparison, operator, operand: other.to_model() };
        self.say(subject, &saying, place, |family| match (comparison, other) {
            _ if cast.is_some() => Service::nothing(cast.clone().unwrap_or_default()),
            (Comparison::Other, _) if matches!(operator, "<>" | "!=") => Service::nothing("<>"),
            (Comparison::Other, Operand::Column(_)) => {
                Service::nothing(format!("compared by {written} with a column of another table"))
            }
            (Comparison::Other, _) => Service::nothing(format!("compared by {written} with another table")),
            _ => service::of_operator(operator, family).1,
        })
    }

    /// `left IN (…)`, `right` being the list.
    pub(crate) fn one_of(&mut self, negated: bool, left: &Operand<'t>, right: &Operand<'t>, place: Place<'_, 't>) -> Said {
        let Operand::Row(items) = right else { return self.refuse_both(left, right, "IN", place) };
        if negated {
            self.compared("<>", left, right, false);
            return self.refuse_both(left, right, "NOT IN", place);
        }
        if let [item] = items.as_slice() {
            return self.compare("=", left, item, place);
        }
        if !right.is_fixed() {
            return self.refuse_both(left, right, "IN with values that differ from row to row", place);
        }
        if let Operand::Row(parts) = left {
            // A list of rows: each part has a list of its own.
            let mut said = Said::default();
            for (position, part) in parts.iter().enumerate() {
                let of_part = items.iter().map(|item| match item {
                    Operand::Row(values) => values.get(position).cloned(),
                    _ => None,
                });
                if let Some(values) = of_part.collect::<Option<Vec<_>>>() {
                    said.add(self.one_of(false, part, &Operand::Row(values), place));
                }
            }
            return said;
        }
        self.compared("=", left, right, false);
        self.say_one_of(left, right, place)
    }

    fn say_one_of(&mut self, left: &Operand<'t>, right: &Operand<'t>, place: Place<'_, 't>) -> Said {
        let cast = self.cast_for("=", left, right);
        let saying = Saying { comparison: Comparison::OneOf, operator: "=", operand: right.to_model() };
        self.say(left, &saying, place, |family| match right.volatile() {
            _ if cast.is_some() => Service::nothing(cast.clone().unwrap_or_default()),
            Some(function) => Service::nothing(format!("compared with the volatile function {function}()")),
            None => service::equality(family),
        })
    }

    /// `left name ANY (right)`.
    pub(crate) fn any_of(
        &mut self,
        name: &str,
        negated: bool,
        left: &Operand<'t>,
        right: &Operand<'t>,
        place: Place<'_, 't>,
    ) -> Said {
        match (name, negated) {
            ("=", false) if right.is_fixed() => {
                self.compared("=", left, right, true);
                self.say_one_of(left, right, place)
            }
            ("=", false) if left.is_fixed() => {
                self.compared("= ANY", right, left, false);
                let saying = Saying { comparison: Comparison::Containment, operator: "= ANY", operand: left.to_model() };
                let reason = "= ANY over the elements of a column; write column @> ARRAY[value], which GIN serves";
                self.say(right, &saying, place, |_| Service::nothing(reason))
            }
            ("=", false) if !is_same_reference(left, right) => {
                let saying = Saying { comparison: Comparison::Join, operator: "=", operand: shape::Operand::Elsewhere };
                let mut said = self.say(left, &saying, place, service::equality);
                said.add(self.refuse(right, "= ANY over the elements of a column", place));
                said
            }
            (name, false) if service::is_ordering(name) && right.is_fixed() => {
                self.compared(name, left, right, true);
                let saying = Saying { comparison: Comparison::Range, operator: name, operand: right.to_model() };
                self.say(left, &saying, place, |family| service::of_operator(name, family).1)
            }
            ("~~" | "~~*", false) if right.is_fixed() => {
                self.matched(name, left, right);
                let saying = Saying { comparison: Comparison::Pattern, operator: name, operand: right.to_model() };
                self.say(left, &saying, place, service::trigrams)
            }
            _ => {
                self.compared(name, left, right, true);
                let reason = if negated && name == "=" { "<> ALL".to_owned() } else { format!("{name} ANY") };
                self.refuse_both(left, right, &reason, place)
            }
        }
    }

    /// `left BETWEEN right`, `right` being the bounds.
    pub(crate) fn between(&mut self, left: &Operand<'t>, right: &Operand<'t>, place: Place<'_, 't>) -> Said {
        let Operand::Row(bounds) = right else { return Said::default() };
        let [low, high] = bounds.as_slice() else { return Said::default() };
        if left.is_fixed() || !right.is_fixed() {
            let mut said = self.compare(">=", left, low, place);
            said.add(self.compare("<=", left, high, place));
            return said;
        }
        self.between_roles(left, right);
        let cast = self.cast_for("<", left, right);
        let saying = Saying { comparison: Comparison::Range, operator: "BETWEEN", operand: right.to_model() };
        self.say(left, &saying, place, |family| match right.volatile() {
            _ if cast.is_some() => Service::nothing(cast.clone().unwrap_or_default()),
            Some(function) => Service::nothing(format!("compared with the volatile function {function}()")),
            None => service::of_operator("<", family).1,
        })
    }

    /// What the parameters in the bounds of a `BETWEEN` are for.
    pub(crate) fn between_roles(&mut self, left: &Operand<'t>, right: &Operand<'t>) {
        if let Operand::Row(bounds) = right
            && let [low, high] = bounds.as_slice()
        {
            self.compared(">=", left, low, false);
            self.compared("<=", left, high, false);
        }
    }

    /// `test IN (sub-select)` with what the sub-select returns.
    pub(crate) fn member_of(&mut self, test: &Operand<'t>, output: &Output<'t>, place: Place<'_, 't>) -> Said {
        let parts = match test {
            Operand::Row(parts) => parts.iter().collect(),
            one => vec![one],
        };
        let mut said = Said::default();
        for (part, returned) in parts.into_iter().zip(&output.columns) {
            let column = Column { depth: place.scope.depth, ..place.scope.column(returned) };
            let inner = Operand::Column(column);
            // The other side of a semi-join can be looked up, too; for a constant it is searched as for any constant.
            let comparison = if part.is_fixed() { Comparison::Equal } else { Comparison::Join };
            self.compared("=", &inner, part, false);
            let of_part = Saying { comparison: Comparison::Join, operator: "=", operand: inner.to_model() };
            let of_inner = Saying { comparison, operator: "=", operand: part.to_model() };
            said.add(self.say(part, &of_part, place, service::equality));
            said.add(self.say(&inner, &of_inner, place, service::equality));
        }
        said
    }

    /// `LIKE`, `ILIKE`, `SIMILAR TO` and regular expressions; `node` is the pattern's.
    pub(crate) fn pattern(
        &mut self,
        name: &str,
        kind: AExprKind,
        negated: bool,
        (left, right): (&Operand<'t>, &Operand<'t>),
        node: Option<&Node>,
        place: Place<'_, 't>,
    ) -> Said {
        let shown = if kind == AExprKind::AexprSimilar { "SIMILAR TO" } else { name.trim_start_matches('!') };
        self.matched(shown, left, &without_escape(node, right));
        let mut said = self.refuse(right, "the pattern of a LIKE", place);
        let is_like = kind == AExprKind::AexprLike;
        if name.starts_with('!') != negated {
            let reason = match shown {
                "~~" => "NOT LIKE".to_owned(),
                "~~*" => "NOT ILIKE".to_owned(),
                "SIMILAR TO" => "NOT SIMILAR TO".to_owned(),
                _ => format!("operator !{shown}, a negated pattern"),
            };
            said.add(self.refuse(left, &reason, place));
            return said;
        }
        let text = node.and_then(constant_text);
        let form = match text {
            Some(text) if is_like => Some(pattern::of(text)),
            Some(text) if shown == "~" => Some(pattern::of_regular_expression(text)),
            None if matches!(shown, "~~" | "~") => None,
            _ => Some(Pattern::Wildcard),
        };
        let comparison = match form {
            Some(Pattern::Exact) => Comparison::Equal,
            Some(Pattern::Prefix) => Comparison::Prefix,
            Some(Pattern::Wildcard) | None => Comparison::Pattern,
        };
        let operator = if name.is_empty() { shown } else { name };
        let operand = match (kind, right) {
            // The grammar wraps the pattern in a function.
            (AExprKind::AexprSimilar, Operand::Fixed(Fixed { form: Form::Call, parameters, .. })) if !parameters.is_empty() => {
                shape::Operand::Parameters(parameters.clone())
            }
            _ => right.to_model(),
        };
        let saying = Saying { comparison, operator: operator.trim_start_matches('!'), operand };
        said.add(self.say(left, &saying, place, |family| match (form, right.volatile()) {
            (_, Some(function)) => Service::nothing(format!("compared with the volatile function {function}()")),
            (_, None) if !right.is_fixed() => Service::nothing("a pattern that differs from row to row"),
            (Some(Pattern::Exact), None) => service::equality(family),
            (Some(Pattern::Prefix), None) if is_like => service::prefix(family, &[("gin", "gin_trgm_ops")]),
            (Some(Pattern::Prefix), None) => service::prefix(family, service::TRIGRAMS),
            (Some(Pattern::Wildcard), None) => service::trigrams(family),
            (None, None) => service::unknown_pattern(family),
        }));
        said
    }
}

fn is_same_reference(left: &Operand<'_>, right: &Operand<'_>) -> bool {
    let references = |operand: &Operand<'_>| -> Vec<usize> {
        let leaves = match operand {
            Operand::Expression(expression) => expression.leaves(),
            other => other.columns(),
        };
        leaves.iter().flat_map(|leaf| &leaf.origins).map(|origin| origin.reference).collect()
    };
    let others = references(right);
    references(left).iter().any(|reference| others.contains(reference))
}

/// The operand of `pattern ESCAPE character`, which the grammar wraps in a function, without the parameter that is the character.
fn without_escape<'t>(node: Option<&Node>, operand: &Operand<'t>) -> Operand<'t> {
    let mut operand = operand.clone();
    if let (Some(NodeEnum::FuncCall(call)), Operand::Fixed(fixed)) = (node.and_then(|node| node.node.as_ref()), &mut operand)
        && matches!(function::name(call), "like_escape" | "similar_to_escape")
        && call.args.len() == 2
    {
        fixed.parameters.pop();
    }
    operand
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
