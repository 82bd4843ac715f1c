//! The whole problem as far as the planner has answered: every question's tree, and the limits.
//!
//! Decides what follows from fixing elements by the limits alone, and what a configuration costs at most with the plans that were seen. Knows
//! nothing of how a bound is found. Start reading at [`Model::new`].

use super::bits::Bits;
use super::program::{Program, Row, position};
use super::tree::Tree;
use crate::cost::{Costs, Set};

/// Whether each element, by number, has to be there, or must not be.
pub(super) type Fixed = Vec<Option<bool>>;

/// Trees of all questions.
#[derive(Debug)]
pub(super) struct Model<'a> {
    /// Elements and limits as given.
    pub(super) program: &'a Program,
    /// The limits, those on all elements first.
    pub(super) rows: Vec<Row>,
    /// What fixed elements and limits leave open.
    pub(super) fixed: Fixed,
    /// By question.
    pub(super) trees: Vec<Tree>,
    /// By question.
    pub(super) weights: Vec<f64>,
    /// A *link* is a question and one of the elements that concern it; this is the first of each question, and behind the last how many there
    /// are.
    pub(super) first_link: Vec<usize>,
    /// Questions that an element, by number, concerns, with its position there.
    concerns: Vec<Vec<(usize, usize)>>,
}

impl<'a> Model<'a> {
    /// Of `costs` with nothing read yet; nothing when no configuration obeys the limits.
    pub(super) fn new<C: Costs>(costs: &C, program: &'a Program) -> Option<Self> {
        let trees: Vec<Tree> = (0..costs.questions()).map(|question| Tree::new(costs.relevant(question), program)).collect();
        let mut first_link = vec![0];
        let mut concerns = vec![Vec::new(); program.elements.len()];
        for (question, tree) in trees.iter().enumerate() {
            first_link.push(first_link[question] + tree.elements().len());
            for (local, element) in tree.elements().iter().enumerate() {
                concerns[position(*element)].push((question, local));
            }
        }
        let mut model = Self {
            program,
            rows: program.rows(),
            fixed: program.elements.iter().map(|terms| terms.fixed).collect(),
            weights: (0..trees.len()).map(|question| costs.weight(question)).collect(),
            trees,
            first_link,
            concerns,
        };
        let mut fixed = model.fixed.clone();
        let is_possible = model.settle(&mut fixed);
        model.fixed = fixed;
        is_possible.then_some(model)
    }

    /// How many links there are.
    pub(super) fn n_links(&self) -> usize {
        self.first_link.last().copied().unwrap_or_default()
    }

    /// Excludes what cannot fit any more beside what is fixed; false when that is too much already.
    pub(super) fn settle(&self, fixed: &mut Fixed) -> bool {
        self.rows.iter().all(|row| {
            let left = row.left(fixed);
            for (element, amount) in &row.amounts {
                if fixed[*element].is_none() && left.is_some_and(|left| *amount > left) {
                    fixed[*element] = Some(false);
                }
            }
            left.is_some()
        })
    }

    /// Questions that the element at `position` concerns, with its position there.
    pub(super) fn concerned(&self, position: usize) -> &[(usize, usize)] {
        &self.concerns[position]
    }

    /// What is in a configuration, by element, as positions of `question`.
    pub(super) fn local(&self, question: usize, chosen: &[bool]) -> Bits {
        let elements = self.trees[question].elements();
        let mut local = Bits::none(elements.len());
        for (at, _) in elements.iter().enumerate().filter(|(_, element)| chosen[position(**element)]) {
            local.insert(at);
        }
        local
    }

    /// A configuration, by element, as a set.
    pub(super) fn set(chosen: &[bool]) -> Set {
        chosen.iter().enumerate().filter(|(_, is_in)| **is_in).map(|(at, _)| super::program::element(at)).collect()
    }
}
