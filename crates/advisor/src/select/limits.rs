//! What a choice may take, asked thousands of times in a search.

use pgtailor_model::unit::Bytes;

use crate::bound::{Program, Terms};
use crate::cost::{Element, Set};

/// Sums of bytes are exact in a double; those of costs are not.
const ROUNDING: f64 = 1e-9;

/// What a candidate must gain beside the others, as parts of the cost that is left with them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LeastGain {
    /// However small it is.
    pub share: f64,
    /// For each byte.
    pub per_byte: f64,
}

/// A choice, and what a candidate must gain to be in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// Elements and limits. An element that does not count is an index that exists: dropping it is the change, and no limit counts it.
    pub program: Program,
    /// By which the least gains of the elements are set.
    pub least: LeastGain,
}

impl Problem {
    /// What is there now.
    pub fn existing(&self) -> Set {
        let elements = (0..).zip(&self.program.elements);
        elements.filter(|(_, terms)| !terms.is_counted).map(|(number, _)| number).collect()
    }

    /// What having an element takes; `None` for one that is none.
    pub fn terms(&self, element: Element) -> Option<&Terms> {
        self.program.elements.get(usize::try_from(element).ok()?)
    }

    /// Whether an element is an index that exists.
    pub fn exists(&self, element: Element) -> bool {
        self.terms(element).is_some_and(|terms| !terms.is_counted)
    }

    /// What having it costs, planner cost.
    pub fn upkeep(&self, element: Element) -> f64 {
        self.terms(element).map_or(0.0, |terms| terms.upkeep)
    }

    /// The same of all `elements`.
    pub fn upkeep_of(&self, elements: &Set) -> f64 {
        elements.iter().map(|element| self.upkeep(element)).sum()
    }

    /// What having it counts, planner cost: upkeep and the least that it must gain.
    pub fn price(&self, element: Element) -> f64 {
        self.terms(element).map_or(0.0, Terms::price)
    }

    /// The same of all `elements`.
    pub fn price_of(&self, elements: &Set) -> f64 {
        elements.iter().map(|element| self.price(element)).sum()
    }

    /// What `elements` must gain at least beyond their upkeep, planner cost.
    pub fn least_of(&self, elements: &Set) -> f64 {
        elements.iter().filter_map(|element| self.terms(element)).map(|terms| terms.least).sum()
    }

    /// Sets what each candidate must gain, when so much cost is `left`. What exists needs not gain anything.
    pub fn expect(&mut self, left: f64) {
        let LeastGain { share, per_byte } = self.least;
        for terms in self.program.elements.iter_mut().filter(|terms| terms.is_counted) {
            terms.least = left * (share + per_byte * terms.size.as_f64());
        }
    }

    /// Bytes of the candidates among `elements`.
    pub fn size(&self, elements: &Set) -> f64 {
        self.candidates(elements).map(|terms| terms.size.as_f64()).sum()
    }

    /// How many candidates are among `elements`.
    pub fn count_of(&self, elements: &Set) -> usize {
        self.candidates(elements).count()
    }

    /// Whether the candidates among `elements` cost more upkeep than is allowed.
    pub fn upkeep_is_exceeded(&self, elements: &Set) -> bool {
        let upkeep: f64 = self.candidates(elements).map(|terms| terms.upkeep).sum();
        self.program.limits.upkeep.is_some_and(|limit| upkeep > limit * (1.0 + ROUNDING))
    }

    /// Whether `elements` keep to the limits.
    pub fn allows(&self, elements: &Set) -> bool {
        let limits = &self.program.limits;
        let fits = limits.bytes.is_none_or(|bytes| self.size(elements) <= bytes.as_f64())
            && limits.number.is_none_or(|number| within(self.count_of(elements), number))
            && !self.upkeep_is_exceeded(elements);
        fits && limits.number_per_table.is_none_or(|limit| {
            let mut tables: Vec<u32> = self.candidates(elements).map(|terms| terms.table).collect();
            tables.sort_unstable();
            tables.chunk_by(|one, other| one == other).all(|same| within(same.len(), limit))
        })
    }

    /// Every candidate that could be added to `elements`.
    pub fn candidates_that_fit(&self, elements: &Set) -> Set {
        let limits = &self.program.limits;
        let room = limits.bytes.map(|Bytes(bytes)| Bytes(bytes).as_f64() - self.size(elements));
        let more = limits.number.is_none_or(|number| within(self.count_of(elements) + 1, number));
        let spent: f64 = self.candidates(elements).map(|terms| terms.upkeep).sum();
        let fits = |(number, terms): &(Element, &Terms)| {
            terms.is_counted
                && more
                && !elements.contains(*number)
                && room.is_none_or(|room| terms.size.as_f64() <= room)
                && limits.upkeep.is_none_or(|limit| spent + terms.upkeep <= limit * (1.0 + ROUNDING))
                && limits.number_per_table.is_none_or(|limit| {
                    let beside = self.candidates(elements).filter(|other| other.table == terms.table).count();
                    within(beside + 1, limit)
                })
        };
        (0..).zip(&self.program.elements).filter(fits).map(|(number, _)| number).collect()
    }

    fn candidates(&self, elements: &Set) -> impl Iterator<Item = &Terms> {
        elements.iter().filter_map(|element| self.terms(element)).filter(|terms| terms.is_counted)
    }
}

fn within(count: usize, limit: u32) -> bool {
    u32::try_from(count).is_ok_and(|count| count <= limit)
}
