//! Numbers in words that never claim more than was measured.

use pgtailor_model::unit::{count_as_f64, f64_as_count, grouped, three_digits};

/// By what part `after` is less than `before`: 0.9 is ten times less, negative is more. `None` when there is nothing to compare.
pub fn reduction(before: f64, after: f64) -> Option<f64> {
    (before > 0.0 && before.is_finite() && after.is_finite()).then(|| 1.0 - after / before)
}

/// A reduction for people, rounded towards less: `94.9 % less`, `> 99.9 % less`, `12.3 % more`, `no change`.
pub fn reduction_words(reduction: f64) -> String {
    let percent = reduction * 100.0;
    if percent > 99.9 {
        "> 99.9 % less".to_owned()
    } else if percent >= 0.1 {
        format!("{} % less", floored(percent))
    } else if percent > -0.1 {
        "no change".to_owned()
    } else {
        format!("{} % more", three_digits(-percent))
    }
}

/// An increase from `before` to `after` for people: `1.85 times`, `12.3 % more`, `4.00 % less`.
pub fn growth_words(before: f64, after: f64) -> String {
    match reduction(before, after) {
        None => "-".to_owned(),
        Some(_) if after / before >= 2.0 => format!("{} times", floored(after / before)),
        Some(reduction) => reduction_words(reduction),
    }
}

/// A fraction as a percentage: `41.0 %`. Something that is not all is never shown as 100 %.
pub fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    if percent > 99.9 && percent < 100.0 {
        "> 99.9 %".to_owned()
    } else if percent > 0.0 && percent < 0.1 {
        "< 0.1 %".to_owned()
    } else {
        format!("{} %", three_digits(percent))
    }
}

/// `1 step`, `2 steps`, `12 400 scans`.
pub fn counted(count: usize, singular: &str, plural: &str) -> String {
    let number = grouped(u64::try_from(count).unwrap_or(u64::MAX));
    format!("{number} {}", if count == 1 { singular } else { plural })
}

/// A large count in few characters, to three digits: `950`, `12.4 k`, `3.00 M`.
pub fn short_count(count: u64) -> String {
    const UNITS: [&str; 4] = ["k", "M", "G", "T"];
    if count < 10_000 {
        return grouped(count);
    }
    let mut value = count_as_f64(count) / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{} {}", three_digits(value), UNITS[unit])
}

/// A length of time in seconds, in one unit: `45 s`, `12 min`, `3 h`, `8 d`.
pub fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds if seconds < 60 => format!("{seconds} s"),
        seconds if seconds < 3600 => format!("{} min", seconds / 60),
        seconds if seconds < 2 * 86_400 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// A positive number cut, not rounded, to one decimal below 100 and to whole numbers from there.
fn floored(value: f64) -> String {
    if value >= 100.0 {
        return f64_as_count(value.floor()).to_string();
    }
    format!("{:.1}", (value * 10.0 + 1e-9).floor() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_improvement_is_rounded_down() {
        assert_eq!(reduction_words(0.94999), "94.9 % less");
        assert_eq!(reduction_words(0.95), "95.0 % less");
        assert_eq!(reduction_words(0.99999), "> 99.9 % less");
        assert_eq!(reduction_words(1.0), "> 99.9 % less");
        assert_eq!(reduction_words(0.0), "no change");
        assert_eq!(reduction_words(-0.1234), "12.3 % more");
    }

    #[test]
    fn nothing_is_not_compared() {
        assert_eq!(reduction(0.0, 1.0), None);
        assert_eq!(growth_words(0.0, 5.0), "-");
        assert_eq!(growth_words(100.0, 250.0), "2.5 times");
        assert_eq!(growth_words(100.0, 150.0), "50.0 % more");
    }

    #[test]
    fn almost_all_is_not_all() {
        assert_eq!(percent(0.99999), "> 99.9 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.0001), "< 0.1 %");
    }

    #[test]
    fn counts_are_short() {
        assert_eq!(short_count(9_999), "9 999");
        assert_eq!(short_count(12_400), "12.4 k");
        assert_eq!(short_count(3_000_000), "3.00 M");
        assert_eq!(counted(1, "step", "steps"), "1 step");
    }

    #[test]
    fn ages_have_one_unit() {
        assert_eq!(age(59), "59 s");
        assert_eq!(age(3599), "59 min");
        assert_eq!(age(86_400), "24 h");
        assert_eq!(age(8 * 86_400), "8 d");
    }
}
