//! The search against brute force, on instances small enough for it.

use std::cell::Cell;
use std::convert::Infallible;

use pgtailor_advisor::bound::{BoundOptions, Incumbent, Limits, Program, Terms, bound};
use pgtailor_advisor::cost::{Costs, Fact, Facts, Set};
use pgtailor_advisor::select::{Effort, LeastGain, Problem, select};
use pgtailor_model::unit::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

/// A planner that knows for each question some plans: what each needs, and what it costs. The first needs nothing.
struct Plans {
    questions: Vec<Vec<(Set, f64)>>,
    facts: Vec<Facts>,
    everything: Set,
    calls: Cell<usize>,
}

impl Plans {
    fn cheapest(&self, question: usize, elements: &Set) -> &(Set, f64) {
        let possible = self.questions[question].iter().filter(|(needed, _)| needed.is_subset_of(elements));
        possible.min_by(|one, other| one.1.total_cmp(&other.1)).expect("the first plan needs nothing")
    }

    fn cost(&self, problem: &Problem, elements: &Set) -> f64 {
        let reads: f64 = (0..self.questions.len()).map(|question| self.cheapest(question, elements).1).sum();
        reads + problem.upkeep_of(elements)
    }
}

impl Costs for Plans {
    type Error = Infallible;

    fn questions(&self) -> usize {
        self.questions.len()
    }

    fn weight(&self, _: usize) -> f64 {
        1.0
    }

    fn relevant(&self, _: usize) -> &Set {
        &self.everything
    }

    fn facts(&self, question: usize) -> &Facts {
        &self.facts[question]
    }

    fn ask(&mut self, asked: &[(usize, Set)]) -> Result<(), Infallible> {
        for (question, visible) in asked {
            let (used, cost) = self.cheapest(*question, visible).clone();
            self.facts[*question].learn(Fact { visible: visible.clone(), used, floor: cost, cost });
            self.calls.set(self.calls.get() + 1);
        }
        Ok(())
    }
}

const ELEMENTS: u32 = 7;

fn subsets() -> impl Iterator<Item = Set> {
    (0..1_u32 << ELEMENTS).map(|bits| (0..ELEMENTS).filter(|element| bits >> element & 1 == 1).collect())
}

fn plans() -> impl Strategy<Value = Vec<Vec<(Set, f64)>>> {
    let plan = (proptest::collection::vec(0..ELEMENTS, 1..4), 1.0..100.0_f64);
    let others = proptest::collection::vec(plan, 0..6);
    let question = others.prop_map(|others| {
        let others = others.into_iter().map(|(needed, cost)| (needed.into_iter().collect(), cost));
        std::iter::once((Set::new(), 100.0)).chain(others).collect()
    });
    proptest::collection::vec(question, 1..6)
}

fn problems() -> impl Strategy<Value = Problem> {
    let element = (1..50_u64, 0.0..10.0_f64, 0..3_u32);
    let elements = proptest::collection::vec(element, ELEMENTS as usize);
    let limits = (proptest::option::of(10..150_u64), proptest::option::of(0..4_u32), proptest::option::of(1..3_u32));
    let least = prop_oneof![Just((0.0, 0.0)), (0.0..0.05_f64, 0.0..0.002_f64)];
    (elements, limits, least).prop_map(|(elements, (bytes, number, number_per_table), (share, per_byte))| {
        let terms = |(size, upkeep, table)| Terms { size: Bytes(size), upkeep, least: 0.0, table, is_counted: true, fixed: None };
        let elements = elements.into_iter().map(terms).collect();
        let limits = Limits { bytes: bytes.map(Bytes), number, number_per_table, upkeep: None };
        Problem { program: Program { elements, limits }, least: LeastGain { share, per_byte } }
    })
}

fn instance(questions: Vec<Vec<(Set, f64)>>) -> Plans {
    let facts = vec![Facts::default(); questions.len()];
    let mut plans = Plans { questions, facts, everything: (0..ELEMENTS).collect(), calls: Cell::new(0) };
    let all: Vec<(usize, Set)> = (0..plans.questions.len()).map(|question| (question, Set::new())).collect();
    let Ok(()) = plans.ask(&all);
    plans
}

proptest! {
    #[test]
    fn the_answer_keeps_to_the_limits_and_costs_what_it_says(questions in plans(), mut problem in problems()) {
        let mut plans = instance(questions);
        let supported = vec![plans.everything.clone(); plans.questions.len()];
        let effort = Effort { calls: 10_000, patience: 2 };
        let Ok(chosen) = select(&mut plans, &mut problem, &supported, effort, &mut || true);
        prop_assert!(problem.allows(&chosen.elements));
        let cost = plans.cost(&problem, &chosen.elements);
        prop_assert!((cost - chosen.cost).abs() < 1e-9 * cost, "{cost} {chosen:?}");
        prop_assert!(cost <= plans.cost(&problem, &Set::new()) + 1e-9);
        for member in chosen.elements.iter() {
            let gained = plans.cost(&problem, &chosen.elements.without(member)) - cost;
            let least = problem.least_of(&Set::new().with(member));
            prop_assert!(gained >= least - 1e-9, "{member} gains {gained}, less than {least}");
        }
        // What a member must gain is a part of what is left with all of them.
        if !chosen.elements.is_empty() {
            for terms in &problem.program.elements {
                let least = chosen.cost * (problem.least.share + problem.least.per_byte * terms.size.as_f64());
                prop_assert!((terms.least - least).abs() <= 1e-9 * least);
            }
        }
    }

    #[test]
    fn what_is_known_brackets_what_is_true(questions in plans(), asked in proptest::collection::vec(0..128_u32, 1..12)) {
        let mut plans = instance(questions);
        let set = |bits: u32| (0..ELEMENTS).filter(|element| bits >> element & 1 == 1).collect::<Set>();
        for bits in asked {
            let all: Vec<(usize, Set)> = (0..plans.questions.len()).map(|question| (question, set(bits))).collect();
            let Ok(()) = plans.ask(&all);
        }
        for elements in subsets() {
            for question in 0..plans.questions.len() {
                let truth = plans.cheapest(question, &elements).1;
                let (least, most) = plans.facts[question].bounds(&elements);
                prop_assert!(least <= truth && truth <= most, "{least} {truth} {most}");
            }
        }
    }
}

/// Over many instances: how often the search ends at the best set, alone and with the bound behind it.
#[test]
fn the_search_finds_the_best_set_mostly_and_with_the_bound_always() {
    const RUNS: u32 = 300;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut alone, mut proven) = (0, 0);
    for _ in 0..RUNS {
        let questions = plans().new_tree(&mut runner).expect("a strategy gives values").current();
        let mut problem = problems().new_tree(&mut runner).expect("a strategy gives values").current();
        let mut plans = instance(questions);
        let supported = vec![plans.everything.clone(); plans.questions.len()];
        let effort = Effort { calls: 10_000, patience: 2 };
        let Ok(chosen) = select(&mut plans, &mut problem, &supported, effort, &mut || true);
        let counts = |elements: &Set| plans.cost(&problem, elements) + problem.least_of(elements);
        let optimum = subsets().filter(|elements| problem.allows(elements)).map(|elements| counts(&elements));
        let optimum = optimum.fold(f64::INFINITY, f64::min);
        let is_best = |cost: f64| cost <= optimum * (1.0 + 1e-9);
        let found = counts(&chosen.elements);
        alone += u32::from(is_best(found));
        let incumbent = Incumbent { chosen: chosen.elements, cost: found };
        let options = BoundOptions { gap: 0.0, calls: 10_000, batch: 8, parts: 1_000, branchings: 10_000 };
        let Ok(outcome) = bound(&mut plans, &problem.program, &incumbent, &options, &mut || true);
        let best = outcome.improved.as_ref().map_or(incumbent.cost, |better| better.cost);
        proven += u32::from(is_best(best) && outcome.is_proven());
    }
    assert!(alone * 100 >= RUNS * 90, "the search alone finds the best set in {alone} of {RUNS}");
    assert_eq!(proven, RUNS);
}
