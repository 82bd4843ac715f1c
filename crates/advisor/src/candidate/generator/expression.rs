//! Expressions that are compared, sorted or grouped by, as the statement writes them: alone, and behind the columns of equality.
//!
//! Which of them an index could hold at all was found out when the statement was read; which could make an insert fail is a guard's affair.

use pgtailor_model::index::{IndexKey, KeyPart};
use pgtailor_model::shape::{Comparison, Subject as About};
use pgtailor_model::workload::Query;

use super::super::columns::{ascending, shared_first};
use super::super::cover::covering;
use super::super::keys::{Keys, key_of};
use super::super::site::{Site, sites};
use super::super::{Candidates, Context, Generator, text};

pub(super) struct Expression;

impl Generator for Expression {
    fn name(&self) -> &'static str {
        "expression"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let columns = ascending(shared_first(&site, &site.equal()));
            for (key, is_equal) in keys(&site) {
                let because = format!("its rows are picked by {}", text::keys(std::slice::from_ref(&key)));
                let alone = Keys::new(&site, &[std::slice::from_ref(&key)], because.clone());
                // Columns of equality serve on either side of an equal expression, and only before one within bounds.
                let ranged = if is_equal { site.ranged() } else { Vec::new() };
                let composed = Keys::new(&site, &[&columns, std::slice::from_ref(&key), &ranged], because);
                if !ranged.is_empty() {
                    let definition = Keys::new(&site, &[std::slice::from_ref(&key), &columns], String::new()).btree();
                    site.add(candidates, self.name(), definition, composed.because.clone());
                }
                if let Some(definition) = covering(&site, &alone.btree()) {
                    let because = format!("{}, and it needs nothing else of the table", alone.because);
                    site.add(candidates, self.name(), definition, because);
                }
                site.add(candidates, self.name(), alone.btree(), alone.because);
                site.add(candidates, self.name(), composed.btree(), composed.because);
            }
        }
    }
}

/// Expressions as keys of a B-tree, with whether they are compared for equality.
fn keys(site: &Site<'_>) -> Vec<(IndexKey, bool)> {
    let mut found: Vec<(IndexKey, bool)> = Vec::new();
    for predicate in site.conditions() {
        let is_equal =
            matches!(predicate.comparison, Comparison::Equal | Comparison::OneOf | Comparison::Null | Comparison::Join);
        if is_equal || matches!(predicate.comparison, Comparison::Range | Comparison::Prefix) {
            found.extend(site.key(predicate, "btree").map(|key| (key, is_equal)));
        }
    }
    let sorted = site.shape.order_by.iter().filter(|key| key.distance.is_none()).map(|key| &key.subject);
    let subjects: Vec<&About> = sorted.chain(&site.shape.group_by).chain(&site.shape.distinct).collect();
    found.extend(subjects.into_iter().filter_map(|subject| Some((key_of(site, subject)?, false))));
    let mut seen: Vec<IndexKey> = Vec::new();
    found.retain(|(key, _)| {
        let is_new = matches!(key.part, KeyPart::Expression(_)) && !seen.contains(key);
        seen.push(key.clone());
        is_new
    });
    found
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::Equal;

    use super::super::super::fixture::Fixture;
    use super::*;

    fn proposed(sql: &str, others: &[(&str, Comparison)]) -> Vec<String> {
        let fixture = Fixture::new().table("t", &["email text", "org", "body text"]).width("t", "body", 500);
        let conditions: Vec<(&str, Comparison)> = [("email", Equal)].iter().chain(others).copied().collect();
        let fixture = fixture.asks_with("t", &conditions, |shape| {
            shape.predicates[0].subject = About::Expression { sql: sql.to_owned(), columns: vec!["email".to_owned()] };
            shape.needed = vec!["body".to_owned()];
        });
        fixture.by(&Expression)
    }

    #[test]
    fn an_expression_stands_alone_and_behind_equality() {
        assert_eq!(proposed("lower(email)", &[]), ["((lower(email)))"]);
        assert_eq!(proposed("lower(email)", &[("org", Equal)]), ["(org, (lower(email)))", "((lower(email)))"]);
    }

    #[test]
    fn a_constant_that_is_not_known_makes_no_expression() {
        assert_eq!(proposed("left(email, $2)", &[]), Vec::<String>::new());
    }
}
