//! Patterns with a fixed beginning: a B-tree in the order of bytes finds the piece, whatever the column's collation.
//!
//! A pattern that is not known before the statement runs may begin so; then the index is tried as well.

use pgtailor_model::shape::Comparison;
use pgtailor_model::workload::Query;

use super::super::columns::{ascending, shared_first};
use super::super::keys::Keys;
use super::super::site::sites;
use super::super::{Candidates, Context, Generator, text};

pub(super) struct Pattern;

impl Generator for Pattern {
    fn name(&self) -> &'static str {
        "pattern"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let columns = ascending(shared_first(&site, &site.equal()));
            let is_pattern = |comparison| matches!(comparison, Comparison::Prefix | Comparison::Pattern);
            for predicate in site.conditions().filter(|predicate| is_pattern(predicate.comparison)) {
                let Some(key) = site.key(predicate, "btree") else { continue };
                let key = [key];
                let because = format!("its rows are filtered by how {} begins", text::keys(&key));
                for parts in [vec![&key[..]], vec![&columns, &key]] {
                    let keys = Keys::new(&site, &parts, because.clone());
                    site.add(candidates, self.name(), keys.btree(), keys.because);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::{Equal, Prefix};
    use pgtailor_model::shape::{Service, Serving};

    use super::super::super::fixture::Fixture;
    use super::*;

    fn proposed(class: &str) -> Vec<String> {
        let fixture = Fixture::new().table("t", &["name text", "org"]);
        let fixture = fixture.asks_with("t", &[("name", Prefix), ("org", Equal)], |shape| {
            shape.predicates[0].service = Service::By(vec![Serving::with("btree", class)]);
        });
        fixture.by(&Pattern)
    }

    #[test]
    fn a_beginning_is_found_in_the_order_of_bytes() {
        assert_eq!(proposed("text_pattern_ops"), ["(name text_pattern_ops)", "(org, name text_pattern_ops)"]);
    }

    #[test]
    fn a_class_that_is_not_there_is_not_used() {
        assert_eq!(proposed("other_pattern_ops"), Vec::<String>::new());
    }
}
