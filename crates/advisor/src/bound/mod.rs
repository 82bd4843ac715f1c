//! How much better any configuration could be than the one that was found.
//!
//! [`bound`] gives a number that no configuration of the given elements costs less than, and on the way often a better configuration. It holds for
//! these elements only: what nobody proposed is not in it. And it holds for the planner as far as the planner is monotone: that one more index
//! never makes the best plan dearer is broken by about one pair of configurations in a hundred, mostly by less than a hundredth.
//!
//! What the planner answered makes for every question a list of choices (`tree`); with prices on elements every question can choose for itself
//! (`lagrange`); the planner is asked about the choices that are picked and of which only a lower bound is known; and where limits keep
//! the choices from agreeing, an element is fixed both ways and either is bounded (`search`). Every configuration that looks better than the best
//! is priced by the planner directly (`direct`). It can be stopped at any time; while it runs the bound only rises.
//!
//! The choices are those of Dash, Polyzotis and Ailamaki, "`CoPhy`: a scalable, portable, and interactive index advisor" (VLDB 2011), but from
//! plannings, not from templates. Start reading at [`bound`].

mod bits;
mod direct;
#[cfg(feature = "exact")]
mod exact;
mod lagrange;
mod model;
mod program;
mod relaxation;
mod round;
mod search;
mod tree;

#[cfg(feature = "exact")]
pub use exact::exact;
pub use program::{Limits, Program, Terms};

use crate::cost::{Costs, Set};
use search::Search;

/// A configuration and what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Incumbent {
    /// The elements in it, those that are fixed included.
    pub chosen: Set,
    /// Weighted planner cost of all questions with what having the elements counts, as the planner says for exactly this configuration.
    pub cost: f64,
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundOptions {
    /// The gap at which to stop, relative; 0 for a proof.
    pub gap: f64,
    /// Most plannings to ask for.
    pub calls: usize,
    /// Most plannings to ask for at once.
    pub batch: usize,
    /// Most open parts of a question's tree.
    pub parts: usize,
    /// Most times that an element is fixed both ways; 0 for the Lagrangian bound alone.
    pub branchings: usize,
}

/// Why it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The gap is as small as was wanted.
    GapReached,
    /// Nothing is left to try: what gap there is comes from a planner that is not monotone, from calls that were not allowed, or from too few
    /// parts.
    Exhausted,
    /// Elements were fixed as often as allowed.
    BranchingsSpent,
    /// `keep_going` said so.
    Interrupted,
}

/// What is known in the end.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundOutcome {
    /// No configuration costs less; weighted planner cost with what having elements counts. Infinite when the limits allow no configuration.
    pub lower: f64,
    /// A better configuration than the given one, the best that was found.
    pub improved: Option<Incumbent>,
    /// By how much the best could be too dear, as a part of its cost.
    pub gap: f64,
    /// Plannings that were asked for.
    pub calls: usize,
    /// Why it ended.
    pub stop: Stop,
}

/// The relative gap below which nothing better exists for all purposes; the planner's own numbers have about six digits.
pub(crate) const PROVEN: f64 = 1e-6;

impl BoundOutcome {
    /// Whether the best configuration is the best of all.
    pub fn is_proven(&self) -> bool {
        self.gap <= PROVEN
    }
}

/// Bounds from below what any configuration of `program` costs, and looks for a better one than `incumbent`, which obeys the limits.
///
/// `keep_going` is asked between evaluations, thousands of times a second, so that a caller with a clock can stop it; what is
/// known then is returned. Elements that concern questions but are not in `program` count as absent.
pub fn bound<C: Costs>(
    costs: &mut C,
    program: &Program,
    incumbent: &Incumbent,
    options: &BoundOptions,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<BoundOutcome, C::Error> {
    bound_by(costs, program, incumbent, *options, |search| search.run(keep_going))
}

fn bound_by<C: Costs>(
    costs: &mut C,
    program: &Program,
    incumbent: &Incumbent,
    options: BoundOptions,
    run: impl FnOnce(&mut Search<'_, C>) -> Result<Stop, C::Error>,
) -> Result<BoundOutcome, C::Error> {
    let Some(mut search) = Search::new(costs, program, incumbent, options) else {
        return Ok(BoundOutcome { lower: f64::INFINITY, improved: None, gap: 0.0, calls: 0, stop: Stop::Exhausted });
    };
    let stop = run(&mut search)?;
    let (lower, best, calls) = search.into_result();
    Ok(BoundOutcome { lower, gap: gap(best.cost, lower), improved: (best.cost < incumbent.cost).then_some(best), calls, stop })
}

/// By how much `cost` could be too dear, as a part of it.
fn gap(cost: f64, lower: f64) -> f64 {
    if lower >= cost { 0.0 } else { (cost - lower) / cost.abs().max(f64::MIN_POSITIVE) }
}
