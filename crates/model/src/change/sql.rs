//! A change as SQL: the one place where statements that change a database are written.

use super::{Carried, Change, Replaced, StatisticsDefinition, StatisticsKind, StatisticsTarget};
use crate::index::{Build, IndexDefinition};
use crate::name::{QualifiedName, quote_identifier, quote_literal};

impl Change {
    /// The statement that carries it out, without a closing semicolon.
    pub fn sql(&self) -> String {
        match self {
            Self::CreateIndex { table, name, definition, carries, .. } => create(table, name, definition, carries),
            Self::DropIndex { table, name, .. } => format!("DROP INDEX CONCURRENTLY {}", in_schema(table, name)),
            Self::RebuildIndex { table, name, .. } => format!("REINDEX INDEX CONCURRENTLY {}", in_schema(table, name)),
            Self::CreatePartitionedIndex { table, name, definition, .. } => definition.create_sql(name, table, Build::OnlyParent),
            Self::AttachIndex { table, name, parent, parent_index, .. } => {
                format!("ALTER INDEX {} ATTACH PARTITION {}", in_schema(parent, parent_index), in_schema(table, name))
            }
            Self::DropPartitionedIndex { table, name, .. } => format!("DROP INDEX {}", in_schema(table, name)),
            Self::Analyze { table, .. } => format!("ANALYZE {}", table.sql()),
            // Truncation would lock everybody out, here and on standbys; a table that is locked is left for the next time.
            Self::Vacuum { table, freeze, .. } => {
                let freeze = if *freeze { "FREEZE, " } else { "" };
                format!("VACUUM ({freeze}SKIP_LOCKED, TRUNCATE FALSE) {}", table.sql())
            }
            Self::CreateStatistics { table, name, definition, .. } => {
                format!("CREATE STATISTICS {} {}", in_schema(table, name), definition.sql(table))
            }
            Self::DropStatistics { table, name, .. } => format!("DROP STATISTICS {}", in_schema(table, name)),
            Self::SetStatisticsTarget { table, column, to, .. } => {
                let target = to.map_or(-1, i32::from);
                format!("ALTER TABLE {} ALTER COLUMN {} SET STATISTICS {target}", table.sql(), quote_identifier(column))
            }
            Self::SetStorageParameters { table, parameters, .. } => {
                let actions = [
                    list("SET", parameters, |name, value| {
                        Some(format!("{} = {}", quote_identifier(name), quote_literal(value.to.as_deref()?)))
                    }),
                    list("RESET", parameters, |name, value| value.to.is_none().then(|| quote_identifier(name))),
                ];
                format!("ALTER TABLE {} {}", table.sql(), actions.into_iter().flatten().collect::<Vec<_>>().join(", "))
            }
            Self::SetParameter { name, value: Replaced { to: Some(value), .. } } => {
                format!("ALTER SYSTEM SET {} TO {}", quote_identifier(name), quote_literal(value))
            }
            Self::SetParameter { name, value: Replaced { to: None, .. } } => {
                format!("ALTER SYSTEM RESET {}", quote_identifier(name))
            }
        }
    }

    /// Statements that complete it, once it is done: what an index carries and no `CREATE INDEX` can say.
    pub fn completed_by(&self) -> Vec<String> {
        let Self::CreateIndex { table, name, carries, .. } = self else { return Vec::new() };
        let index = in_schema(table, name);
        let comment = carries.comment.iter().map(|text| format!("COMMENT ON INDEX {index} IS {}", quote_literal(text)));
        let target =
            |one: &StatisticsTarget| format!("ALTER INDEX {index} ALTER COLUMN {} SET STATISTICS {}", one.position, one.target);
        comment.chain(carries.statistics_targets.iter().map(target)).collect()
    }
}

impl StatisticsDefinition {
    /// What follows the name: `(ndistinct, mcv) ON a, b FROM public.t`.
    fn sql(&self, table: &QualifiedName) -> String {
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.sql()).collect();
        let columns: Vec<String> = self.columns.iter().map(|column| quote_identifier(column)).collect();
        format!("({}) ON {} FROM {}", kinds.join(", "), columns.join(", "), table.sql())
    }
}

impl StatisticsKind {
    /// As `CREATE STATISTICS` calls it.
    pub fn sql(self) -> &'static str {
        match self {
            Self::NDistinct => "ndistinct",
            Self::Dependencies => "dependencies",
            Self::MostCommonValues => "mcv",
        }
    }
}

fn create(table: &QualifiedName, name: &str, definition: &IndexDefinition, carries: &Carried) -> String {
    if carries.parameters.is_empty() && carries.tablespace.is_none() {
        return definition.create_sql(name, table, Build::Concurrent);
    }
    let storage = if carries.parameters.is_empty() {
        String::new()
    } else {
        format!("WITH ({})", carries.parameters.iter().map(|pair| parameter(pair)).collect::<Vec<_>>().join(", "))
    };
    let tablespace =
        carries.tablespace.as_ref().map_or_else(String::new, |name| format!("TABLESPACE {}", quote_identifier(name)));
    let unique = if definition.unique { "UNIQUE " } else { "" };
    let what = definition.with(&storage, &tablespace);
    format!("CREATE {unique}INDEX CONCURRENTLY {} ON {} {what}", quote_identifier(name), table.sql())
}

/// `name=value` as SQL, quoted: it went through the ledger, and anybody may have written there.
fn parameter(pair: &str) -> String {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    format!("{} = {}", quote_identifier(name), quote_literal(value))
}

/// `SET (a = 1, b = 2)`; nothing without entries.
fn list<'p>(
    verb: &str,
    parameters: impl IntoIterator<Item = (&'p String, &'p Replaced)>,
    entry: impl Fn(&str, &Replaced) -> Option<String>,
) -> Option<String> {
    let entries: Vec<String> = parameters.into_iter().filter_map(|(name, value)| entry(name, value)).collect();
    (!entries.is_empty()).then(|| format!("{verb} ({})", entries.join(", ")))
}

/// `name` in the schema of `table`.
fn in_schema(table: &QualifiedName, name: &str) -> String {
    QualifiedName::new(&table.schema, name).sql()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::name::Oid;

    fn table() -> QualifiedName {
        QualifiedName::new("app", "Orders")
    }

    #[test]
    fn an_index_that_comes_back_brings_what_it_carried() {
        let change = Change::CreateIndex {
            table: table(),
            table_oid: Oid(1),
            name: "i".to_owned(),
            definition: IndexDefinition {
                unique: true,
                predicate: Some("a > 0".to_owned()),
                include: BTreeSet::from(["b".to_owned()]),
                ..IndexDefinition::btree(["a"])
            },
            carries: Carried {
                comment: Some("it's ours".to_owned()),
                tablespace: Some("fast".to_owned()),
                parameters: vec!["fillfactor=70".to_owned()],
                statistics_targets: vec![StatisticsTarget { position: 1, target: 500 }],
                ..Carried::default()
            },
        };
        assert_eq!(
            change.sql(),
            "CREATE UNIQUE INDEX CONCURRENTLY i ON app.\"Orders\" (a) INCLUDE (b) WITH (fillfactor = '70') TABLESPACE fast WHERE a > 0"
        );
        assert_eq!(
            change.completed_by(),
            ["COMMENT ON INDEX app.i IS 'it''s ours'", "ALTER INDEX app.i ALTER COLUMN 1 SET STATISTICS 500"]
        );
    }

    #[test]
    fn storage_parameters_are_set_and_reset_in_one_statement() {
        let replaced = |to: Option<&str>| Replaced { from: None, to: to.map(str::to_owned) };
        let parameters = BTreeMap::from([
            ("autovacuum_vacuum_scale_factor".to_owned(), replaced(Some("0.01"))),
            ("fillfactor".to_owned(), replaced(None)),
        ]);
        let change = Change::SetStorageParameters { table: table(), table_oid: Oid(1), parameters };
        assert_eq!(change.sql(), "ALTER TABLE app.\"Orders\" SET (autovacuum_vacuum_scale_factor = '0.01'), RESET (fillfactor)");
    }

    #[test]
    fn a_vacuum_never_truncates_and_freezes_where_it_shall() {
        let vacuum = |freeze| Change::Vacuum { table: table(), table_oid: Oid(1), freeze }.sql();
        assert_eq!(vacuum(false), "VACUUM (SKIP_LOCKED, TRUNCATE FALSE) app.\"Orders\"");
        assert_eq!(vacuum(true), "VACUUM (FREEZE, SKIP_LOCKED, TRUNCATE FALSE) app.\"Orders\"");
    }

    #[test]
    fn values_of_parameters_are_constants() {
        let value = Replaced { from: None, to: Some("it's".to_owned()) };
        let change = Change::SetParameter { name: "application_name".to_owned(), value };
        assert_eq!(change.sql(), "ALTER SYSTEM SET application_name TO 'it''s'");
    }
}
