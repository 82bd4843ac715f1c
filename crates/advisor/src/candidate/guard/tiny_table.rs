//! A table of a few pages is read whole faster than through any index.

use pgtailor_model::unit::Pages;

use super::super::Subject;
use super::{Guard, Trial, pages};

/// Fewest pages of a table that gets an index. An index scan reads at least a page of the index and one of the table, each four times as
/// dear as the next one in order (`random_page_cost`): from about eight pages on it can win.
const FEWEST: Pages = Pages(10);

pub(super) struct TinyTable;

impl Guard for TinyTable {
    fn refuses(&self, trial: &Trial<'_>) -> Option<String> {
        let Subject::Index(_) = trial.subject else { return None };
        let pages = pages(trial.context.snapshot, trial.table);
        let (name, count) = (&trial.table.name, pages.0);
        let noun = if count == 1 { "page" } else { "pages" };
        (pages < FEWEST).then(|| format!("{name} has {count} {noun}, which are read whole faster than through an index"))
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::catalog::TableKind;
    use pgtailor_model::name::Oid;
    use pgtailor_model::shape::Comparison::Equal;

    use super::super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn a_table_of_nine_pages_is_refused_with_their_number_and_one_of_ten_is_not() {
        let of = |count: u64| {
            let fixture = Fixture::new().table("t", &["a"]).with("t", |table| table.pages = Pages(count));
            fixture.asks("t", &[("a", Equal)]).all()
        };
        assert!(of(9).refused.iter().all(|refused| refused.reason.starts_with("t has 9 pages")));
        assert_eq!((of(9).refused.len(), of(9).proposed.len()), (1, 0));
        assert_eq!((of(10).refused.len(), of(10).proposed.len()), (0, 1));
    }

    #[test]
    fn a_partitioned_table_is_as_large_as_its_partitions() {
        let fixture = Fixture::new().table("p", &["a"]).table("p1", &["a"]).kind("p", TableKind::Partitioned);
        let fixture = fixture.with("p", |table| table.pages = Pages(0));
        let parent: Oid = fixture.oid("p");
        let fixture = fixture.with("p1", |table| table.partition_of = Some(parent)).asks("p", &[("a", Equal)]);
        assert_eq!(fixture.proposed(), ["(a)"]);
    }
}
