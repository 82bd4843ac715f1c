//! Configurations to try, made from what the relaxation chose in parts.
//!
//! Knows plans that were seen, so what it makes costs at most what it expects if the planner is monotone; whether that is so the planner is
//! asked elsewhere. Start reading at [`round()`].

use super::bits::Bits;
use super::model::{Fixed, Model};

/// Less of an element than this is noise.
const NOTICEABLE: f64 = 0.02;

/// How often what is missing is put in again after what is useless was taken out.
const ROUNDS: usize = 4;

/// A configuration in the making.
struct Draft<'a> {
    model: &'a Model<'a>,
    fixed: &'a Fixed,
    chosen: Vec<bool>,
    left: Vec<f64>,
    /// By element, what it takes of each limit.
    takes: Vec<Vec<(usize, f64)>>,
    /// By question: what it has, and what that costs at most, weighted.
    has: Vec<Bits>,
    costs: Vec<f64>,
}

/// The configuration nearest to `shares`, by element between 0 and 1, that obeys limits and `fixed`; nothing when there is none.
pub(super) fn round(model: &Model<'_>, fixed: &Fixed, shares: &[f64]) -> Option<Vec<bool>> {
    let mut draft = Draft::new(model, fixed)?;
    let mut order: Vec<usize> = (0..shares.len()).filter(|element| shares[*element] >= NOTICEABLE).collect();
    order.sort_by(|one, other| shares[*other].total_cmp(&shares[*one]).then(one.cmp(other)));
    for element in order {
        draft.put_in(&[element]);
    }
    Some(draft.chosen)
}

/// `chosen`, which obeys limits and `fixed`, without what seems useless, and with what plans gain with most for the room that is left.
pub(super) fn improve(model: &Model<'_>, fixed: &Fixed, chosen: &[bool]) -> Option<Vec<bool>> {
    let mut draft = Draft::new(model, fixed)?;
    for element in (0..chosen.len()).filter(|element| chosen[*element]) {
        draft.put_in(&[element]);
    }
    for _ in 0..ROUNDS {
        draft.take_out();
        if !draft.fill() {
            break;
        }
    }
    draft.take_out();
    Some(draft.chosen)
}

impl<'a> Draft<'a> {
    fn new(model: &'a Model<'a>, fixed: &'a Fixed) -> Option<Self> {
        let chosen: Vec<bool> = fixed.iter().map(|fixed| *fixed == Some(true)).collect();
        let left = model.rows.iter().map(|row| row.left(fixed)).collect::<Option<Vec<f64>>>()?;
        let mut takes = vec![Vec::new(); fixed.len()];
        for (number, row) in model.rows.iter().enumerate() {
            for (element, amount) in &row.amounts {
                takes[*element].push((number, *amount));
            }
        }
        let has: Vec<Bits> = (0..model.trees.len()).map(|question| model.local(question, &chosen)).collect();
        let mut draft = Self { model, fixed, chosen, left, takes, has, costs: Vec::new() };
        draft.costs = (0..draft.has.len()).map(|question| draft.cost(question, &draft.has[question])).collect();
        Some(draft)
    }

    fn cost(&self, question: usize, has: &Bits) -> f64 {
        self.model.weights[question] * self.model.trees[question].ceiling(has)
    }

    /// Puts in all of `elements` if they may be and fit.
    fn put_in(&mut self, elements: &[usize]) -> bool {
        let is_possible = elements.iter().all(|element| self.fixed[*element].is_none() && !self.chosen[*element]);
        let mut left = self.left.clone();
        for (row, amount) in elements.iter().flat_map(|element| &self.takes[*element]) {
            left[*row] -= amount;
        }
        if !is_possible || left.iter().any(|left| *left < 0.0) {
            return false;
        }
        self.left = left;
        for element in elements {
            self.chosen[*element] = true;
            for (question, local) in self.model.concerned(*element) {
                self.has[*question].insert(*local);
                self.costs[*question] = self.cost(*question, &self.has[*question]);
            }
        }
        true
    }

    /// Takes out what does not pay for being had.
    fn take_out(&mut self) {
        for element in 0..self.chosen.len() {
            if !self.chosen[element] || self.fixed[element].is_some() {
                continue;
            }
            let mut loss = 0.0;
            for (question, local) in self.model.concerned(element) {
                let mut without = self.has[*question].clone();
                without.remove(*local);
                loss += self.cost(*question, &without) - self.costs[*question];
            }
            if loss.is_nan() || loss > self.model.program.elements[element].price() {
                continue;
            }
            self.chosen[element] = false;
            for (row, amount) in &self.takes[element] {
                self.left[*row] += amount;
            }
            for (question, local) in self.model.concerned(element) {
                self.has[*question].remove(*local);
                self.costs[*question] = self.cost(*question, &self.has[*question]);
            }
        }
    }

    /// Puts in what single plans miss, those first that gain most for what they take of the limits; true when something went in.
    fn fill(&mut self) -> bool {
        let mut bundles: Vec<(f64, usize, usize)> = Vec::new();
        for (question, tree) in self.model.trees.iter().enumerate() {
            for (at, plan) in tree.plans().iter().enumerate() {
                let (gain, missing) = self.gain(question, at);
                if gain > 0.0 && !missing.is_empty() {
                    bundles.push((gain / self.share(&missing).max(1e-6), question, at));
                }
                debug_assert!(plan.cost.is_finite(), "only finite costs are learned");
            }
        }
        bundles.sort_by(|one, other| other.0.total_cmp(&one.0).then((one.1, one.2).cmp(&(other.1, other.2))));
        let mut is_changed = false;
        for (_, question, at) in bundles {
            let (gain, missing) = self.gain(question, at);
            if gain > 0.0 && !missing.is_empty() {
                is_changed |= self.put_in(&missing);
            }
        }
        is_changed
    }

    /// What the question gains with a plan, less what having its elements counts, and the elements that the plan misses.
    fn gain(&self, question: usize, plan: usize) -> (f64, Vec<usize>) {
        let tree = &self.model.trees[question];
        let plan = &tree.plans()[plan];
        let gain = self.costs[question] - self.model.weights[question] * plan.cost;
        if gain <= 0.0 {
            return (gain, Vec::new());
        }
        let missing = plan.used.difference(&self.has[question]);
        let missing: Vec<usize> = missing.iter().map(|local| super::program::position(tree.elements()[local])).collect();
        let price: f64 = missing.iter().map(|element| self.model.program.elements[*element].price()).sum();
        (gain - price, missing)
    }

    /// The largest share of any limit that `elements` take of what is left of it.
    fn share(&self, elements: &[usize]) -> f64 {
        let taken = elements.iter().flat_map(|element| &self.takes[*element]);
        taken.map(|(row, amount)| amount / self.left[*row].max(f64::MIN_POSITIVE)).fold(0.0, f64::max)
    }
}
