//! All configurations of a question, cut into parts of which each has a cost or at least a lower bound.
//!
//! The whole is one part. Where the planner, seeing everything that a part may have, uses the elements `i`, `j`, `k`, every configuration of
//! the part with all three costs as much; the others lack `i`; or have `i` and lack `j`; or have `i` and `j` and lack `k`. These are disjoint parts,
//! with at least the same cost, and the planner can be asked again. So what is known of a question is a list of *plans* (elements and
//! cost: any configuration with the elements costs at most that) and of *open parts* (elements that must be there, elements that must not,
//! and a cost below which none of its configurations is).
//!
//! A part is closed when its lower bound is the cost of a plan that all its configurations can have. That holds, in particular, where the cost
//! is that without any element.
//!
//! Facts that contradict each other, from a planner that is not monotone, are read as [`crate::cost::Facts::bounds`] reads them: the cheaper
//! plan counts wherever it can be had, and nothing is forgotten, so no part is opened twice. Start reading at [`Tree::read`].

use super::bits::Bits;
use super::program::{Program, position};
use crate::cost::{Element, Fact, Facts, Set};

/// Relative difference up to which two planner costs are the same; EXPLAIN prints two decimals, so real ones differ by more or not at all.
const SAME: f64 = 1e-9;

/// A plan that was seen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// What it counts: planner cost with the price of early stops.
    pub(super) cost: f64,
    /// The planner's own cost, by which it was chosen.
    floor: f64,
    /// Positions of elements that it uses.
    pub(super) used: Bits,
}

/// Configurations of which only a lower bound is known: all that have `requires` and nothing beside `visible`. The bound is on the planner's
/// own cost, since that is what follows from its choice; what the choice then counts is not less.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// None of them costs less; planner cost.
    pub(super) floor: f64,
    /// What the plan costs the planner that is cheapest to it of those that use nothing beside `visible`.
    ceiling: f64,
    /// Positions of elements that all of them have.
    pub(super) requires: Bits,
    /// Positions of elements that they may have.
    pub(super) visible: Bits,
    /// Whether the planner was asked about it already.
    is_asked: bool,
    /// Whether, cut finer, there would be too many.
    is_whole: bool,
}

impl Part {
    /// Whether the planner could say more.
    pub(super) fn is_unexplored(&self) -> bool {
        !self.is_asked && !self.is_whole
    }
}

/// What is known of one question, over its elements that are not fixed.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    elements: Vec<Element>,
    fixed_in: Set,
    fixed_out: Set,
    plans: Vec<Plan>,
    /// What was seen, and what the planner's choice of it cost the planner.
    floors: Vec<(Bits, f64)>,
    parts: Vec<Part>,
    read: usize,
}

impl Tree {
    /// Nothing known of a question that `relevant` concern.
    pub(super) fn new(relevant: &Set, program: &Program) -> Self {
        let fixed = |element: &Element| program.elements.get(position(*element)).map_or(Some(false), |terms| terms.fixed);
        let elements: Vec<Element> = relevant.iter().filter(|element| fixed(element).is_none()).collect();
        let whole = Part {
            floor: 0.0,
            ceiling: f64::INFINITY,
            requires: Bits::none(elements.len()),
            visible: Bits::all(elements.len()),
            is_asked: false,
            is_whole: false,
        };
        Self {
            elements,
            fixed_in: relevant.iter().filter(|element| fixed(element) == Some(true)).collect(),
            fixed_out: relevant.iter().filter(|element| fixed(element) == Some(false)).collect(),
            plans: Vec::new(),
            floors: Vec::new(),
            parts: vec![whole],
            read: 0,
        }
    }

    /// The elements that positions stand for.
    pub(super) fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// Plans of which none is superfluous: for each, every other costs less or uses something else.
    pub(super) fn plans(&self) -> &[Plan] {
        &self.plans
    }

    /// Parts that are not closed.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// What the planner has to see to be asked about `part`.
    pub(super) fn sees(&self, part: &Part) -> Set {
        part.visible.iter().map(|position| self.elements[position]).chain(self.fixed_in.iter()).collect()
    }

    /// What the planner has to see to be asked about the part at `position`, about which it is then not asked again, whatever the answer.
    pub(super) fn ask(&mut self, position: usize) -> Set {
        self.parts[position].is_asked = true;
        self.sees(&self.parts[position])
    }

    /// What the known plan counts that the planner takes with nothing beside `has`.
    pub(super) fn ceiling(&self, has: &Bits) -> f64 {
        self.taken(has).map_or(f64::INFINITY, |plan| plan.cost)
    }

    /// The known plan that is cheapest to the planner and needs nothing beside `has`.
    fn taken(&self, has: &Bits) -> Option<&Plan> {
        let possible = self.plans.iter().filter(|plan| plan.used.is_subset_of(has));
        possible.min_by(|one, other| one.floor.total_cmp(&other.floor))
    }

    /// Takes in what was learned since the last time, and cuts parts as far as answers reach, up to `most` open ones, those with the lowest
    /// bound first. Elements are excluded in ascending order of `rank`, by element: what comes first should be what matters most, since the
    /// first part lacks it, which costs, and all others require it, which takes room.
    ///
    /// True when something changed.
    pub(super) fn read(&mut self, facts: &Facts, rank: &[f64], most: usize) -> bool {
        let news = facts.all().get(self.read..).unwrap_or_default();
        self.read = facts.all().len();
        for fact in news.iter().filter(|fact| fact.cost.is_finite()) {
            self.learn(fact);
        }
        if news.is_empty() {
            return false;
        }
        self.close();
        while let Some(next) = self.next_to_cut() {
            self.cut(next, rank, most);
        }
        true
    }

    fn learn(&mut self, fact: &Fact) {
        // Without something that is always there, the planner's answer says nothing about the least that a configuration costs.
        if self.fixed_in.is_subset_of(&fact.visible) {
            let visible = self.positions(&fact.visible);
            for part in self.parts.iter_mut().filter(|part| part.visible.is_subset_of(&visible)) {
                part.floor = part.floor.max(fact.floor);
            }
            self.floors.push((visible, fact.floor));
        }
        if !fact.used.intersection(&self.fixed_out).is_empty() {
            return;
        }
        let plan = Plan { cost: fact.cost, floor: fact.floor, used: self.positions(&fact.used) };
        let is_better =
            |one: &Plan, other: &Plan| one.cost <= other.cost && one.floor <= other.floor && one.used.is_subset_of(&other.used);
        if self.plans.iter().any(|known| is_better(known, &plan)) {
            return;
        }
        self.plans.retain(|known| !is_better(&plan, known));
        for part in self.parts.iter_mut().filter(|part| plan.used.is_subset_of(&part.visible)) {
            part.ceiling = part.ceiling.min(plan.floor);
        }
        self.plans.push(plan);
    }

    fn positions(&self, set: &Set) -> Bits {
        let mut positions = Bits::none(self.elements.len());
        for position in set.iter().filter_map(|element| self.elements.binary_search(&element).ok()) {
            positions.insert(position);
        }
        positions
    }

    fn close(&mut self) {
        let plans = std::mem::take(&mut self.plans);
        self.parts.retain(|part| !is_closed(part, &plans));
        self.plans = plans;
    }

    /// The part with the lowest bound of those whose cost is known and that have not been cut.
    fn next_to_cut(&self) -> Option<usize> {
        let known = self.parts.iter().enumerate().filter(|(_, part)| !part.is_whole && part.floor >= part.ceiling * (1.0 - SAME));
        known.min_by(|(_, one), (_, other)| one.floor.total_cmp(&other.floor)).map(|(position, _)| position)
    }

    fn cut(&mut self, position: usize, rank: &[f64], most: usize) {
        let part = &self.parts[position];
        let within = |plan: &&Plan| plan.floor <= part.ceiling * (1.0 + SAME) && plan.used.is_subset_of(&part.visible);
        let missing = self.plans.iter().filter(within).map(|plan| plan.used.difference(&part.requires)).min_by_key(Bits::count);
        let mut missing: Vec<usize> = missing.iter().flat_map(Bits::iter).collect();
        if missing.is_empty() || self.parts.len() + missing.len() > most {
            self.parts[position].is_whole = true;
            return;
        }
        let ranked = |position: &usize| rank.get(super::program::position(self.elements[*position])).copied().unwrap_or_default();
        missing.sort_by(|one, other| ranked(one).total_cmp(&ranked(other)).then(one.cmp(other)));
        let mut rest = self.parts.swap_remove(position);
        for position in missing {
            let mut visible = rest.visible.clone();
            visible.remove(position);
            let floors = self.floors.iter().filter(|(seen, _)| visible.is_subset_of(seen)).map(|(_, floor)| *floor);
            let floor = floors.fold(rest.floor, f64::max);
            let part = Part {
                floor,
                ceiling: self.taken(&visible).map_or(f64::INFINITY, |plan| plan.floor),
                requires: rest.requires.clone(),
                visible,
                is_asked: false,
                is_whole: false,
            };
            if !is_closed(&part, &self.plans) {
                self.parts.push(part);
            }
            rest.requires.insert(position);
        }
    }
}

/// Whether a plan that all of the part's configurations can have costs the planner no more than the least of them: then they all have it.
fn is_closed(part: &Part, plans: &[Plan]) -> bool {
    plans.iter().any(|plan| plan.floor * (1.0 - SAME) <= part.floor && plan.used.is_subset_of(&part.requires))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bound::Terms;
    use pgtailor_model::unit::Bytes;

    fn set(elements: &[Element]) -> Set {
        elements.iter().copied().collect()
    }

    fn tree(n: u32) -> Tree {
        let program = Program { elements: terms(4), ..Program::default() };
        Tree::new(&(0..n).collect(), &program)
    }

    fn facts(answers: &[(&[Element], &[Element], f64)]) -> Facts {
        let mut facts = Facts::default();
        for (visible, used, cost) in answers {
            facts.learn(Fact { visible: set(visible), used: set(used), floor: *cost, cost: *cost });
        }
        facts
    }

    #[test]
    fn a_question_that_nothing_helps_is_closed_by_one_answer() {
        let mut tree = tree(4);
        assert!(tree.read(&facts(&[(&[0, 1, 2, 3], &[], 10.0)]), &[], 100));
        assert!(tree.parts().is_empty() && tree.plans().len() == 1);
    }

    #[test]
    fn parts_are_disjoint_and_those_with_the_cost_of_nothing_are_closed() {
        let mut tree = tree(4);
        // Excluding 1 first leaves a part that lacks it, and one that has it and lacks 2; without 1 there is nothing to gain.
        tree.read(&facts(&[(&[0, 1, 2, 3], &[1, 2], 3.0), (&[], &[], 10.0)]), &[0.0; 4], 100);
        let sees = |tree: &Tree| tree.parts().iter().map(|part| tree.sees(part)).collect::<Vec<_>>();
        assert_eq!(sees(&tree), [set(&[0, 2, 3]), set(&[0, 1, 3])]);
        let requires: Vec<Vec<usize>> = tree.parts().iter().map(|part| part.requires.iter().collect()).collect();
        assert_eq!(requires, [vec![], vec![1]]);
        assert!(tree.parts().iter().all(|part| (part.floor - 3.0).abs() < 1e-9 && part.is_unexplored()));
        let more = facts(&[(&[0, 1, 2, 3], &[1, 2], 3.0), (&[], &[], 10.0), (&[0, 2, 3], &[], 10.0)]);
        tree.read(&more, &[0.0; 4], 100);
        assert_eq!(sees(&tree), [set(&[0, 1, 3])]);
    }

    #[test]
    fn a_part_stays_whole_where_there_would_be_too_many() {
        let mut tree = tree(4);
        tree.read(&facts(&[(&[0, 1, 2, 3], &[1, 2], 3.0), (&[], &[], 10.0)]), &[0.0; 4], 2);
        assert!(tree.parts().len() == 1 && !tree.parts()[0].is_unexplored());
    }

    #[test]
    fn the_cheaper_of_contradicting_answers_is_believed() {
        let mut tree = tree(2);
        // With 0 alone it costs 5, yet with 1 beside it 8, and 9 without any.
        tree.read(&facts(&[(&[0, 1], &[1], 8.0), (&[0], &[0], 5.0), (&[], &[], 9.0), (&[1], &[1], 8.0)]), &[0.0; 2], 100);
        let both = Bits::all(2);
        assert!((tree.ceiling(&both) - 5.0).abs() < 1e-9);
        assert!(tree.parts().is_empty(), "{:?}", tree.parts());
    }

    #[test]
    fn what_was_seen_without_a_fixed_element_bounds_nothing_from_below() {
        let mut program = Program { elements: terms(3), ..Program::default() };
        program.elements[0].fixed = Some(true);
        program.elements[1].fixed = Some(false);
        let mut tree = Tree::new(&set(&[0, 1, 2]), &program);
        tree.read(&facts(&[(&[1, 2], &[1], 7.0)]), &[0.0; 3], 100);
        assert!(tree.plans().is_empty() && tree.parts()[0].floor == 0.0, "neither possible nor a bound");
        assert_eq!(tree.sees(&tree.parts()[0]), set(&[0, 2]));
    }

    fn terms(n: usize) -> Vec<Terms> {
        vec![Terms { size: Bytes(1), upkeep: 0.0, least: 0.0, table: 0, is_counted: true, fixed: None }; n]
    }
}
