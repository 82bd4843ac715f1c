//! In which order columns that are compared for equality stand in an index. Any order serves the statement; which one serves others too?

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::index::{Direction, IndexKey};

use super::site::Site;

/// `columns`, those first that other statements need without the others: an index on `(a, b)` serves who asks for `a` alone. Between
/// equals the more distinct ones come first.
///
/// A column counts once for each different set of columns that some statement compares for equality, is part of `columns`, and is not all
/// of it.
pub(super) fn shared_first<'a>(site: &Site<'_>, columns: &[&'a str]) -> Vec<&'a str> {
    let mut ordered = distinct_first(site, columns);
    if columns.len() < 2 {
        return ordered;
    }
    let mut subsets: BTreeSet<BTreeSet<&str>> = BTreeSet::new();
    for shape in site.context.workload.queries.iter().flat_map(|query| &query.shapes).filter(|shape| shape.table == site.oid()) {
        let set: BTreeSet<&str> = shape.equality().into_iter().collect();
        if set.len() < columns.len() && set.iter().all(|column| columns.contains(column)) {
            subsets.insert(set);
        }
    }
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for column in subsets.iter().flatten() {
        *uses.entry(column).or_default() += 1;
    }
    // The sort is stable: what was before stays before among equals.
    ordered.sort_by_key(|column| std::cmp::Reverse(uses.get(column).copied().unwrap_or_default()));
    ordered
}

/// `columns`, most distinct first, unknown ones last, by name among equals.
pub(super) fn distinct_first<'a>(site: &Site<'_>, columns: &[&'a str]) -> Vec<&'a str> {
    let mut ordered = columns.to_vec();
    ordered.sort_by(|one, other| {
        let distinct = |column| site.distinct(column).unwrap_or(0.0);
        distinct(other).total_cmp(&distinct(one)).then_with(|| one.cmp(other))
    });
    ordered
}

/// Ascending keys over `columns`.
pub(super) fn ascending<S: AsRef<str>>(columns: impl IntoIterator<Item = S>) -> Vec<IndexKey> {
    columns.into_iter().map(|column| IndexKey { direction: Direction::Ascending, ..IndexKey::column(column.as_ref()) }).collect()
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::Equal;

    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn what_others_need_alone_comes_first() {
        let fixture = Fixture::new().table("t", &["a", "b", "c"]).distinct("t", "b", 1e6).distinct("t", "a", 5.0);
        let fixture = fixture.asks("t", &[("b", Equal), ("a", Equal)]).asks("t", &[("a", Equal)]);
        fixture.at(0, |site| {
            assert_eq!(shared_first(site, &["b", "a"]), ["a", "b"]);
            assert_eq!(distinct_first(site, &["a", "b"]), ["b", "a"]);
        });
    }

    #[test]
    fn nested_needs_give_nested_prefixes() {
        let fixture = Fixture::new().table("t", &["a", "b", "c"]);
        let fixture = fixture.asks("t", &[("c", Equal), ("b", Equal), ("a", Equal)]).asks("t", &[("b", Equal)]);
        let fixture = fixture.asks("t", &[("c", Equal), ("b", Equal)]);
        fixture.at(0, |site| assert_eq!(shared_first(site, &["a", "b", "c"]), ["b", "c", "a"]));
    }
}
