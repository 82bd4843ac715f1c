//! Other orders and parts of the columns of equality: the most distinct first, and pairs when there are many.
//!
//! All of them find the same rows. An order matters for what else it serves, a part when the other columns tell rows hardly apart: the
//! planner is asked which is cheapest, the choice among statements is made later.

use pgtailor_model::workload::Query;

use super::super::columns::{ascending, distinct_first};
use super::super::keys::{Keys, order};
use super::super::site::sites;
use super::super::{Candidates, Context, Generator, text};

/// Columns of which pairs are tried, most distinct first: six pairs at most.
const PAIRED: usize = 4;

pub(super) struct Equality;

impl Generator for Equality {
    fn name(&self) -> &'static str {
        "equality"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let equal = distinct_first(&site, &site.equal());
            if equal.len() < 2 {
                continue;
            }
            let mut tails = vec![Vec::new()];
            tails.extend(site.ranged().into_iter().map(|range| vec![range]));
            // An order after a list would not be one.
            if site.listed().is_empty() {
                tails.push(order(&site, &[]));
            }
            let because = format!("its rows are filtered by {}", text::names(&equal));
            for tail in tails {
                let keys = Keys::new(&site, &[&ascending(&equal), &tail], because.clone());
                site.add(candidates, self.name(), keys.btree(), keys.because);
            }
            if equal.len() > 2 {
                let few = &equal[..equal.len().min(PAIRED)];
                for (at, first) in few.iter().enumerate() {
                    for second in &few[at + 1..] {
                        let keys = Keys::new(&site, &[&ascending([first, second])], because.clone());
                        site.add(candidates, self.name(), keys.btree(), keys.because);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::{Equal, Range};

    use super::super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn the_most_distinct_column_is_tried_first() {
        let fixture = Fixture::new().table("t", &["a", "b", "at"]).distinct("t", "a", 3.0).distinct("t", "b", 900.0);
        let fixture = fixture.asks("t", &[("a", Equal), ("b", Equal), ("at", Range)]);
        assert_eq!(fixture.by(&Equality), ["(b, a)", "(b, a, at)"]);
    }

    #[test]
    fn of_many_columns_pairs_are_tried() {
        let conditions = [("a", Equal), ("b", Equal), ("c", Equal)];
        let fixture = Fixture::new().table("t", &["a", "b", "c"]).asks("t", &conditions);
        assert_eq!(fixture.by(&Equality), ["(a, b)", "(a, b, c)", "(a, c)", "(b, c)"]);
    }

    #[test]
    fn one_column_has_no_other_order() {
        let fixture = Fixture::new().table("t", &["a"]).asks("t", &[("a", Equal)]);
        assert_eq!(fixture.by(&Equality), Vec::<String>::new());
    }
}
