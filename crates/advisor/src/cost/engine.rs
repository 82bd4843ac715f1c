//! Costs that a [`WhatIf`] port answers: every question is asked as seldom as what is known of it allows.
//!
//! The port plans a batch under one configuration. Requests whose sets agree wherever both look are put into one, so a workload over many
//! tables takes few switches.

use std::collections::BTreeMap;

use pgtailor_model::binding::Binding;
use pgtailor_model::name::Oid;
use pgtailor_model::what_if::{CandidateIndex, Configuration, Planned, Question, WhatIf};

use super::{Costs, Element, Fact, Facts, Set, price};

/// Something that can be there or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// An index that could be made.
    Candidate(CandidateIndex),
    /// An index that exists, by its identifier, and could go.
    Existing(Oid),
}

/// A statement with one set of values.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The statement's position in the workload.
    pub query: usize,
    /// The text as the server accepts it, with `$n` for parameters.
    pub text: String,
    /// The parameters' types as a cast writes them.
    pub types: Vec<String>,
    /// Values; `None` for the plan of any values.
    pub binding: Option<Binding>,
    /// The share of the statement's executions that the values stand for, 0 to 1.
    pub share: f64,
    /// How much a unit of its cost counts in the workload's.
    pub weight: f64,
    /// Elements that can change its plan.
    pub relevant: Set,
}

/// Questions, elements, and the port that plans one under the other.
pub struct Engine<'a, W> {
    what_if: &'a mut W,
    items: Vec<Item>,
    numbers: BTreeMap<Item, Element>,
    asked: Vec<Asked>,
    facts: Vec<Facts>,
    calls: u64,
    derived: u64,
}

/// Requests that can be planned under one configuration.
struct Batch {
    /// By element: seen, hidden, or nobody looks.
    seen: Vec<Option<bool>>,
    requests: Vec<(usize, Set)>,
}

impl<'a, W: WhatIf> Engine<'a, W> {
    /// Nothing is asked yet. Elements are positions in `items`.
    pub fn new(what_if: &'a mut W, items: Vec<Item>, asked: Vec<Asked>) -> Self {
        let numbers = (0..).zip(&items).map(|(number, item)| (item.clone(), number)).collect();
        let facts = vec![Facts::default(); asked.len()];
        Self { what_if, items, numbers, asked, facts, calls: 0, derived: 0 }
    }

    /// The questions.
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// Changes how much a question counts.
    pub fn weigh(&mut self, question: usize, weight: f64) {
        self.asked[question].weight = weight;
    }

    /// The elements.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// How many questions were planned.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// How many costs were wanted beside those, and followed from them.
    pub fn costs_derived(&self) -> u64 {
        self.derived
    }

    /// What is there when `elements` are: everything that exists and is no element stays.
    pub fn configuration(&self, elements: &Set) -> Configuration {
        let mut configuration = Configuration::default();
        for (number, item) in (0..).zip(&self.items) {
            match item {
                Item::Candidate(candidate) if elements.contains(number) => {
                    configuration.indexes.insert(candidate.clone());
                }
                Item::Existing(index) if !elements.contains(number) => {
                    configuration.without.insert(*index);
                }
                Item::Candidate(_) | Item::Existing(_) => {}
            }
        }
        configuration
    }

    /// Plans every question of `numbers` with exactly `elements`, in their order, without learning: what a person is told.
    ///
    /// # Errors
    /// When the port cannot answer any more.
    pub fn plan(&mut self, numbers: &[usize], elements: &Set) -> Result<Vec<Result<Planned, String>>, W::Error> {
        self.calls += u64::try_from(numbers.len()).unwrap_or_default();
        let configuration = self.configuration(elements);
        let questions: Vec<Question<'_>> = numbers.iter().map(|number| question(&self.asked[*number])).collect();
        self.what_if.plan(&configuration, &questions)
    }

    /// Learns what `planned` says of `question` when `elements` were there.
    pub fn learn(&mut self, question: usize, elements: &Set, planned: &Planned) {
        let relevant = &self.asked[question].relevant;
        let candidates = planned.candidates.iter().cloned().map(Item::Candidate);
        let existing = planned.existing.iter().copied().map(Item::Existing);
        let used: Set = candidates.chain(existing).filter_map(|item| self.numbers.get(&item).copied()).collect();
        let fact = Fact {
            visible: elements.intersection(relevant),
            used: used.intersection(relevant),
            floor: planned.cost,
            cost: price(planned),
        };
        self.facts[question].learn(fact);
    }

    fn batches(&self, requests: &[(usize, Set)]) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        for (question, elements) in requests {
            let relevant = &self.asked[*question].relevant;
            let wanted: Vec<(usize, bool)> = relevant
                .iter()
                .filter_map(|element| Some((usize::try_from(element).ok()?, elements.contains(element))))
                .collect();
            let agrees =
                |batch: &Batch| wanted.iter().all(|(element, seen)| batch.seen[*element].is_none_or(|other| other == *seen));
            let position = batches.iter().position(agrees).unwrap_or(batches.len());
            if position == batches.len() {
                batches.push(Batch { seen: vec![None; self.items.len()], requests: Vec::new() });
            }
            let batch = &mut batches[position];
            for (element, seen) in wanted {
                batch.seen[element] = Some(seen);
            }
            batch.requests.push((*question, elements.clone()));
        }
        batches
    }
}

impl<W: WhatIf> Costs for Engine<'_, W> {
    type Error = W::Error;

    fn questions(&self) -> usize {
        self.asked.len()
    }

    fn weight(&self, question: usize) -> f64 {
        self.asked[question].weight
    }

    fn relevant(&self, question: usize) -> &Set {
        &self.asked[question].relevant
    }

    fn facts(&self, question: usize) -> &Facts {
        &self.facts[question]
    }

    /// A question that is not planned any more teaches nothing.
    fn ask(&mut self, asked: &[(usize, Set)]) -> Result<(), W::Error> {
        for batch in self.batches(asked) {
            let elements: Set =
                (0..).zip(&batch.seen).filter(|(_, seen)| **seen == Some(true)).map(|(element, _)| element).collect();
            // What nobody of the batch looks at stays as it is on the database.
            let nobody = (0..).zip(&batch.seen).zip(&self.items);
            let kept = nobody.filter(|((_, seen), item)| seen.is_none() && matches!(item, Item::Existing(_)));
            let elements = elements.union(&kept.map(|((element, _), _)| element).collect());
            let numbers: Vec<usize> = batch.requests.iter().map(|(question, _)| *question).collect();
            let answers = self.plan(&numbers, &elements)?;
            for ((question, elements), answer) in batch.requests.iter().zip(answers) {
                if let Ok(planned) = answer {
                    self.learn(*question, elements, &planned);
                }
            }
        }
        Ok(())
    }

    fn derived(&mut self, costs: usize) {
        self.derived += u64::try_from(costs).unwrap_or_default();
    }
}

fn question(asked: &Asked) -> Question<'_> {
    Question { text: &asked.text, types: &asked.types, binding: asked.binding.as_ref() }
}
