//! How many rows of an index have equal keys.
//!
//! Each column is a few strata of values that are about equally frequent: every common value, the rest, the nulls. Columns are taken as
//! independent of one another unless extended statistics count the combinations, so a stratum of the index is a product of theirs.

use std::collections::BTreeMap;

use pgtailor_model::unit::count_as_f64;

use super::inputs::{IndexInputs, KeyInputs};

/// Strata whose frequencies differ less than by this power of two count as one: a quarter, 19 %.
const STEPS_PER_OCTAVE: f64 = 4.0;

/// Columns with some nulls whose combinations are told apart; 2^8 is enough of them.
const MOST_NULLABLE: usize = 8;

/// Keys that are null in the same places and about equally frequent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stratum {
    /// Which parts are null, by position.
    pub nulls: Vec<bool>,
    /// Rows of the index.
    pub rows: f64,
    /// Distinct keys among these rows.
    pub groups: f64,
}

/// One column's values of about one frequency: a share of the rows, and how many values it is spread over.
#[derive(Clone, Copy)]
struct Part {
    is_null: bool,
    share: f64,
    values: f64,
}

/// The rows of the index by keys and included columns; together they are `inputs.rows`.
pub(super) fn strata(inputs: &IndexInputs) -> Vec<Stratum> {
    let rows = inputs.rows.as_f64();
    let parts: Vec<&KeyInputs> = inputs.keys.iter().chain(&inputs.included).collect();
    let mut found = vec![Stratum { nulls: Vec::new(), rows, groups: 1.0 }];
    let mut nullable = 0;
    for part in &parts {
        nullable += usize::from(part.nulls_kept > 0.0 && part.nulls_kept < 1.0);
        // Past the limit a column counts as what it mostly is.
        let nulls = if nullable > MOST_NULLABLE { part.nulls_kept.round() } else { part.nulls_kept };
        let of_part = parts_of(part, nulls, inputs);
        let product = found.iter().flat_map(|stratum| {
            of_part.iter().map(|part| Stratum {
                nulls: stratum.nulls.iter().copied().chain([part.is_null]).collect(),
                rows: stratum.rows * part.share,
                groups: stratum.groups * part.values,
            })
        });
        found = merged(product);
    }
    if let [_] = parts[..] {
        return found.into_iter().map(|stratum| Stratum { groups: stratum.groups.min(stratum.rows), ..stratum }).collect();
    }
    let most_distinct = parts.iter().map(|part| values_kept(part, part.distinct, inputs)).fold(1.0, f64::max);
    let occurring: f64 = found.iter().map(|stratum| drawn(stratum.groups, stratum.rows)).sum();
    // No fewer combinations occur than the column with most distinct values has by itself.
    let known = inputs.joint_distinct.map(|joint| remaining(joint, inputs.table_rows.as_f64(), rows));
    let factor = known.unwrap_or(occurring.max(most_distinct)).min(rows) / occurring.max(1.0);
    let occurs = |stratum: Stratum| {
        let groups = (drawn(stratum.groups, stratum.rows) * factor).min(stratum.rows);
        Stratum { groups, ..stratum }
    };
    found.into_iter().map(occurs).collect()
}

/// How many combinations of the first `count` keys occur.
pub(super) fn prefix_groups(inputs: &IndexInputs, count: usize) -> f64 {
    let keys = &inputs.keys[..count];
    let possible: f64 =
        keys.iter().map(|key| (values_kept(key, key.distinct, inputs) + f64::from(key.nulls_kept > 0.0)).max(1.0)).product();
    let [alone] = keys else { return drawn(possible, inputs.rows.as_f64()) };
    // All values of one column occur.
    possible.min(inputs.rows.as_f64() * (1.0 - alone.nulls_kept) + 1.0)
}

fn parts_of(key: &KeyInputs, nulls: f64, inputs: &IndexInputs) -> Vec<Part> {
    let mut parts = Vec::new();
    if nulls > 0.0 {
        parts.push(Part { is_null: true, share: nulls, values: 1.0 });
    }
    if nulls >= 1.0 {
        return parts;
    }
    // Frequencies are those of the table; a predicate may leave other nulls in the index.
    let scale = (1.0 - nulls) / (1.0 - key.null_fraction).max(1e-9);
    parts.extend(key.common.iter().map(|frequency| Part { is_null: false, share: frequency * scale, values: 1.0 }));
    let listed = count_as_f64(u64::try_from(key.common.len()).unwrap_or(u64::MAX));
    let rest = 1.0 - nulls - key.common.iter().sum::<f64>() * scale;
    if rest > 1e-6 {
        let others = values_kept(key, (key.distinct - listed).max(1.0), inputs);
        parts.push(Part { is_null: false, share: rest, values: others });
    }
    parts
}

/// How many of `values` of the key are left in the index.
fn values_kept(key: &KeyInputs, values: f64, inputs: &IndexInputs) -> f64 {
    let in_table = inputs.table_rows.as_f64() * (1.0 - key.null_fraction);
    remaining(values, in_table, inputs.rows.as_f64() * (1.0 - key.nulls_kept))
}

/// How many of `distinct` values among `table` rows are left in the index, when its `rows` are picked of these at random.
///
/// As `estimate_num_groups` in `selfuncs.c`: a value with `n` rows is missing with probability `(1 - share)^n`.
fn remaining(distinct: f64, table: f64, rows: f64) -> f64 {
    if rows >= table || distinct <= 0.0 {
        return distinct;
    }
    let share = rows / table;
    distinct * (1.0 - (1.0 - share).powf((table / distinct).max(1.0)))
}

/// Distinct values that are expected among `rows` drawn from `possible` ones.
fn drawn(possible: f64, rows: f64) -> f64 {
    if possible >= rows * 1e6 { rows } else { possible * -(-rows / possible.max(1e-9)).exp_m1() }
}

/// Strata with the same nulls and about the same frequency of a value, put together.
fn merged(strata: impl Iterator<Item = Stratum>) -> Vec<Stratum> {
    let mut kept: BTreeMap<(Vec<bool>, i64), Stratum> = BTreeMap::new();
    for stratum in strata.filter(|stratum| stratum.rows > 0.0) {
        let step = ((stratum.rows / stratum.groups.max(1e-9)).log2() * STEPS_PER_OCTAVE).round();
        #[expect(clippy::cast_possible_truncation, reason = "a logarithm is a small number")]
        let step = step as i64;
        kept.entry((stratum.nulls.clone(), step))
            .and_modify(|kept| {
                kept.rows += stratum.rows;
                kept.groups += stratum.groups;
            })
            .or_insert(stratum);
    }
    kept.into_values().collect()
}

/// Share of groups with one row, when groups have `mean` rows on average and at least one: zero-truncated Poisson.
pub(super) fn share_alone(mean: f64) -> f64 {
    if mean <= 1.0 {
        return 1.0;
    }
    // The rate whose truncated mean is `mean`, by iteration of rate = mean (1 - e^-rate), which converges from above.
    let rate = (0..200).fold(mean, |rate: f64, _| mean * -(-rate).exp_m1());
    rate * (-rate).exp() / -(-rate).exp_m1()
}
