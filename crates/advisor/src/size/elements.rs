//! What is inside values: array elements, lexemes, trigrams, keys and values of documents.
//!
//! The server counts elements of arrays and text search vectors only, and lists only frequent ones. How many others there are is estimated
//! here: from the values that the statistics hold (a sample of a hundred or two), or from how fast the listed frequencies fall.

use pgtailor_model::unit::{Rows, count_as_f64};

use super::layout::Values;

/// The elements of one key part.
#[derive(Clone, Debug, PartialEq)]
pub struct ElementInputs {
    /// How the index stores an element.
    pub values: Values,
    /// Different elements of a value that is not null, on average.
    pub per_row: f64,
    /// The frequent elements: the fraction of the rows whose values hold each.
    pub common: Vec<f64>,
    /// How many other elements there are.
    pub others: f64,
}

/// An element of sampled values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Occurrence {
    /// The weight of all values that hold it, as a fraction of the rows.
    pub weight: f64,
    /// How many of the sampled values hold it.
    pub values: u32,
}

/// An element that stands in as many values of a random sample counts as frequent, and is taken for what its weight says. One that stands
/// in a value that is frequent itself does, too: count such a value as so many.
pub const FREQUENT: u32 = 3;

/// `ANALYZE` lists elements that are more than nine in `bucket_width` of all, 10 * 100 * 1000 / 7 with the default statistics target
/// (`compute_array_stats` in `array_typanalyze.c`): where it lists none there are at least as many.
/// Of what was never analyzed the same is assumed, for want of anything better.
const FEWEST_UNLISTED: f64 = 10.0 * 100.0 * 1000.0 / 7.0 / 9.0;

/// Longest list that a power law is continued to: what has more elements is as good as unique.
const MOST_STEPS: u32 = 400;

impl ElementInputs {
    /// From the elements of sampled values, whose weights stand for all of `rows` together.
    ///
    /// Frequent elements are taken as they are; how many rare ones there are follows from how many were seen once. From so few values that
    /// tells some hundred elements from as many as rows, and little between.
    pub fn from_sample(values: Values, seen: &[Occurrence], rows: Rows) -> Self {
        let per_row = seen.iter().map(|one| one.weight).sum();
        let (frequent, rare): (Vec<Occurrence>, Vec<Occurrence>) = seen.iter().partition(|one| one.values >= FREQUENT);
        let others = Rare::count(&rare, rows).distinct;
        Self { values, per_row, common: frequent.iter().map(|one| one.weight).collect(), others }
    }

    /// From the server's list of frequent elements, `common`, beside the mean number of elements.
    ///
    /// How many others there are is bounded by the list itself. Between the bounds a sample tells as far as elements repeat in it (one
    /// repetition counts as much as not knowing, which is half way between the bounds); without one, the list's frequencies are taken to
    /// fall on by the power law that they begin with (Zipf), until all elements of all rows have a place.
    pub fn from_list(values: Values, per_row: f64, mut common: Vec<f64>, seen: &[Occurrence], rows: Rows) -> Self {
        common.sort_by(|a, b| b.total_cmp(a));
        let listed: f64 = common.iter().sum();
        let rest = (per_row - listed).max(0.0) * rows.as_f64();
        let fewest = match common.last() {
            // Nothing else is more frequent than the last of the list.
            Some(last) => rest / (last * rows.as_f64()).max(1.0),
            None => FEWEST_UNLISTED,
        };
        // Nothing is rarer than once.
        let fewest = fewest.min(rest);
        let others = if rest < 1.0 {
            0.0
        } else if seen.is_empty() {
            continued(&common, rest, rows).unwrap_or_else(|| half_way(fewest, rest))
        } else {
            let sampled = Rare::count(seen, rows);
            let distinct = (sampled.distinct - length(&common)).clamp(fewest, rest);
            ((sampled.repetitions * distinct.ln() + half_way(fewest, rest).ln()) / (sampled.repetitions + 1.0)).exp()
        };
        Self { values, per_row: per_row.max(listed), common, others: others.clamp(fewest, rest.max(fewest)) }
    }
}

/// What a sample tells of elements that are not frequent.
struct Rare {
    /// How many different ones there are among all rows.
    distinct: f64,
    /// How often an element was seen again.
    repetitions: f64,
}

impl Rare {
    /// The estimator of Haas and Stokes (1998) that `ANALYZE` uses, too (`compute_scalar_stats` in `analyze.c`).
    fn count(seen: &[Occurrence], rows: Rows) -> Self {
        let occurrences: f64 = seen.iter().map(|one| f64::from(one.values)).sum();
        let once = seen.iter().fold(0.0, |count, one| count + f64::from(u32::from(one.values == 1)));
        let distinct = seen.iter().fold(0.0, |count, _| count + 1.0);
        let repetitions = occurrences - distinct;
        if occurrences <= 0.0 {
            return Self { distinct, repetitions };
        }
        let all = (seen.iter().map(|one| one.weight).sum::<f64>() * rows.as_f64()).max(occurrences);
        let divisor = occurrences - once + once * occurrences / all;
        Self { distinct: (occurrences * distinct / divisor.max(1e-9)).clamp(distinct, all), repetitions }
    }
}

/// Between two bounds, as powers go.
fn half_way(fewest: f64, most: f64) -> f64 {
    (fewest.max(1.0) * most).sqrt()
}

fn length(list: &[f64]) -> f64 {
    count_as_f64(u64::try_from(list.len()).unwrap_or(u64::MAX))
}

/// How many elements follow the list until `rest` occurrences have a place, with frequency `c / rank^s` and `s` from the list's halves;
/// `None` for a list that is too short to tell.
fn continued(common: &[f64], rest: f64, rows: Rows) -> Option<f64> {
    let (last, count_listed) = (common.last()?, length(common));
    if count_listed < 8.0 {
        return None;
    }
    let middle = common[common.len() / 2];
    let steepness = ((middle / last).ln() / 2.0_f64.ln()).clamp(0.0, 3.0);
    let (mut rank, mut count, mut placed) = (count_listed, 0.0, 0.0);
    // Ranks in steps of five per cent: their frequencies hardly differ.
    for _ in 0..MOST_STEPS {
        let step = (rank * 0.05).max(1.0);
        let each = (last * rows.as_f64() * (count_listed / rank).powf(steepness)).max(1.0);
        if placed + step * each >= rest {
            return Some(count + (rest - placed) / each);
        }
        placed += step * each;
        count += step;
        rank += step;
    }
    Some(count)
}
