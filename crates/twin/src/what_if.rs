//! What the planner would do: a twin under other indexes, statistics and settings.
//!
//! A candidate is a real index, empty, with the size, height and counters that it would have; one that is not in the configuration is marked
//! invalid, which the planner skips, and so is an existing index that is to be left out. The mark is a column of `pg_index`, seen by every
//! session, so a batch is planned under one configuration, spread over the sessions.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::name::Oid;
use pgtailor_model::what_if::{CandidateIndex, CandidateSize, CandidateStatistics, Configuration, Planned, Question, WhatIf};
use pgtailor_postgres::lab_session::LabSession;
use pgtailor_postgres::planning::{Outline, Pool};

use crate::candidate::{Made, Maker};
use crate::error::TwinError;
use crate::raise::Twin;
use crate::session::{DATABASE, own_server};

/// A twin that answers what-if questions; it takes the twin over.
pub struct TwinWhatIf {
    twin: Twin,
    superuser: LabSession,
    maker: Maker,
    sessions: Pool,
    /// Candidates that were made, or why they cannot be.
    candidates: BTreeMap<CandidateIndex, Result<Made, String>>,
    /// Those that were made, by the names that they have in the twin.
    by_name: BTreeMap<String, CandidateIndex>,
    statistics: BTreeMap<CandidateStatistics, Result<Oid, String>>,
    /// Identifiers in the twin of candidates that the planner sees now.
    visible: BTreeSet<Oid>,
    /// The same of existing indexes that it does not see now.
    hidden: BTreeSet<Oid>,
    /// Extended statistics that are there now.
    present: BTreeSet<CandidateStatistics>,
    /// Existing indexes of the source by their name.
    existing: BTreeMap<String, BTreeSet<Oid>>,
    /// Rows of tables by their name, without the schema as in a plan: of those of one name the largest.
    rows: BTreeMap<String, f64>,
    /// Questions planned so far.
    asked: u64,
}

impl TwinWhatIf {
    /// Opens `sessions` sessions for planning; one a core is best, more gain nothing (measured).
    pub async fn open(twin: Twin, sessions: usize) -> Result<Self, TwinError> {
        let superuser = twin.address.superuser(DATABASE).await?;
        superuser
            .run("prepare the superuser's session", "SET allow_system_table_mods = on; SET client_min_messages = error")
            .await?;
        let maker = Maker::open(&twin, &superuser).await?;
        let mut pool = Vec::new();
        for _ in 0..sessions.max(1) {
            pool.push(twin.session().await?);
        }
        let mut existing: BTreeMap<String, BTreeSet<Oid>> = BTreeMap::new();
        for relation in twin.inputs.relations.iter().filter(|relation| relation.oid != relation.table) {
            existing.entry(relation.name.name.clone()).or_default().insert(relation.oid);
        }
        let mut rows: BTreeMap<String, f64> = BTreeMap::new();
        for table in twin.inputs.relations.iter().filter(|relation| relation.oid == relation.table && relation.tuples >= 0.0) {
            let known = rows.entry(table.name.name.clone()).or_default();
            *known = known.max(f64::from(table.tuples));
        }
        Ok(Self {
            twin,
            superuser,
            maker,
            sessions: Pool::of(pool, own_server()),
            candidates: BTreeMap::new(),
            by_name: BTreeMap::new(),
            statistics: BTreeMap::new(),
            visible: BTreeSet::new(),
            hidden: BTreeSet::new(),
            present: BTreeSet::new(),
            existing,
            rows,
            asked: 0,
        })
    }

    /// The twin under it.
    pub fn twin(&self) -> &Twin {
        &self.twin
    }

    /// The twin back, as it was raised but for the candidates, which the planner does not see any more.
    pub async fn close(mut self) -> Result<Twin, TwinError> {
        // The empty configuration has nothing that could be refused.
        let _ = self.switch(&Configuration::default()).await?;
        Ok(self.twin)
    }

    /// How many questions were planned.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// Plans `questions` under `configuration`; see [`WhatIf::plan`].
    ///
    /// # Errors
    /// When the twin's server is gone. A candidate that cannot be made is a reason for every question.
    pub async fn plan(
        &mut self,
        configuration: &Configuration,
        questions: &[Question<'_>],
    ) -> Result<Vec<Result<Planned, String>>, TwinError> {
        if let Err(reason) = self.switch(configuration).await? {
            return Ok(vec![Err(reason); questions.len()]);
        }
        let answers = self.sessions.plan(questions, &self.twin.inputs.search_path, &configuration.settings).await?;
        self.asked += u64::try_from(questions.len()).unwrap_or_default();
        Ok(answers.into_iter().map(|answer| answer.map(|plan| self.planned(plan)).map_err(|refusal| refusal.reason)).collect())
    }

    /// The size of a candidate; see [`WhatIf::size`].
    ///
    /// # Errors
    /// When the twin's server is gone.
    pub async fn size(&mut self, candidate: &CandidateIndex) -> Result<Result<CandidateSize, String>, TwinError> {
        self.make([candidate]).await?;
        Ok(match &self.candidates[candidate] {
            Ok(made) => Ok(CandidateSize { pages: made.pages }),
            Err(reason) => Err(reason.clone()),
        })
    }

    /// Makes candidates before a configuration has them, and tells their sizes in the same order. As [`Self::plan`] makes those that it does not
    /// know, all of a configuration are made at once: a configuration with every candidate is the cheapest first one.
    ///
    /// # Errors
    /// When the twin's server is gone.
    pub async fn make_all(&mut self, candidates: &[CandidateIndex]) -> Result<Vec<Result<CandidateSize, String>>, TwinError> {
        self.make(candidates).await?;
        let size = |candidate| self.candidates[candidate].as_ref().map(|made| CandidateSize { pages: made.pages });
        Ok(candidates.iter().map(|candidate| size(candidate).map_err(Clone::clone)).collect())
    }

    async fn make(&mut self, wanted: impl IntoIterator<Item = &CandidateIndex>) -> Result<(), TwinError> {
        let new: BTreeSet<&CandidateIndex> =
            wanted.into_iter().filter(|candidate| !self.candidates.contains_key(candidate)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let new: Vec<&CandidateIndex> = new.into_iter().collect();
        let made = self.maker.make_all(&self.twin, &self.superuser, &new).await?;
        for (candidate, made) in new.into_iter().zip(made) {
            if let Ok(made) = &made {
                self.visible.extend(&made.indexes);
                self.by_name.extend(made.names.iter().map(|name| (name.clone(), candidate.clone())));
            }
            self.candidates.insert(candidate.clone(), made);
        }
        Ok(())
    }

    /// Makes the planner see `configuration`; the reason why it cannot be.
    async fn switch(&mut self, configuration: &Configuration) -> Result<Result<(), String>, TwinError> {
        let mut wanted = BTreeSet::new();
        self.make(&configuration.indexes).await?;
        for candidate in &configuration.indexes {
            match &self.candidates[candidate] {
                Ok(made) => wanted.extend(made.indexes.iter().copied()),
                Err(reason) => return Ok(Err(reason.clone())),
            }
        }
        let own = |oid: &Oid| self.twin.relations.get(oid).map(|relation| relation.oid);
        let hidden: BTreeSet<Oid> = configuration.without.iter().filter_map(own).collect();
        let flipped: Vec<String> = self
            .visible
            .symmetric_difference(&wanted)
            .chain(self.hidden.symmetric_difference(&hidden))
            .map(|oid| oid.0.to_string())
            .collect();
        if !flipped.is_empty() {
            let sql = format!(
                "UPDATE pg_catalog.pg_index SET indisvalid = NOT indisvalid WHERE indexrelid IN ({})",
                flipped.join(", ")
            );
            self.superuser.run("switch indexes", &sql).await?;
        }
        self.visible = wanted;
        self.hidden = hidden;
        self.switch_statistics(configuration).await
    }

    /// Extended statistics have no mark: their data are put there and taken away.
    async fn switch_statistics(&mut self, configuration: &Configuration) -> Result<Result<(), String>, TwinError> {
        for gone in self.present.difference(&configuration.statistics) {
            if let Some(Ok(oid)) = self.statistics.get(gone) {
                self.maker.empty_statistics(&self.superuser, *oid).await?;
            }
        }
        let mut present: BTreeSet<CandidateStatistics> = self.present.intersection(&configuration.statistics).cloned().collect();
        for wanted in &configuration.statistics {
            if !self.statistics.contains_key(wanted) {
                let made = self.maker.make_statistics(&self.twin, &self.superuser, wanted).await?;
                self.statistics.insert(wanted.clone(), made);
            }
            match &self.statistics[wanted] {
                Ok(oid) if !present.contains(wanted) => {
                    if let Err(reason) = self.maker.fill_statistics(&self.twin, &self.superuser, *oid, wanted).await? {
                        self.present = present;
                        return Ok(Err(reason));
                    }
                    present.insert(wanted.clone());
                }
                Ok(_) => {}
                Err(reason) => {
                    let reason = reason.clone();
                    self.present = present;
                    return Ok(Err(reason));
                }
            }
        }
        self.present = present;
        Ok(Ok(()))
    }

    fn planned(&self, plan: Outline) -> Planned {
        let Outline { nodes, indexes, walks } = plan;
        let candidates = indexes.iter().filter_map(|name| self.by_name.get(name)).cloned().collect();
        let existing = indexes.iter().filter_map(|name| self.existing.get(name)).flatten().copied().collect();
        let early_stops = walks.iter().map(|walk| walk.over(|table| self.rows.get(table).copied())).collect();
        Planned { cost: nodes.first().map_or(0.0, |top| top.total_cost), nodes, candidates, existing, early_stops }
    }
}

/// A twin for callers that are not asynchronous, on a thread that may wait.
pub struct BlockingWhatIf {
    what_if: TwinWhatIf,
    runtime: tokio::runtime::Handle,
}

impl BlockingWhatIf {
    /// Waits by `runtime`, on whose own threads it must not be used.
    pub fn new(what_if: TwinWhatIf, runtime: tokio::runtime::Handle) -> Self {
        Self { what_if, runtime }
    }

    /// The asynchronous one.
    pub fn into_inner(self) -> TwinWhatIf {
        self.what_if
    }
}

impl WhatIf for BlockingWhatIf {
    type Error = TwinError;

    fn plan(
        &mut self,
        configuration: &Configuration,
        questions: &[Question<'_>],
    ) -> Result<Vec<Result<Planned, String>>, TwinError> {
        self.runtime.block_on(self.what_if.plan(configuration, questions))
    }

    fn size(&mut self, candidate: &CandidateIndex) -> Result<Result<CandidateSize, String>, TwinError> {
        self.runtime.block_on(self.what_if.size(candidate))
    }

    fn sizes(&mut self, candidates: &[CandidateIndex]) -> Result<Vec<Result<CandidateSize, String>>, TwinError> {
        self.runtime.block_on(self.what_if.make_all(candidates))
    }
}
