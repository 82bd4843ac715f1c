//! From a workload to advice: candidates, their sizes and upkeep, the search, the bound, and the evidence.
//!
//! A function of its arguments and of what the port answers. Start reading at [`advise`].

mod bounded;
mod elements;
mod evidence;
mod justified;
mod losers;
mod name;
pub(crate) mod questions;
mod references;
mod refine;

use std::collections::BTreeMap;

use pgtailor_model::advice::{Advice, AdviceLimits, Bound, Effort, Weighing};
use pgtailor_model::declared::Judged;
use pgtailor_model::snapshot::Snapshot;
use pgtailor_model::twin::Fidelity;
use pgtailor_model::what_if::WhatIf;
use pgtailor_model::workload::Workload;

use crate::bound::{self, Incumbent};
use crate::candidate::{Candidates, Context, propose};
use crate::catalog::worth;
use crate::cost::Engine;
use crate::select;

use self::refine::Refined;

pub use name::free_name;
pub use references::needed_tables;

/// A statement as the server accepts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The text, with `$n` for parameters.
    pub text: String,
    /// The parameters' types as a cast writes them.
    pub types: Vec<String>,
}

/// What advice is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The database.
    pub snapshot: &'a Snapshot,
    /// What it is asked to do, with bindings.
    pub workload: &'a Workload,
    /// By fingerprint, the statements that the server accepts.
    pub statements: &'a BTreeMap<String, Statement>,
    /// By fingerprint, why others are not.
    pub refused: &'a BTreeMap<String, String>,
    /// What the answer must keep to.
    pub limits: &'a AdviceLimits,
    /// What statements are weighed by.
    pub weighing: Weighing,
    /// Seconds that the workload took; `None` when it is not known.
    pub window: Option<f64>,
    /// Whether the server's counters are of the same period as the statements.
    pub counters_belong: bool,
    /// Whether indexes may be dropped.
    pub drops: bool,
    /// How well the port plans; `None` when it is the database itself.
    pub fidelity: Option<&'a Fidelity>,
    /// Most plannings for the search.
    pub calls: usize,
    /// The gap at which the search for a better bound stops, 0 to 1.
    pub gap: f64,
    /// Declared entries whose worth is asked for; none when there is no catalog.
    pub catalog: &'a [Judged],
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Candidates are made and measured.
    Measuring,
    /// A set is searched for.
    Choosing,
    /// A bound is searched for, and a better set with it.
    Bounding,
}

/// The best set of changes that is found while it may go on with each phase; what comes after them takes a few plannings more.
///
/// # Errors
/// When the port cannot answer any more.
pub fn advise<W: WhatIf>(
    request: &Request<'_>,
    what_if: &mut W,
    may_go_on: &mut dyn FnMut(Phase) -> bool,
) -> Result<Advice, W::Error> {
    let context = Context { snapshot: request.snapshot, workload: request.workload, max_columns: request.limits.columns };
    let Candidates { proposed, refused } = propose(&context);
    let mut elements = elements::Elements::of(request, proposed, refused, what_if, &mut || may_go_on(Phase::Measuring))?;

    let (asked, unplanned) = questions::questions(request, &elements);
    let mut engine = Engine::new(what_if, elements.items.clone(), asked);
    let baseline = questions::baseline(request, &mut engine, &elements.problem.existing())?;
    elements.limit(request, &baseline);
    let supported = elements.supported(engine.asked());
    let effort = select::Effort { calls: request.calls, patience: 2 };
    let chosen = select::select(&mut engine, &mut elements.problem, &supported, effort, &mut || may_go_on(Phase::Choosing))?;
    let mut refined = refine::refine(request, &mut engine, &elements, &baseline, &chosen.elements)?;
    let counts = |refined: &Refined| refined.cost + elements.problem.least_of(&refined.elements);
    let incumbent = Incumbent { chosen: refined.elements.clone(), cost: counts(&refined) };
    // The gap is told as a part of the cost alone.
    let gap = request.gap * (refined.cost / incumbent.cost.max(f64::MIN_POSITIVE)).min(1.0);
    let outcome =
        bounded::bounded(request, gap, &mut engine, &elements.problem.program, &incumbent, &mut || may_go_on(Phase::Bounding))?;
    if let Some(better) = &outcome.improved {
        let again = refine::refine(request, &mut engine, &elements, &baseline, &better.chosen)?;
        if counts(&again) < counts(&refined) {
            refined = again;
        }
    }
    let mut advice =
        evidence::advice(request, &mut engine, &elements, &baseline, &refined, unplanned, &mut || may_go_on(Phase::Bounding))?;
    let better = (counts(&refined) - outcome.lower).clamp(0.0, advice.cost_after.max(0.0));
    let gap = if advice.cost_after > 0.0 { better / advice.cost_after } else { 0.0 };
    // What was taken back after the search, because a statement got dearer by it, is not the best.
    let proven = outcome.is_proven() && gap <= bound::PROVEN;
    advice.bound = Bound { lower: advice.cost_after - better, gap, candidates: elements.items.len(), proven };
    advice.effort = Effort {
        what_if_calls: engine.calls(),
        plans_derived: engine.costs_derived(),
        candidates: elements.items.len(),
        ..advice.effort
    };
    if !request.catalog.is_empty() {
        let asked = engine.asked().to_vec();
        drop(engine);
        let (catalog, calls) = worth(request, asked, baseline.unit, what_if, &advice)?;
        advice.catalog = Some(catalog);
        advice.effort.what_if_calls += calls;
    }
    Ok(advice)
}
