//! What there is to choose from, and the limits of a choice.
//!
//! Decides what fits; knows nothing of what anything is good for. Start reading at [`Program::fits`].

use pgtailor_model::unit::Bytes;

use crate::cost::{Element, Set};

/// One element: what having it takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// What it takes of the limit in bytes; nothing when it does not count there.
    pub size: Bytes,
    /// What having it costs, in planner cost units; not negative. For an existing index that could go, what keeping it costs.
    pub upkeep: f64,
    /// What it must gain beyond that to be worth having, in planner cost units; not negative.
    pub least: f64,
    /// The table that it is on, as a number of the caller's.
    pub table: u32,
    /// Whether it counts towards the limits on how many there are.
    pub is_counted: bool,
    /// Whether it has to be there, or must not; either when nothing is said.
    pub fixed: Option<bool>,
}

impl Terms {
    /// What having it counts, in planner cost units: nobody has it who gains less by it.
    pub fn price(&self) -> f64 {
        self.upkeep + self.least
    }
}

/// What a configuration may take at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// The sizes of all elements.
    pub bytes: Option<Bytes>,
    /// How many elements.
    pub number: Option<u32>,
    /// How many elements on each table.
    pub number_per_table: Option<u32>,
    /// The upkeep of all elements, in planner cost units.
    pub upkeep: Option<f64>,
}

/// The choice: elements by number, and limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// What having each element takes, by its number.
    pub elements: Vec<Terms>,
    /// What all together may take.
    pub limits: Limits,
}

/// One limit as a row of numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// Elements that take something, and how much.
    pub(super) amounts: Vec<(usize, f64)>,
    /// How much there is.
    pub(super) most: f64,
}

/// Of a limit, so that sums in another order do not break it.
const SLACK: f64 = 1e-9;

impl Program {
    /// Whether `chosen` obeys the limits and what is fixed.
    pub fn fits(&self, chosen: &Set) -> bool {
        self.rows().iter().all(|row| {
            let taken: f64 = row.amounts.iter().filter(|(element, _)| has(chosen, *element)).map(|(_, amount)| amount).sum();
            taken <= row.most + SLACK * row.most.abs()
        }) && self
            .elements
            .iter()
            .enumerate()
            .all(|(element, terms)| terms.fixed.is_none_or(|fixed| fixed == has(chosen, element)))
    }

    /// What having `chosen` counts, in planner cost units.
    pub fn price(&self, chosen: &Set) -> f64 {
        self.elements.iter().enumerate().filter(|(element, _)| has(chosen, *element)).map(|(_, terms)| terms.price()).sum()
    }

    /// Every limit; their number and order do not depend on what is fixed.
    pub(super) fn rows(&self) -> Vec<Row> {
        let Limits { bytes, number, number_per_table, upkeep } = &self.limits;
        let amounts = |amount: &dyn Fn(&Terms) -> f64| {
            let all = self.elements.iter().map(amount).enumerate();
            all.filter(|(_, amount)| *amount > 0.0).collect::<Vec<_>>()
        };
        let one = |terms: &Terms| if terms.is_counted { 1.0 } else { 0.0 };
        let mut rows = Vec::new();
        rows.extend(bytes.map(|most| Row { amounts: amounts(&|terms| terms.size.as_f64()), most: most.as_f64() }));
        rows.extend(upkeep.map(|most| Row { amounts: amounts(&|terms| terms.upkeep), most }));
        rows.extend(number.map(|most| Row { amounts: amounts(&one), most: f64::from(most) }));
        if let Some(most) = number_per_table {
            let mut tables: Vec<u32> = self.elements.iter().map(|terms| terms.table).collect();
            tables.sort_unstable();
            tables.dedup();
            rows.extend(tables.into_iter().map(|table| {
                let on_table = |terms: &Terms| if terms.table == table { one(terms) } else { 0.0 };
                Row { amounts: amounts(&on_table), most: f64::from(*most) }
            }));
        }
        rows
    }
}

impl Row {
    /// How much is left beside what `fixed` has in, or nothing when that is too much already.
    pub(super) fn left(&self, fixed: &[Option<bool>]) -> Option<f64> {
        let taken: f64 = self.amounts.iter().filter(|(element, _)| fixed[*element] == Some(true)).map(|(_, amount)| amount).sum();
        let left = self.most - taken;
        (left >= -SLACK * self.most.abs()).then(|| left.max(0.0) + SLACK * self.most.abs())
    }
}

/// `element` as a position.
pub(super) fn position(element: Element) -> usize {
    usize::try_from(element).expect("positions have more bits than elements' numbers")
}

/// The element at `position`.
pub(super) fn element(position: usize) -> Element {
    Element::try_from(position).expect("there are fewer elements than their numbers have values")
}

fn has(chosen: &Set, position: usize) -> bool {
    chosen.contains(element(position))
}
