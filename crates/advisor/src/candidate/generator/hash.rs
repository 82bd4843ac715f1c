//! Hash indexes: for equality with a wide key, which a B-tree would hold in every entry and refuse beyond a third of a page.

use pgtailor_model::index::IndexDefinition;
use pgtailor_model::shape::{Comparison, Predicate, Subject as About};
use pgtailor_model::workload::Query;

use super::super::site::{Site, sites};
use super::super::{Candidates, Context, Generator, text};

/// Mean width from which a key counts as wide, in bytes: a hash entry holds four, whatever the key (`hash.h`).
const WIDE: u32 = 40;

pub(super) struct Hash;

impl Generator for Hash {
    fn name(&self) -> &'static str {
        "hash"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let is_equal = |one: &&Predicate| matches!(one.comparison, Comparison::Equal | Comparison::OneOf | Comparison::Join);
            for predicate in site.conditions().filter(is_equal).filter(|predicate| is_wide(&site, predicate)) {
                let Some(key) = site.key(predicate, "hash") else { continue };
                let because =
                    format!("its rows are found by equality of {}, which is wide", text::keys(std::slice::from_ref(&key)));
                let keys = vec![key];
                let definition = IndexDefinition { method: "hash".to_owned(), keys, ..IndexDefinition::btree::<String>([]) };
                site.add(candidates, self.name(), definition, because);
            }
        }
    }
}

/// Whether the key is wide on average; of an expression over a document nobody knows.
fn is_wide(site: &Site<'_>, predicate: &Predicate) -> bool {
    match &predicate.subject {
        About::Column(name) => {
            site.column(name).and_then(|column| column.statistics).is_some_and(|statistics| statistics.average_width >= WIDE)
        }
        About::Expression { sql, .. } => sql.contains("->>") || sql.contains("#>>"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Fixture;
    use super::*;

    fn proposed(width: u32, comparison: Comparison) -> Vec<String> {
        Fixture::new().table("t", &["token text"]).width("t", "token", width).asks("t", &[("token", comparison)]).by(&Hash)
    }

    #[test]
    fn a_wide_key_of_equality_is_hashed_and_no_other() {
        assert_eq!(proposed(120, Comparison::Equal), ["USING hash (token)"]);
        assert_eq!(proposed(8, Comparison::Equal), Vec::<String>::new());
        assert_eq!(proposed(120, Comparison::Range), Vec::<String>::new());
    }
}
