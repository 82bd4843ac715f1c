//! B-trees that hold all that a statement needs of a table, so that the table is not read at all.
//!
//! With a filter or a join, its keys and the rest included; without, the narrowest index that a whole scan can read in the table's place.

use pgtailor_model::workload::Query;

use super::super::columns::ascending;
use super::super::cover::covering;
use super::super::keys::{Keys, filtered, is_ordered, joined};
use super::super::site::{Site, sites};
use super::super::{Candidates, Context, Generator, text};

/// Covering indexes for the filters of a reference, and as many for its joins.
const MOST: usize = 3;

pub(super) struct Covering;

impl Generator for Covering {
    fn name(&self) -> &'static str {
        "covering"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let mut bases: Vec<Keys> = filtered(&site, &[]).into_iter().take(MOST).collect();
            bases.extend(joined(&site, &[]).into_iter().take(2 * MOST));
            if bases.is_empty() {
                bases.extend(whole(&site));
            }
            for keys in bases {
                if let Some(definition) = covering(&site, &keys.btree()) {
                    let because = format!("{}, and it needs nothing else of the table", keys.because);
                    site.add(candidates, self.name(), definition, because);
                }
            }
        }
    }
}

/// The first needed column leads where no index could filter: all of the index is read, whichever it is.
fn whole(site: &Site<'_>) -> Option<Keys> {
    if site.conditions().any(|predicate| predicate.service.methods().next().is_some()) {
        return None;
    }
    let first = site.shape.needed.iter().find(|name| is_ordered(site, name))?;
    let because = format!("it reads {} of every row", text::names(&site.shape.needed));
    Some(Keys::new(site, &[&ascending([first])], because))
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::{self, Equal, Join, Range};

    use super::super::super::fixture::Fixture;
    use super::*;

    fn proposed(conditions: &[(&str, Comparison)], needed: &[&str]) -> Vec<String> {
        let fixture = Fixture::new().table("t", &["a", "at", "x", "j", "body text"]).width("t", "body", 500);
        let needed = needed.iter().map(|name| (*name).to_owned()).collect();
        fixture.asks_with("t", conditions, |shape| shape.needed = needed).by(&Covering)
    }

    #[test]
    fn the_rest_of_what_is_needed_is_included() {
        let found = proposed(&[("a", Equal), ("at", Range)], &["a", "at", "x"]);
        assert_eq!(found, ["(a) INCLUDE (at, x)", "(a, at) INCLUDE (x)"]);
    }

    #[test]
    fn joins_are_covered_too() {
        assert_eq!(proposed(&[("j", Join)], &["j", "x"]), ["(j) INCLUDE (x)"]);
    }

    #[test]
    fn a_whole_scan_reads_the_narrowest_index() {
        assert_eq!(proposed(&[], &["at", "x"]), ["(at) INCLUDE (x)"]);
    }

    #[test]
    fn a_wide_column_is_read_in_the_table() {
        assert_eq!(proposed(&[("a", Equal)], &["a", "body"]), Vec::<String>::new());
    }
}
