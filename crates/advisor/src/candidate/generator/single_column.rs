//! Each filtered column alone: the narrowest index that a bitmap can combine with others.

use pgtailor_model::workload::Query;

use super::super::columns::ascending;
use super::super::keys::Keys;
use super::super::site::sites;
use super::super::{Candidates, Context, Generator, text};

pub(super) struct SingleColumn;

impl Generator for SingleColumn {
    fn name(&self) -> &'static str {
        "single-column"
    }

    fn propose(&self, context: &Context<'_>, query: &Query, position: usize, candidates: &mut Candidates) {
        for site in sites(context, query, position) {
            let equal = site.equal().into_iter().map(|column| ascending([column]));
            for keys in equal.chain(site.ranged().into_iter().map(|range| vec![range])) {
                let because = format!("its rows are filtered by {}", text::keys(&keys));
                let keys = Keys::new(&site, &[&keys], because);
                site.add(candidates, self.name(), keys.btree(), keys.because);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::{Equal, Join, Null, Range};

    use super::super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn each_filtered_column_has_its_own() {
        let conditions = [("a", Equal), ("b", Range), ("c", Null), ("d", Join)];
        let fixture = Fixture::new().table("t", &["a", "b", "c", "d"]).asks("t", &conditions);
        assert_eq!(fixture.by(&SingleColumn), ["(a)", "(b)", "(c)"]);
    }
}
