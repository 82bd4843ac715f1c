//! `GROUP BY` and `DISTINCT`: rows that come in order need no hash table and no sort, and an index alone may be all that is read.

use pgtailor_model::workload::Query;

use super::super::cover::covering;
use super::super::keys::grouped;
use super::super::site::sites;
use super::super::{Candidates, Context, Generator};

pub(super) struct Grouping;

impl Generator for Grouping {
    fn name(&self) -> &'static str {
        "grouping"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            for keys in grouped(&site, &[]) {
                let definition = keys.btree();
                if let Some(definition) = covering(&site, &definition) {
                    let because = format!("{}, and it needs nothing else of the table", keys.because);
                    site.add(candidates, self.name(), definition, because);
                }
                site.add(candidates, self.name(), definition, keys.because);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::Equal;
    use pgtailor_model::shape::Subject;

    use super::super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn equality_comes_before_the_groups() {
        let fixture = Fixture::new().table("t", &["a", "g", "x", "body text"]).width("t", "body", 500);
        let fixture = fixture.asks_with("t", &[("a", Equal)], |shape| {
            shape.group_by = vec![Subject::Column("g".to_owned())];
            shape.needed = vec!["a".to_owned(), "g".to_owned(), "x".to_owned()];
        });
        assert_eq!(fixture.by(&Grouping), ["(a, g)", "(a, g) INCLUDE (x)"]);
    }

    #[test]
    fn distinct_values_are_read_in_order() {
        let fixture = Fixture::new().table("t", &["a", "b"]);
        let fixture = fixture.asks_with("t", &[], |shape| shape.distinct = vec![Subject::Column("b".to_owned())]);
        assert_eq!(fixture.by(&Grouping), ["(b)"]);
    }
}
