//! Making a candidate: a real index over a table that is, for the moment, one page long, whose files then get the size that the index would
//! have on the source.
//!
//! The owner makes it, so that code in its expressions has the owner's rights; the superuser corrects the catalog and, for access methods that
//! build in shared memory, moves the index once between tablespaces, so that none of its pages is held there when the file is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pgtailor_advisor::size::{PredictedIndex, StorageParameters, predict};
use pgtailor_model::index::{IndexDefinition, KeyPart};
use pgtailor_model::name::{Oid, quote_identifier};
use pgtailor_model::planner::{IndexHead, Relation, SchemaObjectKind};
use pgtailor_model::unit::Pages;
use pgtailor_model::what_if::{CandidateIndex, CandidateStatistics};
use pgtailor_postgres::lab_session::{LabSession, TextRow};
use pgtailor_postgres::session::ReadOnlySession;
use pgtailor_postgres::sizing::{Expressions, Facts, inputs_with, read_ahead};

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
    pub(crate) async fn open(twin: &Twin, superuser: &LabSession) -> Result<Self, TwinError> {
        superuser.run("prepare to make candidates", PREPARED).await?;
        let owner = twin.address.owner().await?;
        owner
            .run(
                "prepare the owner's session",
                "SET client_min_messages = error; SET search_path = pg_catalog, pg_temp; SET statement_timeout = '10s'",
            )
            .await?;
        Ok(Self { owner, reader: twin.session().await?, facts: Facts::default(), count: 0, has_elsewhere: false })
    }

    /// Makes `candidates`, visible to the planner; or says of each why it cannot be.
    ///
    /// What takes time is asking, so each question is one for all of them. The building of one that the server refuses is undone alone.
    pub(crate) async fn make_all(
        &mut self,
        twin: &Twin,
        superuser: &LabSession,
        candidates: &[&CandidateIndex],
    ) -> Result<Vec<Result<Made, String>>, TwinError> {
        let mut outcomes: Vec<Result<Made, String>> = Vec::with_capacity(candidates.len());
        let mut planned = Vec::with_capacity(candidates.len());
        for (place, outcome) in self.plan(twin, candidates).await?.into_iter().enumerate() {
            // Replaced below when it can be made.
            outcomes.push(Err(outcome.as_ref().err().cloned().unwrap_or_else(|| "the server lost it".to_owned())));
            planned.extend(outcome.ok().map(|planned| (place, planned)));
        }
        for (place, reason) in self.build(twin, &mut planned).await? {
            outcomes[place] = Err(reason);
        }
        if planned.is_empty() {
            return Ok(outcomes);
        }
        let mut found = find(superuser, &planned).await?;
        write_counters(superuser, &planned, &found).await?;
        self.move_files(superuser, &planned, &mut found).await?;
        let data = twin.lab.data_folder();
        for (place, planned) in planned {
            let family = found.remove(&planned.name).unwrap_or_default();
            for leaf in &planned.leaves {
                let Some(index) = family.iter().find(|index| index.table == leaf.own) else { continue };
                if let Some(path) = &index.path {
                    patch(&data, path, leaf.predicted, planned.method())?;
                }
                if planned.has_expression() {
                    let definition = &planned.candidate.definition;
                    expression::write(superuser, &self.owner, twin, leaf.table, index.oid, definition).await?;
                }
            }
            outcomes[place] = Ok(Made {
                indexes: family.iter().map(|index| index.oid).collect(),
                names: family.into_iter().map(|index| index.name).collect(),
                pages: Pages(planned.leaves.iter().map(|leaf| leaf.predicted.pages.0).sum()),
            });
        }
        Ok(outcomes)
    }

    /// Names, tables and sizes of candidates.
    async fn plan<'a>(
        &mut self,
        twin: &'a Twin,
        candidates: &[&'a CandidateIndex],
    ) -> Result<Vec<Result<Planned<'a>, String>>, TwinError> {
        let mut places = Vec::with_capacity(candidates.len());
        let mut by_table: BTreeMap<Oid, Vec<&IndexDefinition>> = BTreeMap::new();
        for candidate in candidates {
            let place = place_of(twin, candidate);
            for leaf in place.iter().flat_map(|(_, leaves)| leaves) {
                by_table.entry(leaf.1).or_default().push(&candidate.definition);
            }
            places.push(place);
        }
        for (table, definitions) in by_table {
            read_ahead(&self.reader, &mut self.facts, table, &definitions).await?;
        }
        let mut outcomes = Vec::with_capacity(candidates.len());
        for (candidate, place) in candidates.iter().zip(places) {
            outcomes.push(match place {
                Ok((table, leaves)) => self.sized(candidate, table, leaves).await?,
                Err(reason) => Err(reason),
            });
        }
        Ok(outcomes)
    }

    async fn sized<'a>(
        &mut self,
        candidate: &'a CandidateIndex,
        table: &'a Relation,
        tables: Vec<(&'a Relation, Oid)>,
    ) -> Result<Result<Planned<'a>, String>, TwinError> {
        let mut leaves = Vec::with_capacity(tables.len());
        for (table, own) in tables {
            let (definition, storage) = (&candidate.definition, StorageParameters::default());
            match inputs_with(&self.reader, &mut self.facts, own, definition, storage, Expressions::Compute).await? {
                Ok(inputs) => leaves.push(Leaf { table, own, predicted: predict(&inputs), rows: inputs.rows.0 }),
                Err(reason) => return Ok(Err(reason.to_string())),
            }
        }
        self.count += 1;
        Ok(Ok(Planned { candidate, table, name: format!("{PREFIX}{}", self.count), leaves }))
    }

    /// Builds them over tables of one page: a build reads every page. Takes those out that the server refuses, with their reasons.
    async fn build(&self, twin: &Twin, planned: &mut Vec<(usize, Planned<'_>)>) -> Result<Vec<(usize, String)>, TwinError> {
        let data = twin.lab.data_folder();
        let leaves = planned.iter().flat_map(|(_, planned)| &planned.leaves);
        let heaps: BTreeMap<&PathBuf, u64> =
            leaves.filter_map(|leaf| Some((twin.relations.get(&leaf.table.oid)?.path.as_ref()?, leaf.table.blocks?))).collect();
        let statements: Vec<String> = planned
            .iter()
            .map(|(_, Planned { candidate, table, name, .. })| {
                candidate.definition.create_sql(name, &table.name, pgtailor_model::index::Build::Blocking)
            })
            .collect();
        let texts: Vec<&str> = statements.iter().map(String::as_str).collect();
        heaps.keys().try_for_each(|path| files::shorten(&data, path))?;
        let built = self.owner.run_each("make a candidate", &texts).await;
        heaps.iter().try_for_each(|(path, blocks)| files::restore(&data, path, *blocks))?;
        let mut refused = Vec::new();
        let mut outcomes = built?.into_iter();
        planned.retain(|(place, _)| match outcomes.next() {
            Some(Ok(())) => true,
            outcome => {
                let sqlstate = outcome.and_then(|outcome| outcome.err()?.sqlstate().map(str::to_owned)).unwrap_or_default();
                refused.push((*place, format!("the server does not make such an index (SQLSTATE {sqlstate})")));
                false
            }
        });
        Ok(refused)
    }

    /// Gives those that are built in shared memory new files, of which no page is held there.
    async fn move_files(
        &mut self,
        superuser: &LabSession,
        planned: &[(usize, Planned<'_>)],
        found: &mut BTreeMap<String, Vec<Found>>,
    ) -> Result<(), TwinError> {
        let moved = planned.iter().filter(|(_, planned)| planned.is_held_in_memory());
        let names: BTreeSet<&str> = moved.map(|(_, planned)| planned.name.as_str()).collect();
        let families = || found.iter().filter(|(name, _)| names.contains(name.as_str())).flat_map(|(_, family)| family);
        let with_files: Vec<String> =
            families().filter(|index| index.path.is_some()).map(|index| index.oid.0.to_string()).collect();
        if with_files.is_empty() {
            return Ok(());
        }
        if !self.has_elsewhere {
            superuser.run("allow a tablespace inside the data folder", "SET allow_in_place_tablespaces = on").await?;
            superuser.run("make a tablespace", &format!("CREATE TABLESPACE {ELSEWHERE} LOCATION ''")).await?;
            self.has_elsewhere = true;
        }
        let list = with_files.join(", ");
        let sql = format!(
            "DO $$DECLARE i pg_catalog.oid; BEGIN FOREACH i IN ARRAY '{{{list}}}'::pg_catalog.oid[] LOOP
               EXECUTE 'ALTER INDEX ' || i::pg_catalog.regclass || ' SET TABLESPACE {ELSEWHERE}'; END LOOP; END$$;
             SELECT c.oid::text, pg_relation_filepath(c.oid) FROM pg_catalog.pg_class c WHERE c.oid IN ({list})"
        );
        let rows = superuser.rows("move candidates", &sql).await?;
        let after: BTreeMap<Oid, PathBuf> =
            rows.iter().filter_map(|row| Some((oid_in(row, 0)?, PathBuf::from(row.get(1)?.as_deref()?)))).collect();
        for index in found.values_mut().flatten() {
            if let Some(path) = after.get(&index.oid) {
                index.path = Some(path.clone());
            }
        }
        Ok(())
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

/// A candidate on its way.
struct Planned<'a> {
    candidate: &'a CandidateIndex,
    /// That of the candidate.
    table: &'a Relation,
    name: String,
    leaves: Vec<Leaf<'a>>,
}

/// A table with rows under it.
struct Leaf<'a> {
    table: &'a Relation,
    /// Its identifier in the twin.
    own: Oid,
    predicted: PredictedIndex,
    rows: u64,
}

impl Planned<'_> {
    fn method(&self) -> &str {
        &self.candidate.definition.method
    }

    fn has_expression(&self) -> bool {
        self.candidate.definition.keys.iter().any(|key| matches!(key.part, KeyPart::Expression(_)))
    }

    /// A range map of one page is what the build makes over a short table.
    fn is_held_in_memory(&self) -> bool {
        self.method() == "gin" || self.leaves.iter().any(|leaf| leaf.predicted.range_map.is_some_and(|pages| pages.0 > 1))
    }
}

/// An index in the twin.
struct Found {
    oid: Oid,
    name: String,
    table: Oid,
    /// `None` for the one of a partitioned table.
    path: Option<PathBuf>,
}

/// Questions and changes of every candidate, prepared in the superuser's session: planning them takes longer than carrying them out.
///
/// Indexes of partitions have names of the server's choice, so they are found by their parent.
const PREPARED: &str = "SET plan_cache_mode = force_generic_plan;
    PREPARE pgtailor_find (text[]) AS
      WITH RECURSIVE family (oid, root) AS (
        SELECT c.oid, c.relname FROM pg_catalog.pg_class c WHERE c.relname = ANY ($1) AND c.relkind IN ('i', 'I')
        UNION ALL SELECT h.inhrelid, f.root FROM pg_catalog.pg_inherits h JOIN family f ON h.inhparent = f.oid)
      SELECT f.root, c.oid::text, c.relname, i.indrelid::text, pg_relation_filepath(c.oid)
        FROM family f JOIN pg_catalog.pg_class c ON c.oid = f.oid JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid;
    PREPARE pgtailor_counters (oid[], int4[], float4[], int4[]) AS
      UPDATE pg_catalog.pg_class c SET relpages = v.pages, reltuples = v.tuples, relallvisible = v.visible
        FROM unnest($1, $2, $3, $4) AS v (oid, pages, tuples, visible) WHERE c.oid = v.oid";

/// The indexes that were made, by the names of candidates.
async fn find(superuser: &LabSession, planned: &[(usize, Planned<'_>)]) -> Result<BTreeMap<String, Vec<Found>>, TwinError> {
    let sql = format!("EXECUTE pgtailor_find ({})", array(planned.iter().map(|(_, planned)| planned.name.clone())));
    let mut found: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for row in superuser.rows("find candidates", &sql).await? {
        let text = |at: usize| row.get(at).cloned().flatten();
        let (Some(root), Some(oid), Some(name), Some(table)) = (text(0), oid_in(&row, 1), text(2), oid_in(&row, 3)) else {
            continue;
        };
        found.entry(root).or_default().push(Found { oid, name, table, path: text(4).map(PathBuf::from) });
    }
    Ok(found)
}

/// Building wrote what there is in the twin.
async fn write_counters(
    superuser: &LabSession,
    planned: &[(usize, Planned<'_>)],
    found: &BTreeMap<String, Vec<Found>>,
) -> Result<(), TwinError> {
    let mut counters: BTreeMap<Oid, [String; 3]> = BTreeMap::new();
    for (_, planned) in planned {
        for leaf in &planned.leaves {
            let table = leaf.table;
            counters.insert(leaf.own, [table.pages.to_string(), table.tuples.to_string(), table.all_visible.to_string()]);
            let family = found.get(&planned.name).into_iter().flatten();
            for index in family.filter(|index| index.table == leaf.own) {
                let predicted = [leaf.predicted.pages.0.to_string(), leaf.rows.to_string(), "0".to_owned()];
                counters.insert(index.oid, predicted);
            }
        }
    }
    let column = |at: usize| array(counters.values().map(move |numbers| numbers[at].clone()));
    let oids = array(counters.keys().map(|oid| oid.0.to_string()));
    let sql = format!("EXECUTE pgtailor_counters ({oids}, {}, {}, {})", column(0), column(1), column(2));
    Ok(superuser.run("write the counters of candidates", &sql).await?)
}

/// An array of names of ours or of numbers, as a constant.
fn array(elements: impl Iterator<Item = String>) -> String {
    format!("'{{{}}}'", elements.collect::<Vec<_>>().join(", "))
}

/// The table of a candidate, and the tables with rows under it with their identifiers in the twin.
type Place<'a> = (&'a Relation, Vec<(&'a Relation, Oid)>);

/// Where `candidate` would be, or why there can be no index.
fn place_of<'a>(twin: &'a Twin, candidate: &CandidateIndex) -> Result<Place<'a>, String> {
    let table = twin.inputs.relations.iter().find(|relation| relation.oid == candidate.table);
    let table = table.ok_or("the table is not in the twin")?;
    let leaves = leaves_of(twin, table).into_iter().map(|leaf| Some((leaf, twin.relations.get(&leaf.oid)?.oid)));
    let leaves = leaves.collect::<Option<Vec<_>>>().ok_or("a partition is not in the twin")?;
    if leaves.is_empty() {
        return Err("nothing is known of the size of the table".to_owned());
    }
    Ok((table, leaves))
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
