//! Conditions of a statement that are the same at each execution, or for a value that is worth an index of its own: what a partial index
//! can have as its predicate.
//!
//! Values come from executions that were seen, or from the most common values where these are kept as they are. A value reaches a
//! definition only when its column has few different ones: those are states and kinds, which the schema's authors chose, and no person's.

use pgtailor_model::binding::{BindingOrigin, Literal};
use pgtailor_model::name::quote_identifier;
use pgtailor_model::planner::{ColumnStatistic, StatisticColumn, StatisticSlot, StatisticsLevel, slot_kind};
use pgtailor_model::shape::{Comparison, Operand, Predicate, Subject as About};

use super::literal::{elements, equals, numbers};
use super::site::Site;

/// A condition that a predicate could hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition<'a> {
    pub(super) column: &'a str,
    /// As the server writes it.
    pub(super) sql: String,
    /// Whether it holds at each execution, as `IS NULL` does, and not for one value of a parameter.
    pub(super) always: bool,
}

impl Condition<'_> {
    /// As a member of a conjunction.
    pub(super) fn in_parentheses(&self) -> String {
        let is_bare = self.sql == quote_identifier(self.column);
        if is_bare { self.sql.clone() } else { format!("({})", self.sql) }
    }

    /// Whether all rows that it leaves have the same value.
    pub(super) fn fixes_value(&self) -> bool {
        !self.sql.ends_with(" IS NOT NULL")
    }
}

/// Most distinct values of a column of which single ones are worth an index.
const MOST_DISTINCT: f64 = 50.0;

/// Largest share of the rows, 0 to 1, that a value may have: an index over most of the table is hardly smaller than one over all.
const LARGEST_SHARE: f64 = 0.5;

/// Values of one column that are tried.
const MOST_VALUES: usize = 3;

/// The conditions of `site`, those that always hold first.
pub(super) fn conditions<'a>(site: &Site<'a>) -> Vec<Condition<'a>> {
    let mut found: Vec<Condition<'a>> = Vec::new();
    for predicate in &site.shape.predicates {
        let About::Column(column) = &predicate.subject else { continue };
        let made: Vec<Condition<'a>> = match (predicate.comparison, &predicate.operand) {
            (Comparison::Null, _) => vec![null_test(column, "IS NULL")],
            (Comparison::NotNull, _) => vec![null_test(column, "IS NOT NULL")],
            (Comparison::Equal, Operand::Boolean(value)) => boolean(site, column, *value),
            (Comparison::Equal, Operand::Parameters(numbers)) => values(site, column, numbers, predicate),
            _ => Vec::new(),
        };
        found.extend(made.into_iter().filter(|condition| !is_of_all(site, condition)));
    }
    found.sort_by_key(|condition| !condition.always);
    found.dedup();
    found
}

/// Most common values of a column with their shares of all rows, most common first; none when they are not kept as they are.
pub(super) fn most_common(site: &Site<'_>, column: &str) -> Vec<(String, f64)> {
    let is_exact = site.context.snapshot.planner.as_ref().is_some_and(|planner| planner.level == StatisticsLevel::Exact);
    let Some(slot) = slot(site, column, slot_kind::MOST_COMMON).filter(|_| is_exact) else { return Vec::new() };
    let values = slot.values.as_ref().and_then(|values| elements(&values.text)).unwrap_or_default();
    values.into_iter().zip(slot.numbers.as_deref().map(numbers).unwrap_or_default()).collect()
}

/// A slot of a column's statistics, of the table with its children when there are such.
pub(super) fn slot<'a>(site: &Site<'a>, column: &str, kind: i16) -> Option<&'a StatisticSlot> {
    let planner = site.context.snapshot.planner.as_ref()?;
    let is_it = |statistic: &&ColumnStatistic| {
        statistic.relation == site.oid() && matches!(&statistic.column, StatisticColumn::Name(name) if name == column)
    };
    let of_column = planner.statistics.iter().filter(is_it).max_by_key(|statistic| statistic.inherited)?;
    of_column.numbers.slots.iter().find(|slot| slot.kind == kind)
}

fn null_test<'a>(column: &'a str, test: &str) -> Condition<'a> {
    Condition { column, sql: format!("{} {test}", quote_identifier(column)), always: true }
}

fn boolean<'a>(site: &Site<'a>, column: &'a str, value: bool) -> Vec<Condition<'a>> {
    let value = if value { "t" } else { "f" };
    let type_name = site.column(column).map(|column| column.type_name.as_str());
    let sql = type_name.and_then(|type_name| equals(column, type_name, value));
    sql.map(|sql| Condition { column, sql, always: true }).into_iter().collect()
}

/// Conditions for values of a parameter: those that executions were seen with, most frequent first, else the rarest common ones.
fn values<'a>(site: &Site<'a>, column: &'a str, parameters: &[u32], predicate: &Predicate) -> Vec<Condition<'a>> {
    let ([number], Some(known)) = (parameters, site.column(column)) else { return Vec::new() };
    let is_kind = site.distinct(column).is_some_and(|distinct| distinct <= MOST_DISTINCT) || known.type_name == "boolean";
    if !is_kind || predicate.operator != "=" {
        return Vec::new();
    }
    let common = most_common(site, column);
    let mut seen = observed(site, *number);
    let always = seen.len() == 1 && site.query.bindings.iter().filter(|binding| is_observed(binding.origin)).count() > 1;
    if seen.is_empty() {
        seen = common.iter().rev().map(|(value, _)| value.clone()).collect();
    }
    let share = |value: &str| common.iter().find(|(known, _)| known == value).map(|(_, share)| *share);
    seen.retain(|value| share(value).is_none_or(|share| share <= LARGEST_SHARE));
    let sql = seen.into_iter().filter_map(|value| equals(column, &known.type_name, &value)).take(MOST_VALUES);
    sql.map(|sql| Condition { column, sql, always }).collect()
}

/// The values that executions were seen with, each once, by their weight.
fn observed(site: &Site<'_>, number: u32) -> Vec<String> {
    let mut found: Vec<(String, f64)> = Vec::new();
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    for binding in site.query.bindings.iter().filter(|binding| is_observed(binding.origin)) {
        let value = place.and_then(|place| binding.values.get(place)).and_then(Option::as_ref).map(Literal::expose);
        let Some(value) = value else { continue };
        match found.iter_mut().find(|(known, _)| known == value) {
            Some((_, weight)) => *weight += binding.weight,
            None => found.push((value.to_owned(), binding.weight)),
        }
    }
    found.sort_by(|(one, weight), (other, heavier)| heavier.total_cmp(weight).then_with(|| one.cmp(other)));
    found.into_iter().map(|(value, _)| value).collect()
}

fn is_observed(origin: BindingOrigin) -> bool {
    matches!(origin, BindingOrigin::Observed | BindingOrigin::Constant)
}

/// Whether the condition holds for all rows as far as is known, so that a predicate would leave none out.
fn is_of_all(site: &Site<'_>, condition: &Condition<'_>) -> bool {
    let Some(column) = site.column(condition.column) else { return true };
    let nulls = column.statistics.map(|statistics| statistics.null_fraction);
    let is = |suffix: &str| condition.sql.ends_with(suffix);
    if is(" IS NOT NULL") {
        return column.not_null || nulls.is_some_and(|nulls| nulls <= 0.0);
    }
    is(" IS NULL") && nulls.is_some_and(|nulls| nulls >= 1.0)
}

#[cfg(test)]
mod tests {
    use pgtailor_model::binding::Binding;
    use pgtailor_model::shape::Comparison::{Equal, NotNull, Null, Range};

    use super::super::fixture::Fixture;
    use super::*;

    fn found(fixture: &Fixture) -> Vec<String> {
        let mut sql = Vec::new();
        fixture.at(0, |site| sql = conditions(site).into_iter().map(|condition| condition.sql).collect());
        sql
    }

    fn states() -> Fixture {
        let fixture = Fixture::new().table("t", &["state text", "gone", "at"]).distinct("t", "state", 4.0);
        fixture.common("t", "state", "{done,open,failed}", "{0.9,0.07,0.03}")
    }

    fn seen(value: &str, weight: f64, origin: BindingOrigin) -> Binding {
        Binding { values: vec![Some(Literal::new(value))], weight, origin }
    }

    #[test]
    fn tests_of_null_and_rare_common_values_make_predicates() {
        let fixture = states().asks("t", &[("state", Equal), ("gone", Null), ("at", Range)]);
        assert_eq!(found(&fixture), ["gone IS NULL", "state = 'failed'::text", "state = 'open'::text"]);
    }

    #[test]
    fn values_that_were_seen_come_before_those_that_exist() {
        let fixture = states().asks("t", &[("state", Equal)]);
        let bindings = vec![
            seen("done", 0.5, BindingOrigin::Observed),
            seen("open", 0.4, BindingOrigin::Observed),
            seen("failed", 0.1, BindingOrigin::Rare),
        ];
        assert_eq!(found(&fixture.last(|query| query.bindings = bindings)), ["state = 'open'::text"]);
    }

    #[test]
    fn values_of_a_column_with_many_of_them_stay_out() {
        let fixture = Fixture::new().table("t", &["email text"]).distinct("t", "email", 1e6);
        let fixture = fixture.common("t", "email", "{a@example.org}", "{0.001}").asks("t", &[("email", Equal)]);
        assert_eq!(found(&fixture), Vec::<String>::new());
    }

    #[test]
    fn pseudonyms_make_no_predicate() {
        let mut fixture = states().asks("t", &[("state", Equal)]);
        fixture.planner().level = StatisticsLevel::Anonymized;
        assert_eq!(found(&fixture), Vec::<String>::new());
    }

    #[test]
    fn what_holds_for_every_row_leaves_none_out() {
        let fixture = Fixture::new().table("t", &["a", "b"]).distinct("t", "a", 5.0);
        assert_eq!(found(&fixture.asks("t", &[("a", NotNull), ("b", NotNull)])), ["b IS NOT NULL"]);
    }
}
