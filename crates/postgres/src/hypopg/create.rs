//! The functions of HypoPG, and what an index is before it is made.
//!
//! Only functions that belong to the extension and are written in C are called, each by its schema and exact types, so that a namesake
//! of somebody else is not met. Making an index plans its expressions and its predicate, which computes what is in them: in a session with
//! power over others they may name built-in code only, as statements.

use std::collections::BTreeMap;

use pgtailor_advisor::size::{PredictedIndex, StorageParameters, predict};
use pgtailor_model::index::{Build, IndexDefinition, KeyPart};
use pgtailor_model::name::{Oid, QualifiedName, printable, quote_identifier};
use pgtailor_model::unit::{Bytes, Pages, Rows};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::correct::{Prices, Tree};
use crate::canonical::{canonical_definition, lone_expression};
use crate::error::Error;
use crate::planning::{ForeignCode, Trust};
use crate::session::{ReadOnlySession, show};
use crate::sizing::{Expressions, index_inputs};

/// The extension's functions in C; no row when it is not there.
const FIND: &str = "\
SELECT /* pgtailor */ e.extversion::text AS version, n.nspname::text AS schema, array_agg(p.proname::text) AS functions
  FROM pg_extension e
  JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
   AND d.classid = 'pg_proc'::regclass
  JOIN pg_proc p ON p.oid = d.objid
  JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'c'
  JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE e.extname = 'hypopg'
 GROUP BY e.extversion, n.nspname";

/// Functions that every version since 1.0 has.
const NEEDED: &[&str] = &["hypopg_create_index", "hypopg_drop_index", "hypopg_relation_size", "hypopg_reset"];

/// Functions of version 1.4.
const HIDING: &[&str] = &["hypopg_hide_index", "hypopg_unhide_index"];

/// HypoPG takes B-trees for a fifth larger than their fill factor says (`additional_bloat` in `hypo_estimate_index`): full pages come nearest
/// to what `CREATE INDEX` makes.
const FILLFACTOR: &str = " WITH (fillfactor = 100)";

/// The extension in a database.
pub(super) struct Extension {
    schema: String,
    pub version: String,
    /// Whether existing indexes can be left out.
    pub can_hide: bool,
}

/// What an index would be.
pub(super) struct Measured {
    /// Its definition with constants computed, as the planner reads those of real indexes (`RelationGetIndexPredicate` in `relcache.c`):
    /// HypoPG leaves them as they are written, and the planner then finds no likeness to a statement.
    definition: IndexDefinition,
    /// On each table with rows.
    pub leaves: Vec<Leaf>,
}

/// A table with rows, and what the index would be there.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    table: QualifiedName,
    pub predicted: PredictedIndex,
    rows: Rows,
    block_size: Bytes,
}

/// An index that the planner sees.
#[derive(Clone, Debug)]
pub(super) struct Hypothetical {
    pub oid: Oid,
    /// As plans have it.
    pub name: String,
    /// `None` for other methods, of which nothing is corrected.
    pub tree: Option<Tree>,
}

impl Extension {
    /// Finds it, loads it into the session and begins with nothing hypothetical; or says why it cannot be used.
    pub(super) async fn find(session: &ReadOnlySession) -> Result<Result<Self, String>, Error> {
        let found = rows(session, "look for HypoPG", FIND, &[]).await?;
        let Some(row) = found.first() else {
            return Ok(Err("HypoPG is not installed in this database; a twin needs no extension, and an administrator can run \
                           CREATE EXTENSION hypopg where the server has its package"
                .to_owned()));
        };
        let functions: Vec<String> = row.get("functions");
        let has = |all: &[&str]| all.iter().all(|name| functions.iter().any(|function| function == name));
        let version = printable(row.get("version"));
        if !has(NEEDED) {
            return Ok(Err(format!(
                "HypoPG {version} has not the functions that are needed; ALTER EXTENSION hypopg UPDATE may help"
            )));
        }
        let extension = Self { schema: row.get("schema"), version, can_hide: has(HIDING) };
        match extension.call(session, "hypopg_reset()", &[]).await {
            Ok(_) => Ok(Ok(extension)),
            Err(error) => reason(error).map(|reason| Err(format!("HypoPG cannot be used here: {reason}"))),
        }
    }

    /// Makes an index on one of its tables; or says why HypoPG does not.
    pub(super) async fn create(
        &self,
        session: &ReadOnlySession,
        measured: &Measured,
        leaf: &Leaf,
    ) -> Result<Result<Hypothetical, String>, Error> {
        let definition = &measured.definition;
        let sql = create_sql(definition, &leaf.table);
        let made = match self.call(session, "hypopg_create_index($1)", &[(&sql, Type::TEXT)]).await {
            Ok(made) => made,
            Err(error) => return reason(error).map(|reason| Err(format!("HypoPG makes no such index: {reason}"))),
        };
        let [row] = &made[..] else { return Ok(Err("HypoPG makes no index of this definition".to_owned())) };
        let (oid, name): (u32, String) = (row.get("indexrelid"), row.get("indexname"));
        let tree = if definition.method == "btree" {
            let size = self.call(session, "hypopg_relation_size($1) AS bytes", &[(&oid, Type::OID)]).await?;
            let bytes = size.first().map(|row| row.get::<_, i64>("bytes")).and_then(|bytes| u64::try_from(bytes).ok());
            let assumed_pages = Pages(bytes.unwrap_or_default().div_ceil(leaf.block_size.0.max(1)));
            let leading = match definition.keys.first().map(|key| &key.part) {
                Some(KeyPart::Column(name)) => Some(quote_identifier(name)),
                _ => None,
            };
            Some(Tree { leading, levels: leaf.predicted.levels, pages: leaf.predicted.pages, assumed_pages, rows: leaf.rows })
        } else {
            None
        };
        Ok(Ok(Hypothetical { oid: Oid(oid), name, tree }))
    }

    /// Takes a hypothetical index away.
    pub(super) async fn drop(&self, session: &ReadOnlySession, index: Oid) -> Result<(), Error> {
        self.call(session, "hypopg_drop_index($1)", &[(&index.0, Type::OID)]).await.map(drop)
    }

    /// Leaves an existing index out.
    pub(super) async fn hide(&self, session: &ReadOnlySession, index: Oid) -> Result<(), Error> {
        self.call(session, "hypopg_hide_index($1)", &[(&index.0, Type::OID)]).await.map(drop)
    }

    /// Lets an existing index be seen again.
    pub(super) async fn unhide(&self, session: &ReadOnlySession, index: Oid) -> Result<(), Error> {
        self.call(session, "hypopg_unhide_index($1)", &[(&index.0, Type::OID)]).await.map(drop)
    }

    async fn call(
        &self,
        session: &ReadOnlySession,
        call: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Error> {
        let sql = format!("SELECT /* pgtailor */ * FROM {}.{call}", quote_identifier(&self.schema));
        rows(session, "ask HypoPG", &sql, parameters).await
    }
}

/// What `definition` would be on each of `tables`, or why it cannot be.
pub(super) async fn measure(
    session: &ReadOnlySession,
    tables: &[(Oid, QualifiedName)],
    definition: &IndexDefinition,
) -> Result<Result<Measured, String>, Error> {
    let Some((_, first)) = tables.first() else {
        return Ok(Err("the table is not in the catalog, or has no partition".to_owned()));
    };
    let expressions = definition.keys.iter().filter_map(|key| match &key.part {
        KeyPart::Expression(text) => Some(text.as_str()),
        KeyPart::Column(_) => None,
    });
    let texts: Vec<&str> = expressions.chain(definition.predicate.as_deref()).collect();
    if let Some(reason) = texts.iter().find_map(|text| lone_expression(text).err()) {
        return Ok(Err(format!("its key or predicate cannot be used: {reason}")));
    }
    let mut computed = definition.clone();
    if !texts.is_empty() {
        let trust = Trust::read(&session.client, ForeignCode::Refuse).await?;
        if let Err(refusal) = trust.check(&format!("SELECT {}", create_sql(definition, first))) {
            return Ok(Err(refusal.reason));
        }
        match canonical_definition(session, first, definition).await? {
            Ok(definition) => computed = definition,
            Err(error) => return Ok(Err(format!("its key or predicate cannot be used: {error}"))),
        }
    }
    let mut leaves = Vec::with_capacity(tables.len());
    for (oid, table) in tables {
        match index_inputs(session, *oid, definition, StorageParameters::default(), Expressions::Plan).await? {
            Ok(inputs) => leaves.push(Leaf {
                table: table.clone(),
                predicted: predict(&inputs),
                rows: inputs.rows,
                block_size: inputs.block_size,
            }),
            Err(reason) => return Ok(Err(reason.to_string())),
        }
    }
    Ok(Ok(Measured { definition: computed, leaves }))
}

/// The settings of this session that corrections are counted in.
pub(super) async fn prices(session: &ReadOnlySession) -> Result<Prices, Error> {
    let mut found = BTreeMap::new();
    for name in ["cpu_operator_cost", "cpu_tuple_cost", "random_page_cost"] {
        found.insert(name.to_owned(), show(&session.client, name).await?);
    }
    Ok(Prices { operator: 0.0, tuple: 0.0, random_page: 0.0 }.under(&found))
}

impl Prices {
    /// The same where `settings` do not say otherwise.
    pub(super) fn under(self, settings: &BTreeMap<String, String>) -> Self {
        let or = |name: &str, own: f64| settings.get(name).and_then(|text| text.trim().parse().ok()).unwrap_or(own);
        Self {
            operator: or("cpu_operator_cost", self.operator),
            tuple: or("cpu_tuple_cost", self.tuple),
            random_page: or("random_page_cost", self.random_page),
        }
    }
}

/// The statement that HypoPG reads; it gives the index a name of its own.
fn create_sql(definition: &IndexDefinition, table: &QualifiedName) -> String {
    let whole = IndexDefinition { predicate: None, ..definition.clone() };
    let mut sql = whole.create_sql("pgtailor_hypothetical", table, Build::Blocking);
    if definition.method == "btree" {
        sql.push_str(FILLFACTOR);
    }
    if let Some(predicate) = &definition.predicate {
        sql.push_str(" WHERE ");
        sql.push_str(predicate);
    }
    sql
}

/// What the server refused, in its words: HypoPG's own name the definition and no data. An error when the session is gone.
fn reason(error: Error) -> Result<String, Error> {
    match &error {
        Error::Server { sqlstate, message, .. } if !error.is_connection_lost() => {
            Ok(format!("{} (SQLSTATE {sqlstate})", message.trim_start_matches("hypopg: ")))
        }
        _ => Err(error),
    }
}

async fn rows(
    session: &ReadOnlySession,
    doing: &str,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Row>, Error> {
    session.client.query_typed(sql, parameters).await.map_err(|error| Error::query(doing, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_btree_is_asked_for_with_full_pages_before_its_predicate() {
        let table = QualifiedName::new("public", "t");
        let partial = IndexDefinition { predicate: Some("b > 3".to_owned()), ..IndexDefinition::btree(["a"]) };
        assert_eq!(
            create_sql(&partial, &table),
            "CREATE INDEX pgtailor_hypothetical ON public.t (a) WITH (fillfactor = 100) WHERE b > 3"
        );
        let hash = IndexDefinition { method: "hash".to_owned(), ..IndexDefinition::btree(["a"]) };
        assert!(!create_sql(&hash, &table).contains("fillfactor"));
    }

    #[test]
    fn settings_of_the_configuration_come_before_those_of_the_session() {
        let prices = Prices { operator: 0.0025, tuple: 0.01, random_page: 4.0 };
        let settings = BTreeMap::from([("random_page_cost".to_owned(), "1.1".to_owned())]);
        assert_eq!(prices.under(&settings), Prices { random_page: 1.1, ..prices });
    }
}
