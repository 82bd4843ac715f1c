//! `pg_statistic_ext_data`: the server's own binary lists, which this module does not look into.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::name::Oid;
use pgtailor_model::planner::{ExtendedStatistic, StatisticNumbers, StatisticsLevel};
use tokio_postgres::Transaction;

use super::super::query::{row, rows};
use super::Reading;
use super::statistics::{numbers, slot_columns};
use super::types::name_of;
use crate::error::Error;

/// The data of extended statistics on `relations`. At [`StatisticsLevel::None`] lists of most common values stay behind.
pub(super) async fn read_extended(
    transaction: &Transaction<'_>,
    reading: &mut Reading<'_>,
    relations: &BTreeSet<Oid>,
    level: StatisticsLevel,
) -> Result<Vec<ExtendedStatistic>, Error> {
    let may_read = "SELECT /* pgtailor */ has_table_privilege('pg_catalog.pg_statistic_ext_data', 'SELECT') AS readable";
    if !row(transaction, "examine this role's rights", may_read).await?.get::<_, bool>("readable") {
        let any = rows(
            transaction,
            "count extended statistics",
            "SELECT /* pgtailor */ 1 FROM pg_catalog.pg_statistic_ext LIMIT 1",
            &[],
        )
        .await?;
        if !any.is_empty() {
            let reason =
                "this role may not read pg_statistic_ext_data; membership in pg_read_all_data (server 14 and later) helps";
            reading.missing("extended statistics", None, reason);
        }
        return Ok(Vec::new());
    }
    let inherited = if reading.at_least(150_000) { "d.stxdinherit" } else { "false" };
    let data = format!(
        "SELECT /* pgtailor */ s.oid AS oid, n.nspname AS schema, s.stxname AS name, s.stxrelid AS table, {inherited} AS inherited,
                ARRAY(SELECT a.attnum FROM pg_catalog.pg_attribute a
                       WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys) ORDER BY a.attnum) AS numbers,
                ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
                       WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys) ORDER BY a.attnum) AS names,
                encode(d.stxdndistinct::bytea, 'hex') AS n_distinct, encode(d.stxddependencies::bytea, 'hex') AS dependencies,
                encode(d.stxdmcv::bytea, 'hex') AS most_common
           FROM pg_catalog.pg_statistic_ext s
           JOIN pg_catalog.pg_statistic_ext_data d ON d.stxoid = s.oid
           JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
          ORDER BY s.oid, 5"
    );
    let expressions = read_expressions(transaction, reading, inherited, level).await?;
    let mut extended = Vec::new();
    for row in rows(transaction, "read pg_statistic_ext_data", &data, &[]).await? {
        let table = Oid(row.get("table"));
        if !relations.contains(&table) {
            continue;
        }
        let inherited: bool = row.get("inherited");
        let numbers: Vec<i16> = row.get("numbers");
        let names: Vec<String> = row.get("names");
        extended.push(ExtendedStatistic {
            name: name_of(&row),
            table,
            inherited,
            columns: numbers.into_iter().zip(names).collect(),
            distinct: row.get("n_distinct"),
            dependencies: row.get("dependencies"),
            most_common: row.get::<_, Option<String>>("most_common").filter(|_| level != StatisticsLevel::None),
            expressions: expressions.get(&(Oid(row.get("oid")), inherited)).cloned().unwrap_or_default(),
        });
    }
    Ok(extended)
}

/// Statistics of expressions by object and inheritance, in their order.
async fn read_expressions(
    transaction: &Transaction<'_>,
    reading: &Reading<'_>,
    inherited: &str,
    level: StatisticsLevel,
) -> Result<BTreeMap<(Oid, bool), Vec<StatisticNumbers>>, Error> {
    let mut found: BTreeMap<(Oid, bool), Vec<StatisticNumbers>> = BTreeMap::new();
    if !reading.at_least(140_000) {
        return Ok(found);
    }
    // A composite in a FROM list becomes columns; as a whole row it stays one.
    let sql = format!(
        "SELECT /* pgtailor */ d.stxoid AS oid, {inherited} AS inherited, (e).stanullfrac AS null_fraction, (e).stawidth AS width,
                (e).stadistinct AS n_distinct {}
           FROM pg_catalog.pg_statistic_ext_data d, LATERAL generate_subscripts(d.stxdexpr, 1) AS p (place),
                LATERAL (SELECT d.stxdexpr[p.place] AS e) AS x
          ORDER BY d.stxoid, 2, p.place",
        slot_columns("e")
    );
    for row in rows(transaction, "read the statistics of expressions", &sql, &[]).await? {
        found.entry((Oid(row.get("oid")), row.get("inherited"))).or_default().push(numbers(&row, reading, level));
    }
    Ok(found)
}
