//! Ranges, geometry and networks: what lies in, meets or surrounds something is found in a GiST index, or an SP-GiST one.

use pgtailor_model::index::IndexDefinition;
use pgtailor_model::shape::Comparison;
use pgtailor_model::workload::Query;

use super::super::site::sites;
use super::super::{Candidates, Context, Generator, text};

pub(super) struct RangeType;

impl Generator for RangeType {
    fn name(&self) -> &'static str {
        "range-type"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            for predicate in site.conditions().filter(|predicate| predicate.comparison == Comparison::Containment) {
                // What GIN serves has elements; its GiST class is the lossy one.
                if predicate.service.methods().any(|way| way.method == "gin") {
                    continue;
                }
                for method in ["gist", "spgist"] {
                    let Some(key) = site.key(predicate, method) else { continue };
                    let because = format!("its rows are filtered by where {} lies", text::keys(std::slice::from_ref(&key)));
                    let keys = vec![key];
                    let definition = IndexDefinition { method: method.to_owned(), keys, ..IndexDefinition::btree::<String>([]) };
                    site.add(candidates, self.name(), definition, because);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::{Service, Serving};

    use super::super::super::fixture::Fixture;
    use super::*;

    fn proposed(methods: &[&str]) -> Vec<String> {
        let fixture = Fixture::new().table("t", &["during tstzrange"]);
        let fixture = fixture.asks_with("t", &[("during", Comparison::Containment)], |shape| {
            shape.predicates[0].service = Service::By(methods.iter().map(|method| Serving::of(method)).collect());
        });
        fixture.by(&RangeType)
    }

    #[test]
    fn both_kinds_of_trees_are_tried() {
        assert_eq!(proposed(&["gist", "spgist"]), ["USING gist (during)", "USING spgist (during)"]);
    }

    #[test]
    fn what_has_elements_is_left_to_another() {
        assert_eq!(proposed(&["gin", "gist"]), Vec::<String>::new());
    }
}
