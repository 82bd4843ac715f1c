//! The engine asks no more than it must, and asks together what can be asked together.

use std::collections::BTreeSet;
use std::convert::Infallible;

use pgtailor_advisor::cost::{Asked, Costs, Engine, Fact, Facts, Item, Set};
use pgtailor_model::index::IndexDefinition;
use pgtailor_model::name::Oid;
use pgtailor_model::unit::Pages;
use pgtailor_model::what_if::{CandidateIndex, CandidateSize, Configuration, Planned, Question, WhatIf};

/// A planner for which each candidate on the statement's table saves as much as it has letters; it remembers under what it was asked.
#[derive(Default)]
struct Letters {
    asked: Vec<(Configuration, Vec<String>)>,
}

impl WhatIf for Letters {
    type Error = Infallible;

    fn plan(
        &mut self,
        configuration: &Configuration,
        questions: &[Question<'_>],
    ) -> Result<Vec<Result<Planned, String>>, Infallible> {
        let texts = questions.iter().map(|question| question.text.to_owned()).collect();
        self.asked.push((configuration.clone(), texts));
        let planned = |question: &Question<'_>| {
            let table: u32 = question.text.parse().map_err(|_| "it is no number".to_owned())?;
            let candidates: BTreeSet<CandidateIndex> =
                configuration.indexes.iter().filter(|candidate| candidate.table == Oid(table)).cloned().collect();
            let existing = BTreeSet::from([Oid(900)]).difference(&configuration.without).copied().collect();
            let saved: f64 = candidates.iter().map(|_| 10.0).sum();
            Ok(Planned { cost: 100.0 - saved, candidates, existing, ..Planned::default() })
        };
        Ok(questions.iter().map(planned).collect())
    }

    fn size(&mut self, _: &CandidateIndex) -> Result<Result<CandidateSize, String>, Infallible> {
        Ok(Ok(CandidateSize { pages: Pages(1) }))
    }
}

fn candidate(table: u32, column: &str) -> Item {
    Item::Candidate(CandidateIndex { table: Oid(table), definition: IndexDefinition::btree([column]) })
}

fn question(table: u32, relevant: &[u32]) -> Asked {
    Asked {
        query: 0,
        text: table.to_string(),
        types: Vec::new(),
        binding: None,
        share: 1.0,
        weight: 1.0,
        relevant: relevant.iter().copied().collect(),
    }
}

fn set(elements: &[u32]) -> Set {
    elements.iter().copied().collect()
}

#[test]
fn questions_over_different_tables_are_planned_under_one_configuration() {
    let mut planner = Letters::default();
    let items = vec![candidate(1, "a"), candidate(1, "b"), candidate(2, "a"), Item::Existing(Oid(900))];
    let mut engine = Engine::new(&mut planner, items, vec![question(1, &[0, 1]), question(2, &[2])]);
    let Ok(()) = engine.ask(&[(0, set(&[0])), (1, set(&[2])), (1, set(&[]))]);
    assert_eq!(engine.calls(), 3);
    assert_eq!(engine.facts(0).bounds(&set(&[0])), (90.0, 90.0));
    assert_eq!(engine.facts(1).bounds(&set(&[])), (100.0, 100.0));
    let batches: Vec<usize> = planner.asked.iter().map(|(_, texts)| texts.len()).collect();
    assert_eq!(batches, [2, 1], "the first two agree, the third wants the second's candidate away");
    assert!(planner.asked.iter().all(|(configuration, _)| configuration.without.is_empty()), "nobody asked about what exists");
}

#[test]
fn one_planning_says_what_every_set_in_between_costs() {
    let mut planner = Letters::default();
    let items = vec![candidate(1, "a"), candidate(2, "b")];
    let mut engine = Engine::new(&mut planner, items, vec![question(1, &[0, 1])]);
    let Ok(()) = engine.ask(&[(0, set(&[0, 1]))]);
    let facts = engine.facts(0);
    assert_eq!(facts.bounds(&set(&[0])), (90.0, 90.0), "the second was not used");
    assert_eq!(facts.bounds(&set(&[1])), (90.0, f64::INFINITY), "without the first it is dearer, nobody knows by how much");
}

#[test]
fn what_exists_is_there_unless_it_is_taken_away() {
    let mut planner = Letters::default();
    let mut engine = Engine::new(&mut planner, vec![Item::Existing(Oid(900))], vec![question(1, &[0])]);
    let Ok(()) = engine.ask(&[(0, set(&[0])), (0, set(&[]))]);
    assert_eq!(engine.facts(0).all()[0].used, set(&[0]));
    assert_eq!(engine.facts(0).all()[1].used, set(&[]));
    assert_eq!(planner.asked[1].0.without, BTreeSet::from([Oid(900)]));
}

#[test]
fn a_question_that_cannot_be_planned_teaches_nothing() {
    let mut planner = Letters::default();
    let mut engine = Engine::new(&mut planner, Vec::new(), vec![Asked { text: "?".to_owned(), ..question(1, &[]) }]);
    let Ok(()) = engine.ask(&[(0, set(&[]))]);
    assert_eq!(engine.facts(0).all().len(), 0);
}

#[test]
fn what_stops_early_counts_more_where_it_is_chosen_and_bounds_others_by_what_it_costs_the_planner() {
    let mut facts = Facts::default();
    facts.learn(Fact { visible: set(&[]), used: set(&[]), floor: 500.0, cost: 500.0 });
    facts.learn(Fact { visible: set(&[1, 2]), used: set(&[1]), floor: 70.0, cost: 900.0 });
    assert_eq!(facts.bounds(&set(&[1])), (900.0, 900.0), "the planner walks, though reading everything counts less");
    assert_eq!(facts.bounds(&set(&[2])), (70.0, 500.0), "a plan with it alone costs the planner no less");
    facts.learn(Fact { visible: set(&[0, 1, 2]), used: set(&[0]), floor: 8.0, cost: 8.0 });
    assert_eq!(facts.bounds(&set(&[0, 1])), (8.0, 8.0));
    assert_eq!(facts.bounds(&set(&[1])), (900.0, 900.0));
}
