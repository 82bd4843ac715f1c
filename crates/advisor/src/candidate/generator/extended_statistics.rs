//! Extended statistics: the planner multiplies the shares of conditions as if columns knew nothing of each other (`clausesel.c`), which is
//! wrong by orders of magnitude for a city and its country.

use std::collections::BTreeSet;

use pgtailor_model::shape::Subject as About;
use pgtailor_model::what_if::CandidateStatistics;
use pgtailor_model::workload::Query;

use super::super::site::{Site, sites};
use super::super::{Candidates, Context, Generator, Subject, text};

/// Columns of one statement that are combined.
const COMBINED: usize = 3;

pub(super) struct ExtendedStatistics;

impl Generator for ExtendedStatistics {
    fn name(&self) -> &'static str {
        "extended-statistics"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let compared = site.equal().into_iter().take(COMBINED).collect();
            self.combine(&site, &compared, "compared", candidates);
            let of_column = |subject: &'_ About| matches!(subject, About::Column(_));
            if site.shape.group_by.iter().all(of_column) {
                let grouped = site.shape.group_by.iter().map(About::text).take(COMBINED).collect();
                self.combine(&site, &grouped, "grouped", candidates);
            }
        }
    }
}

impl ExtendedStatistics {
    /// Each pair of `columns`, and all of them.
    fn combine(&self, site: &Site<'_>, columns: &BTreeSet<&str>, word: &str, candidates: &mut Candidates) {
        let all: Vec<&str> = columns.iter().copied().collect();
        let pairs = all.iter().enumerate().flat_map(|(at, one)| all[at + 1..].iter().map(move |other| vec![*one, *other]));
        for set in pairs.chain((all.len() > 2).then(|| all.clone())) {
            let because = format!("its rows are {word} by {} together", text::names(&set));
            let statistics = CandidateStatistics {
                table: site.oid(),
                columns: set.into_iter().map(str::to_owned).collect(),
                combinations: None,
                dependencies: BTreeSet::new(),
            };
            site.add_subject(candidates, self.name(), Subject::Statistics(statistics), because);
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::{Equal, Range};

    use super::super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn columns_that_are_compared_together_are_counted_together() {
        let fixture = Fixture::new().table("t", &["a", "b", "c", "d"]);
        let fixture = fixture.asks("t", &[("c", Equal), ("a", Equal), ("b", Equal), ("d", Range)]);
        let expected = ["statistics a, b", "statistics a, b, c", "statistics a, c", "statistics b, c"];
        assert_eq!(fixture.by(&ExtendedStatistics), expected);
    }

    #[test]
    fn one_column_has_statistics_already() {
        let fixture = Fixture::new().table("t", &["a"]).asks("t", &[("a", Equal)]);
        assert_eq!(fixture.by(&ExtendedStatistics), Vec::<String>::new());
    }
}
