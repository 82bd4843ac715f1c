//! Plans that were seen, as options of their questions, and what any set of elements makes of them.

use std::collections::BTreeSet;

use super::Problem;
use crate::cost::{Costs, Element, Fact, Set};

/// The options of all questions that count.
pub(super) struct Options {
    /// By question: options in the order in which the planner prefers them, each of which no earlier one needs less than, with what they
    /// count; the last needs nothing that can be missing.
    questions: Vec<Question>,
    /// Sets of elements that some option needs beyond what exists, each once.
    pub(super) bundles: Vec<Bundle>,
    /// By element: questions with an option that needs it.
    by_element: Vec<Vec<usize>>,
    /// By question: bundles that could make it cheaper.
    pub(super) by_question: Vec<Vec<usize>>,
}

struct Question {
    weight: f64,
    options: Vec<(Set, f64)>,
}

/// Elements that make some option possible together.
pub(super) struct Bundle {
    pub(super) elements: Set,
    /// Options that need any of them, as question and position, in ascending order.
    options: Vec<(usize, usize)>,
}

/// A set of elements, with the option that each question takes under it.
#[derive(Clone)]
pub(super) struct State {
    pub(super) chosen: Set,
    /// By element: whether it is chosen.
    there: Vec<bool>,
    taken: Vec<usize>,
    /// The workload's cost, with what having the elements counts.
    pub(super) cost: f64,
}

impl Options {
    /// What is known now.
    pub(super) fn of<C: Costs>(costs: &C, problem: &Problem) -> Self {
        let counting = (0..costs.questions()).filter(|question| costs.weight(*question) > 0.0);
        let questions: Vec<Question> = counting
            .map(|question| {
                let facts = costs.facts(question).all();
                let mut seen: Vec<&Fact> = facts.iter().collect();
                // The planner takes what is cheapest to it, whatever that counts here.
                seen.sort_by(|one, other| one.floor.total_cmp(&other.floor).then_with(|| one.used.cmp(&other.used)));
                let mut options: Vec<(Set, f64)> = Vec::new();
                for Fact { used, cost, .. } in seen {
                    if !options.iter().any(|(less, _)| less.is_subset_of(used)) {
                        options.push((used.clone(), *cost));
                    }
                }
                Question { weight: costs.weight(question), options }
            })
            .collect();
        let mut by_element = vec![Vec::new(); problem.program.elements.len()];
        for (number, question) in questions.iter().enumerate() {
            let mut needed: Vec<usize> = question.options.iter().flat_map(|(used, _)| used.iter()).filter_map(position).collect();
            needed.sort_unstable();
            needed.dedup();
            for element in needed {
                by_element[element].push(number);
            }
        }
        let existing = problem.existing();
        let mut bundles: BTreeSet<Set> = BTreeSet::new();
        for (used, _) in questions.iter().flat_map(|question| &question.options) {
            let beyond = used.difference(&existing);
            bundles.extend(beyond.iter().map(|element| std::iter::once(element).collect()));
            if !beyond.is_empty() {
                bundles.insert(beyond);
            }
        }
        let mut options = Self { questions, bundles: Vec::new(), by_element, by_question: Vec::new() };
        options.bundles = bundles.into_iter().map(|elements| options.bundle(elements)).collect();
        options.by_question = vec![Vec::new(); options.questions.len()];
        for (number, bundle) in options.bundles.iter().enumerate() {
            for question in bundle.questions() {
                options.by_question[question].push(number);
            }
        }
        options
    }

    /// `elements` with the options that need any of them.
    pub(super) fn bundle(&self, elements: Set) -> Bundle {
        let mut options: Vec<(usize, usize)> = Vec::new();
        for element in elements.iter().filter_map(position) {
            for number in &self.by_element[element] {
                let all = self.questions[*number].options.iter().enumerate();
                let needing = all.filter(|(_, (used, _))| used.iter().filter_map(position).any(|other| other == element));
                options.extend(needing.map(|(option, _)| (*number, option)));
            }
        }
        options.sort_unstable();
        options.dedup();
        Bundle { elements, options }
    }

    /// What `chosen` makes of the workload.
    pub(super) fn state(&self, problem: &Problem, chosen: Set) -> State {
        let mut there = vec![false; self.by_element.len()];
        for element in chosen.iter().filter_map(position) {
            there[element] = true;
        }
        let taken: Vec<usize> = self.questions.iter().map(|question| question.first(0, |used| is_within(used, &there))).collect();
        let cost: f64 = self.questions.iter().zip(&taken).map(|(question, taken)| question.cost(*taken)).sum();
        State { cost: cost + problem.price_of(&chosen), taken, there, chosen }
    }

    /// The first option of each question that `bundle` makes possible and that the planner prefers to what is taken: question and option.
    fn improved<'a>(&'a self, state: &'a State, bundle: &'a Bundle) -> impl Iterator<Item = (usize, usize)> + 'a {
        let is_there =
            |element| position(element).is_some_and(|element| state.there[element]) || bundle.elements.contains(element);
        let mut last = None;
        bundle.options.iter().copied().filter(move |(number, option)| {
            let is_new = last != Some(*number) && *option < state.taken[*number];
            let is_possible = is_new && self.questions[*number].options[*option].0.iter().all(is_there);
            if is_possible {
                last = Some(*number);
            }
            is_possible
        })
    }

    /// By how much the plans become cheaper with `bundle`; upkeep is not taken off. Below 0 where an index tempts the planner to stop early.
    pub(super) fn gain(&self, state: &State, bundle: &Bundle) -> f64 {
        let gain = |(number, option): (usize, usize)| {
            let question = &self.questions[number];
            question.cost(state.taken[number]) - question.cost(option)
        };
        self.improved(state, bundle).map(gain).sum()
    }

    /// By how much the plans become dearer without `element`, which is there.
    pub(super) fn loss(&self, state: &State, element: Element) -> f64 {
        let Some(position) = position(element) else { return 0.0 };
        let loss = |number: &usize| {
            let question = &self.questions[*number];
            let taken = state.taken[*number];
            if !question.options.get(taken).is_some_and(|(used, _)| used.contains(element)) {
                return 0.0;
            }
            let is_left = |used: &Set| !used.contains(element) && is_within(used, &state.there);
            question.cost(question.first(taken, is_left)) - question.cost(taken)
        };
        self.by_element[position].iter().map(loss).sum()
    }

    /// Adds the elements of `bundle`.
    pub(super) fn add(&self, problem: &Problem, state: &mut State, bundle: &Bundle) {
        let new = bundle.elements.difference(&state.chosen);
        state.chosen = state.chosen.union(&new);
        state.cost += problem.price_of(&new);
        let improved: Vec<(usize, usize)> = self.improved(state, bundle).collect();
        for (number, option) in improved {
            let question = &self.questions[number];
            state.cost += question.cost(option) - question.cost(state.taken[number]);
            state.taken[number] = option;
        }
        for element in new.iter().filter_map(position) {
            state.there[element] = true;
        }
    }

    /// Takes `element` away, which is there.
    pub(super) fn remove(&self, problem: &Problem, state: &mut State, element: Element) {
        state.chosen.remove(element);
        state.cost -= problem.price(element);
        let Some(position) = position(element) else { return };
        state.there[position] = false;
        for number in &self.by_element[position] {
            let question = &self.questions[*number];
            let before = state.taken[*number];
            if question.options.get(before).is_some_and(|(used, _)| used.contains(element)) {
                let after = question.first(before, |used| is_within(used, &state.there));
                state.cost += question.cost(after) - question.cost(before);
                state.taken[*number] = after;
            }
        }
    }
}

impl Bundle {
    /// Questions with an option that needs any of its elements.
    pub(super) fn questions(&self) -> impl Iterator<Item = usize> + '_ {
        self.options.chunk_by(|one, other| one.0 == other.0).map(|same| same[0].0)
    }
}

impl Question {
    /// The first option from `from` on of which `is_there` holds; the number of options when there is none.
    fn first(&self, from: usize, is_there: impl Fn(&Set) -> bool) -> usize {
        self.options.iter().skip(from).position(|(used, _)| is_there(used)).map_or(self.options.len(), |position| from + position)
    }

    /// The weighted cost of an option; infinite past the last, which is a question whose plan without anything is not known.
    fn cost(&self, option: usize) -> f64 {
        self.options.get(option).map_or(f64::INFINITY, |(_, cost)| self.weight * cost)
    }
}

fn is_within(used: &Set, there: &[bool]) -> bool {
    used.iter().all(|element| position(element).is_some_and(|element| there[element]))
}

fn position(element: Element) -> Option<usize> {
    usize::try_from(element).ok()
}
