//! What the planner of a target would do, by HypoPG: for where no twin can be raised.
//!
//! HypoPG keeps indexes in the memory of one session, which the planner sees there, in `EXPLAIN` only. It is used where it is installed and
//! never installed; the session stays read-only, and planning has the limits that it has everywhere. Its figures are approximate (see
//! [`LABEL`]). Of what it does wrong, put right here:
//!
//! - **height**: HypoPG's B-trees have none, so searching one costs too little, and a copy of an existing index looks better than that:
//!   `correct` adds what is missing, and where more than the gain is gone the answer is the plan without any candidate;
//! - **size**: too large, without merging of equal keys: [`HypoPg::size`] is our own prediction, and the pages read are counted by it.
//!
//! What stays wrong: the planner *chooses* by HypoPG's costs; expressions have no statistics, so that the planner expects a default share
//! of the rows; the ends of columns are not looked up in a hypothetical index; a hypothetical index on each partition is no index of the
//! partitioned table. GIN, GiST and SP-GiST are not known to it at all. A twin has none of these faults.
//!
//! Start reading at [`HypoPg::plan`].

mod blocking;
mod correct;
mod create;

pub use blocking::BlockingHypoPg;

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::catalog::{Catalog, TableKind};
use pgtailor_model::name::{Oid, QualifiedName};
use pgtailor_model::unit::Pages;
use pgtailor_model::what_if::{CandidateIndex, CandidateSize, Configuration, Planned, Question};
use serde_json::Value;

use crate::error::Error;
use crate::planning::{self, PlanOptions, Prepared, nodes, plans_under};
use crate::session::ReadOnlySession;
use correct::{Prices, Tree, correct};
use create::{Extension, Hypothetical, Measured};

/// How answers of this adapter are to be called.
pub const LABEL: &str = "HypoPG on the target: approximate";

/// The setting that hides hypothetical indexes.
const ENABLED: &str = "hypopg.enabled";

/// A session of a target in which there are hypothetical indexes; see the module.
pub struct HypoPg {
    session: ReadOnlySession,
    extension: Extension,
    search_path: Vec<String>,
    prices: Prices,
    /// Tables with rows by the table that a candidate names: itself, or its partitions.
    leaves: BTreeMap<Oid, Vec<(Oid, QualifiedName)>>,
    /// Existing indexes by their name.
    existing: BTreeMap<String, BTreeSet<Oid>>,
    /// What candidates would be like, or why they cannot be.
    sizes: BTreeMap<CandidateIndex, Result<Measured, String>>,
    /// What HypoPG refused.
    refused: BTreeMap<CandidateIndex, String>,
    /// Those that the planner sees now.
    present: BTreeMap<CandidateIndex, Vec<Hypothetical>>,
    /// Existing indexes that it does not see now.
    hidden: BTreeSet<Oid>,
    asked: u64,
}

impl HypoPg {
    /// Takes `session` over, for the database of `catalog`, whose statements are read under `search_path`; or says why HypoPG cannot be
    /// used there.
    ///
    /// # Errors
    /// When the session is lost.
    pub async fn open(
        session: ReadOnlySession,
        catalog: &Catalog,
        search_path: &[String],
    ) -> Result<Result<Self, String>, Error> {
        let extension = match Extension::find(&session).await? {
            Ok(extension) => extension,
            Err(reason) => return Ok(Err(reason)),
        };
        let prices = create::prices(&session).await?;
        let mut existing: BTreeMap<String, BTreeSet<Oid>> = BTreeMap::new();
        for index in catalog.tables.iter().flat_map(|table| &table.indexes) {
            existing.entry(index.name.clone()).or_default().insert(index.oid);
        }
        Ok(Ok(Self {
            session,
            extension,
            search_path: search_path.to_vec(),
            prices,
            leaves: catalog.tables.iter().map(|table| (table.oid, leaves_of(catalog, table.oid))).collect(),
            existing,
            sizes: BTreeMap::new(),
            refused: BTreeMap::new(),
            present: BTreeMap::new(),
            hidden: BTreeSet::new(),
            asked: 0,
        }))
    }

    /// How many plans were asked of the target.
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// Plans `questions` under `configuration`; see [`pgtailor_model::what_if::WhatIf::plan`].
    ///
    /// A question whose plan uses a candidate is planned a second time without any, unless existing indexes are left out: where the
    /// corrected cost is a loss, that is the answer.
    ///
    /// # Errors
    /// When the session is lost. What HypoPG cannot do is a reason for every question.
    pub async fn plan(
        &mut self,
        configuration: &Configuration,
        questions: &[Question<'_>],
    ) -> Result<Vec<Result<Planned, String>>, Error> {
        if let Err(reason) = self.switch(configuration).await? {
            return Ok(vec![Err(reason); questions.len()]);
        }
        let plans = self.plans(questions, &configuration.settings).await?;
        let prices = self.prices.under(&configuration.settings);
        let trees = self.trees();
        let mut answers = Vec::with_capacity(questions.len());
        let mut doubtful = Vec::new();
        for (place, plan) in plans.into_iter().enumerate() {
            answers.push(plan.map(|mut plan| {
                if correct(&mut plan, &trees, prices) > 0.0 {
                    doubtful.push(place);
                }
                self.planned(&plan)
            }));
        }
        // HypoPG does not hide indexes either when it is switched off.
        if !doubtful.is_empty() && configuration.without.is_empty() {
            let mut settings = configuration.settings.clone();
            settings.insert(ENABLED.to_owned(), "off".to_owned());
            let again: Vec<Question<'_>> = doubtful.iter().map(|place| questions[*place]).collect();
            for (place, plan) in doubtful.into_iter().zip(self.plans(&again, &settings).await?) {
                let without = plan.map(|plan| self.planned(&plan));
                if let (Ok(with), Ok(without)) = (&answers[place], without)
                    && without.cost < with.cost
                {
                    answers[place] = Ok(without);
                }
            }
        }
        Ok(answers)
    }

    /// The size of a candidate, by our own prediction; see [`pgtailor_model::what_if::WhatIf::size`].
    ///
    /// # Errors
    /// When the session is lost.
    pub async fn size(&mut self, candidate: &CandidateIndex) -> Result<Result<CandidateSize, String>, Error> {
        self.measure(candidate).await?;
        Ok(match &self.sizes[candidate] {
            Ok(measured) => Ok(CandidateSize { pages: Pages(measured.leaves.iter().map(|leaf| leaf.predicted.pages.0).sum()) }),
            Err(reason) => Err(reason.clone()),
        })
    }

    async fn plans(
        &mut self,
        questions: &[Question<'_>],
        settings: &BTreeMap<String, String>,
    ) -> Result<Vec<Result<Value, String>>, Error> {
        let prepared: Vec<Prepared> = questions.iter().map(Prepared::of).collect();
        let asked: Vec<planning::Question<'_>> = questions
            .iter()
            .zip(&prepared)
            .map(|(question, statement)| planning::Question { statement, binding: question.binding })
            .collect();
        let plans = plans_under(&mut self.session, &asked, &self.search_path, settings, PlanOptions::default()).await?;
        self.asked += u64::try_from(questions.len()).unwrap_or_default();
        Ok(plans.into_iter().map(|plan| plan.map_err(|refusal| refusal.reason)).collect())
    }

    async fn measure(&mut self, candidate: &CandidateIndex) -> Result<(), Error> {
        if !self.sizes.contains_key(candidate) {
            let leaves = self.leaves.get(&candidate.table).map(Vec::as_slice).unwrap_or_default();
            let measured = create::measure(&self.session, leaves, &candidate.definition).await?;
            self.sizes.insert(candidate.clone(), measured);
        }
        Ok(())
    }

    /// Makes the planner see `configuration`; the reason why it cannot be.
    async fn switch(&mut self, configuration: &Configuration) -> Result<Result<(), String>, Error> {
        if !configuration.statistics.is_empty() {
            return Ok(Err("HypoPG knows no extended statistics; a twin does".to_owned()));
        }
        if !configuration.without.is_empty() && !self.extension.can_hide {
            return Ok(Err(format!(
                "HypoPG {} cannot leave existing indexes out; version 1.4 and later can, and so can a twin",
                self.extension.version
            )));
        }
        let gone: Vec<CandidateIndex> =
            self.present.keys().filter(|candidate| !configuration.indexes.contains(candidate)).cloned().collect();
        for candidate in gone {
            for index in self.present.remove(&candidate).into_iter().flatten() {
                self.extension.drop(&self.session, index.oid).await?;
            }
        }
        for candidate in &configuration.indexes {
            if let Err(reason) = self.show(candidate).await? {
                return Ok(Err(reason));
            }
        }
        let back: Vec<Oid> = self.hidden.difference(&configuration.without).copied().collect();
        for oid in back {
            self.extension.unhide(&self.session, oid).await?;
            self.hidden.remove(&oid);
        }
        for oid in &configuration.without {
            if self.hidden.insert(*oid) {
                self.extension.hide(&self.session, *oid).await?;
            }
        }
        Ok(Ok(()))
    }

    /// Makes the planner see `candidate`.
    async fn show(&mut self, candidate: &CandidateIndex) -> Result<Result<(), String>, Error> {
        if self.present.contains_key(candidate) {
            return Ok(Ok(()));
        }
        if let Some(reason) = self.refused.get(candidate) {
            return Ok(Err(reason.clone()));
        }
        self.measure(candidate).await?;
        let measured = match &self.sizes[candidate] {
            Ok(measured) => measured,
            Err(reason) => return Ok(Err(reason.clone())),
        };
        let mut made = Vec::with_capacity(measured.leaves.len());
        for leaf in &measured.leaves {
            match self.extension.create(&self.session, measured, leaf).await? {
                Ok(index) => made.push(index),
                Err(reason) => {
                    for index in made {
                        self.extension.drop(&self.session, index.oid).await?;
                    }
                    self.refused.insert(candidate.clone(), reason.clone());
                    return Ok(Err(reason));
                }
            }
        }
        self.present.insert(candidate.clone(), made);
        Ok(Ok(()))
    }

    /// The hypothetical B-trees that the planner sees now.
    fn trees(&self) -> BTreeMap<String, Tree> {
        let all = self.present.values().flatten();
        all.filter_map(|index| Some((index.name.clone(), index.tree.clone()?))).collect()
    }

    fn planned(&self, plan: &Value) -> Planned {
        let nodes = nodes(plan);
        let mut names = BTreeSet::new();
        index_names(&plan[0]["Plan"], &mut names);
        let uses = |made: &[Hypothetical]| made.iter().any(|index| names.contains(index.name.as_str()));
        let candidates = self.present.iter().filter(|(_, made)| uses(made)).map(|(candidate, _)| candidate.clone()).collect();
        let existing = names.iter().filter_map(|name| self.existing.get(*name)).flatten().copied().collect();
        // What is corrected in costs here is more than what early stops are about.
        Planned { cost: nodes.first().map_or(0.0, |top| top.total_cost), nodes, candidates, existing, early_stops: Vec::new() }
    }
}

fn index_names<'a>(node: &'a Value, names: &mut BTreeSet<&'a str>) {
    names.extend(node["Index Name"].as_str());
    for below in node["Plans"].as_array().into_iter().flatten() {
        index_names(below, names);
    }
}

/// The tables with rows under `table`: itself, or the partitions below it.
fn leaves_of(catalog: &Catalog, table: Oid) -> Vec<(Oid, QualifiedName)> {
    let Some(found) = catalog.tables.iter().find(|candidate| candidate.oid == table) else { return Vec::new() };
    if found.kind != TableKind::Partitioned {
        return vec![(found.oid, found.name.clone())];
    }
    let below = catalog.tables.iter().filter(|partition| partition.partition_of == Some(table));
    below.flat_map(|partition| leaves_of(catalog, partition.oid)).collect()
}
