//! Columns of joins: alone, before and behind what filters.
//!
//! The inner side of a nested loop looks rows up by the join's columns, and what else filters narrows each look-up. A merge join, or the
//! outer side, picks rows first and has the join's columns in order behind.

use pgtailor_model::workload::Query;

use super::super::keys::joined;
use super::super::site::sites;
use super::super::{Candidates, Context, Generator};

pub(super) struct Join;

impl Generator for Join {
    fn name(&self) -> &'static str {
        "join"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            for keys in joined(&site, &[]) {
                site.add(candidates, self.name(), keys.btree(), keys.because);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::{self, Equal, Range};

    use super::super::super::fixture::Fixture;
    use super::*;

    fn proposed(conditions: &[(&str, Comparison)]) -> Vec<String> {
        Fixture::new().table("t", &["j", "k", "a", "at"]).asks("t", conditions).by(&Join)
    }

    #[test]
    fn the_join_stands_before_and_behind_the_filter() {
        assert_eq!(proposed(&[("j", Comparison::Join), ("a", Equal)]), ["(a, j)", "(j)", "(j, a)"]);
        assert_eq!(proposed(&[("j", Comparison::Join), ("at", Range)]), ["(at, j)", "(j)", "(j, at)"]);
    }

    #[test]
    fn a_join_by_two_columns_has_both_orders() {
        assert_eq!(proposed(&[("j", Comparison::Join), ("k", Comparison::Join)]), ["(j)", "(j, k)", "(k)", "(k, j)"]);
    }

    #[test]
    fn without_a_join_there_is_nothing_to_propose() {
        assert_eq!(proposed(&[("a", Equal)]), Vec::<String>::new());
    }
}
