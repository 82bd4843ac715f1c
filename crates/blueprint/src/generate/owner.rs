//! Which rows belong to which owner: a function of the row's number, with no list of rows in memory.
//!
//! Rows have *places*: those of the first owner come first, then those of the second, and so on. A table that keeps its rows
//! together has row = place; else a permutation leads from one to the other, so that the rows of one owner lie scattered, as they do
//! in a table that many tenants write to.

use pgtailor_model::unit::{count_as_f64, f64_as_count};

use crate::language::{OwnedOrder, Spread};
use crate::random::{Permutation, Random};

#[derive(Debug)]
pub(crate) struct Ownership {
    /// The owner's table, by position.
    pub(crate) table: usize,
    /// The column of the owner that is referenced, by position.
    pub(crate) column: usize,
    /// The first place of each owner's rows, and the end of the last one's.
    starts: Vec<u64>,
    /// For every `2^stride`-th place, how many starts lie at or before it: a search then looks at a few starts, not at all.
    guides: Vec<usize>,
    stride: u32,
    shuffle: Option<Permutation>,
}

impl Ownership {
    pub(crate) fn new(table: usize, column: usize, starts: Vec<u64>, order: OwnedOrder, seed: u64) -> Self {
        let rows = starts.last().copied().unwrap_or_default();
        let shuffle = (order == OwnedOrder::Shuffled && rows > 1).then(|| Permutation::new(rows, seed));
        let stride = (rows / position_as_count(starts.len()).max(1)).max(1).ilog2();
        let guides = (0..=rows >> stride).map(|guide| starts.partition_point(|&start| start <= guide << stride)).collect();
        Self { table, column, starts, guides, stride, shuffle }
    }

    /// How many rows all owners have together.
    pub(crate) fn rows(&self) -> u64 {
        self.starts.last().copied().unwrap_or_default()
    }

    /// The owner of `row` and the row's position among the owner's, from 0.
    pub(crate) fn owner_of(&self, row: u64) -> (u64, u64) {
        let place = self.shuffle.map_or(row, |shuffle| shuffle.forward(row));
        let guide = usize::try_from(place >> self.stride).unwrap_or(usize::MAX);
        let known = self.guides.get(guide).copied().unwrap_or_default();
        let most = self.guides.get(guide.saturating_add(1)).copied().unwrap_or(self.starts.len());
        let owner = (known + self.starts[known..most].partition_point(|&start| start <= place)).saturating_sub(1);
        (position_as_count(owner), place - self.starts[owner])
    }

    /// How many rows `owner` has.
    pub(crate) fn count(&self, owner: u64) -> u64 {
        let owner = usize::try_from(owner).unwrap_or(usize::MAX);
        match (self.starts.get(owner), self.starts.get(owner.saturating_add(1))) {
            (Some(start), Some(end)) => end - start,
            _ => 0,
        }
    }

    /// The row at `position` among those of `owner`; the position must be below the count.
    pub(crate) fn member(&self, owner: u64, position: u64) -> u64 {
        let owner = usize::try_from(owner).unwrap_or(usize::MAX);
        let place = self.starts.get(owner).copied().unwrap_or_default() + position;
        self.shuffle.map_or(place, |shuffle| shuffle.backward(place))
    }
}

/// The starts for `rows` rows spread over `owners` owners: each gets the share of its weight, rounded so that the sum is exact.
pub(crate) fn spread(rows: u64, owners: u64, spread: Spread, seed: u64) -> Vec<u64> {
    let ranks = Permutation::new(owners, seed);
    let weight = |owner: u64| match spread {
        Spread::Even => 1.0,
        Spread::Zipf(exponent) => count_as_f64(ranks.forward(owner) + 1).powf(-exponent),
    };
    let total: f64 = (0..owners).map(weight).sum();
    let mut starts = vec![0];
    let mut sum = 0.0;
    for owner in 0..owners {
        sum += weight(owner);
        let end = if owner + 1 == owners { rows } else { f64_as_count(count_as_f64(rows) * sum / total).min(rows) };
        starts.push(end);
    }
    starts
}

/// The starts when each owner has from `from` to `to` rows, both included.
pub(crate) fn each(owners: u64, from: u64, to: u64, seed: u64) -> Vec<u64> {
    let mut starts = vec![0];
    let mut end = 0;
    for owner in 0..owners {
        end += from + Random::of_cell(seed, owner).below(to - from + 1);
        starts.push(end);
    }
    starts
}

fn position_as_count(position: usize) -> u64 {
    u64::try_from(position).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_one_owner_and_is_found_there() {
        for order in [OwnedOrder::Shuffled, OwnedOrder::Together] {
            let starts = spread(1000, 37, Spread::Zipf(0.9), 5);
            let ownership = Ownership::new(0, 0, starts, order, 9);
            assert_eq!((0..37).map(|owner| ownership.count(owner)).sum::<u64>(), 1000);
            for row in 0..1000 {
                let (owner, position) = ownership.owner_of(row);
                assert!(position < ownership.count(owner));
                assert_eq!(ownership.member(owner, position), row);
            }
        }
    }

    #[test]
    fn owners_without_rows_are_skipped() {
        let ownership = Ownership::new(0, 0, spread(3, 10, Spread::Even, 1), OwnedOrder::Shuffled, 2);
        let counts: Vec<u64> = (0..10).map(|owner| ownership.count(owner)).collect();
        assert_eq!(counts.iter().sum::<u64>(), 3);
        for row in 0..3 {
            assert_eq!(counts[usize::try_from(ownership.owner_of(row).0).expect("small")], 1);
        }
    }

    #[test]
    fn each_owner_has_as_many_as_asked() {
        let starts = each(1000, 2, 5, 3);
        let counts: Vec<u64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(counts.iter().all(|count| (2..=5).contains(count)));
        assert!((2..=5).all(|count| counts.contains(&count)));
    }
}
