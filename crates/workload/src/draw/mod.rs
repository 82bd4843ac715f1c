//! Bindings for one statement: weighted sets of values that together represent its executions.
//!
//! The planner multiplies the selectivities of a statement's conditions as if they were independent (`clauselist_selectivity` in
//! `clausesel.c`), so what matters of a value is how frequent it is in its own column. Values are therefore not drawn at random: each
//! column's distribution is cut into as many parts of equal weight as there are draws, each part speaks through one value of its own mean
//! frequency (`column`), and the parts of different parameters are shuffled against each other. A few draws then have the mean
//! selectivity of many.
//!
//! What cannot be known from statistics: which of its values a column is asked for (rare states more often than their share, when they
//! are what people look for), and which values are asked for together. Real executions say both, and where there are any they keep
//! most of the weight.
//!
//! Start reading at [`draw`]; `cells` decides for each parameter which of the other files answers.

mod array;
mod assumed;
mod cells;
mod column;
mod document;
mod instant;
mod limit;
mod pattern;
mod range;
mod text_function;
mod value_type;

use std::collections::BTreeMap;

use jiff::Timestamp;
use pgtailor_model::binding::{Binding, BindingOrigin, ColumnValues, Literal, Parameter};
use pgtailor_model::name::Oid;
use pgtailor_model::random::{Random, derive};
use pgtailor_model::unit::count_as_f64;

use self::cells::{Cells, cells_of};
pub use self::value_type::{TypeKind, ValueType};

/// What is known of the values of columns, by table and name of the column.
pub type Columns = BTreeMap<(Oid, String), ColumnValues>;

/// What is known of one statement.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its fingerprint: the seed.
    pub fingerprint: &'a str,
    /// Its parameters, `$1` first.
    pub parameters: &'a [Parameter],
    /// Their types, as the server gave them; as many as there are parameters.
    pub types: &'a [ValueType],
    /// Values of the columns that the parameters are compared with; a column whose statistics cannot be read is missing.
    pub columns: &'a Columns,
    /// Rows that an execution returns on average, when that is known: a `LIMIT` is not below it.
    pub rows_per_call: Option<f64>,
    /// What `now()` is for the statement: times are mostly compared with recent ones.
    pub now: Timestamp,
    /// Bindings that were executed. They are kept when they have as many values as there are parameters.
    pub observed: &'a [Binding],
}

/// How many values to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawOptions {
    /// Draws for each statement, apart from the rare one and the one out of range. 5 to 10 are enough (measured on 28 statements with
    /// skewed columns: the median factor between the mean cost of 10 draws and the truth is 1.06).
    pub draws: usize,
}

/// Eight draws.
impl Default for DrawOptions {
    fn default() -> Self {
        Self { draws: 8 }
    }
}

/// A parameter for which no value can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoValue {
    /// `1` for `$1`.
    pub parameter: u32,
    /// The name of its type.
    pub type_name: String,
}

/// The weight of the rare binding, one execution in twenty: states and kinds that few rows have are what people look for.
///
/// Measured on the built-in blueprint with all its indexes: 88.3 % of the time within a factor of two without either guard, 90.3 % with both at
/// one in twenty; without indexes they change nothing.
const RARE: f64 = 0.05;

/// The weight of the binding out of range, one execution in twenty: what is asked for is not always there (a mistyped key, a deleted row,
/// a day without data).
const OUT_OF_RANGE: f64 = 0.05;

/// Bindings for one statement, observed ones first, then drawn ones, then what is rare and what is out of range; weights add up to 1.
///
/// Equal bindings are merged, so a statement whose values do not differ has one. A statement without parameters has one without values.
/// The same request gives the same bindings.
///
/// # Errors
/// [`NoValue`] when a parameter has a type of which no usual value is known, and its column has no statistics.
pub fn draw(request: &Request<'_>, options: DrawOptions) -> Result<Vec<Binding>, NoValue> {
    let observed = usable(request);
    if request.parameters.is_empty() {
        return Ok(vec![Binding { values: Vec::new(), weight: 1.0, origin: BindingOrigin::Constant }]);
    }
    let draws = options.draws.max(1);
    let made = match cells_of(request, draws) {
        Ok(cells) => from_cells(request, &cells, draws),
        Err(_) if !observed.is_empty() => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(together(observed, made))
}

/// The observed bindings that fit the statement and have a weight.
fn usable(request: &Request<'_>) -> Vec<Binding> {
    let fits = |binding: &&Binding| {
        binding.origin == BindingOrigin::Observed
            && binding.values.len() == request.parameters.len()
            && binding.weight.is_finite()
            && binding.weight > 0.0
    };
    request.observed.iter().filter(fits).cloned().collect()
}

fn from_cells(request: &Request<'_>, cells: &[Cells], draws: usize) -> Vec<Binding> {
    let assumed = cells.iter().any(|cell| cell.matters && !cell.known) || !cells.iter().any(|cell| cell.known);
    let origin = if assumed { BindingOrigin::Assumed } else { BindingOrigin::Drawn };
    let lanes: Vec<Vec<usize>> = cells.iter().map(|cell| shuffled(request.fingerprint, cell.lane, draws)).collect();
    let guard = |pick: fn(&Cells) -> Option<&Literal>, weight: f64, origin: BindingOrigin| {
        let is_there = cells.iter().any(|cell| pick(cell).is_some());
        let values = cells.iter().map(|cell| pick(cell).or(cell.typical.first()).cloned()).collect();
        is_there.then_some(Binding { values, weight, origin })
    };
    let guards: Vec<Binding> = [
        guard(|cell| cell.rare.as_ref(), RARE, BindingOrigin::Rare),
        guard(|cell| cell.beyond.as_ref(), OUT_OF_RANGE, BindingOrigin::OutOfRange),
    ]
    .into_iter()
    .flatten()
    .collect();
    let left = 1.0 - guards.iter().map(|guard| guard.weight).sum::<f64>();
    let weight = left / count_as_f64(u64::try_from(draws).unwrap_or(u64::MAX));
    let usual = (0..draws).map(|draw| Binding {
        values: cells.iter().zip(&lanes).map(|(cell, lane)| cell.typical.get(lane[draw]).cloned()).collect(),
        weight,
        origin,
    });
    usual.chain(guards).collect()
}

/// The parts of one parameter in an order of its own. The first parameter's stay in order: somebody's must.
fn shuffled(fingerprint: &str, lane: u32, draws: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..draws).collect();
    let mut random = Random::new(derive(u64::from(lane), fingerprint));
    for place in (1..draws).rev() {
        let other = random.below(u64::try_from(place).unwrap_or(0) + 1);
        order.swap(place, usize::try_from(other).unwrap_or(0));
    }
    order
}

/// Observed and drawn bindings as one distribution.
///
/// `n` observed executions keep (n + 1) / (n + 2) of the weight: the chance that the next one is like those seen, after Laplace's
/// rule of succession. One execution is a lottery where values are skewed; twenty are not.
fn together(observed: Vec<Binding>, drawn: Vec<Binding>) -> Vec<Binding> {
    let seen = count_as_f64(u64::try_from(observed.len()).unwrap_or(u64::MAX));
    let share = match (observed.is_empty(), drawn.is_empty()) {
        (true, _) => 0.0,
        (_, true) => 1.0,
        _ => (seen + 1.0) / (seen + 2.0),
    };
    let whole: f64 = observed.iter().map(|binding| binding.weight).sum();
    let mut bindings: Vec<Binding> = Vec::new();
    let scaled = |binding: Binding, factor: f64| Binding { weight: binding.weight * factor, ..binding };
    let real = observed.into_iter().map(|binding| scaled(binding, share / whole));
    for binding in real.chain(drawn.into_iter().map(|binding| scaled(binding, 1.0 - share))) {
        match bindings.iter_mut().find(|other| other.values == binding.values) {
            Some(same) => same.weight += binding.weight,
            None => bindings.push(binding),
        }
    }
    bindings
}

#[cfg(test)]
mod tests;
