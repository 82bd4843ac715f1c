//! Sequences: how far they are, and which column they feed.

use std::collections::BTreeMap;

use pgtailor_model::catalog::Sequence;
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::snapshot::NotExamined;
use tokio_postgres::Transaction;

use super::guard::{Guard, Wanted};
use super::query::stream;
use crate::error::Error;

/// A sequence belongs to a column (`serial`, identity: deptype `a` or `i`), or is named by its default.
const SEQUENCES: &str = r"SELECT /* pgtailor */ c.oid AS oid, n.nspname AS schema, c.relname AS name, s.seqstart AS start, s.seqmin AS least,
       s.seqmax AS greatest, s.seqincrement AS increment, s.seqcycle AS cycles,
       coalesce(o.refobjid, f.adrelid) AS table, coalesce(oa.attname, fa.attname) AS column
  FROM pg_catalog.pg_sequence s
  JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_depend o ON o.classid = 'pg_catalog.pg_class'::regclass AND o.objid = c.oid AND o.deptype IN ('a', 'i')
                                  AND o.refclassid = 'pg_catalog.pg_class'::regclass AND o.refobjsubid > 0
  LEFT JOIN pg_catalog.pg_attribute oa ON oa.attrelid = o.refobjid AND oa.attnum = o.refobjsubid
  LEFT JOIN LATERAL (SELECT d.adrelid, d.adnum FROM pg_catalog.pg_depend u JOIN pg_catalog.pg_attrdef d ON d.oid = u.objid
                      WHERE u.classid = 'pg_catalog.pg_attrdef'::regclass AND u.refclassid = 'pg_catalog.pg_class'::regclass
                        AND u.refobjid = c.oid ORDER BY d.oid LIMIT 1) f ON true
  LEFT JOIN pg_catalog.pg_attribute fa ON fa.attrelid = f.adrelid AND fa.attnum = f.adnum
 WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pgtailor') AND c.relpersistence <> 't'";

/// Opens the sequence; the right to see it is asked for first, as in `pg_sequences`.
const LAST_VALUES: &str = r"SELECT /* pgtailor */ s.oid AS oid,
       CASE WHEN has_sequence_privilege(s.oid, 'SELECT,USAGE') THEN pg_sequence_last_value(s.oid) END AS value
  FROM unnest($1::oid[]) s (oid)";

/// Reads the sequences, sorted by schema and name.
pub(super) async fn read_sequences(
    transaction: &mut Transaction<'_>,
    not_examined: &mut Vec<NotExamined>,
) -> Result<Vec<Sequence>, Error> {
    let mut sequences: BTreeMap<Oid, Sequence> = BTreeMap::new();
    stream(transaction, "read the sequences", SEQUENCES, &[], |row| {
        let feeds = row.get::<_, Option<u32>>("table").map(Oid).zip(row.get::<_, Option<String>>("column"));
        let sequence = Sequence {
            name: QualifiedName::new(row.get::<_, String>("schema"), row.get::<_, String>("name")),
            last_value: None,
            start: row.get("start"),
            least: row.get("least"),
            greatest: row.get("greatest"),
            increment: row.get("increment"),
            cycles: row.get("cycles"),
            feeds,
        };
        sequences.insert(Oid(row.get("oid")), sequence);
    })
    .await?;
    let mut guard = Guard::new(transaction).await?;
    let wanted: Vec<Wanted> = sequences.keys().map(|&oid| Wanted { object: oid, opens: oid }).collect();
    let values = guard
        .read(transaction, "read how far sequences are", LAST_VALUES, &wanted, |row| {
            (Oid(row.get("oid")), Some(row.get::<_, Option<i64>>("value")))
        })
        .await?;
    for (oid, sequence) in &mut sequences {
        sequence.last_value = values.found.get(oid).copied().flatten();
        if let Some(reason) = values.refused.get(oid) {
            not_examined
                .push(NotExamined { object: format!("last value of sequence {}", sequence.name), reason: reason.clone() });
        }
    }
    let mut sequences: Vec<Sequence> = sequences.into_values().collect();
    sequences.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(sequences)
}
