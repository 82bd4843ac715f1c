//! Whole numbers moved by a secret distance, their order kept.
//!
//! The line of numbers has fixed points, which stay. Between two of them it is bent like a wire: a point about the middle is moved, and
//! what lies to its left and right is stretched or pressed evenly. So the map is linear except at one place in each gap, and where a
//! constant lies between two bounds of a histogram, which `scalarineqsel` (`selfuncs.c`) finds by their distances, hardly changes.
//! A constant added to all numbers would keep that exactly, but could neither leave the constants of the schema where they are nor stay
//! within the range of a type.
//!
//! Must not know what the numbers mean.

use pgtailor_model::random::Random;

/// Largest magnitude of what may be bent, so that no product leaves 128 bits: 10^34 · 256 < 2^127.
pub(super) const LARGEST: i128 = 10_i128.pow(34);

/// Parts into which a gap is divided to name a point in it.
const PARTS: i128 = 1024;

/// Images of `values`, which rise and lie between `low` and `high`: they rise, too, and lie between the same.
///
/// Everything is whole numbers, so that every machine gives the same. Where a gap has hardly more room than values, they stay nearly
/// where they are.
pub(super) fn bend(values: &[i128], low: i128, high: i128, seed: u64) -> Vec<i128> {
    let mut random = Random::new(seed);
    // The point is taken from 35 to 65 % of the gap and moved by 8 to 25 % of it.
    let from = 358 + i128::from(random.below(308));
    let by = 82 + i128::from(random.below(174));
    // Away from zero, where most numbers are small: their differences grow instead of vanishing.
    let by = if high <= 0 { -by } else { by };
    let knee = (high - low) / PARTS * from;
    let moved = |value: &i128| {
        let distance = if value - low <= knee { (value - low) * by / from } else { (high - value) * by / (PARTS - from) };
        value + distance
    };
    apart(values.iter().map(moved).collect(), low, high)
}

/// `wanted`, moved as little as needed for it to rise strictly between `low` and `high`.
fn apart(mut wanted: Vec<i128>, low: i128, high: i128) -> Vec<i128> {
    let mut floor = low;
    for value in &mut wanted {
        *value = (*value).max(floor + 1);
        floor = *value;
    }
    let mut ceiling = high;
    for value in wanted.iter_mut().rev() {
        *value = (*value).min(ceiling - 1);
        ceiling = *value;
    }
    wanted
}

/// Images of all `values`, which rise: `gap` says between which fixed points a value lies, and nothing for one that stays.
pub(super) fn bend_all(values: &[i128], gap: &dyn Fn(i128) -> Option<(i128, i128)>, seed: &dyn Fn(i128) -> u64) -> Vec<i128> {
    let mut images = Vec::with_capacity(values.len());
    let gaps: Vec<Option<(i128, i128)>> = values.iter().map(|value| gap(*value)).collect();
    for run in gaps.chunk_by(PartialEq::eq) {
        let values = &values[images.len()..][..run.len()];
        match run[0] {
            Some((low, high)) => images.extend(bend(values, low, high, seed(low))),
            None => images.extend_from_slice(values),
        }
    }
    images
}

/// Between which of `fixed`, which rises, `value` lies; nothing when it is one of them or beyond all.
pub(super) fn neighbours(fixed: &[i128], value: i128) -> Option<(i128, i128)> {
    let place = fixed.binary_search(&value).err()?;
    Some((*fixed.get(place.checked_sub(1)?)?, *fixed.get(place)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_keep_their_order_and_their_gap(values in btree_set(1..2000_i128, 0..300), wide in any::<bool>(), seed in any::<u64>()) {
            let scale = if wide { LARGEST / 2000 } else { 1 };
            let values: Vec<i128> = values.into_iter().map(|value| value * scale).collect();
            let images = bend(&values, 0, 2000 * scale, seed);
            prop_assert!(images.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(images.iter().all(|image| (1..2000 * scale).contains(image)));
        }

        #[test]
        fn fixed_points_stay_and_divide(values in btree_set(-50..50_i128, 1..60), fixed in btree_set(-40..40_i128, 1..5), seed in any::<u64>()) {
            let fixed: Vec<i128> = fixed.into_iter().chain([-50, 50]).collect::<BTreeSet<_>>().into_iter().collect();
            let values: Vec<i128> = values.into_iter().collect();
            let images = bend_all(&values, &|value| neighbours(&fixed, value), &|_| seed);
            for (value, image) in values.iter().zip(&images) {
                for point in &fixed {
                    prop_assert_eq!(value.cmp(point), image.cmp(point));
                }
            }
        }
    }

    #[test]
    fn a_full_gap_stays_as_it_is() {
        let values: Vec<i128> = (1..10).collect();
        assert_eq!(bend(&values, 0, 10, 7), values);
    }

    #[test]
    fn distances_are_kept_within_each_half() {
        let values: Vec<i128> = (1..=10).map(|step| step * 1_000_000).collect();
        let images = bend(&values, 0, 1_000_000_000, 7);
        let step = images[0];
        assert!(step > 1_050_000, "{step}");
        assert!(images.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() <= 1), "{images:?}");
    }
}
