//! What the planner reads on the first page of an index, found out without reading the page where that takes rights.
//!
//! **B-trees.** Only the planner says the height (`_bt_getrootheight`), in a cost: with every cost but `cpu_operator_cost` out of the way, an
//! index scan in the index's own order starts at `ceil(log2(rows)) + 50 (height + 1)` operator costs (`btcostestimate` in `selfuncs.c`; the
//! logarithm is below 50), so it is planned, never run.
//! **GIN.** The counters are on the page alone, which superusers and members of `pg_read_server_files` may read. Without them the planner of a
//! twin falls back on its rule of thumb (`gincostestimate`).
//! **BRIN.** Both numbers follow from the table's size and the index's options.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use pgtailor_model::index::{Direction, IndexDefinition, KeyPart, Nulls};
use pgtailor_model::name::{Oid, QualifiedName, quote_identifier};
use pgtailor_model::planner::{GinCounters, IndexHead, Relation};
use pgtailor_model::snapshot::Capabilities;
use pgtailor_model::unit::{count_as_f64, f64_as_count};
use tokio_postgres::Transaction;

use super::super::guard::Wanted;
use super::super::query::{row, rows};
use super::Reading;
use super::each::read_each;
use crate::error::Error;

/// Longest time that heights may take in all.
const BUDGET: Duration = Duration::from_secs(20);

/// Makes the order of an index the only thing that costs; one operator costs 1.
const ONLY_ORDER: &str = "\
SET /* pgtailor */ LOCAL enable_seqscan = off; SET /* pgtailor */ LOCAL enable_bitmapscan = off; SET /* pgtailor */ LOCAL enable_sort = off; \
SET /* pgtailor */ LOCAL enable_incremental_sort = off; SET /* pgtailor */ LOCAL max_parallel_workers_per_gather = 0; \
SET /* pgtailor */ LOCAL enable_indexscan = on; SET /* pgtailor */ LOCAL cpu_operator_cost = 1; SET /* pgtailor */ LOCAL jit = off; \
SET /* pgtailor */ LOCAL row_security = off";

/// `DEFAULT_PAGE_CPU_MULTIPLIER` in `selfuncs.c`, in operator costs.
const A_PAGE: f64 = 50.0;

/// `BRIN_DEFAULT_PAGES_PER_RANGE` in `brin.h`.
const PAGES_PER_RANGE: u32 = 128;

/// `REVMAP_PAGE_MAXITEMS` in `brin_page.h` for pages of 8 kB.
const RANGES_ON_MAP_PAGE: u64 = 1360;

/// Fills in the heads of indexes.
pub(super) async fn read_heads(
    transaction: &mut Transaction<'_>,
    reading: &mut Reading<'_>,
    capabilities: &Capabilities,
    relations: &mut [Relation],
) -> Result<(), Error> {
    let blocks: BTreeMap<Oid, u64> = relations.iter().filter_map(|relation| Some((relation.oid, relation.blocks?))).collect();
    let definitions = definitions(reading);
    let gin = read_gin(transaction, reading, capabilities, &definitions, relations).await?;
    let ranges = read_ranges(transaction).await?;
    let mut asked = Vec::new();
    for (at, relation) in relations.iter_mut().enumerate() {
        let Some((table, definition)) = definitions.get(&relation.oid) else { continue };
        let Some(pages) = relation.blocks else { continue };
        relation.head = match definition.method.as_str() {
            // One page is the metapage, two are that and a root which is a leaf.
            "btree" if pages <= 2 => Some(IndexHead::BTree { levels: 0 }),
            "btree" => {
                asked.push((at, question(table, definition)));
                Some(IndexHead::BTree { levels: likely_levels(pages) })
            }
            "gin" => Some(IndexHead::Gin(gin.get(&relation.oid).copied().unwrap_or_default())),
            "brin" => {
                let pages_per_range = ranges.get(&relation.oid).copied().unwrap_or(PAGES_PER_RANGE).max(1);
                let heap = blocks.get(&relation.table).copied().unwrap_or_default();
                let map_pages = heap.div_ceil(u64::from(pages_per_range)).div_ceil(RANGES_ON_MAP_PAGE).max(1);
                Some(IndexHead::Brin { pages_per_range, map_pages: u32::try_from(map_pages).unwrap_or(u32::MAX) })
            }
            _ => None,
        };
    }
    transaction.batch_execute(ONLY_ORDER).await.map_err(|source| Error::query("ask for the heights of indexes", source))?;
    let questions: Vec<String> = asked.iter().map(|(_, question)| question.clone()).collect();
    let answers = read_each(transaction, "ask for the heights of indexes", &questions, BUDGET).await?;
    let mut guessed = 0;
    let places: BTreeMap<(Oid, String), usize> =
        relations.iter().enumerate().map(|(at, relation)| ((relation.table, relation.name.name.clone()), at)).collect();
    for ((at, _), answer) in asked.into_iter().zip(answers) {
        let found = answer.and_then(Result::ok).unwrap_or_default();
        let plan: Option<serde_json::Value> = found.first().and_then(|row| row.get(0));
        let told = plan.as_ref().and_then(|plan| levels_in(&plan[0]["Plan"]));
        let levels = told.and_then(|(index, levels)| {
            let other = places.get(&(relations[at].table, index.to_owned()))?;
            is_as_high(&relations[at], &relations[*other]).then_some(levels)
        });
        match levels {
            Some(levels) => relations[at].head = Some(IndexHead::BTree { levels }),
            None => guessed += 1,
        }
    }
    if guessed > 0 {
        let reason = "the planner did not tell them, for lack of rights or behind a lock; they are guessed from the sizes";
        reading.missing(format!("heights of {guessed} B-trees"), None, reason);
    }
    Ok(())
}

/// Indexes with their tables' names, by identifier.
type Definitions<'a> = BTreeMap<Oid, (&'a QualifiedName, &'a IndexDefinition)>;

fn definitions<'a>(reading: &Reading<'a>) -> Definitions<'a> {
    let indexes = reading.catalog.indexes();
    indexes.filter_map(|(table, index)| Some((index.oid, (&table.name, index.definition.as_ref()?)))).collect()
}

/// A statement whose cheapest plan is to read the index in its order.
fn question(table: &QualifiedName, definition: &IndexDefinition) -> String {
    let keys: Vec<String> = definition
        .keys
        .iter()
        .map(|key| {
            let mut sql = match &key.part {
                KeyPart::Column(name) => quote_identifier(name),
                KeyPart::Expression(text) => format!("({text})"),
            };
            if let Some(collation) = &key.collation {
                let _ = write!(sql, " COLLATE {}", collation.sql());
            }
            // The pattern classes sort by operators of their own.
            let patterns = key.operator_class.as_deref().is_some_and(|class| class.ends_with("_pattern_ops"));
            sql.push_str(match (key.direction, patterns) {
                (Direction::Ascending, false) => " ASC",
                (Direction::Descending, false) => " DESC",
                (Direction::Ascending, true) => " USING ~<~",
                (Direction::Descending, true) => " USING ~>~",
            });
            sql.push_str(if key.nulls == Nulls::First { " NULLS FIRST" } else { " NULLS LAST" });
            sql
        })
        .collect();
    let predicate = definition.predicate.as_ref().map(|predicate| format!(" WHERE {predicate}")).unwrap_or_default();
    format!("EXPLAIN /* pgtailor */ (FORMAT JSON) SELECT 1 FROM ONLY {}{predicate} ORDER BY {}", table.sql(), keys.join(", "))
}

/// The index that a plan is over, and the height that its cost tells.
fn levels_in(plan: &serde_json::Value) -> Option<(&str, u32)> {
    if plan.get("Disabled").is_some_and(|disabled| disabled == true) {
        return None;
    }
    let pages = (plan["Startup Cost"].as_f64()? / A_PAGE).floor();
    let levels = u32::try_from(f64_as_count(pages).checked_sub(1)?).ok().filter(|levels| *levels < 20)?;
    Some((plan["Index Name"].as_str()?, levels))
}

/// Whether `other`, which the planner took, is as high as the index asked for: it is that one, or one of the same table with the same order
/// and about as many pages.
fn is_as_high(asked: &Relation, other: &Relation) -> bool {
    let pages = |relation: &Relation| relation.blocks.unwrap_or_default();
    let (few, many) = (pages(asked).min(pages(other)), pages(asked).max(pages(other)));
    other.oid == asked.oid || (few * 2 > many && likely_levels(few) == likely_levels(many))
}

/// By the usual fan-out of inner pages: 70 % of 8152 bytes, 28 bytes an entry.
fn likely_levels(pages: u64) -> u32 {
    let fan_out: f64 = 8152.0 * 0.7 / 28.0;
    u32::try_from(f64_as_count((count_as_f64(pages.max(2) - 1).ln() / fan_out.ln()).ceil())).unwrap_or(1)
}

async fn read_ranges(transaction: &Transaction<'_>) -> Result<BTreeMap<Oid, u32>, Error> {
    let sql = "SELECT /* pgtailor */ c.oid AS oid, o.option_value::int8 AS pages
                 FROM pg_catalog.pg_class c, pg_options_to_table(c.reloptions) o
                WHERE c.relkind = 'i' AND o.option_name = 'pages_per_range'";
    let found = rows(transaction, "read the ranges of BRIN indexes", sql, &[]).await?;
    Ok(found
        .iter()
        .map(|row| (Oid(row.get("oid")), u32::try_from(row.get::<_, i64>("pages")).unwrap_or(PAGES_PER_RANGE)))
        .collect())
}

/// `GinMetaPageData` (`ginblock.h`) begins behind the page's header of 24 bytes.
const GIN_PAGE: &str = "\
SELECT /* pgtailor */ o.oid AS oid, pg_read_binary_file(pg_relation_filepath(o.oid), 0, 72, true) AS page FROM unnest($1::oid[]) AS o (oid)";

async fn read_gin(
    transaction: &mut Transaction<'_>,
    reading: &mut Reading<'_>,
    capabilities: &Capabilities,
    definitions: &Definitions<'_>,
    relations: &[Relation],
) -> Result<BTreeMap<Oid, GinCounters>, Error> {
    let is_gin = |relation: &&Relation| definitions.get(&relation.oid).is_some_and(|(_, definition)| definition.method == "gin");
    let wanted: Vec<Wanted> =
        relations.iter().filter(is_gin).map(|relation| Wanted { object: relation.oid, opens: relation.oid }).collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let may_read = "SELECT /* pgtailor */ pg_has_role('pg_read_server_files', 'USAGE') AS readable";
    if !capabilities.superuser && !row(transaction, "examine this role's rights", may_read).await?.get::<_, bool>("readable") {
        let reason = "only superusers and members of pg_read_server_files may read them; costs of scans of these indexes can be off by a tenth";
        reading.missing(format!("counters of {} GIN indexes", wanted.len()), None, reason);
        return Ok(BTreeMap::new());
    }
    let answers = reading
        .guard
        .read(transaction, "read the counters of GIN indexes", GIN_PAGE, &wanted, |row| {
            (Oid(row.get("oid")), row.get::<_, Option<Vec<u8>>>("page").as_deref().and_then(gin_counters))
        })
        .await?;
    for (oid, reason) in answers.refused {
        reading.missing(format!("counters of GIN index {oid}"), None, reason);
    }
    Ok(answers.found)
}

fn gin_counters(page: &[u8]) -> Option<GinCounters> {
    let number = |at: usize| Some(u32::from_le_bytes(page.get(at..at + 4)?.try_into().ok()?));
    Some(GinCounters {
        pending_pages: number(36)?,
        total_pages: number(48)?,
        entry_pages: number(52)?,
        data_pages: number(56)?,
        entries: i64::from_le_bytes(page.get(64..72)?.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_height_is_read_off_the_cost() {
        // 20 comparisons among a million entries, three pages from the root down.
        let plan = serde_json::json!({"Index Name": "t_pkey", "Startup Cost": 170.0});
        assert_eq!(levels_in(&plan), Some(("t_pkey", 2)));
        assert_eq!(levels_in(&serde_json::json!({"Startup Cost": 170.0})), None);
    }

    #[test]
    fn a_twin_of_an_index_tells_its_height_when_it_is_as_large() {
        let relation = |oid: u32, table: u32, name: &str, blocks: u64| Relation {
            oid: Oid(oid),
            name: QualifiedName::new("public", name),
            table: Oid(table),
            pages: 0,
            tuples: 0.0,
            all_visible: 0,
            blocks: Some(blocks),
            head: None,
        };
        let relations = [relation(2, 1, "a", 100), relation(3, 1, "b", 120), relation(4, 1, "c", 90_000)];
        let as_high = [0, 1, 2].map(|other: usize| is_as_high(&relations[0], &relations[other]));
        assert_eq!(as_high, [true, true, false]);
    }

    #[test]
    fn counters_stand_where_the_server_writes_them() {
        let mut page = vec![0; 72];
        page[48] = 7;
        page[52] = 3;
        page[56] = 2;
        page[64] = 9;
        let expected = GinCounters { pending_pages: 0, total_pages: 7, entry_pages: 3, data_pages: 2, entries: 9 };
        assert_eq!(gin_counters(&page), Some(expected));
        assert_eq!(gin_counters(&page[..60]), None);
    }
}
