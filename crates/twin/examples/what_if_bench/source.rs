//! What the source itself says: with an index really built, and with one of HypoPG's. Knows no twin.
//!
//! An index is built in a transaction that is rolled back, so that nothing of it stays; the counters of tables, which building changes in
//! place, are put back before planning and again behind it.

use std::collections::BTreeSet;

use pgtailor_model::index::{Build, IndexDefinition, KeyPart};
use pgtailor_model::name::{QualifiedName, quote_literal};
use pgtailor_postgres::error::Error;
use pgtailor_postgres::lab_session::LabSession;
use serde_json::Value;

use crate::support::Source;
use crate::support::candidates::STATEMENTS;

/// The settings under which the captured plans were made.
const SETTINGS: &str =
    "SET search_path = pg_catalog, public, pg_temp; SET \"DateStyle\" = 'ISO'; SET \"IntervalStyle\" = 'postgres';
    SET \"TimeZone\" = 'UTC'; SET allow_system_table_mods = on; SET client_min_messages = error";

/// Counters and statistics as they are before anything is built.
const KEEP: &str = "CREATE TEMP TABLE kept_counters AS
      SELECT oid, relpages, reltuples, relallvisible FROM pg_class WHERE relkind IN ('r', 'm', 'p', 'i');
    CREATE TEMP TABLE kept_columns (LIKE pg_statistic);
    INSERT INTO kept_columns SELECT * FROM pg_statistic;
    CREATE TEMP TABLE kept_extended AS SELECT * FROM pg_statistic_ext_data";

const PUT_BACK_COUNTERS: &str =
    "UPDATE pg_class c SET relpages = k.relpages, reltuples = k.reltuples, relallvisible = k.relallvisible
     FROM kept_counters k WHERE k.oid = c.oid
      AND (c.relpages, c.reltuples, c.relallvisible) IS DISTINCT FROM (k.relpages, k.reltuples, k.relallvisible)";

/// Leaves what is known of the new index: another sample of the others would change every plan.
const PUT_BACK_STATISTICS: &str = "DELETE FROM pg_statistic WHERE starelid IN (SELECT starelid FROM kept_columns);
    INSERT INTO pg_statistic SELECT * FROM kept_columns;
    DELETE FROM pg_statistic_ext_data WHERE stxoid IN (SELECT stxoid FROM kept_extended);
    INSERT INTO pg_statistic_ext_data SELECT * FROM kept_extended";

const NAME: &str = "pgtailor_bench";

/// The new index with those of partitions.
const FAMILY: &str = "WITH RECURSIVE family (oid) AS (SELECT 'public.pgtailor_bench'::regclass::oid
    UNION ALL SELECT h.inhrelid FROM pg_inherits h JOIN family f ON h.inhparent = f.oid)";

/// What was said about all statements with one index.
pub struct Answer {
    pub plans: Vec<Plan>,
    pub pages: u64,
}

/// What was said about one.
#[derive(Clone, Copy)]
pub struct Plan {
    pub cost: f64,
    pub is_used: bool,
}

/// A session of the source.
pub struct Bench {
    session: LabSession,
    /// Names of the indexes that were there before.
    existing: BTreeSet<String>,
}

impl Bench {
    pub async fn open(source: &Source, existing: BTreeSet<String>) -> Result<Self, Error> {
        let session = LabSession::connect(&source.database).await?;
        session.run("prepare the bench", SETTINGS).await?;
        session.run("keep counters", KEEP).await?;
        Ok(Self { session, existing })
    }

    /// With the index really there.
    pub async fn built(&self, definition: &IndexDefinition, table: &str) -> Result<Answer, Box<dyn std::error::Error>> {
        let run = async |sql: &str| self.session.run("build an index", sql).await;
        run("BEGIN").await?;
        run(&definition.create_sql(NAME, &QualifiedName::new("public", table), Build::Blocking)).await?;
        if definition.keys.iter().any(|key| matches!(key.part, KeyPart::Expression(_))) {
            run(&format!("ANALYZE public.{table}")).await?;
            run(PUT_BACK_STATISTICS).await?;
        }
        run(PUT_BACK_COUNTERS).await?;
        // Rows that were updated in place make an index unusable for the transaction that built it.
        run(&format!("UPDATE pg_index SET indcheckxmin = false WHERE indexrelid IN ({FAMILY} SELECT oid FROM family)")).await?;
        let plans = self.plans().await?;
        let pages = self.number(&format!("{FAMILY} SELECT (sum(pg_relation_size(oid)) / 8192)::int8::text FROM family")).await?;
        run("ROLLBACK").await?;
        run(PUT_BACK_COUNTERS).await?;
        Ok(Answer { plans, pages })
    }

    /// With the same of HypoPG on each of `tables`; `None` when it makes no such index.
    pub async fn hypothetical(
        &self,
        definition: &IndexDefinition,
        tables: &[String],
    ) -> Result<Option<Answer>, Box<dyn std::error::Error>> {
        for table in tables {
            let sql = definition.create_sql(NAME, &QualifiedName::new("public", table), Build::Blocking);
            let made = format!("SELECT * FROM hypopg_create_index({})", quote_literal(&sql));
            if self.session.rows("make a hypothetical index", &made).await.is_err() {
                return Ok(None);
            }
        }
        let plans = self.plans().await?;
        let pages =
            self.number("SELECT (sum(hypopg_relation_size(indexrelid)) / 8192)::int8::text FROM hypopg_list_indexes").await?;
        self.session.rows("forget hypothetical indexes", "SELECT hypopg_reset()").await?;
        Ok(Some(Answer { plans, pages }))
    }

    /// `table`, or its partitions.
    pub async fn leaves(&self, table: &str) -> Result<Vec<String>, Error> {
        let sql = format!(
            "SELECT c.relname FROM pg_partition_tree('public.{table}') t JOIN pg_class c ON c.oid = t.relid WHERE t.isleaf
             UNION SELECT c.relname FROM pg_class c WHERE c.oid = 'public.{table}'::regclass AND c.relkind <> 'p'"
        );
        Ok(self.session.rows("find partitions", &sql).await?.into_iter().filter_map(|row| row.into_iter().next()?).collect())
    }

    async fn number(&self, sql: &str) -> Result<u64, Box<dyn std::error::Error>> {
        let rows = self.session.rows("read a size", sql).await?;
        Ok(rows.first().and_then(|row| row.first()?.as_deref()).ok_or("no size")?.parse()?)
    }

    async fn plans(&self) -> Result<Vec<Plan>, Box<dyn std::error::Error>> {
        let mut plans = Vec::with_capacity(STATEMENTS.len());
        for text in STATEMENTS {
            let rows = self.session.rows("plan a statement", &format!("EXPLAIN (FORMAT JSON) {text}")).await?;
            let plan: Value = serde_json::from_str(rows.first().and_then(|row| row.first()?.as_deref()).ok_or("no plan")?)?;
            let top = &plan[0]["Plan"];
            plans.push(Plan { cost: top["Total Cost"].as_f64().ok_or("no cost")?, is_used: self.uses_another(top) });
        }
        Ok(plans)
    }

    /// Whether a plan uses an index that was not there before; those of partitions have names of the server's choice.
    fn uses_another(&self, node: &Value) -> bool {
        node["Index Name"].as_str().is_some_and(|name| !self.existing.contains(name))
            || node["Plans"].as_array().into_iter().flatten().any(|below| self.uses_another(below))
    }
}
