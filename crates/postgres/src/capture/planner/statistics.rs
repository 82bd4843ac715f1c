//! `pg_statistic`, slot by slot, with the values as text and the type of the elements.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use pgtailor_model::name::Oid;
use pgtailor_model::planner::{
    ColumnStatistic, StatisticColumn, StatisticNumbers, StatisticSlot, StatisticValues, StatisticsLevel,
};
use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};

use super::super::query::{attempt, row};
use super::Reading;
use crate::error::Error;

/// Slots of a row (`STATISTIC_NUM_SLOTS` in `pg_statistic.h`).
const SLOTS: usize = 5;

/// Relations read by one statement.
const PAGE: usize = 500;

/// The columns of a slot list over the row variable `s`, named `kind1`, `operator1` …
///
/// The elements' type is not always the column's, and is told by the array's own header, which `array_send` shows behind the number of
/// dimensions and the flag for nulls.
pub(super) fn slot_columns(s: &str) -> String {
    let mut columns = String::new();
    for n in 1..=SLOTS {
        let _ = write!(
            columns,
            ", ({s}).stakind{n} AS kind{n}, nullif(({s}).staop{n}, 0)::regoperator::text AS operator{n}, ({s}).stacoll{n} AS collation{n}
             , ({s}).stanumbers{n}::text AS numbers{n}, ({s}).stavalues{n}::text AS values{n}
             , (('x' || encode(substr(array_send(({s}).stavalues{n}), 9, 4), 'hex'))::bit(32)::int::oid)::regtype::text AS type{n}"
        );
    }
    columns
}

/// Numbers and slots of a row that has `null_fraction`, `width`, `n_distinct` and the columns of [`slot_columns`].
pub(super) fn numbers(row: &Row, reading: &Reading<'_>, level: StatisticsLevel) -> StatisticNumbers {
    let slot = |n: usize| {
        let column = |name: &str| format!("{name}{n}");
        let kind: i16 = row.get(column("kind").as_str());
        let values: Option<String> = row.get(column("values").as_str());
        // Without its values a slot says nothing, and the planner would stumble over it.
        if kind == 0 || (level == StatisticsLevel::None && values.is_some()) {
            return None;
        }
        let element_type: Option<String> = row.get(column("type").as_str());
        let collation: u32 = row.get(column("collation").as_str());
        Some(StatisticSlot {
            kind,
            operator: row.get(column("operator").as_str()),
            collation: reading.dictionary.collation(collation).cloned(),
            numbers: row.get(column("numbers").as_str()),
            values: values.zip(element_type).map(|(text, element_type)| StatisticValues { element_type, text }),
        })
    };
    StatisticNumbers {
        null_fraction: row.get("null_fraction"),
        width: row.get("width"),
        distinct: row.get("n_distinct"),
        slots: (1..=SLOTS).filter_map(slot).collect(),
    }
}

/// The statistics of `relations`.
pub(super) async fn read_statistics(
    transaction: &mut Transaction<'_>,
    reading: &mut Reading<'_>,
    relations: &BTreeSet<Oid>,
    level: StatisticsLevel,
) -> Result<Vec<ColumnStatistic>, Error> {
    let may_read = "SELECT /* pgtailor */ has_table_privilege('pg_catalog.pg_statistic', 'SELECT') AS readable";
    if !row(transaction, "examine this role's rights", may_read).await?.get::<_, bool>("readable") {
        reading.missing(
            "column statistics",
            None,
            "this role may not read pg_statistic; membership in pg_read_all_data (server 14 and later) or SELECT on pg_statistic and \
             pg_statistic_ext_data helps",
        );
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT /* pgtailor */ s.starelid AS relation, s.staattnum AS number, a.attname::text AS name, c.relkind IN ('i', 'I') AS of_index,
                s.stainherit AS inherited, s.stanullfrac AS null_fraction, s.stawidth AS width, s.stadistinct AS n_distinct
                {}
           FROM pg_catalog.pg_statistic s
           JOIN pg_catalog.pg_class c ON c.oid = s.starelid
           JOIN pg_catalog.pg_attribute a ON a.attrelid = s.starelid AND a.attnum = s.staattnum AND NOT a.attisdropped
          WHERE s.starelid = ANY ($1)
          ORDER BY s.starelid, s.staattnum, s.stainherit",
        slot_columns("s")
    );
    let relations: Vec<u32> = relations.iter().map(|oid| oid.0).collect();
    let mut statistics = Vec::new();
    for page in relations.chunks(PAGE) {
        let before = statistics.len();
        if read_page(transaction, &sql, page, reading, level, &mut statistics).await?.is_ok() {
            continue;
        }
        // Some type cannot be sent: then its relation alone is the loser.
        statistics.truncate(before);
        for relation in page {
            let before = statistics.len();
            if let Err(state) =
                read_page(transaction, &sql, std::slice::from_ref(relation), reading, level, &mut statistics).await?
            {
                statistics.truncate(before);
                let table = Some(Oid(*relation));
                reading.missing(
                    format!("statistics of relation {relation}"),
                    table,
                    format!("the server refused with SQLSTATE {state}"),
                );
            }
        }
    }
    Ok(statistics)
}

async fn read_page(
    transaction: &mut Transaction<'_>,
    sql: &str,
    page: &[u32],
    reading: &Reading<'_>,
    level: StatisticsLevel,
    statistics: &mut Vec<ColumnStatistic>,
) -> Result<Result<(), String>, Error> {
    let page = page.to_vec();
    let outcome = attempt(transaction, "read pg_statistic", sql, &[(&page, Type::OID_ARRAY)], |row| {
        let column =
            if row.get("of_index") { StatisticColumn::Number(row.get("number")) } else { StatisticColumn::Name(row.get("name")) };
        statistics.push(ColumnStatistic {
            relation: Oid(row.get("relation")),
            column,
            inherited: row.get("inherited"),
            numbers: numbers(row, reading, level),
        });
    })
    .await?;
    Ok(outcome.map_err(|state| state.code().to_owned()))
}
