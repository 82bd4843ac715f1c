//! The problem with some elements fixed, laid out for being solved hundreds of times with other prices.
//!
//! Each question picks one of its choices: a plan, which requires elements, or an open part of its tree, which requires and excludes elements. A
//! choice that contradicts what is fixed, or whose requirements alone break a limit, is left out; so are choices behind one that costs less and
//! asks for nothing. Knows nothing of prices. Start reading at [`Relaxation::new`].

use super::bits::Bits;
use super::model::{Fixed, Model};
use super::program::position;

/// What a question may pick.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// Weighted planner cost.
    pub(super) cost: f64,
    /// Links that are required: a range of [`Relaxation::entries`].
    pub(super) requires: std::ops::Range<usize>,
    /// Links that are excluded: a range of [`Relaxation::entries`].
    pub(super) excludes: std::ops::Range<usize>,
    /// The open part that it is, by position in the question's tree, or a plan.
    pub(super) part: Option<usize>,
}

/// A question that has more than one choice.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// Its number.
    pub(super) number: usize,
    /// Its choices, cheapest first: a range of [`Relaxation::choices`].
    pub(super) choices: std::ops::Range<usize>,
    /// Its links: a range of [`Relaxation::links`].
    pub(super) links: std::ops::Range<usize>,
}

/// A question and an element that some choice of it requires or excludes.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Its number in the model.
    pub(super) number: usize,
    /// Position of the element among [`Relaxation::columns`].
    pub(super) column: usize,
    /// Whether some choice requires it.
    pub(super) is_required: bool,
    /// Whether some choice excludes it.
    pub(super) is_excluded: bool,
}

/// A limit that could be broken, as shares of what is left of it.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    /// Its position among the model's rows.
    pub(super) row: usize,
    /// Columns and the share of the limit that each takes.
    pub(super) shares: Vec<(usize, f64)>,
}

/// What is left to decide.
#[derive(Clone, Debug, Default)]
pub(super) struct Relaxation {
    /// What is decided already: weighted planner cost, and what having elements counts.
    pub(super) constant: f64,
    pub(super) questions: Vec<Question>,
    pub(super) choices: Vec<Choice>,
    /// Positions in `links`.
    pub(super) entries: Vec<usize>,
    pub(super) links: Vec<Link>,
    /// Elements that are not fixed and that a choice asks for, by number.
    pub(super) columns: Vec<usize>,
    /// What having each column counts.
    pub(super) having: Vec<f64>,
    pub(super) limits: Vec<Limit>,
}

impl Relaxation {
    /// What `fixed` leaves to decide; nothing when no configuration is left.
    pub(super) fn new(model: &Model<'_>, fixed: &Fixed) -> Option<Self> {
        let mut relaxation = Self::default();
        let mut column_of = vec![None; fixed.len()];
        let left: Vec<f64> = model.rows.iter().map(|row| row.left(fixed)).collect::<Option<_>>()?;
        // At most three limits are on all elements; those on single tables are left to prices.
        let global: Vec<(Vec<f64>, f64)> =
            model.rows.iter().zip(&left).take(3).map(|(row, left)| (dense(&row.amounts, fixed.len()), *left)).collect();
        for question in 0..model.trees.len() {
            relaxation.add(model, question, fixed, &global, &mut column_of)?;
        }
        for (terms, (fixed, column)) in model.program.elements.iter().zip(fixed.iter().zip(&column_of)) {
            match (fixed, column) {
                (Some(true), _) => relaxation.constant += terms.price(),
                (None, None) => relaxation.constant += terms.price().min(0.0),
                _ => {}
            }
        }
        for (number, (row, left)) in model.rows.iter().zip(&left).enumerate() {
            let shares =
                row.amounts.iter().filter_map(|(element, amount)| column_of[*element].map(|column| (column, amount / left)));
            let shares: Vec<(usize, f64)> = shares.collect();
            if shares.iter().map(|(_, share)| share).sum::<f64>() > 1.0 {
                relaxation.limits.push(Limit { row: number, shares });
            }
        }
        Some(relaxation)
    }

    fn add(
        &mut self,
        model: &Model<'_>,
        number: usize,
        fixed: &Fixed,
        global: &[(Vec<f64>, f64)],
        column_of: &mut [Option<usize>],
    ) -> Option<()> {
        if model.weights[number] <= 0.0 {
            return Some(());
        }
        let tree = &model.trees[number];
        let elements = tree.elements();
        let nothing = Bits::none(elements.len());
        let fixed_as = |local: usize| fixed[position(elements[local])];
        let plans = tree.plans().iter().map(|plan| (plan.cost, &plan.used, &nothing, None));
        let everything = Bits::all(elements.len());
        let hidden: Vec<Bits> = tree.parts().iter().map(|part| everything.difference(&part.visible)).collect();
        let parts = tree.parts().iter().zip(&hidden).enumerate();
        let parts = parts.map(|(at, (part, hidden))| (part.floor, &part.requires, hidden, Some(at)));
        let mut possible: Vec<_> = plans
            .chain(parts)
            .filter(|(_, requires, excludes, _)| {
                requires.iter().all(|local| fixed_as(local) != Some(false))
                    && excludes.iter().all(|local| fixed_as(local) != Some(true))
                    && global.iter().all(|(amounts, left)| {
                        let open = requires.iter().filter(|local| fixed_as(*local).is_none());
                        open.map(|local| amounts[position(elements[local])]).sum::<f64>() <= *left
                    })
            })
            .collect();
        possible.sort_by(|one, other| one.0.total_cmp(&other.0));
        let asks_nothing = |(_, requires, excludes, _): &(f64, &Bits, &Bits, Option<usize>)| {
            requires.iter().chain(excludes.iter()).all(|local| fixed_as(local).is_some())
        };
        let needed = possible.iter().position(asks_nothing).map_or(possible.len(), |last| last + 1);
        possible.truncate(needed);
        let weight = model.weights[number];
        let cheapest = possible.first()?;
        // An open part that is the only choice stays a choice, so that the planner is asked about it.
        if possible.len() == 1 && asks_nothing(cheapest) && cheapest.3.is_none() {
            self.constant += weight * cheapest.0;
            return Some(());
        }
        let (first_choice, first_link) = (self.choices.len(), self.links.len());
        let mut link_of = vec![None; elements.len()];
        for (cost, requires, excludes, part) in possible {
            let start = self.entries.len();
            for local in requires.iter().filter(|local| fixed_as(*local).is_none()) {
                let link = self.link(model, number, local, &mut link_of[local], column_of);
                self.links[link].is_required = true;
                self.entries.push(link);
            }
            let middle = self.entries.len();
            for local in excludes.iter().filter(|local| fixed_as(*local).is_none()) {
                let link = self.link(model, number, local, &mut link_of[local], column_of);
                self.links[link].is_excluded = true;
                self.entries.push(link);
            }
            self.choices.push(Choice {
                cost: weight * cost,
                requires: start..middle,
                excludes: middle..self.entries.len(),
                part,
            });
        }
        self.questions.push(Question { number, choices: first_choice..self.choices.len(), links: first_link..self.links.len() });
        Some(())
    }

    fn link(
        &mut self,
        model: &Model<'_>,
        question: usize,
        local: usize,
        known: &mut Option<usize>,
        column_of: &mut [Option<usize>],
    ) -> usize {
        *known.get_or_insert_with(|| {
            let element = position(model.trees[question].elements()[local]);
            let column = *column_of[element].get_or_insert_with(|| {
                self.columns.push(element);
                self.having.push(model.program.elements[element].price());
                self.columns.len() - 1
            });
            let number = model.first_link[question] + local;
            self.links.push(Link { number, column, is_required: false, is_excluded: false });
            self.links.len() - 1
        })
    }
}

fn dense(amounts: &[(usize, f64)], length: usize) -> Vec<f64> {
    let mut dense = vec![0.0; length];
    for (element, amount) in amounts {
        dense[*element] = *amount;
    }
    dense
}
