//! Bounds of ranges: `created_at >= $1`, `price BETWEEN $1 AND $2`.
//!
//! Statistics say which values there are and not which are asked for. Times are asked for relative to now, in units that people think
//! in; anything else at any place of its distribution, the two ends of a range together.

use jiff::Timestamp;
use pgtailor_model::binding::{ColumnValues, Literal};

use super::column::{at, count, number};
use super::instant::Instant;
use super::value_type::ValueType;

/// Which ends of a range parameters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// `>` or `>=` alone.
    Lower,
    /// `<` or `<=` alone.
    Upper,
    /// Both.
    Both,
}

/// The two ends for one draw; only those asked for are used.
type Bounds = (Literal, Literal);

/// How far back the beginning of a period lies, in hours: an hour, a day, a week, a month, each twice as common as what is beside it.
const SINCE: &[i64] = &[1, 6, 24, 24, 24, 24 * 7, 24 * 7, 24 * 30];

/// How far back the end of a period lies that has no beginning (`started_at < $1`): what is stuck, old or to be cleaned away, in hours.
const BEFORE: &[i64] = &[6, 24, 24 * 7, 24 * 30, 24 * 30, 24 * 90, 24 * 180, 24 * 365];

/// How far ahead the end of a period lies that begins now (`expires_at BETWEEN $1 AND $2`), in hours.
const AHEAD: &[i64] = &[1, 24, 24, 24 * 3, 24 * 3, 24 * 7, 24 * 7, 24 * 30];

/// Widths of ranges of anything else, as shares of the rows: from a needle to a third, evenly on a logarithmic scale.
const WIDTHS: &[f64] = &[0.005, 0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.33];

/// A column has a future when this share of its values lies after now: due times, expiries.
const FUTURE: f64 = 0.05;

/// Longer ago than this, in hours, the newest value stands for now: the data is a sample from another time.
const STALE: i64 = 24 * 60;

/// `draws` ranges over a column; `None` when nothing is known of its values and its type says nothing either.
pub(super) fn ranges(
    values: Option<&ColumnValues>,
    value_type: &ValueType,
    ends: Ends,
    now: Timestamp,
    draws: usize,
) -> Option<Vec<Bounds>> {
    if value_type.is_time() {
        let times: Vec<Instant> = values.map(known_times).unwrap_or_default();
        return Some((0..draws).map(|draw| period(&times, value_type, ends, Instant(now), place_of(draw, draws))).collect());
    }
    let ordered = ordered(values?, value_type);
    if ordered.is_empty() {
        return None;
    }
    (0..draws).map(|draw| stretch(&ordered, ends, place_of(draw, draws))).collect()
}

/// The middle of the draw's part of the whole, 0 to 1.
fn place_of(draw: usize, draws: usize) -> f64 {
    (count(draw) + 0.5) / count(draws)
}

fn pick<T: Copy>(list: &[T], place: f64) -> Option<T> {
    let position = pgtailor_model::unit::f64_as_count((place * count(list.len())).floor());
    list.get(usize::try_from(position).ok()?.min(list.len().saturating_sub(1))).copied()
}

fn period(times: &[Instant], value_type: &ValueType, ends: Ends, now: Instant, place: f64) -> Bounds {
    let hours = |list: &[i64]| pick(list, place).unwrap_or(24);
    let later = count(times.iter().filter(|time| **time > now).count());
    if later > FUTURE * count(times.len()) {
        // What is due or expires: now itself is what it is compared with, or the near future where there are two ends.
        let end = if ends == Ends::Both { now.plus_hours(hours(AHEAD)) } else { now };
        return (now.write(value_type), end.write(value_type));
    }
    let newest = times.last().copied().unwrap_or(now);
    let reference = if newest.plus_hours(STALE) < now { newest } else { now };
    match ends {
        Ends::Upper => {
            let end = reference.plus_hours(-hours(BEFORE)).write(value_type);
            (end.clone(), end)
        }
        Ends::Lower | Ends::Both => (reference.plus_hours(-hours(SINCE)).write(value_type), reference.write(value_type)),
    }
}

/// Histogram bounds and common values, ascending.
fn known_times(values: &ColumnValues) -> Vec<Instant> {
    let common = values.most_common.iter().map(|(value, _)| value);
    let mut times: Vec<Instant> = values.histogram.iter().chain(common).filter_map(Instant::read).collect();
    times.sort();
    times
}

fn stretch(ordered: &[Literal], ends: Ends, place: f64) -> Option<Bounds> {
    if ends != Ends::Both {
        let bound = at(ordered, place)?;
        return Some((bound.clone(), bound.clone()));
    }
    // The widths go with the places in another order, so that wide ranges are not all at one end.
    let width = pick(WIDTHS, (place * 5.0).fract())?;
    let low = place * (1.0 - width);
    Some((at(ordered, low)?.clone(), at(ordered, low + width)?.clone()))
}

/// The values of a column in its order: the histogram; for a column of few values these, when their order is known here.
fn ordered(values: &ColumnValues, value_type: &ValueType) -> Vec<Literal> {
    if !values.histogram.is_empty() {
        return values.histogram.clone();
    }
    let mut common: Vec<Literal> = values.most_common.iter().map(|(value, _)| value.clone()).collect();
    if value_type.is_number() {
        let key = |literal: &Literal| number(literal).unwrap_or(0.0);
        common.sort_by(|a, b| key(a).total_cmp(&key(b)));
    } else {
        common.sort();
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-27T12:00:00Z".parse().expect("a time")
    }

    fn days(from: i64, to: i64) -> ColumnValues {
        let bound = |day: i64| Instant(now()).plus_hours(24 * day).write(&ValueType::plain("timestamptz"));
        ColumnValues { histogram: (from..=to).map(bound).collect(), ..ColumnValues::default() }
    }

    #[test]
    fn the_ends_of_a_range_are_ordered_and_apart() {
        let values =
            ColumnValues { histogram: (0..=100).map(|n| Literal::new(n.to_string())).collect(), ..ColumnValues::default() };
        let ranges = ranges(Some(&values), &ValueType::plain("int4"), Ends::Both, now(), 8).expect("known");
        for (low, high) in ranges {
            assert!(number(&low) <= number(&high), "{} {}", low.expose(), high.expose());
        }
    }

    #[test]
    fn times_are_asked_for_relative_to_now() {
        let ty = ValueType::plain("timestamptz");
        let past = ranges(Some(&days(-700, 0)), &ty, Ends::Lower, now(), 8).expect("times");
        assert!(past.iter().all(|(low, _)| Instant::read(low) >= Some(Instant(now()).plus_hours(-24 * 91))));
        let due = ranges(Some(&days(-10, 30)), &ty, Ends::Upper, now(), 8).expect("times");
        assert!(due.iter().all(|(_, high)| Instant::read(high) == Some(Instant(now()))));
        let old = ranges(Some(&days(-3000, -2000)), &ty, Ends::Lower, now(), 8).expect("times");
        assert!(old.iter().all(|(low, _)| Instant::read(low) < Some(Instant(now()).plus_hours(-24 * 1999))));
        let unknown = ranges(None, &ValueType::plain("date"), Ends::Both, now(), 3).expect("times");
        assert_eq!(unknown[0].1.expose(), "2026-11-27");
    }

    #[test]
    fn nothing_known_of_other_types_is_nothing() {
        assert_eq!(ranges(None, &ValueType::plain("int4"), Ends::Lower, now(), 8), None);
    }
}
