//! What statements cost under any configuration, from as few plannings as possible.
//!
//! Everything that could be there or not is an *element* with a number: a candidate, or an existing index that could go. A planning of a
//! question with the set `visible` that used the set `used` is a [`Fact`]. As long as one more index never makes the planner's best plan dearer,
//! one fact says what the question costs for every set between `used` and `visible` exactly, at least what every subset of `visible` costs, and
//! at most what every superset of `used` costs.
//!
//! What a plan counts is its planner cost and a price for stops that may come later than the planner expects ([`price()`]). The planner chooses
//! by its own cost, so everything that follows for other sets follows from that; the price is only what the choice then counts, never less.
//! Start reading at [`Facts::bounds`].

mod early_stop;
mod engine;
mod meter;
mod set;

pub use early_stop::price;
pub use engine::{Asked, Engine, Item};
pub use meter::Meter;
pub use set::Set;

/// The number of an element: its position among the elements.
pub type Element = u32;

/// One planning of one question.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Elements that the planner saw, of those that concern the question.
    pub visible: Set,
    /// Those that its plan uses.
    pub used: Set,
    /// The planner's own cost, by which it chose the plan.
    pub floor: f64,
    /// What the plan counts: the same with the price of early stops.
    pub cost: f64,
}

/// What is known of one question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    facts: Vec<Fact>,
}

impl Facts {
    /// Remembers `fact`.
    pub fn learn(&mut self, fact: Fact) {
        self.facts.push(fact);
    }

    /// All of them, in the order in which they were learned.
    pub fn all(&self) -> &[Fact] {
        &self.facts
    }

    /// At least and at most what the question counts with `elements`, of which those that do not concern it do not matter; infinite when
    /// nothing is known. The most is what the plan counts that the planner would take of those that were seen: only where that one stops early
    /// can a plan that was not seen, cheaper to the planner, count more.
    ///
    /// Facts contradict each other where the planner is not monotone; then the dearer plan that was seen for a superset is not believed.
    pub fn bounds(&self, elements: &Set) -> (f64, f64) {
        let mut lower = 0.0_f64;
        let mut taken: Option<&Fact> = None;
        for fact in &self.facts {
            let is_reachable = fact.used.is_subset_of(elements);
            if is_reachable && taken.is_none_or(|taken| fact.floor < taken.floor) {
                taken = Some(fact);
            }
            if elements.is_subset_of(&fact.visible) {
                if is_reachable {
                    return (fact.cost, fact.cost);
                }
                lower = lower.max(fact.floor);
            }
        }
        match taken {
            None => (lower, f64::INFINITY),
            Some(taken) if lower >= taken.floor => (taken.cost, taken.cost),
            Some(taken) => (lower, taken.cost),
        }
    }
}

impl Facts {
    /// The plan that the planner takes with `elements`, of those that were seen; no other where [`Self::bounds`] are one number.
    pub fn taken(&self, elements: &Set) -> Option<&Fact> {
        let possible = || self.facts.iter().filter(|fact| fact.used.is_subset_of(elements));
        let exact = possible().find(|fact| elements.is_subset_of(&fact.visible));
        exact.or_else(|| possible().min_by(|one, other| one.floor.total_cmp(&other.floor)))
    }
}

/// The costs of a workload's questions, each a statement with one set of values: known facts, and a planner to ask for more.
pub trait Costs {
    /// Why no more can be asked.
    type Error;

    /// How many questions there are.
    fn questions(&self) -> usize;

    /// How much a unit of the question's cost counts in the objective.
    fn weight(&self, question: usize) -> f64;

    /// Elements that can change what the question costs.
    fn relevant(&self, question: usize) -> &Set;

    /// What is known of the question.
    fn facts(&self, question: usize) -> &Facts;

    /// Plans each question with the set beside it (of which what is not relevant does not matter) and learns the facts.
    fn ask(&mut self, asked: &[(usize, Set)]) -> Result<(), Self::Error>;

    /// Told that so many costs were wanted that followed from what is known, for those who count.
    fn derived(&mut self, _costs: usize) {}
}
