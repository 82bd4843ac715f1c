//! What ties tables and columns together: foreign keys and extended statistics. Catalog rows only, so that nobody's lock is waited for.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::catalog::{ExtendedStatistics, ForeignKey, ReferentialAction, Table};
use pgtailor_model::change::{StatisticsDefinition, StatisticsKind};
use pgtailor_model::name::{Oid, QualifiedName};
use tokio_postgres::Transaction;

use super::query::stream;
use crate::error::Error;

/// Those of partitions follow from their parents' (`conparentid`) and are left out.
const FOREIGN_KEYS: &str = r"SELECT /* pgtailor */ k.conrelid AS table, k.conname AS name, k.confrelid AS referenced, k.convalidated AS validated,
       k.confdeltype AS on_delete,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY n (number, position)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.number ORDER BY n.position) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY n (number, position)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n.number ORDER BY n.position) AS referenced_columns
  FROM pg_catalog.pg_constraint k
 WHERE k.contype = 'f' AND k.conparentid = 0
 ORDER BY k.conname";

const EXTENDED_STATISTICS: &str = r"SELECT /* pgtailor */ s.stxrelid AS table, n.nspname AS schema, s.stxname AS name, s.stxkind AS kinds,
       ARRAY(SELECT a.attname::text FROM unnest(s.stxkeys::int2[]) k (number)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = s.stxrelid AND a.attnum = k.number) AS columns
  FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
 ORDER BY n.nspname, s.stxname";

/// Gives the foreign keys to the tables that have them.
pub(super) async fn read_foreign_keys(transaction: &Transaction<'_>, tables: &mut [Table]) -> Result<(), Error> {
    let position = positions(tables);
    stream(transaction, "read the foreign keys", FOREIGN_KEYS, &[], |row| {
        let Some(&at) = position.get(&Oid(row.get("table"))) else { return };
        tables[at].foreign_keys.push(ForeignKey {
            name: row.get("name"),
            columns: row.get("columns"),
            references: Oid(row.get("referenced")),
            referenced_columns: row.get("referenced_columns"),
            validated: row.get("validated"),
            on_delete: match row.get::<_, i8>("on_delete").cast_unsigned() {
                b'r' => ReferentialAction::Restrict,
                b'c' => ReferentialAction::Cascade,
                b'n' => ReferentialAction::SetNull,
                b'd' => ReferentialAction::SetDefault,
                _ => ReferentialAction::NoAction,
            },
        });
    })
    .await
}

/// Gives the extended statistics of plain columns to the tables that have them.
pub(super) async fn read_extended_statistics(transaction: &Transaction<'_>, tables: &mut [Table]) -> Result<(), Error> {
    let position = positions(tables);
    stream(transaction, "read the extended statistics", EXTENDED_STATISTICS, &[], |row| {
        let Some(&at) = position.get(&Oid(row.get("table"))) else { return };
        let columns: BTreeSet<String> = row.get::<_, Vec<String>>("columns").into_iter().collect();
        let kinds: BTreeSet<StatisticsKind> = row.get::<_, Vec<i8>>("kinds").into_iter().filter_map(kind).collect();
        if columns.len() >= 2 && !kinds.is_empty() {
            tables[at].extended_statistics.push(ExtendedStatistics {
                name: QualifiedName::new(row.get::<_, String>("schema"), row.get::<_, String>("name")),
                definition: StatisticsDefinition { columns, kinds },
            });
        }
    })
    .await
}

/// `stxkind`; that of expressions is none of a column's.
fn kind(letter: i8) -> Option<StatisticsKind> {
    match letter.cast_unsigned() {
        b'd' => Some(StatisticsKind::NDistinct),
        b'f' => Some(StatisticsKind::Dependencies),
        b'm' => Some(StatisticsKind::MostCommonValues),
        _ => None,
    }
}

fn positions(tables: &[Table]) -> BTreeMap<Oid, usize> {
    tables.iter().enumerate().map(|(at, table)| (table.oid, at)).collect()
}
