//! Making a candidate: a real index over a table that is, for the moment, one page long, whose files then get the size that the index would
//! have on the source.
//!
//! The owner makes it, so that code in its expressions has the owner's rights; the superuser corrects the catalog and, for access methods that
//! build in shared memory, moves the index once between tablespaces, so that none of its pages is held there when the file is changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pgtailor_advisor::size::{PredictedIndex, StorageParameters, predict};
use pgtailor_model::index::KeyPart;
use pgtailor_model::name::{Oid, quote_identifier};
use pgtailor_model::planner::{IndexHead, Relation, SchemaObjectKind};
use pgtailor_model::unit::Pages;
use pgtailor_model::what_if::{CandidateIndex, CandidateStatistics};
use pgtailor_postgres::lab_session::{LabSession, TextRow};
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_postgres::sizing::{Expressions, Facts, inputs_with};

use crate::error::TwinError;
use crate::expression;
use crate::files::{self, Patch};
use crate::raise::Twin;
use crate::what_if_statistics;

/// What the names of all candidates begin with.
const PREFIX: &str = "pgtailor_candidate_";

/// `BRIN_DEFAULT_PAGES_PER_RANGE` in `brin.h`: a candidate has no options.
const PAGES_PER_RANGE: u32 = 128;

/// A tablespace inside the data folder.
const ELSEWHERE: &str = "pgtailor_elsewhere";

/// A candidate in the twin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    /// Its identifiers there: one, or for a partitioned table its own and one for each partition.
    pub indexes: Vec<Oid>,
    /// Names of the same.
    pub names: Vec<String>,
    /// All pages together.
    pub pages: Pages,
}

/// Makes candidates.
pub(crate) struct Maker {
    owner: LabSession,
    /// Reads what sizes follow from.
    reader: ReadOnlySession,
    facts: Facts,
    count: usize,
    has_elsewhere: bool,
}

impl Maker {
    pub(crate) async fn open(twin: &Twin) -> Result<Self, TwinError> {
        let owner = twin.address.owner().await?;
        owner
            .run(
                "prepare the owner's session",
                "SET client_min_messages = error; SET search_path = pg_catalog, pg_temp; SET statement_timeout = '10s'",
            )
            .await?;
        Ok(Self { owner, reader: twin.session().await?, facts: Facts::default(), count: 0, has_elsewhere: false })
    }

    /// Makes `candidate`, visible to the planner; or says why it cannot be.
    pub(crate) async fn make(
        &mut self,
        twin: &Twin,
        superuser: &LabSession,
        candidate: &CandidateIndex,
    ) -> Result<Result<Made, String>, TwinError> {
        let Some(table) = twin.inputs.relations.iter().find(|relation| relation.oid == candidate.table) else {
            return Ok(Err("the table is not in the twin".to_owned()));
        };
        self.count += 1;
        let name = format!("{PREFIX}{}", self.count);
        let leaves = leaves_of(twin, table);
        if leaves.is_empty() {
            return Ok(Err("nothing is known of the size of the table".to_owned()));
        }
        let mut predicted = Vec::with_capacity(leaves.len());
        for leaf in &leaves {
            let Some(own) = twin.relations.get(&leaf.oid) else { return Ok(Err("a partition is not in the twin".to_owned())) };
            let storage = StorageParameters::default();
            match inputs_with(&self.reader, &mut self.facts, own.oid, &candidate.definition, storage, Expressions::Compute)
                .await?
            {
                Ok(inputs) => predicted.push((predict(&inputs), inputs.rows.0)),
                Err(reason) => return Ok(Err(reason.to_string())),
            }
        }
        let data = twin.lab.data_folder();
        let heaps: Vec<(PathBuf, u64)> =
            leaves.iter().filter_map(|leaf| Some((twin.relations.get(&leaf.oid)?.path.clone()?, leaf.blocks?))).collect();
        // A build reads every page of the table.
        heaps.iter().try_for_each(|(path, _)| files::shorten(&data, path))?;
        let sql = candidate.definition.create_sql(&name, &table.name, pgtailor_model::index::Build::Blocking);
        let outcome = self.owner.run("make a candidate", &sql).await;
        heaps.iter().try_for_each(|(path, blocks)| files::restore(&data, path, *blocks))?;
        if let Err(error) = outcome {
            if error.is_connection_lost() {
                return Err(error.into());
            }
            return Ok(Err(format!(
                "the server does not make such an index (SQLSTATE {})",
                error.sqlstate().unwrap_or_default()
            )));
        }
        let made = self.finish(twin, superuser, &name, &leaves, &predicted, &candidate.definition.method).await?;
        if candidate.definition.keys.iter().any(|key| matches!(key.part, KeyPart::Expression(_))) {
            for (leaf, index) in leaves.iter().zip(&made.leaves) {
                expression::write(superuser, &self.owner, twin, leaf, *index, &candidate.definition).await?;
            }
        }
        let pages = Pages(predicted.iter().map(|(predicted, _)| predicted.pages.0).sum());
        Ok(Ok(Made {
            indexes: made.all.iter().map(|(oid, _)| *oid).collect(),
            names: made.all.into_iter().map(|(_, name)| name).collect(),
            pages,
        }))
    }

    /// Puts the catalog and the files right.
    async fn finish(
        &mut self,
        twin: &Twin,
        superuser: &LabSession,
        name: &str,
        leaves: &[&Relation],
        predicted: &[(PredictedIndex, u64)],
        method: &str,
    ) -> Result<Finished, TwinError> {
        // Indexes of partitions have names of the server's choice: found by their parent.
        let found = superuser
            .rows(
                "find a candidate",
                &format!(
                    "WITH RECURSIVE family (oid) AS (
                       SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname = '{name}' AND c.relkind IN ('i', 'I')
                       UNION ALL SELECT h.inhrelid FROM pg_catalog.pg_inherits h JOIN family f ON h.inhparent = f.oid)
                     SELECT c.oid::text, c.relname, i.indrelid::text, pg_relation_filepath(c.oid)
                       FROM family f JOIN pg_catalog.pg_class c ON c.oid = f.oid JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
                ),
            )
            .await?;
        let all: Vec<(Oid, String)> = found.iter().filter_map(|row| Some((oid_in(row, 0)?, row.get(1)?.clone()?))).collect();
        let by_table: BTreeMap<Oid, Oid> = found.iter().filter_map(|row| Some((oid_in(row, 2)?, oid_in(row, 0)?))).collect();
        let mut updates = String::new();
        let mut indexes = Vec::with_capacity(leaves.len());
        for (leaf, (predicted, rows)) in leaves.iter().zip(predicted) {
            let own = twin.relations.get(&leaf.oid).map(|own| own.oid).unwrap_or_default();
            let index = by_table.get(&own).copied().unwrap_or_default();
            let _ = write!(
                updates,
                "UPDATE pg_catalog.pg_class SET relpages = {}, reltuples = {}, relallvisible = {} WHERE oid = {own};
                 UPDATE pg_catalog.pg_class SET relpages = {}, reltuples = {rows} WHERE oid = {index};",
                leaf.pages, leaf.tuples, leaf.all_visible, predicted.pages.0
            );
            indexes.push(index);
        }
        superuser.run("write a candidate's counters", &updates).await?;
        let mut paths: BTreeMap<Oid, PathBuf> =
            found.iter().filter_map(|row| Some((oid_in(row, 0)?, PathBuf::from(row.get(3)?.as_deref()?)))).collect();
        // A range map of one page is what the build makes over a short table.
        let has_longer_map = predicted.iter().any(|(predicted, _)| predicted.range_map.is_some_and(|pages| pages.0 > 1));
        if method == "gin" || has_longer_map {
            paths = self.moved(superuser, &all, paths).await?;
        }
        let data = twin.lab.data_folder();
        for (index, (predicted, _)) in indexes.iter().zip(predicted) {
            if let Some(path) = paths.get(index) {
                patch(&data, path, *predicted, method)?;
            }
        }
        Ok(Finished { all, leaves: indexes })
    }

    /// New files of which no page is in shared memory.
    async fn moved(
        &mut self,
        superuser: &LabSession,
        all: &[(Oid, String)],
        before: BTreeMap<Oid, PathBuf>,
    ) -> Result<BTreeMap<Oid, PathBuf>, TwinError> {
        if !self.has_elsewhere {
            superuser.run("allow a tablespace inside the data folder", "SET allow_in_place_tablespaces = on").await?;
            superuser.run("make a tablespace", &format!("CREATE TABLESPACE {ELSEWHERE} LOCATION ''")).await?;
            self.has_elsewhere = true;
        }
        let mut after = BTreeMap::new();
        for (oid, _) in all.iter().filter(|(oid, _)| before.contains_key(oid)) {
            let sql = format!(
                "DO $$BEGIN EXECUTE 'ALTER INDEX ' || {}::pg_catalog.regclass || ' SET TABLESPACE {ELSEWHERE}'; END$$",
                oid.0
            );
            superuser.run("move a candidate", &sql).await?;
            let rows = superuser.rows("find a candidate", &format!("SELECT pg_relation_filepath({}::oid)", oid.0)).await?;
            if let Some(path) = rows.first().and_then(|row| row.first()?.clone()) {
                after.insert(*oid, PathBuf::from(path));
            }
        }
        Ok(after)
    }

    /// Makes the object of extended statistics, without data.
    pub(crate) async fn make_statistics(
        &mut self,
        twin: &Twin,
        superuser: &LabSession,
        candidate: &CandidateStatistics,
    ) -> Result<Result<Oid, String>, TwinError> {
        let Some(table) = twin.inputs.relations.iter().find(|relation| relation.oid == candidate.table) else {
            return Ok(Err("the table is not in the twin".to_owned()));
        };
        self.count += 1;
        let name = format!("{PREFIX}{}", self.count);
        let columns: Vec<String> = candidate.columns.iter().map(|column| quote_identifier(column)).collect();
        let sql = format!(
            "CREATE STATISTICS {}.{name} ON {} FROM {}",
            quote_identifier(&table.name.schema),
            columns.join(", "),
            table.name.sql()
        );
        if let Err(error) = self.owner.run("make candidate statistics", &sql).await {
            return Ok(Err(format!(
                "the server does not make such statistics (SQLSTATE {})",
                error.sqlstate().unwrap_or_default()
            )));
        }
        let found = superuser
            .rows(
                "find candidate statistics",
                &format!("SELECT s.oid::text FROM pg_catalog.pg_statistic_ext s WHERE s.stxname = '{name}'"),
            )
            .await?;
        Ok(found.first().and_then(|row| oid_in(row, 0)).ok_or_else(|| "the server lost the statistics".to_owned()))
    }

    /// Gives the object its data.
    pub(crate) async fn fill_statistics(
        &self,
        twin: &Twin,
        superuser: &LabSession,
        oid: Oid,
        candidate: &CandidateStatistics,
    ) -> Result<Result<(), String>, TwinError> {
        what_if_statistics::fill(superuser, twin.server_version, oid, candidate).await
    }

    /// Takes its data away.
    pub(crate) async fn empty_statistics(&self, superuser: &LabSession, oid: Oid) -> Result<(), TwinError> {
        what_if_statistics::empty(superuser, oid).await
    }
}

/// Identifiers in the twin.
struct Finished {
    /// Every index with its name.
    all: Vec<(Oid, String)>,
    /// Those with files, in the order of the leaves.
    leaves: Vec<Oid>,
}

fn oid_in(row: &TextRow, at: usize) -> Option<Oid> {
    row.get(at)?.as_deref()?.parse().ok().map(Oid)
}

/// The tables with rows under `table`: itself, or the partitions below it.
fn leaves_of<'a>(twin: &'a Twin, table: &'a Relation) -> Vec<&'a Relation> {
    if table.blocks.is_some() {
        return vec![table];
    }
    let children = |parent: Oid| {
        let kin = twin
            .inputs
            .schema
            .iter()
            .filter(move |object| object.kind == SchemaObjectKind::Partition && object.needs.contains(&parent));
        kin.filter_map(|object| object.table)
    };
    let mut leaves = Vec::new();
    for child in children(table.oid) {
        if let Some(relation) = twin.inputs.relations.iter().find(|relation| relation.oid == child) {
            leaves.extend(leaves_of(twin, relation));
        }
    }
    leaves
}

fn patch(data: &Path, path: &Path, predicted: PredictedIndex, method: &str) -> Result<(), TwinError> {
    let head = match method {
        "btree" => Some(IndexHead::BTree { levels: predicted.levels }),
        "gin" => predicted.gin.map(IndexHead::Gin),
        "brin" => predicted.range_map.filter(|pages| pages.0 > 1).map(|pages| IndexHead::Brin {
            pages_per_range: PAGES_PER_RANGE,
            map_pages: u32::try_from(pages.0).unwrap_or(u32::MAX),
        }),
        _ => None,
    };
    files::apply(data, &Patch { path: path.to_owned(), blocks: predicted.pages.0, head })
}
