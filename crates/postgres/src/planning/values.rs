//! What `pg_stats` knows of the values of columns. They are rows' content: they stay in memory, and reach no file and no report.

use std::collections::BTreeSet;

use pgtailor_model::binding::{ColumnValues, Literal};
use pgtailor_model::name::Oid;
use pgtailor_model::unit::{Rows, count_as_f64};
use pgtailor_workload::draw::Columns;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::types::Tables;
use crate::error::Error;

/// Columns read by one statement.
const AT_A_TIME: usize = 300;

/// Values of columns, and those that have none.
#[derive(Default)]
pub(super) struct Values {
    pub columns: Columns,
    /// Columns that this role may not read.
    pub hidden: BTreeSet<(Oid, String)>,
    /// Columns that were never analyzed, or whose type has no statistics.
    pub unknown: BTreeSet<(Oid, String)>,
}

/// `anyarray` has no type that a client could read, but every array reads as text. Both rows of a table that others inherit from are
/// there; the one over the whole family comes last and wins, since that is what a statement reads.
const QUERY: &str = "\
SELECT /* pgtailor */ w.table_oid, w.column_name, s.attname IS NOT NULL AS is_known,
       coalesce(has_column_privilege(c.oid, a.attnum, 'SELECT'), false) AS may_read,
       s.null_frac::float8 AS null_fraction, s.n_distinct::float8 AS n_distinct,
       s.most_common_vals::text::text[] AS most_common_values, s.most_common_freqs::float8[] AS most_common_shares,
       s.histogram_bounds::text::text[] AS histogram,
       s.most_common_elems::text::text[] AS most_common_elements, s.most_common_elem_freqs::float8[] AS element_shares
  FROM unnest($1, $2) AS w (table_oid, column_name)
  LEFT JOIN pg_class c ON c.oid = w.table_oid
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = w.column_name AND NOT a.attisdropped
  LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = w.column_name
 ORDER BY s.inherited NULLS FIRST";

/// Values of `wanted`; the server's search path must be the pinned one.
pub(super) async fn read(client: &Client, wanted: &BTreeSet<(Oid, String)>, tables: &Tables<'_>) -> Result<Values, Error> {
    let mut values = Values::default();
    let wanted: Vec<&(Oid, String)> = wanted.iter().collect();
    for page in wanted.chunks(AT_A_TIME) {
        let oids: Vec<u32> = page.iter().map(|(table, _)| table.0).collect();
        let names: Vec<&str> = page.iter().map(|(_, column)| column.as_str()).collect();
        let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
            [(&oids, Type::OID_ARRAY), (&names, Type::NAME_ARRAY)];
        let rows = client.query_typed(QUERY, &parameters).await;
        for row in rows.map_err(|error| Error::query("read the statistics of columns", error))? {
            let (table, column) = (Oid(row.get("table_oid")), row.get::<_, &str>("column_name").to_owned());
            if row.get("is_known") {
                let table_rows = tables.get(&table).and_then(|table| table.estimated_rows).map_or(0.0, Rows::as_f64);
                values.columns.insert((table, column), column_values(&row, table_rows));
            } else if row.get("may_read") {
                values.unknown.insert((table, column));
            } else {
                values.hidden.insert((table, column));
            }
        }
    }
    Ok(values)
}

fn column_values(row: &Row, table_rows: f64) -> ColumnValues {
    let n_distinct: f64 = row.get("n_distinct");
    let values = ColumnValues {
        most_common: with_shares(row.get("most_common_values"), row.get("most_common_shares")),
        histogram: literals(row.get("histogram")),
        null_fraction: row.get("null_fraction"),
        distinct: 0.0,
        most_common_elements: with_shares(row.get("most_common_elements"), row.get("element_shares")),
    };
    // A negative number is a share of the rows (`stadistinct` in `pg_statistic.h`).
    let distinct = if n_distinct < 0.0 { -n_distinct * table_rows } else { n_distinct };
    let seen = values.most_common.len() + values.histogram.len();
    ColumnValues { distinct: distinct.max(count_as_f64(u64::try_from(seen).unwrap_or_default())), ..values }
}

fn literals(texts: Option<Vec<Option<String>>>) -> Vec<Literal> {
    texts.unwrap_or_default().into_iter().flatten().map(Literal::new).collect()
}

/// Elements have three shares more than values (least, most, and nulls); they are left over.
fn with_shares(texts: Option<Vec<Option<String>>>, shares: Option<Vec<f64>>) -> Vec<(Literal, f64)> {
    literals(texts).into_iter().zip(shares.unwrap_or_default()).collect()
}
