//! The bound holds: what it says of the best of all configurations is compared with trying them all.

use std::convert::Infallible;

use pgtailor_advisor::bound::{BoundOptions, BoundOutcome, Incumbent, Limits, Program, Terms, bound};
use pgtailor_advisor::cost::{Costs, Element, Fact, Facts, Set};
use pgtailor_model::unit::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

/// A planner that knows a list of plans for each question and takes the cheapest that it can.
#[derive(Clone, Debug)]
struct Planner {
    questions: Vec<Question>,
    facts: Vec<Facts>,
    asked: usize,
    /// Every so many answers it overlooks the best plan; never when 0.
    overlooks: usize,
}

#[derive(Clone, Debug)]
struct Question {
    weight: f64,
    relevant: Set,
    /// The last needs nothing.
    plans: Vec<Plan>,
}

#[derive(Clone, Debug)]
struct Plan {
    needed: Set,
    /// What the planner chooses by.
    floor: f64,
    /// What it counts, more where it stops early.
    cost: f64,
}

impl Question {
    fn plan(&self, visible: &Set) -> &Plan {
        let possible = self.plans.iter().filter(|plan| plan.needed.is_subset_of(visible));
        possible.min_by(|one, other| one.floor.total_cmp(&other.floor)).expect("a plan needs nothing")
    }
}

impl Planner {
    fn new(questions: Vec<Question>) -> Self {
        Self { facts: vec![Facts::default(); questions.len()], questions, asked: 0, overlooks: 0 }
    }

    fn cost(&self, program: &Program, chosen: &Set) -> f64 {
        program.price(chosen) + self.questions.iter().map(|question| question.weight * question.plan(chosen).cost).sum::<f64>()
    }

    /// The cheapest of all configurations within the limits.
    fn best(&self, program: &Program) -> Option<Incumbent> {
        let n = program.elements.len();
        let all =
            (0..1_u32 << n).map(|bits| (0..u32::try_from(n).expect("few")).filter(|at| bits >> at & 1 == 1).collect::<Set>());
        let fitting = all.filter(|chosen| program.fits(chosen));
        let priced = fitting.map(|chosen| Incumbent { cost: self.cost(program, &chosen), chosen });
        priced.min_by(|one, other| one.cost.total_cmp(&other.cost))
    }
}

impl Costs for Planner {
    type Error = Infallible;

    fn questions(&self) -> usize {
        self.questions.len()
    }

    fn weight(&self, question: usize) -> f64 {
        self.questions[question].weight
    }

    fn relevant(&self, question: usize) -> &Set {
        &self.questions[question].relevant
    }

    fn facts(&self, question: usize) -> &Facts {
        &self.facts[question]
    }

    fn ask(&mut self, asked: &[(usize, Set)]) -> Result<(), Infallible> {
        for (number, visible) in asked {
            self.asked += 1;
            let question = &self.questions[*number];
            let visible = visible.intersection(&question.relevant);
            let mut plan = question.plan(&visible);
            if self.overlooks > 0 && self.asked.is_multiple_of(self.overlooks) {
                plan = question.plans.last().expect("a plan needs nothing");
            }
            self.facts[*number].learn(Fact { used: plan.needed.clone(), floor: plan.floor, cost: plan.cost, visible });
        }
        Ok(())
    }
}

const OPTIONS: BoundOptions = BoundOptions { gap: 0.0, calls: 100_000, batch: 8, parts: 1_000, branchings: 100_000 };

fn solve(planner: &mut Planner, program: &Program, incumbent: &Incumbent, options: &BoundOptions) -> BoundOutcome {
    match bound(planner, program, incumbent, options, &mut || true) {
        Ok(outcome) => outcome,
        Err(never) => match never {},
    }
}

/// The dearest configuration that fits, so that there is something to find.
fn start(planner: &Planner, program: &Program) -> Option<Incumbent> {
    let fixed = program.elements.iter().enumerate().filter(|(_, terms)| terms.fixed == Some(true));
    let chosen: Set = fixed.map(|(at, _)| Element::try_from(at).expect("few")).collect();
    program.fits(&chosen).then(|| Incumbent { cost: planner.cost(program, &chosen), chosen })
}

const ELEMENTS: usize = 7;

fn elements() -> impl Strategy<Value = Vec<Terms>> {
    let terms = (
        1..100_u64,
        prop_oneof![Just(0.0), 0.0..10.0],
        prop_oneof![Just(0.0), 0.0..5.0],
        0..2_u32,
        prop::bool::weighted(0.9),
        prop::option::weighted(0.2, any::<bool>()),
    );
    let terms = terms.prop_map(|(size, upkeep, least, table, is_counted, fixed)| Terms {
        size: Bytes(size),
        upkeep,
        least,
        table,
        is_counted,
        fixed,
    });
    vec(terms, ELEMENTS)
}

fn limits() -> impl Strategy<Value = Limits> {
    let options = (
        prop::option::weighted(0.8, 0..300_u64),
        prop::option::weighted(0.2, 0..5_u32),
        prop::option::weighted(0.2, 0..4_u32),
        prop::option::weighted(0.2, 0.0..30.0),
    );
    options.prop_map(|(bytes, number, number_per_table, upkeep)| Limits {
        bytes: bytes.map(Bytes),
        number,
        number_per_table,
        upkeep,
    })
}

/// A question of which no plan stops early.
fn question() -> impl Strategy<Value = Question> {
    question_with(Just(0.0))
}

/// A question of which some plans count up to three times what the dearest costs the planner.
fn question_with_stops() -> impl Strategy<Value = Question> {
    question_with(prop_oneof![3 => Just(0.0), 2 => 0.0..300.0])
}

fn question_with(beyond: impl Strategy<Value = f64> + Clone) -> impl Strategy<Value = Question> {
    let needed = prop::sample::subsequence((0..Element::try_from(ELEMENTS).expect("few")).collect::<Vec<_>>(), 1..4);
    (0.1..3.0, vec((needed, 1.0..100.0, beyond.clone()), 0..7), beyond).prop_map(|(weight, plans, beyond)| {
        let plan = |(needed, floor, beyond): (Vec<Element>, f64, f64)| Plan {
            needed: needed.into_iter().collect(),
            floor,
            cost: floor + beyond,
        };
        let mut plans: Vec<Plan> = plans.into_iter().map(plan).collect();
        plans.push(Plan { needed: Set::new(), floor: 100.0, cost: 100.0 + beyond });
        let relevant = plans.iter().flat_map(|plan| plan.needed.iter()).collect();
        Question { weight, relevant, plans }
    })
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-7 * other.abs()
}

/// A small instance, what was found and bounded in it, and its true optimum.
struct Solved {
    program: Program,
    planner: Planner,
    best: Incumbent,
    outcome: BoundOutcome,
    found: Incumbent,
}

/// `None` when nothing fits the limits.
fn solved(elements: Vec<Terms>, limits: Limits, questions: Vec<Question>) -> Option<Solved> {
    let program = Program { elements, limits };
    let mut planner = Planner::new(questions);
    let incumbent = start(&planner, &program)?;
    let best = planner.best(&program).expect("the first one fits");
    let outcome = solve(&mut planner, &program, &incumbent, &OPTIONS);
    let found = outcome.improved.clone().unwrap_or(incumbent);
    Some(Solved { program, planner, best, outcome, found })
}

proptest! {
    #[test]
    fn the_best_of_all_configurations_is_found_and_proven(
        elements in elements(), limits in limits(), questions in vec(question(), 1..6),
    ) {
        let Some(Solved { program, planner, best, outcome, found }) = solved(elements, limits, questions) else { return Ok(()) };
        prop_assert!(program.fits(&found.chosen));
        prop_assert!(near(found.cost, best.cost), "found {found:?}, best {best:?}, {outcome:?}");
        prop_assert!(near(planner.cost(&program, &found.chosen), found.cost));
        prop_assert!(outcome.lower <= best.cost * (1.0 + 1e-9), "{outcome:?} above {best:?}");
        prop_assert!(outcome.is_proven(), "{outcome:?}");
    }

    #[test]
    fn a_proof_holds_where_plans_count_more_than_the_planner_sees(
        elements in elements(), limits in limits(), questions in vec(question_with_stops(), 1..6),
    ) {
        let Some(Solved { program, planner, best, outcome, found }) = solved(elements, limits, questions) else { return Ok(()) };
        prop_assert!(program.fits(&found.chosen) && near(planner.cost(&program, &found.chosen), found.cost));
        prop_assert!(outcome.lower <= best.cost * (1.0 + 1e-9), "{outcome:?} above {best:?}");
        prop_assert!(!outcome.is_proven() || near(found.cost, best.cost), "{found:?} is not the best, {best:?}");
    }

    #[test]
    fn wherever_it_stops_bound_and_best_enclose_the_optimum(
        elements in elements(), limits in limits(), questions in vec(question_with_stops(), 1..6), calls in 0..40_usize, parts in 1..20_usize,
        branchings in 0..6_usize, patience in 0..40_usize, asked in vec((0..6_usize, prop::sample::subsequence((0..7).collect::<Vec<Element>>(), 0..7)), 0..20),
    ) {
        let program = Program { elements, limits };
        let mut planner = Planner::new(questions);
        let n = planner.questions.len();
        let asked: Vec<(usize, Set)> = asked.into_iter().map(|(question, set)| (question % n, set.into_iter().collect())).collect();
        let Ok(()) = planner.ask(&asked);
        let before = planner.asked;
        let Some(incumbent) = start(&planner, &program) else { return Ok(()) };
        let best = planner.best(&program).expect("the first one fits");
        let options = BoundOptions { calls, parts, branchings, ..OPTIONS };
        let mut left = patience;
        let mut keep_going = || { left = left.saturating_sub(1); left > 0 };
        let Ok(outcome) = bound(&mut planner, &program, &incumbent, &options, &mut keep_going);
        prop_assert!(outcome.lower <= best.cost * (1.0 + 1e-9), "{outcome:?} above {best:?}");
        prop_assert!(outcome.calls <= calls && planner.asked - before == outcome.calls);
        if let Some(found) = outcome.improved {
            prop_assert!(program.fits(&found.chosen) && found.cost < incumbent.cost);
            prop_assert!(near(planner.cost(&program, &found.chosen), found.cost));
        }
    }

    #[test]
    fn a_planner_that_overlooks_plans_ends_with_an_honest_gap(
        elements in elements(), limits in limits(), questions in vec(question_with_stops(), 1..6), overlooks in 2..9_usize,
    ) {
        let program = Program { elements, limits };
        let mut planner = Planner { overlooks, ..Planner::new(questions) };
        let Some(incumbent) = start(&planner, &program) else { return Ok(()) };
        let outcome = solve(&mut planner, &program, &incumbent, &OPTIONS);
        prop_assert!(outcome.calls < 20_000, "asked again and again: {outcome:?}");
        let found = outcome.improved.unwrap_or(incumbent);
        prop_assert!(program.fits(&found.chosen) && outcome.lower <= found.cost && (0.0..=1.0).contains(&outcome.gap));
    }

    #[test]
    fn the_same_answers_give_the_same_bound(elements in elements(), limits in limits(), questions in vec(question_with_stops(), 1..6)) {
        let program = Program { elements, limits };
        let planner = Planner::new(questions);
        let Some(incumbent) = start(&planner, &program) else { return Ok(()) };
        let options = BoundOptions { branchings: 3, ..OPTIONS };
        let outcomes = [(); 2].map(|()| solve(&mut planner.clone(), &program, &incumbent, &options));
        prop_assert_eq!(&outcomes[0], &outcomes[1]);
    }
}

#[cfg(feature = "exact")]
proptest! {
    #[test]
    fn the_solver_finds_and_proves_the_best_too(
        elements in elements(), limits in limits(), questions in vec(question(), 1..6), parts in 1..60_usize,
    ) {
        let program = Program { elements, limits };
        let mut planner = Planner::new(questions);
        let Some(incumbent) = start(&planner, &program) else { return Ok(()) };
        let best = planner.best(&program).expect("the first one fits");
        let options = BoundOptions { parts, ..OPTIONS };
        let Ok(outcome) = pgtailor_advisor::bound::exact(&mut planner, &program, &incumbent, &options, 10.0, &mut || true);
        prop_assert!(outcome.lower <= best.cost * (1.0 + 2e-6), "{outcome:?} above {best:?}");
        let found = outcome.improved.clone().unwrap_or(incumbent);
        prop_assert!(program.fits(&found.chosen) && near(planner.cost(&program, &found.chosen), found.cost));
        // With too few parts something may stay unexplored; with all there is a proof.
        if parts >= 40 {
            prop_assert!((found.cost - best.cost).abs() <= 2e-6 * best.cost && outcome.gap <= 3e-6, "{outcome:?} instead of {best:?}");
        }
    }
}
