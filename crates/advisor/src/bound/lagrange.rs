//! A lower bound by Lagrangian relaxation, solved by the volume algorithm.
//!
//! That a question may pick a choice only if the elements that it requires are there, and those that it excludes are not, is given up, and
//! breaking it has a price instead: one number for each link of a question and an element, what the question pays to have the element where
//! it is positive, and to be without it where it is negative. Then every question picks for itself, and the elements are chosen for what all
//! questions pay, as a fractional knapsack. Any prices give a lower bound; good ones are found by moving against the violations.
//!
//! The bound of the best prices is that of the linear relaxation (the subproblems have the integrality property), and a question's part of it
//! is the convex envelope of what is known of it, so nothing is lost but what limits and several questions do together; branching closes that.
//!
//! Source: Barahona and Anbil, "The volume algorithm: producing primal solutions with a subgradient method", Math. Program. 87 (2000), whose
//! averages also give fractions of choices and elements. Start reading at [`solve`].

use super::relaxation::Relaxation;

/// How long to try.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    /// Most evaluations.
    pub(super) evaluations: usize,
    /// Evaluations after which the bound must have come closer to the target by a hundredth.
    pub(super) patience: usize,
}

/// Prices: of links, then of limits other than the first.
pub(super) type Prices = Vec<f64>;

/// What the relaxation says.
#[derive(Clone, Debug)]
pub(super) struct Solution {
    /// No configuration costs less; weighted planner cost with what having elements counts.
    pub(super) bound: f64,
    /// Those that give the bound.
    pub(super) prices: Prices,
    /// How much of each column is chosen, 0 to 1, on average.
    pub(super) columns: Vec<f64>,
    /// How much of each choice is picked, 0 to 1, on average.
    pub(super) choices: Vec<f64>,
    /// By how much the bound rises if the column is not left out (positive) or is (negative).
    pub(super) reduced: Vec<f64>,
}

/// One evaluation: what everybody picks at some prices.
#[derive(Clone, Debug)]
struct Picks {
    bound: f64,
    choices: Vec<usize>,
    columns: Vec<f64>,
    reduced: Vec<f64>,
    slope: Vec<f64>,
    required: Vec<f64>,
    excluded: Vec<f64>,
}

/// Bounds from below what `relaxation` can cost, starting with `start`; not longer than until the bound is `target`, above which it is of no use.
pub(super) fn solve(
    relaxation: &Relaxation,
    start: Prices,
    target: f64,
    effort: Effort,
    keep_going: &mut dyn FnMut() -> bool,
) -> Solution {
    let mut center = start;
    center.resize(relaxation.links.len() + relaxation.limits.len().saturating_sub(1), 0.0);
    relaxation.admit(&mut center);
    let mut picks = Picks::new(relaxation);
    relaxation.evaluate(&center, &mut picks);
    let mut best = picks.bound;
    let mut average = Average::new(relaxation, &picks);
    let mut trial = center.clone();
    let (mut factor, mut share, mut failures) = (0.1_f64, 0.1_f64, 0_usize);
    let (mut checked, mut at_check) = (0, best);
    for evaluation in 0..effort.evaluations {
        if best >= target || (evaluation % 16 == 15 && !keep_going()) {
            break;
        }
        if evaluation >= checked + effort.patience {
            if best - at_check <= 0.01 * (target - best) {
                break;
            }
            if best - at_check <= 0.05 * (target - best) {
                share = (share / 2.0).max(1e-4);
            }
            (checked, at_check) = (evaluation, best);
        }
        let norm = relaxation.length(&center, &average.slope);
        if norm <= f64::EPSILON {
            break;
        }
        // As far as the target is likely to be reached: at most a twentieth above the bound, as in the paper.
        let step = factor * (target.min(best + 0.05 * best.abs().max(f64::MIN_POSITIVE)) - best).max(1e-12 * best.abs()) / norm;
        for ((trial, center), slope) in trial.iter_mut().zip(&center).zip(&average.slope) {
            *trial = center + step * slope;
        }
        relaxation.admit(&mut trial);
        relaxation.evaluate(&trial, &mut picks);
        let agreement: f64 = average.slope.iter().zip(&picks.slope).map(|(one, other)| one * other).sum();
        average.take(&picks, share);
        if picks.bound > best {
            failures = 0;
            if agreement > 0.0 {
                factor = (factor * 1.2).min(2.0);
            }
            best = picks.bound;
            center.clone_from(&trial);
        } else {
            failures += 1;
            if failures >= 10 {
                (factor, failures) = ((factor * 0.66).max(1e-4), 0);
            }
        }
    }
    relaxation.evaluate(&center, &mut picks);
    let (columns, choices) = average.done();
    Solution { bound: picks.bound, prices: center, columns, choices, reduced: picks.reduced }
}

impl Relaxation {
    /// Moves prices to where they are allowed: nobody pays for what no choice asks.
    fn admit(&self, prices: &mut [f64]) {
        let (links, limits) = prices.split_at_mut(self.links.len());
        for (price, link) in links.iter_mut().zip(&self.links) {
            if !link.is_required {
                *price = price.min(0.0);
            }
            if !link.is_excluded {
                *price = price.max(0.0);
            }
        }
        for price in limits {
            *price = price.max(0.0);
        }
    }

    /// The squared length of `slope`, without what would leave the allowed prices at once.
    fn length(&self, prices: &[f64], slope: &[f64]) -> f64 {
        let leaves = |at: usize| {
            self.links.get(at).map_or((prices[at] <= 0.0, false), |link| {
                (prices[at] <= 0.0 && !link.is_excluded, prices[at] >= 0.0 && !link.is_required)
            })
        };
        let stays = slope.iter().enumerate().filter(|(at, slope)| {
            let (below, above) = leaves(*at);
            !(**slope < 0.0 && below || **slope > 0.0 && above)
        });
        stays.map(|(_, slope)| slope * slope).sum()
    }

    /// What everybody picks at `prices`.
    fn evaluate(&self, prices: &[f64], picks: &mut Picks) {
        let n_links = self.links.len();
        picks.reduced.copy_from_slice(&self.having);
        let mut bound = self.constant;
        for (at, (link, price)) in self.links.iter().zip(prices).enumerate() {
            picks.required[at] = price.max(0.0);
            picks.excluded[at] = (-price).max(0.0);
            picks.reduced[link.column] -= price;
            bound += price.min(0.0);
        }
        for (limit, price) in self.limits.iter().skip(1).zip(&prices[n_links..]) {
            bound -= price;
            for (column, share) in &limit.shares {
                picks.reduced[*column] += price * share;
            }
        }
        bound += self.fill(picks);
        for (link, slope) in self.links.iter().zip(picks.slope.iter_mut()) {
            *slope = -picks.columns[link.column];
        }
        for (at, question) in self.questions.iter().enumerate() {
            let (value, picked) = self.pick(question.choices.clone(), picks.choices[at], picks);
            bound += value;
            picks.choices[at] = picked;
            self.asked(question.links.clone(), &self.choices[picked], prices, picks);
        }
        for (at, limit) in self.limits.iter().skip(1).enumerate() {
            picks.slope[n_links + at] =
                limit.shares.iter().map(|(column, share)| share * picks.columns[*column]).sum::<f64>() - 1.0;
        }
        picks.bound = bound;
    }

    /// The cheapest choice at the prices. Choices ascend by cost and prices only add to it, so the search ends at the first that costs as
    /// much as the best; beginning with `last`, what was picked the last time, it ends sooner.
    fn pick(&self, choices: std::ops::Range<usize>, last: usize, picks: &Picks) -> (f64, usize) {
        let value = |choice: &super::relaxation::Choice| {
            let required: f64 = self.entries[choice.requires.clone()].iter().map(|link| picks.required[*link]).sum();
            let excluded: f64 = self.entries[choice.excludes.clone()].iter().map(|link| picks.excluded[*link]).sum();
            choice.cost + required + excluded
        };
        let mut best = (value(&self.choices[last]), last);
        for (at, choice) in self.choices[choices.clone()].iter().enumerate() {
            if choice.cost >= best.0 {
                break;
            }
            let value = value(choice);
            if value < best.0 {
                best = (value, choices.start + at);
            }
        }
        best
    }

    /// Adds to the slope what a question asks for with its pick; where it does not care it asks for what is cheaper.
    fn asked(&self, links: std::ops::Range<usize>, choice: &super::relaxation::Choice, prices: &[f64], picks: &mut Picks) {
        for link in links {
            if self.links[link].is_excluded {
                if prices[link] < 0.0 {
                    picks.slope[link] += 1.0;
                } else if prices[link] == 0.0 {
                    picks.slope[link] = 0.0;
                }
            }
        }
        for link in &self.entries[choice.requires.clone()] {
            picks.slope[*link] = 1.0 - picks.columns[self.links[*link].column];
        }
        for link in &self.entries[choice.excludes.clone()] {
            picks.slope[*link] = -picks.columns[self.links[*link].column];
        }
    }

    /// Chooses columns for their reduced costs within the first limit, the last of them in part, and puts the limit's price on the reduced
    /// costs; returns the sum.
    fn fill(&self, picks: &mut Picks) -> f64 {
        for (column, reduced) in picks.columns.iter_mut().zip(&picks.reduced) {
            *column = if *reduced < 0.0 { 1.0 } else { 0.0 };
        }
        let Some(limit) = self.limits.first() else {
            return picks.reduced.iter().map(|reduced| reduced.min(0.0)).sum();
        };
        let mut wanted: Vec<(f64, usize, f64)> = limit
            .shares
            .iter()
            .filter(|(column, _)| picks.reduced[*column] < 0.0)
            .map(|(column, share)| (picks.reduced[*column] / share, *column, *share))
            .collect();
        let mut left = 1.0;
        if wanted.iter().map(|(_, _, share)| share).sum::<f64>() > left {
            wanted.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
            let mut price = 0.0;
            for (worth, column, share) in wanted {
                if share > left && price == 0.0 {
                    price = -worth;
                }
                picks.columns[column] = (left / share).clamp(0.0, 1.0);
                left = (left - share).max(0.0);
            }
            let value = picks.reduced.iter().zip(&picks.columns).map(|(reduced, column)| reduced * column).sum();
            for (column, share) in &limit.shares {
                picks.reduced[*column] += price * share;
            }
            return value;
        }
        picks.reduced.iter().map(|reduced| reduced.min(0.0)).sum()
    }
}

impl Picks {
    fn new(relaxation: &Relaxation) -> Self {
        let links = relaxation.links.len();
        Self {
            bound: 0.0,
            choices: relaxation.questions.iter().map(|question| question.choices.start).collect(),
            columns: vec![0.0; relaxation.columns.len()],
            reduced: vec![0.0; relaxation.columns.len()],
            slope: vec![0.0; links + relaxation.limits.len().saturating_sub(1)],
            required: vec![0.0; links],
            excluded: vec![0.0; links],
        }
    }
}

/// Exponentially weighted averages of what was picked; those of choices, which change in few places, are kept without their common factor.
struct Average {
    slope: Vec<f64>,
    columns: Vec<f64>,
    choices: Vec<f64>,
    factor: f64,
}

impl Average {
    fn new(relaxation: &Relaxation, picks: &Picks) -> Self {
        let mut choices = vec![0.0; relaxation.choices.len()];
        for picked in &picks.choices {
            choices[*picked] = 1.0;
        }
        Self { slope: picks.slope.clone(), columns: picks.columns.clone(), choices, factor: 1.0 }
    }

    /// Takes `picks` in with the share, at most `most`, that makes the average violate least.
    fn take(&mut self, picks: &Picks, most: f64) {
        let (mut along, mut length) = (0.0, 0.0);
        for (mine, new) in self.slope.iter().zip(&picks.slope) {
            along += mine * (mine - new);
            length += (mine - new) * (mine - new);
        }
        let share = if length > 0.0 { (along / length).clamp(most / 10.0, most) } else { most };
        for (mine, new) in self.slope.iter_mut().zip(&picks.slope).chain(self.columns.iter_mut().zip(&picks.columns)) {
            *mine += share * (new - *mine);
        }
        self.factor *= 1.0 - share;
        for picked in &picks.choices {
            self.choices[*picked] += share / self.factor;
        }
        if self.factor < 1e-100 {
            self.spread();
        }
    }

    fn spread(&mut self) {
        for choice in &mut self.choices {
            *choice *= self.factor;
        }
        self.factor = 1.0;
    }

    fn done(mut self) -> (Vec<f64>, Vec<f64>) {
        self.spread();
        (self.columns, self.choices)
    }
}

#[cfg(test)]
mod tests {
    use super::super::relaxation::{Choice, Limit, Link, Question};
    use super::*;

    /// `n` questions that cost 10, or 1 with a column of their own; each column takes `share` of the limit.
    fn relaxation(n: usize, share: f64) -> Relaxation {
        let nothing = 0..0;
        Relaxation {
            constant: 0.0,
            questions: (0..n).map(|at| Question { number: at, choices: 2 * at..2 * at + 2, links: at..at + 1 }).collect(),
            choices: (0..n)
                .flat_map(|at| {
                    let with = Choice { cost: 1.0, requires: at..at + 1, excludes: nothing.clone(), part: None };
                    [with, Choice { cost: 10.0, requires: nothing.clone(), excludes: nothing.clone(), part: None }]
                })
                .collect(),
            entries: (0..n).collect(),
            links: (0..n).map(|at| Link { number: at, column: at, is_required: true, is_excluded: false }).collect(),
            columns: (0..n).collect(),
            having: vec![0.5; n],
            limits: vec![Limit { row: 0, shares: (0..n).map(|at| (at, share)).collect() }],
        }
    }

    const EFFORT: Effort = Effort { evaluations: 2_000, patience: 200 };

    #[test]
    fn the_bound_is_that_of_the_linear_relaxation() {
        // Five of eight columns fit, each of which gains 8.5.
        let relaxation = relaxation(8, 0.2);
        let solution = solve(&relaxation, Vec::new(), 80.0, EFFORT, &mut || true);
        let optimum = 80.0 - 5.0 * 8.5;
        assert!(solution.bound <= optimum + 1e-9 && solution.bound > optimum - 0.01, "{solution:?}");
        assert!((solution.columns.iter().sum::<f64>() - 5.0).abs() < 0.3, "{solution:?}");
    }

    #[test]
    fn starting_from_good_prices_is_no_worse_than_they_are() {
        let relaxation = relaxation(8, 0.2);
        let first = solve(&relaxation, Vec::new(), 80.0, EFFORT, &mut || true);
        let again = solve(&relaxation, first.prices, 80.0, Effort { evaluations: 1, patience: 1 }, &mut || true);
        assert!(again.bound >= first.bound);
    }

    #[test]
    fn any_prices_give_a_bound() {
        let relaxation = relaxation(3, 0.5);
        // Two of three columns fit.
        for price in [-5.0, 0.0, 1.0, 9.0, 100.0] {
            let solution = solve(&relaxation, vec![price; 3], 30.0, Effort { evaluations: 0, patience: 1 }, &mut || true);
            assert!(solution.bound <= 30.0 - 2.0 * 8.5 + 1e-9, "{price}: {solution:?}");
        }
    }
}
