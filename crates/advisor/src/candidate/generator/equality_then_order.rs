//! The columns of equality, then the order: the rows come sorted, and a statement with a limit stops early. `MIN` and `MAX` are such an
//! order with a limit of one row, and shapes say so.

use pgtailor_model::workload::Query;

use super::super::keys::{filtered, order};
use super::super::site::sites;
use super::super::{Candidates, Context, Generator};

pub(super) struct EqualityThenOrder;

impl Generator for EqualityThenOrder {
    fn name(&self) -> &'static str {
        "equality-then-order"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position).filter(|site| !order(site, &[]).is_empty()) {
            if let Some(keys) = filtered(&site, &[]).first() {
                site.add(candidates, self.name(), keys.btree(), keys.because.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::index::{Direction, Nulls};
    use pgtailor_model::shape::Comparison::{Equal, OneOf, Range};

    use super::super::super::fixture::{Fixture, order_key};
    use super::*;

    fn proposed(conditions: &[(&str, pgtailor_model::shape::Comparison)], order: &[(&str, Direction)]) -> Vec<String> {
        let order_by = order.iter().map(|(column, direction)| order_key(column, *direction)).collect();
        let fixture = Fixture::new().table("t", &["a", "at", "s", "b", "j json"]);
        fixture.asks_with("t", conditions, |shape| shape.order_by = order_by).by(&EqualityThenOrder)
    }

    #[test]
    fn equality_comes_before_the_order_and_a_list_behind_it() {
        let conditions = [("s", OneOf), ("at", Range), ("a", Equal)];
        assert_eq!(proposed(&conditions, &[("at", Direction::Descending)]), ["(a, at DESC, s)"]);
    }

    #[test]
    fn sorting_by_what_is_equal_sorts_nothing() {
        assert_eq!(proposed(&[("a", Equal)], &[("a", Direction::Ascending)]), Vec::<String>::new());
        assert_eq!(proposed(&[("a", Equal)], &[("a", Direction::Ascending), ("b", Direction::Ascending)]), ["(a, b)"]);
    }

    #[test]
    fn nulls_stand_where_the_statement_wants_them() {
        let mut key = order_key("at", Direction::Descending);
        key.nulls = Nulls::Last;
        let fixture = Fixture::new().table("t", &["at", "b"]);
        let fixture = fixture.asks_with("t", &[], |shape| shape.order_by = vec![key, order_key("b", Direction::Ascending)]);
        assert_eq!(fixture.by(&EqualityThenOrder), ["(at DESC NULLS LAST, b)"]);
    }

    #[test]
    fn what_has_no_order_is_no_key() {
        assert_eq!(proposed(&[("a", Equal)], &[("j", Direction::Ascending)]), Vec::<String>::new());
    }
}
