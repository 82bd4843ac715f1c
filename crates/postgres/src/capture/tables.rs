//! Tables, their columns, the planner's statistics of them (without any value), and the names that are taken.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pgtailor_model::catalog::{Column, ColumnStatistics, Persistence, Table, TableKind};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::snapshot::NotExamined;
use pgtailor_model::unit::{Pages, Rows, f64_as_count};
use tokio_postgres::Transaction;

use super::query::stream;
use crate::error::Error;

/// What a snapshot holds: ordinary and partitioned tables and materialized views, logged or not, outside the server's own schemas
/// and not made by an extension; our own ledger is not the application's. `c` is `pg_class`, `n` its namespace. The names of schemas that begin with `pg_` are reserved.
const OF_INTEREST: &str = r"
      c.relkind IN ('r', 'p', 'm') AND c.relpersistence IN ('p', 'u')
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'pgtailor')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                   WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";

const TABLES: &str = "\
SELECT /* pgtailor */ c.oid AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence,
       pg_get_userbyid(c.relowner) AS owner, pg_has_role(c.relowner, 'USAGE') OR pg_has_role(c.relowner, '{set}') AS ours,
       c.reltuples AS tuples, c.relpages AS pages, c.relallvisible AS all_visible, i.inhparent AS parent,
       c.reloptions AS parameters, coalesce(t.relpages, 0) AS toast_pages,
       GREATEST(CASE WHEN c.relfrozenxid <> '0' THEN age(c.relfrozenxid) END,
                CASE WHEN t.relfrozenxid <> '0' THEN age(t.relfrozenxid) END) AS frozen_age,
       GREATEST(CASE WHEN c.relminmxid <> '0' THEN mxid_age(c.relminmxid) END,
                CASE WHEN t.relminmxid <> '0' THEN mxid_age(t.relminmxid) END) AS multixact_age,
       ARRAY(SELECT h.inhparent FROM pg_catalog.pg_inherits h
              WHERE h.inhrelid = c.oid AND NOT c.relispartition ORDER BY h.inhseqno) AS inherits,
       c.relrowsecurity AND row_security_active(c.oid) AS filtered
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_inherits i ON c.relispartition AND i.inhrelid = c.oid
  LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
 WHERE";

const COLUMNS: &str = "\
SELECT /* pgtailor */ a.attrelid AS table, a.attnum AS number, a.attname AS name, a.attnotnull AS not_null,
       format_type(a.atttypid, a.atttypmod) AS type_name, a.atttypid AS type, a.attcollation AS collation,
       nullif(a.attstattarget::int4, -1) AS statistics_target,
       coalesce(d.adbin::text ~ (SELECT ':funcid (' || string_agg(p.oid::text, '|') || ') ' FROM pg_catalog.pg_proc p
                                  WHERE p.proname IN ('gen_random_uuid', 'uuid_generate_v4', 'uuidv4')), false) AS random_uuid,
       has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS readable
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE";

/// The columns of `pg_stats` that hold no values. A partitioned table has inherited statistics only; elsewhere they would mix in the
/// children's.
const STATISTICS: &str = r"SELECT /* pgtailor */ s.schemaname AS schema, s.tablename AS table, s.attname AS column, s.inherited AS inherited,
       s.null_frac AS null_fraction, s.avg_width AS width, s.n_distinct AS n_distinct, s.correlation AS correlation,
       coalesce(cardinality(s.most_common_freqs), 0) AS most_common, s.most_common_freqs[1] AS most_common_fraction,
       s.most_common_freqs[cardinality(s.most_common_freqs)] AS least_common_fraction,
       (SELECT sum(f) FROM unnest(s.most_common_freqs) f) AS common_fraction
  FROM pg_catalog.pg_stats s
 WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema'";

const RELATION_NAMES: &str = r"SELECT /* pgtailor */ n.nspname AS schema, c.relname AS name
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Which tables are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All of the database's.
    Database,
    /// This one.
    Table(Oid),
}

impl Scope {
    /// As a condition on `c` (`pg_class`) and `n` (its namespace).
    pub(super) fn condition(self) -> String {
        match self {
            Self::Database => OF_INTEREST.to_owned(),
            Self::Table(oid) => format!("{OF_INTEREST} AND c.oid = {oid}"),
        }
    }
}

/// The tables, sorted by schema and name, with what only the capture needs to know of their columns.
pub(super) struct Tables {
    /// Sorted by schema and name; without indexes and sizes yet.
    pub tables: Vec<Table>,
    /// Type and collation by table and attribute number.
    pub column_types: HashMap<(Oid, i16), ColumnType>,
}

/// Type and collation of a column.
#[derive(Clone, Copy)]
pub(super) struct ColumnType {
    /// `atttypid`.
    pub type_oid: u32,
    /// `attcollation`, 0 for none.
    pub collation: u32,
}

/// Reads tables, columns and statistics.
pub(super) async fn read_tables(
    transaction: &Transaction<'_>,
    server_version: u32,
    scope: Scope,
    not_examined: &mut Vec<NotExamined>,
) -> Result<Tables, Error> {
    let condition = scope.condition();
    let mut tables = Vec::new();
    let mut hidden = BTreeSet::new();
    // A member that does not inherit may act as the owner by `SET ROLE`, since server 16 only where that was granted.
    let question = TABLES.replace("{set}", if server_version >= 160_000 { "SET" } else { "MEMBER" });
    stream(transaction, "read the tables", &format!("{question}{condition}"), &[], |row| {
        let oid = Oid(row.get("oid"));
        let name = QualifiedName::new(row.get::<_, String>("schema"), row.get::<_, String>("name"));
        if row.get("filtered") {
            hidden.insert(name.clone());
        }
        let pages = Pages(natural(row.get("pages")));
        tables.push(Table {
            oid,
            name,
            kind: match row.get::<_, i8>("kind").cast_unsigned() {
                b'p' => TableKind::Partitioned,
                b'm' => TableKind::MaterializedView,
                _ => TableKind::Table,
            },
            persistence: match row.get::<_, i8>("persistence").cast_unsigned() {
                b'u' => Persistence::Unlogged,
                _ => Persistence::Permanent,
            },
            owner: row.get("owner"),
            ours: row.get("ours"),
            estimated_rows: estimated_rows(row.get("tuples"), pages, server_version),
            pages,
            all_visible: Pages(natural(row.get("all_visible"))),
            size: None,
            toast_pages: Pages(natural(row.get("toast_pages"))),
            parameters: storage_parameters(row.get("parameters")),
            frozen_age: row.get::<_, Option<i32>>("frozen_age").map(natural).unwrap_or_default(),
            multixact_age: row.get::<_, Option<i32>>("multixact_age").map(natural).unwrap_or_default(),
            partition_of: row.get::<_, Option<u32>>("parent").map(Oid),
            inherits: row.get::<_, Vec<u32>>("inherits").into_iter().map(Oid).collect(),
            columns: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            extended_statistics: Vec::new(),
        });
    })
    .await?;
    tables.sort_by(|one, other| one.name.cmp(&other.name));

    let position: HashMap<Oid, usize> = tables.iter().enumerate().map(|(at, table)| (table.oid, at)).collect();
    let mut column_types = HashMap::new();
    stream(transaction, "read the columns", &format!("{COLUMNS}{condition}"), &[], |row| {
        let table = Oid(row.get("table"));
        let number = row.get("number");
        let Some(&at) = position.get(&table) else { return };
        column_types.insert((table, number), ColumnType { type_oid: row.get("type"), collation: row.get("collation") });
        if !row.get::<_, Option<bool>>("readable").unwrap_or_default() {
            hidden.insert(tables[at].name.clone());
        }
        tables[at].columns.push(Column {
            number,
            name: row.get("name"),
            type_name: row.get("type_name"),
            not_null: row.get("not_null"),
            statistics_target: row.get::<_, Option<i32>>("statistics_target").and_then(|target| u16::try_from(target).ok()),
            random_uuid: row.get("random_uuid"),
            statistics: None,
        });
    })
    .await?;
    for table in &mut tables {
        table.columns.sort_by_key(|column| column.number);
    }

    if scope == Scope::Database {
        read_statistics(transaction, &mut tables).await?;
    }
    not_examined.extend(hidden_statistics(&hidden));
    Ok(Tables { tables, column_types })
}

/// Every name that a relation has, by schema, sorted.
pub(super) async fn read_relation_names(transaction: &Transaction<'_>) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    stream(transaction, "read the names of relations", RELATION_NAMES, &[], |row| {
        names.entry(row.get("schema")).or_default().push(row.get("name"));
    })
    .await?;
    for names in names.values_mut() {
        names.sort();
    }
    Ok(names)
}

async fn read_statistics(transaction: &Transaction<'_>, tables: &mut [Table]) -> Result<(), Error> {
    stream(transaction, "read the column statistics", STATISTICS, &[], |row| {
        let name = QualifiedName::new(row.get::<_, String>("schema"), row.get::<_, String>("table"));
        let Ok(at) = tables.binary_search_by(|table| table.name.cmp(&name)) else { return };
        let table = &mut tables[at];
        if row.get::<_, bool>("inherited") != (table.kind == TableKind::Partitioned) {
            return;
        }
        let name: &str = row.get("column");
        let null_fraction = f64::from(row.get::<_, f32>("null_fraction"));
        let rows = table.estimated_rows;
        if let Some(column) = table.columns.iter_mut().find(|column| column.name == name) {
            let fraction = |name| row.get::<_, Option<f32>>(name).map(f64::from).unwrap_or_default();
            column.statistics = distinct(row.get("n_distinct"), rows).map(|distinct| ColumnStatistics {
                null_fraction,
                average_width: u32::try_from(row.get::<_, i32>("width")).unwrap_or_default(),
                distinct,
                correlation: row.get::<_, Option<f32>>("correlation").map(f64::from),
                most_common: row.get::<_, i32>("most_common").try_into().unwrap_or_default(),
                most_common_fraction: fraction("most_common_fraction"),
                least_common_fraction: fraction("least_common_fraction"),
                common_fraction: fraction("common_fraction"),
            });
        }
    })
    .await
}

/// A count that the catalogs keep as `integer`, where it is never negative.
fn natural(count: i32) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

/// `reloptions` by name.
fn storage_parameters(options: Option<Vec<String>>) -> BTreeMap<String, String> {
    let pair = |option: String| option.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    options.unwrap_or_default().into_iter().filter_map(pair).collect()
}

/// `pg_class.reltuples` decoded: -1 is "never vacuumed or analyzed" since version 14; before, that was 0 rows on 0 pages.
fn estimated_rows(tuples: f32, pages: Pages, server_version: u32) -> Option<Rows> {
    let unknown = tuples < 0.0 || (server_version < 140_000 && tuples == 0.0 && pages == Pages(0));
    (!unknown).then(|| Rows(f64_as_count(f64::from(tuples))))
}

/// `pg_stats.n_distinct` decoded: a negative value is minus the distinct values' share of the rows. `None` when there is no row
/// estimate to resolve it against.
fn distinct(n_distinct: f32, rows: Option<Rows>) -> Option<f64> {
    if n_distinct >= 0.0 { Some(f64::from(n_distinct)) } else { Some(-f64::from(n_distinct) * rows?.as_f64()) }
}

/// One entry for all tables whose statistics this role sees in part or not at all: a least-privilege role would get thousands.
fn hidden_statistics(tables: &BTreeSet<QualifiedName>) -> Option<NotExamined> {
    const NAMED: usize = 3;
    let named: Vec<String> = tables.iter().take(NAMED).map(ToString::to_string).collect();
    let rest = match tables.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!tables.is_empty()).then(|| NotExamined {
        object: format!("column statistics of {}{rest}", named.join(", ")),
        reason:
            "this role may not read all rows and columns there; the right to SELECT, or membership in pg_read_all_data, helps, \
                 and BYPASSRLS under row-level security"
                .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_was_never_analyzed_has_no_estimate() {
        assert_eq!(estimated_rows(-1.0, Pages(0), 150_000), None);
        assert_eq!(estimated_rows(0.0, Pages(0), 130_000), None);
        assert_eq!(estimated_rows(0.0, Pages(0), 150_000), Some(Rows(0)));
        assert_eq!(estimated_rows(0.0, Pages(3), 130_000), Some(Rows(0)));
        assert_eq!(estimated_rows(12.0, Pages(1), 150_000), Some(Rows(12)));
    }

    #[test]
    fn negative_distinct_counts_are_shares_of_the_rows() {
        assert_eq!(distinct(-0.5, Some(Rows(1000))), Some(500.0));
        assert_eq!(distinct(42.0, None), Some(42.0));
        assert_eq!(distinct(-1.0, None), None);
    }

    #[test]
    fn many_hidden_tables_are_one_entry() {
        let tables: BTreeSet<QualifiedName> = (0..5).map(|n| QualifiedName::new("public", format!("t{n}"))).collect();
        let entry = hidden_statistics(&tables).expect("five tables are something to say");
        assert_eq!(entry.object, "column statistics of t0, t1, t2 and 2 more");
        assert_eq!(hidden_statistics(&BTreeSet::new()), None);
    }
}
