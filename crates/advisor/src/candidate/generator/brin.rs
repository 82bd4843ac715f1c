//! BRIN: for a column whose values follow the order of the rows, a summary of each stretch of pages is enough, in a few pages.

use pgtailor_model::index::IndexDefinition;
use pgtailor_model::planner::slot_kind;
use pgtailor_model::shape::Comparison;
use pgtailor_model::unit::Pages;
use pgtailor_model::workload::Query;

use super::super::condition::slot;
use super::super::keys::column;
use super::super::literal::numbers;
use super::super::site::sites;
use super::super::{Candidates, Context, Generator, guard, text};

/// Least correlation between the order of values and of rows, either way; below it most summaries overlap.
const LEAST_CORRELATION: f64 = 0.9;

/// Fewest pages of the table: eight summaries of 128 pages each (`pages_per_range`), so that there is something to leave out.
const FEWEST_PAGES: Pages = Pages(1024);

pub(super) struct Brin;

impl Generator for Brin {
    fn name(&self) -> &'static str {
        "brin"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            if guard::pages(context.snapshot, site.table) < FEWEST_PAGES {
                continue;
            }
            let in_range = site.conditions().filter(|predicate| predicate.comparison == Comparison::Range);
            for key in in_range.filter_map(|predicate| site.key(predicate, "brin")) {
                let slot = column(&key).and_then(|name| slot(&site, name, slot_kind::CORRELATION));
                let correlation = slot.and_then(|slot| numbers(slot.numbers.as_deref()?).first().copied());
                let Some(correlation) = correlation.filter(|known| known.abs() >= LEAST_CORRELATION) else { continue };
                let because = format!(
                    "its rows are filtered by {}, which follows the order of the rows (correlation {correlation:.2})",
                    text::keys(std::slice::from_ref(&key))
                );
                let keys = vec![key];
                let definition = IndexDefinition { method: "brin".to_owned(), keys, ..IndexDefinition::btree::<String>([]) };
                site.add(candidates, self.name(), definition, because);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::Fixture;
    use super::*;

    fn proposed(correlation: &str, pages: u64) -> Vec<String> {
        let fixture = Fixture::new().table("t", &["at"]).correlation("t", "at", correlation);
        fixture.with("t", |table| table.pages = Pages(pages)).asks("t", &[("at", Comparison::Range)]).by(&Brin)
    }

    #[test]
    fn values_in_the_order_of_rows_are_summarized_either_way() {
        assert_eq!(proposed("0.99", 5_000), ["USING brin (at)"]);
        assert_eq!(proposed("-0.95", 5_000), ["USING brin (at)"]);
    }

    #[test]
    fn scattered_values_and_small_tables_are_not() {
        assert_eq!(proposed("0.5", 5_000), Vec::<String>::new());
        assert_eq!(proposed("0.99", 500), Vec::<String>::new());
    }
}
