//! `MIN` and `MAX`: the first entry behind the columns of equality is the answer.
//!
//! A shape does not say that an aggregate is asked for; it says that one column more than those of the filter is needed and that rows are
//! neither sorted nor grouped, which is what it looks like.

use pgtailor_model::workload::Query;

use super::super::columns::{ascending, shared_first};
use super::super::keys::Keys;
use super::super::site::sites;
use super::super::{Candidates, Context, Generator, text};

pub(super) struct Extreme;

impl Generator for Extreme {
    fn name(&self) -> &'static str {
        "extreme"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let (shape, pinned) = (site.shape, site.pinned());
            let is_plain = shape.order_by.is_empty() && shape.group_by.is_empty() && shape.distinct.is_empty();
            if !is_plain || shape.write.is_some() || shape.limited || shape.predicates.len() > pinned.len() {
                continue;
            }
            let mut others = shape.needed.iter().map(String::as_str).filter(|column| !pinned.contains(column));
            let (Some(column), None) = (others.next(), others.next()) else { continue };
            let has_order = site.column(column).is_some_and(|column| {
                let type_name = column.type_name.as_str();
                type_name.starts_with("timestamp") || NUMBERS.iter().any(|number| type_name.starts_with(number))
            });
            if has_order {
                let because = match pinned.as_slice() {
                    [] => format!("only {} of its rows is needed", text::names([column])),
                    _ => format!("only {} of its rows with some {} is needed", text::names([column]), text::names(&pinned)),
                };
                let keys = Keys::new(&site, &[&ascending(shared_first(&site, &pinned)), &ascending([column])], because);
                site.add(candidates, self.name(), keys.btree(), keys.because);
            }
        }
    }
}

/// Types whose smallest or largest value is asked for, beside times.
const NUMBERS: &[&str] = &["smallint", "integer", "bigint", "numeric", "real", "double precision", "date"];

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::Equal;

    use super::super::super::fixture::Fixture;
    use super::*;

    fn proposed(needed: &[&str]) -> Vec<String> {
        let fixture = Fixture::new().table("t", &["a", "n", "x", "name text"]);
        let needed = needed.iter().map(|name| (*name).to_owned()).collect();
        fixture.asks_with("t", &[("a", Equal)], |shape| shape.needed = needed).by(&Extreme)
    }

    #[test]
    fn the_one_other_column_follows_the_filter() {
        assert_eq!(proposed(&["a", "n"]), ["(a, n)"]);
    }

    #[test]
    fn several_columns_or_a_text_are_no_extreme() {
        assert_eq!(proposed(&["a", "n", "x"]), Vec::<String>::new());
        assert_eq!(proposed(&["a", "name"]), Vec::<String>::new());
    }
}
