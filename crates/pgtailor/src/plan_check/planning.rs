//! A twin with what planning in it needs: its catalog, sessions, and indexes of the change at the size that they would have.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pgtailor_model::binding::Binding;
use pgtailor_model::catalog::{Catalog, Table};
use pgtailor_model::name::{Oid, QualifiedName, quote_identifier};
use pgtailor_model::planner::{Inexact, PlannerInputs};
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::what_if::{CandidateIndex, Configuration, Planned, Question};
use pgtailor_model::workload::{Query, Workload};
use pgtailor_postgres::capture::{CaptureOptions, capture};
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::lab_session::LabSession;
use pgtailor_postgres::planning::{BindOptions, BindReport, Prepared, bind};
use pgtailor_twin::{DATABASE, RaiseOptions, Raised, Twin, TwinWhatIf};

use crate::error::Error;

/// Sessions that plan: one a core of what continuous integration usually gives; more gain nothing.
const SESSIONS: usize = 2;

/// A twin that plans.
pub(super) struct Planning {
    what_if: TwinWhatIf,
    /// Of the twin, with the twin's own identifiers.
    catalog: Catalog,
    /// Identifiers on the source by name.
    on_source: BTreeMap<QualifiedName, Oid>,
    /// Indexes of the change.
    base: Configuration,
}

/// A statement with one set of values.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub statement: &'a Prepared,
    pub binding: Option<&'a Binding>,
    pub weight: f64,
}

/// Raises a twin; what it lacks beside it.
pub(super) async fn raised(snapshot: &Snapshot, options: &RaiseOptions) -> Result<(Twin, Vec<Inexact>), Error> {
    let Raised { twin, inexact } = Twin::raise(snapshot, options).await?;
    Ok((twin, inexact))
}

/// What to ask of a statement: each set of values that stands for some of its executions, or the plan of any values.
pub(super) fn asked<'a>(query: &'a Query, statement: &'a Prepared) -> Vec<Asked<'a>> {
    let weighed = query.bindings.iter().filter(|binding| binding.weight > 0.0);
    let asked: Vec<Asked<'a>> =
        weighed.map(|binding| Asked { statement, binding: Some(binding), weight: binding.weight }).collect();
    if asked.is_empty() { vec![Asked { statement, binding: None, weight: 1.0 }] } else { asked }
}

impl Planning {
    /// Reads the twin's catalog and opens its sessions.
    pub(super) async fn open(twin: Twin) -> Result<Self, Error> {
        let catalog = capture(&mut twin.session().await?, &CaptureOptions::default()).await?.catalog;
        let on_source = twin.inputs().relations.iter().map(|relation| (relation.name.clone(), relation.oid)).collect();
        let what_if = TwinWhatIf::open(twin, SESSIONS).await?;
        Ok(Self { what_if, catalog, on_source, base: Configuration::default() })
    }

    pub(super) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The table of this name on the source; `None` for one that the change makes.
    pub(super) fn on_source(&self, table: &QualifiedName) -> Option<Oid> {
        self.on_source.get(table).copied()
    }

    /// Indexes that the change made are empty, and the planner would take them for tiny: they are dropped, and stand again as candidates,
    /// which have the size that the index would have.
    pub(super) async fn move_new_indexes(&mut self, inputs: &PlannerInputs) -> Result<(), Error> {
        let known: BTreeSet<&QualifiedName> = inputs.relations.iter().map(|relation| &relation.name).collect();
        let mut moved: Vec<(Oid, CandidateIndex, String)> = Vec::new();
        // Those of partitioned tables first: they bring those of their partitions, which go with them.
        let (parents, others): (Vec<&Table>, Vec<&Table>) =
            self.catalog.tables.iter().partition(|table| table.partition_of.is_none());
        for table in parents.into_iter().chain(others) {
            let Some(source) = self.on_source(&table.name) else { continue };
            for index in &table.indexes {
                let name = QualifiedName::new(&table.name.schema, &index.name);
                let (Some(definition), None, false) = (&index.definition, &index.constraint, known.contains(&name)) else {
                    continue;
                };
                let comes_from_above =
                    moved.iter().any(|(oid, above, _)| Some(*oid) == table.partition_of && above.definition == *definition);
                if !comes_from_above {
                    let candidate = CandidateIndex { table: source, definition: definition.clone() };
                    moved.push((table.oid, candidate, name.sql()));
                }
            }
        }
        if moved.is_empty() {
            return Ok(());
        }
        let twin = self.what_if.twin();
        let url = twin.lab().url(DATABASE);
        let superuser = LabSession::connect(&Database::from_url(&url)?).await?;
        for (_, _, name) in &moved {
            superuser.run("drop an index of the change", &format!("DROP INDEX {name}")).await?;
        }
        self.base.indexes = moved.into_iter().map(|(_, candidate, _)| candidate).collect();
        Ok(())
    }

    /// Fills the bindings of `workload`, whose tables are the twin's.
    pub(super) async fn bind(&self, workload: &mut Workload, path: &[String], now: Timestamp) -> Result<BindReport, Error> {
        let mut session = self.what_if.twin().session().await?;
        // Periods that statistics know end at the capture.
        let options = BindOptions { now: Some(now), ..BindOptions::default() };
        Ok(bind(&mut session, workload, &self.catalog, path, &options).await?)
    }

    /// Plans, with `more` indexes beside those of the change.
    pub(super) async fn plan(
        &mut self,
        asked: &[Asked<'_>],
        more: &BTreeSet<CandidateIndex>,
    ) -> Result<Vec<Result<Planned, String>>, Error> {
        let mut configuration = self.base.clone();
        configuration.indexes.extend(more.iter().cloned());
        let questions: Vec<Question<'_>> = asked
            .iter()
            .map(|asked| Question { text: &asked.statement.text, types: &asked.statement.types, binding: asked.binding })
            .collect();
        Ok(self.what_if.plan(&configuration, &questions).await?)
    }

    /// Pages of a candidate.
    pub(super) async fn pages(&mut self, candidate: &CandidateIndex) -> Result<Option<u64>, Error> {
        Ok(self.what_if.size(candidate).await?.ok().map(|size| size.pages.0))
    }

    /// A name for an index that nothing in its schema has.
    pub(super) fn free_name(&self, table: &QualifiedName, words: &str) -> String {
        /// The server cuts longer names (`NAMEDATALEN` is 64).
        const LONGEST: usize = 59;
        let mut stem = format!("{}_{words}_idx", table.name);
        while stem.len() > LONGEST {
            stem.pop();
        }
        let is_free = |name: &String| !self.catalog.has_relation(&table.schema, name);
        let numbered = (1..).map(|number| format!("{stem}{number}"));
        std::iter::once(stem.clone()).chain(numbered).find(is_free).unwrap_or_else(|| quote_identifier(&stem))
    }
}
