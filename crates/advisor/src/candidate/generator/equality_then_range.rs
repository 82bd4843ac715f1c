//! The columns of equality, then one within bounds: the scan reads one piece of the index. What follows the range in an index narrows
//! nothing more, so each range is tried as the last.

use pgtailor_model::workload::Query;

use super::super::keys::{Keys, filtered, order};
use super::super::site::sites;
use super::super::{Candidates, Context, Generator, text};

pub(super) struct EqualityThenRange;

impl Generator for EqualityThenRange {
    fn name(&self) -> &'static str {
        "equality-then-range"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let after_order = usize::from(!order(&site, &[]).is_empty());
            for keys in filtered(&site, &[]).into_iter().skip(after_order) {
                site.add(candidates, self.name(), keys.btree(), keys.because);
            }
            // A range before the order: with a short range, sorting what is left costs less than walking the order.
            let ranged = site.ranged();
            if let [first, second, ..] = ranged.as_slice()
                && site.equal().is_empty()
            {
                let pair = [first.clone(), second.clone()];
                let because = format!("its rows are filtered by {}", text::keys(&pair));
                let keys = Keys::new(&site, &[&pair], because);
                site.add(candidates, self.name(), keys.btree(), keys.because);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::Direction;
    use pgtailor_model::shape::Comparison::{Equal, OneOf, Range};

    use super::super::super::fixture::{Fixture, order_key};
    use super::*;

    #[test]
    fn each_range_is_the_last_key_once() {
        let fixture = Fixture::new().table("t", &["a", "at", "b"]);
        let fixture = fixture.asks("t", &[("at", Range), ("b", Range), ("a", Equal)]);
        assert_eq!(fixture.by(&EqualityThenRange), ["(a)", "(a, at)", "(a, b)"]);
    }

    #[test]
    fn two_ranges_alone_may_share_an_index() {
        let fixture = Fixture::new().table("t", &["at", "b"]).asks("t", &[("at", Range), ("b", Range)]);
        assert_eq!(fixture.by(&EqualityThenRange), ["(at)", "(at, b)", "(b)"]);
    }

    #[test]
    fn the_order_is_left_to_another() {
        let fixture = Fixture::new().table("t", &["a", "at", "b"]);
        let fixture = fixture.asks_with("t", &[("a", OneOf), ("b", Range)], |shape| {
            shape.order_by = vec![order_key("at", Direction::Descending)];
        });
        assert_eq!(fixture.by(&EqualityThenRange), ["(a)", "(a, b)"]);
    }
}
