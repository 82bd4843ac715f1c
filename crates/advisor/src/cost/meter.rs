//! A limit on plannings.

use super::{Costs, Facts, Set};

/// Costs of which only so many more are asked; past that, what is not known stays unknown.
pub struct Meter<'a, C> {
    costs: &'a mut C,
    left: usize,
}

impl<'a, C: Costs> Meter<'a, C> {
    /// `calls` more of `costs`.
    pub fn new(costs: &'a mut C, calls: usize) -> Self {
        Self { costs, left: calls }
    }

    /// How many more questions it lets through.
    pub fn left(&self) -> usize {
        self.left
    }
}

impl<C: Costs> Costs for Meter<'_, C> {
    type Error = C::Error;

    fn questions(&self) -> usize {
        self.costs.questions()
    }

    fn weight(&self, question: usize) -> f64 {
        self.costs.weight(question)
    }

    fn relevant(&self, question: usize) -> &Set {
        self.costs.relevant(question)
    }

    fn facts(&self, question: usize) -> &Facts {
        self.costs.facts(question)
    }

    fn ask(&mut self, asked: &[(usize, Set)]) -> Result<(), C::Error> {
        let asked = &asked[..asked.len().min(self.left)];
        self.left -= asked.len();
        self.costs.ask(asked)
    }

    fn derived(&mut self, costs: usize) {
        self.costs.derived(costs);
    }
}
