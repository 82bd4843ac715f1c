//! Partial indexes: only the rows that a condition of the statement leaves, which makes the index smaller and its other keys enough.
//!
//! Predicates are states, tests of null and booleans (see `condition`); bounds are none, since they move.

use pgtailor_model::index::IndexDefinition;
use pgtailor_model::workload::Query;

use super::super::columns::ascending;
use super::super::condition::{Condition, conditions};
use super::super::cover::covering_without;
use super::super::keys::{Keys, filtered, grouped, is_ordered, joined};
use super::super::site::{Site, sites};
use super::super::{Candidates, Context, Generator, text};

/// Predicates tried for one reference.
const MOST_PREDICATES: usize = 5;

/// Lists of keys tried with each predicate.
const MOST_KEYS: usize = 3;

pub(super) struct Partial;

impl Generator for Partial {
    fn name(&self) -> &'static str {
        "partial"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            for fixed in predicates(&conditions(&site)) {
                let columns: Vec<&str> = fixed.iter().map(|condition| condition.column).collect();
                // Of what is not null the value is still to be read.
                let implied: Vec<&str> = fixed.iter().filter(|one| one.fixes_value()).map(|condition| condition.column).collect();
                let predicate = written(&fixed);
                // The predicate may hold a value, which is not repeated in words.
                let of_values: Vec<&str> = fixed.iter().filter(|one| !one.always).map(|condition| condition.column).collect();
                let words = if of_values.is_empty() {
                    format!("always with the same condition on {}", text::names(&columns))
                } else {
                    format!("and a value of {} that it may ask for has a part of the rows only", text::names(&of_values))
                };
                for keys in bases(&site, &columns) {
                    let because = format!("{}, {words}", keys.because);
                    let definition = IndexDefinition { predicate: Some(predicate.clone()), ..keys.btree() };
                    if let Some(definition) = covering_without(&site, &definition, &implied) {
                        site.add(
                            candidates,
                            self.name(),
                            definition,
                            format!("{because}, and it needs nothing else of the table"),
                        );
                    }
                    site.add(candidates, self.name(), definition, because);
                }
            }
        }
    }
}

/// What always holds together, then each condition alone, then each value with what always holds.
fn predicates<'c, 'a>(conditions: &'c [Condition<'a>]) -> Vec<Vec<&'c Condition<'a>>> {
    let always: Vec<&Condition<'a>> = conditions.iter().filter(|condition| condition.always).collect();
    let mut found: Vec<Vec<&Condition<'a>>> = Vec::new();
    if always.len() > 1 {
        found.push(always.clone());
    }
    for condition in conditions {
        if !condition.always && !always.is_empty() {
            found.push(always.iter().copied().chain([condition]).collect());
        }
        found.push(vec![condition]);
    }
    found.truncate(MOST_PREDICATES);
    found
}

/// As the server writes it: each condition in parentheses when there are several, save a bare column.
fn written(conditions: &[&Condition<'_>]) -> String {
    match conditions {
        [one] => one.sql.clone(),
        several => several.iter().map(|one| one.in_parentheses()).collect::<Vec<_>>().join(" AND "),
    }
}

/// The keys of the index: what the statement asks for beside the predicate, else any column that it needs.
fn bases(site: &Site<'_>, without: &[&str]) -> Vec<Keys> {
    let mut found = filtered(site, without);
    found.truncate(MOST_KEYS);
    found.extend(joined(site, without).into_iter().take(MOST_KEYS));
    found.extend(grouped(site, without).into_iter().take(1));
    if found.is_empty() {
        let needed = site.shape.needed.iter().find(|name| !without.contains(&name.as_str()) && is_ordered(site, name));
        let any = needed.or_else(|| site.shape.needed.first()).filter(|name| is_ordered(site, name));
        found.extend(any.map(|name| Keys::new(site, &[&ascending([name])], "it reads some of its rows")));
    }
    found
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::Direction;
    use pgtailor_model::shape::Comparison::{self, Equal, Join, Null, Range};
    use pgtailor_model::shape::{Operand, Shape};

    use super::super::super::fixture::{Fixture, order_key};
    use super::*;

    fn proposed(conditions: &[(&str, Comparison)], change: impl FnOnce(&mut Shape)) -> Vec<String> {
        let fixture = Fixture::new().table("t", &["org", "is_active boolean", "gone", "at", "j", "body text"]);
        fixture.width("t", "body", 500).asks_with("t", conditions, change).by(&Partial)
    }

    #[test]
    fn what_the_predicate_fixes_is_no_key() {
        let found =
            proposed(&[("org", Equal), ("is_active", Equal)], |shape| shape.predicates[1].operand = Operand::Boolean(true));
        assert_eq!(found, ["(org) WHERE is_active"]);
    }

    #[test]
    fn soft_deletion_keeps_the_order() {
        let found = proposed(&[("org", Equal), ("gone", Null)], |shape| {
            shape.order_by = vec![order_key("at", Direction::Descending)];
            shape.needed = vec!["body".to_owned()];
        });
        assert_eq!(found, ["(org) WHERE gone IS NULL", "(org, at DESC) WHERE gone IS NULL"]);
    }

    #[test]
    fn two_fixed_conditions_make_one_predicate_too() {
        let found = proposed(&[("is_active", Equal), ("gone", Null), ("at", Range)], |shape| {
            shape.predicates[0].operand = Operand::Boolean(false);
            shape.needed = vec!["body".to_owned()];
        });
        assert!(found.contains(&"(at) WHERE (NOT is_active) AND (gone IS NULL)".to_owned()), "{found:?}");
    }

    #[test]
    fn joins_are_narrowed_too_and_bounds_are_no_predicate() {
        let found = proposed(&[("j", Join), ("gone", Null)], |shape| shape.needed = vec!["body".to_owned()]);
        assert_eq!(found, ["(j) WHERE gone IS NULL"]);
        assert_eq!(proposed(&[("at", Range)], |_| {}), Vec::<String>::new());
    }
}
