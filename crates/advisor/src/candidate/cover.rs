//! Covering indexes: with everything that a statement needs of a table in the index, the table itself is not read.

use std::collections::BTreeSet;

use pgtailor_model::catalog::Column;
use pgtailor_model::index::IndexDefinition;

use super::keys::column;
use super::site::Site;

/// Least share of a table's pages that must be all visible: on the others the scan visits the table after all (`cost_index` in
/// `costsize.c` takes the rest for fetched).
const LEAST_VISIBLE: f64 = 0.5;

/// Most bytes that an included column may have on average: wider ones make the index a second table.
const WIDEST: u32 = 100;

/// Most columns that are included: with more the index follows every change of the statement's list of columns.
const MOST_INCLUDED: usize = 8;

/// Most of the table's width, 0 to 1, that the index may have: an index nearly as wide as the table saves nothing.
const MOST_OF_ROW: f64 = 0.7;

/// Types whose values are as long as whoever writes them likes, however short they are on average: one that is too long for an index entry
/// (see `guard/wide_key.rs`) could not be written any more.
const DOCUMENTS: &[&str] = &["json", "jsonb", "xml", "tsvector"];

/// Bytes of a row besides its columns: header and line pointer (`htup_details.h`, `itemid.h`).
const ROW_OVERHEAD: u32 = 28;

/// The same of an index entry (`itup.h`, `itemid.h`).
const ENTRY_OVERHEAD: u32 = 12;

/// `definition` with all else that the statement needs included; `None` when nothing is to be added or it would not pay.
pub(super) fn covering(site: &Site<'_>, definition: &IndexDefinition) -> Option<IndexDefinition> {
    covering_without(site, definition, &[])
}

/// The same without columns that the index's predicate fixes: a condition that the predicate implies is not looked at again, so the
/// index need not hold them (`check_index_only` in `indxpath.c`). A statement that returns them reads the table after all.
pub(super) fn covering_without(site: &Site<'_>, definition: &IndexDefinition, fixed: &[&str]) -> Option<IndexDefinition> {
    // What is written is fetched anyway.
    if site.shape.write.is_some() || visible(site).is_some_and(|share| share < LEAST_VISIBLE) {
        return None;
    }
    let keys: BTreeSet<&str> = definition.keys.iter().filter_map(column).collect();
    let is_missing = |name: &&String| !keys.contains(name.as_str()) && !fixed.contains(&name.as_str());
    let rest: BTreeSet<String> = site.shape.needed.iter().filter(is_missing).cloned().collect();
    if rest.is_empty() || rest.len() > MOST_INCLUDED {
        return None;
    }
    if rest.iter().filter_map(|name| site.column(name)).any(|column| DOCUMENTS.contains(&column.type_name.as_str())) {
        return None;
    }
    let included = rest.iter().map(|name| site.column(name).map(width)).collect::<Option<Vec<u32>>>()?;
    let of_keys: u32 = keys.iter().filter_map(|name| site.column(name)).map(width).sum();
    let entry = ENTRY_OVERHEAD + of_keys + included.iter().sum::<u32>();
    let row = ROW_OVERHEAD + site.table.columns.iter().map(width).sum::<u32>();
    let is_narrow = included.iter().all(|width| *width <= WIDEST) && f64::from(entry) <= MOST_OF_ROW * f64::from(row);
    is_narrow.then(|| IndexDefinition { include: rest, ..definition.clone() })
}

/// The share of the table's pages that are all visible; `None` when it is not known.
fn visible(site: &Site<'_>) -> Option<f64> {
    let relations = &site.context.snapshot.planner.as_ref()?.relations;
    let relation = relations.iter().find(|relation| relation.oid == site.oid() && relation.pages > 0)?;
    Some(f64::from(relation.all_visible) / f64::from(relation.pages))
}

/// Mean width of a value, in bytes: as measured, else what is usual for the type.
fn width(column: &Column) -> u32 {
    column.statistics.map_or_else(|| usual_width(&column.type_name), |statistics| statistics.average_width)
}

/// `pg_type.typlen`, or what `get_typavgwidth` (`lsyscache.c`) takes for types without a length.
fn usual_width(type_name: &str) -> u32 {
    match type_name {
        "boolean" => 1,
        "smallint" => 2,
        "integer" | "real" | "date" | "oid" => 4,
        "uuid" | "interval" => 16,
        name if name.starts_with("timestamp") || matches!(name, "bigint" | "double precision") => 8,
        _ => 32,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;
    use pgtailor_model::shape::Comparison::Equal;

    fn cover(fixture: Fixture, needed: &[&str]) -> Option<String> {
        let needed = needed.iter().map(|name| (*name).to_owned()).collect();
        let fixture = fixture.asks_with("t", &[("a", Equal)], |shape| shape.needed = needed);
        let mut found = None;
        fixture.at(0, |site| found = covering(site, &IndexDefinition::btree(["a"])));
        found.map(|definition| definition.to_string())
    }

    fn wide() -> Fixture {
        Fixture::new().table("t", &["a", "b", "c text", "d"]).width("t", "c", 400)
    }

    #[test]
    fn what_is_needed_is_included_and_nothing_else() {
        assert_eq!(cover(wide(), &["a", "b", "d"]).as_deref(), Some("(a) INCLUDE (b, d)"));
        assert_eq!(cover(wide(), &["a"]), None);
    }

    #[test]
    fn a_wide_column_or_a_table_that_is_not_visible_is_not_covered() {
        assert_eq!(cover(wide(), &["a", "c"]), None);
        assert_eq!(cover(wide().visible("t", 100), &["a", "b"]), None);
        assert!(cover(wide().visible("t", 9_000), &["a", "b"]).is_some());
    }

    #[test]
    fn a_document_is_not_included_however_short_it_is_on_average() {
        let short = Fixture::new().table("t", &["a", "b jsonb", "c text"]).width("t", "b", 20).width("t", "c", 400);
        assert_eq!(cover(short, &["a", "b"]), None);
    }

    #[test]
    fn an_index_as_wide_as_the_table_is_none() {
        let narrow = Fixture::new().table("t", &["a", "b"]).distinct("t", "a", 9.0).distinct("t", "b", 9.0);
        assert!(cover(narrow, &["a", "b"]).is_some(), "the row's header alone is wider than an entry's");
        let whole = Fixture::new().table("t", &["a text", "b text"]).width("t", "a", 90).width("t", "b", 90);
        assert_eq!(cover(whole, &["a", "b"]), None);
    }
}
