//! An index that exists, with further keys or included columns: one index in the place of one, not a second beside it.
//!
//! The reason names the index that it would replace. An index behind a constraint is never replaced, since the constraint is.

use pgtailor_model::index::{IndexDefinition, IndexKey};
use pgtailor_model::name::quote_identifier;
use pgtailor_model::workload::Query;

use super::super::columns::{ascending, shared_first};
use super::super::cover::covering;
use super::super::keys::{Keys, column, order};
use super::super::site::{Site, sites};
use super::super::{Candidates, Context, Generator};

pub(super) struct Widening;

impl Generator for Widening {
    fn name(&self) -> &'static str {
        "widening"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            for index in site.table.indexes.iter().filter(|index| index.valid && index.constraint.is_none()) {
                let Some(definition) = index.definition.as_ref().filter(|definition| can_grow(definition, &site)) else {
                    continue;
                };
                let because = format!("it uses {}, which this would replace", quote_identifier(&index.name));
                for wider in wider(definition, &site) {
                    site.add(candidates, self.name(), wider, because.clone());
                }
            }
        }
    }
}

/// Whether the statement asks for the index's first key: else it has no use for the rest.
fn can_grow(definition: &IndexDefinition, site: &Site<'_>) -> bool {
    let first = definition.keys.first().and_then(column);
    let is_asked_for = |name: &str| {
        let sorted = order(site, &[]);
        site.equal().contains(&name) || site.joined().contains(&name) || sorted.first().and_then(column) == Some(name)
    };
    definition.method == "btree" && !definition.unique && first.is_some_and(is_asked_for)
}

fn wider(definition: &IndexDefinition, site: &Site<'_>) -> Vec<IndexDefinition> {
    let equal = ascending(shared_first(site, &site.equal()));
    let mut tails: Vec<Vec<IndexKey>> = vec![order(site, &[])];
    tails.extend(site.ranged().into_iter().take(1).map(|range| vec![range]));
    let longer = tails.iter().map(|tail| {
        let keys = Keys::new(site, &[&definition.keys, &equal, tail], "").keys;
        // What became a key is included no more.
        let mut include = definition.include.clone();
        include.retain(|name| !keys.iter().any(|key| column(key) == Some(name)));
        IndexDefinition { keys, include, ..definition.clone() }
    });
    let mut found: Vec<IndexDefinition> = longer.filter(|longer| longer.keys.len() > definition.keys.len()).collect();
    found.extend(
        covering(site, definition).map(|covering| IndexDefinition {
            include: covering.include.union(&definition.include).cloned().collect(),
            ..covering
        }),
    );
    found
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::{Equal, Range};

    use super::super::super::fixture::Fixture;
    use super::*;

    fn fixture(definition: IndexDefinition) -> Fixture {
        Fixture::new().table("t", &["org", "at", "x", "body text"]).width("t", "body", 500).index("t", definition)
    }

    #[test]
    fn further_keys_and_columns_are_added_to_what_is_there() {
        let fixture = fixture(IndexDefinition::btree(["org"])).asks("t", &[("org", Equal), ("at", Range)]);
        assert_eq!(fixture.by(&Widening), ["(org) INCLUDE (at)", "(org, at)"]);
        let reasons: Vec<String> =
            fixture.all().proposed.into_values().flat_map(|support| support.reasons).map(|reason| reason.because).collect();
        assert!(reasons.iter().any(|reason| reason.contains("t_index_1, which this would replace")), "{reasons:?}");
    }

    #[test]
    fn unique_indexes_and_those_of_no_use_stay_as_they_are() {
        let unique = IndexDefinition { unique: true, ..IndexDefinition::btree(["org", "x"]) };
        assert_eq!(fixture(unique).asks("t", &[("org", Equal), ("at", Range)]).by(&Widening), Vec::<String>::new());
        let other = fixture(IndexDefinition::btree(["x"])).asks("t", &[("org", Equal)]);
        assert_eq!(other.by(&Widening), Vec::<String>::new());
    }
}
