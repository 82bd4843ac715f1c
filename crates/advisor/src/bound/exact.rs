//! The same problem for a solver of mixed-integer programmes, `HiGHS`, for the last per mille of a gap.
//!
//! Elements are binary and choices continuous: with the elements decided every question's part is solved by one choice. Requirements of a
//! question and an element are one row for all choices, which makes the linear relaxation as tight as one question's part can be. Built only with the
//! feature `exact`, since the solver is C++ and takes minutes to compile. Its bound holds up to its tolerances, a millionth. Start reading at
//! [`exact`].

use std::rc::Rc;

use highs::{Col, HighsModelStatus, HighsSolutionStatus, RowProblem, Sense};

use super::relaxation::Relaxation;
use super::search::{Node, Search};
use super::{BoundOptions, BoundOutcome, Incumbent, Program, Stop, bound_by};
use crate::cost::Costs;

/// The solver's own gap, relative; its bound counts, so what is left of it only costs sharpness.
const GAP: f64 = 1e-6;

/// Like [`super::bound()`], but when the Lagrangian bound asks for nothing more, the solver takes over instead of branching. Each of its runs, one
/// for every batch of plannings, takes at most `seconds` of its own clock, during which `keep_going` is not asked.
pub fn exact<C: Costs>(
    costs: &mut C,
    program: &Program,
    incumbent: &Incumbent,
    options: &BoundOptions,
    seconds: f64,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<BoundOutcome, C::Error> {
    let options = BoundOptions { branchings: 0, ..*options };
    bound_by(costs, program, incumbent, options, |search| match search.run(keep_going)? {
        Stop::BranchingsSpent => search.solve_exactly(seconds, keep_going),
        stop => Ok(stop),
    })
}

/// What the solver says.
enum Answer {
    /// The limits allow nothing.
    Impossible,
    /// No configuration costs less, and how much of each column and choice the best has that was found, if one was.
    Solved { bound: f64, best: Option<(Vec<f64>, Vec<f64>)> },
    /// It gave up.
    Failed,
}

impl<C: Costs> Search<'_, C> {
    fn solve_exactly(&mut self, seconds: f64, keep_going: &mut dyn FnMut() -> bool) -> Result<Stop, C::Error> {
        while let Some(mut node) = self.take() {
            if node.bound.min(self.settled()) >= self.good_enough() || !keep_going() {
                let stop =
                    if node.bound.min(self.settled()) >= self.good_enough() { Stop::GapReached } else { Stop::Interrupted };
                self.put(node);
                return Ok(stop);
            }
            let Some(relaxation) = Relaxation::new(&self.model, &node.fixed) else { continue };
            match solve(&relaxation, seconds) {
                Answer::Impossible => {}
                Answer::Failed => {
                    self.put(node);
                    return Ok(Stop::Exhausted);
                }
                Answer::Solved { bound, best } => {
                    node.bound = node.bound.max(bound);
                    if !self.learn(node, &relaxation, best)? {
                        return Ok(if self.lower() >= self.good_enough() { Stop::GapReached } else { Stop::Exhausted });
                    }
                }
            }
        }
        Ok(if self.lower() >= self.good_enough() { Stop::GapReached } else { Stop::Exhausted })
    }

    /// Prices what the solver found, and asks about what it picked; false when there was nothing to ask.
    fn learn(&mut self, node: Node, relaxation: &Relaxation, best: Option<(Vec<f64>, Vec<f64>)>) -> Result<bool, C::Error> {
        let fixed = Rc::clone(&node.fixed);
        self.put(node);
        let Some((columns, choices)) = best else { return Ok(false) };
        let mut shares: Vec<f64> = fixed.iter().map(|fixed| if *fixed == Some(true) { 1.0 } else { 0.0 }).collect();
        for (column, value) in relaxation.columns.iter().zip(&columns) {
            shares[*column] = value.round();
        }
        let asked = self.unexplored(relaxation, &choices);
        self.round(&fixed, &shares)?;
        self.ask(&asked)?;
        Ok(!asked.is_empty())
    }
}

fn solve(relaxation: &Relaxation, seconds: f64) -> Answer {
    if relaxation.questions.is_empty() {
        return Answer::Solved { bound: relaxation.constant, best: None };
    }
    let mut problem = RowProblem::default();
    let columns: Vec<Col> = relaxation.having.iter().map(|price| problem.add_integer_column(*price, 0..=1)).collect();
    let choices: Vec<Col> = relaxation.choices.iter().map(|choice| problem.add_column(choice.cost, 0..=1)).collect();
    let mut required: Vec<Vec<(Col, f64)>> = relaxation.links.iter().map(|link| vec![(columns[link.column], -1.0)]).collect();
    let mut excluded: Vec<Vec<(Col, f64)>> = relaxation.links.iter().map(|link| vec![(columns[link.column], 1.0)]).collect();
    for question in &relaxation.questions {
        let all: Vec<(Col, f64)> = choices[question.choices.clone()].iter().map(|choice| (*choice, 1.0)).collect();
        problem.add_row(1..=1, &all);
        for (choice, column) in relaxation.choices[question.choices.clone()].iter().zip(&choices[question.choices.clone()]) {
            for link in &relaxation.entries[choice.requires.clone()] {
                required[*link].push((*column, 1.0));
            }
            for link in &relaxation.entries[choice.excludes.clone()] {
                excluded[*link].push((*column, 1.0));
            }
        }
    }
    for (link, (required, excluded)) in relaxation.links.iter().zip(required.iter().zip(&excluded)) {
        if link.is_required {
            problem.add_row(..=0, required);
        }
        if link.is_excluded {
            problem.add_row(..=1, excluded);
        }
    }
    for limit in &relaxation.limits {
        problem.add_row(..=1, limit.shares.iter().map(|(column, share)| (columns[*column], *share)));
    }
    let Ok(mut model) = problem.try_optimise(Sense::Minimise) else { return Answer::Failed };
    model.make_quiet();
    let is_set = model.try_set_option("time_limit", seconds.max(0.0)).is_ok()
        && model.try_set_option("mip_rel_gap", GAP).is_ok()
        && model.try_set_option("threads", 1).is_ok();
    let Some(solved) = is_set.then(|| model.try_solve().ok()).flatten() else { return Answer::Failed };
    if solved.status() == HighsModelStatus::Infeasible {
        return Answer::Impossible;
    }
    let Ok(bound) = solved.double_info_value(c"mip_dual_bound") else { return Answer::Failed };
    let is_found = solved.primal_solution_status() == HighsSolutionStatus::Feasible;
    let best = is_found.then(|| {
        let mut values = solved.get_solution().columns().to_vec();
        let choices = values.split_off(columns.len());
        (values, choices)
    });
    Answer::Solved { bound: bound + relaxation.constant, best }
}
