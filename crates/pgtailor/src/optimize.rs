//! The whole loop, and its last part: carrying out a rollout.

use std::collections::BTreeSet;

use pgtailor_model::acceptance::Acceptance;
use pgtailor_model::change::ChangeClass;
use pgtailor_model::declared::CatalogPolicy;
use pgtailor_model::moment::{Conditions, Foresight};
use pgtailor_model::outcome::StepOutcome;
use pgtailor_model::rollout::Rollout;
use pgtailor_postgres::connect::Database;
use pgtailor_postgres::executor::{self, Events, Task};
use pgtailor_rollout::{DropEvidence, Rules};
use tokio_util::sync::CancellationToken;

use crate::advise::AdviseOptions;
use crate::analysis::{Analysis, analyze};
use crate::catalog::CatalogSource;
use crate::error::Error;
use crate::proposal::propose;

/// What [`optimize()`] looks at and what it may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Declared catalogs; what is missing of them is created.
    pub catalogs: Vec<CatalogSource>,
    /// Which of the declared entries are created.
    pub policy: CatalogPolicy,
    /// How far to go.
    pub mode: Mode,
    /// Only changes of these classes are considered; `None` is all.
    pub only: Option<BTreeSet<ChangeClass>>,
    /// Classes allowed beside the usual ones (`create-index`, `analyze`).
    pub allow: BTreeSet<ChangeClass>,
    /// Whether the advisor is asked what else the workload needs.
    pub advise: Advising,
    /// What entitles to drop an index.
    pub evidence: DropEvidence,
    /// What is asked of it; whether indexes may be dropped follows from the allowed classes.
    pub advice: AdviseOptions,
    /// What of the guards and limits is bent.
    pub conditions: Conditions,
    /// Findings that are left as they are.
    pub accepted: Vec<Acceptance>,
}

/// Whether [`optimize()`] asks the advisor. It is never asked for an analysis alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Advising {
    /// When no catalog is declared: who declares one has decided what there shall be.
    #[default]
    WithoutCatalog,
    /// Beside declared entries, too.
    Always,
    /// Only declared entries and remedies of findings.
    Never,
}

/// How far [`optimize()`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Findings and proposals; the database is only read.
    AnalyzeOnly,
    /// Proposals are carried out.
    Apply,
}

/// `Mode::Apply`, as the guide's `optimize_database_performance(session)` does; without a catalog, what the advisor recommends.
impl Default for Options {
    fn default() -> Self {
        Self {
            catalogs: Vec::new(),
            policy: CatalogPolicy::Useful,
            mode: Mode::Apply,
            only: None,
            allow: BTreeSet::new(),
            advise: Advising::default(),
            evidence: DropEvidence::default(),
            advice: AdviseOptions::default(),
            conditions: Conditions::default(),
            accepted: Vec::new(),
        }
    }
}

impl Options {
    /// The classes that may be carried out: the usual ones, those of `allow`, and those that `only` names.
    pub fn allowed_classes(&self) -> BTreeSet<ChangeClass> {
        let usual = Rules::usual().allowed;
        usual.iter().chain(&self.allow).chain(self.only.iter().flatten()).copied().collect()
    }

    /// What a rollout may contain.
    pub fn rules(&self) -> Rules {
        Rules { allowed: self.allowed_classes(), evidence: self.evidence.clone() }
    }

    /// Whether changes of `class` are considered and may be carried out.
    pub(crate) fn may(&self, class: ChangeClass) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&class)) && self.allowed_classes().contains(&class)
    }

    /// Whether the advisor is asked on the way to a rollout: when it is wanted, and what it could recommend may be done.
    pub fn wants_advice(&self) -> bool {
        let is_wanted = match self.advise {
            Advising::WithoutCatalog => self.catalogs.is_empty(),
            Advising::Always => true,
            Advising::Never => false,
        };
        is_wanted && (self.may(ChangeClass::CreateIndex) || self.may(ChangeClass::DropIndex))
    }
}

/// What [`optimize()`] saw and did.
#[derive(Clone, Debug)]
pub struct OptimizeReport {
    /// What was known before.
    pub analysis: Analysis,
    /// What became of each step; empty when nothing was to be done or `mode` was analysis only.
    pub outcomes: Vec<StepOutcome>,
}

/// How a rollout ended, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Steps that the catalog confirms.
    pub done: usize,
    /// Steps that did not happen, or did not end.
    pub not_done: usize,
}

impl OptimizeReport {
    /// How many steps the catalog confirms.
    pub fn applied(&self) -> usize {
        Applied::of(&self.outcomes).done
    }
}

impl Applied {
    /// Counts `outcomes`.
    pub fn of(outcomes: &[StepOutcome]) -> Self {
        let done = outcomes.iter().filter(|outcome| outcome.result.is_success()).count();
        Self { done, not_done: outcomes.len() - done }
    }
}

/// Analyzes `database`, asks the advisor and, in [`Mode::Apply`], carries out what is missing: one statement at a time, without blocking
/// reads or writes. Where there can be no advice, [`Analysis::counsel`] says why, and the rest is done.
///
/// With nothing to do, nothing is written, not even the ledger.
///
/// # Errors
///
/// As [`propose`], and [`Error::Apply`] when no step could be begun. A step that fails is an outcome, not an error.
pub async fn optimize(database: &Database, options: &Options) -> Result<OptimizeReport, Error> {
    if options.mode == Mode::AnalyzeOnly {
        return Ok(OptimizeReport { analysis: analyze(database, options).await?, outcomes: Vec::new() });
    }
    settle(database, &Events::ignored()).await?;
    // A large future, which those who wait for this one should not have to hold.
    let analysis = Box::pin(propose(database, options)).await?;
    let events = Events::ignored();
    let outcomes = apply(database, &analysis.rollout, &options.conditions, &events, &CancellationToken::new()).await?;
    Ok(OptimizeReport { analysis, outcomes })
}

/// Brings what an earlier run left open to its end, and says how many entries that were. Whatever was analyzed before is out of date
/// then: a leftover that was in the way is gone, or a build that was thought lost is there. With nothing open, nothing is written.
pub async fn settle(database: &Database, events: &Events) -> Result<usize, Error> {
    Ok(executor::reconcile(database, events).await?)
}

/// What the guards of the moment say about each step of `rollout` now, and whom it would wait for. Reads only.
///
/// # Errors
///
/// [`Error::Apply`] when there is no session.
pub async fn foresee(database: &Database, rollout: &Rollout, conditions: &Conditions) -> Result<Vec<Foresight>, Error> {
    Ok(executor::foresee(database, &rollout.steps, conditions).await?)
}

/// Carries out `rollout`; what an earlier run left open is brought to its end first. With nothing to do and nothing left open, nothing
/// is written. Right before each step the guards of the moment are asked, and a step that one refuses fails without being sent.
pub async fn apply(
    database: &Database,
    rollout: &Rollout,
    conditions: &Conditions,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Vec<StepOutcome>, Error> {
    if rollout.steps.is_empty() {
        executor::reconcile(database, events).await?;
        return Ok(Vec::new());
    }
    let tasks: Vec<Task> = rollout.steps.iter().map(|step| Task { step: step.clone(), undoes: None }).collect();
    Ok(executor::apply(database, &tasks, conditions, events, cancel).await?)
}
