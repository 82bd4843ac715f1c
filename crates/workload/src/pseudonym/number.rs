//! Numbers of all types: whole ones, `numeric`, floating-point ones, object identifiers.
//!
//! They are one family, for a column of any of these types can be compared with one of any other. A number is a whole part and a
//! fraction, and each is moved by itself ([`bend`](super::bend)): so a whole number stays whole, `2` and `2.00` stay equal, and the
//! number of decimals stays. What stays where it is: numbers that the schema names (partial indexes, checks, bounds of partitions), the
//! ends of each whole type's range, so that none is left, and whole numbers up to [`TINY`], which are flags, states, counts and ages.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::random::derive;

use super::bend::{LARGEST, bend_all, neighbours};

/// Whole numbers of this magnitude and below stay as they are: nobody is known by them, and to move 1 to 2 would change what is
/// true, 3 of 5 stars or 2 of 3 tries, more than it hides.
const TINY: i128 = 100;

/// Digits of a fraction that are kept exactly; `numeric` divides to 20 at most by itself (`select_div_scale`, `numeric.c`).
const DIGITS: usize = 30;

/// The whole types by the ends of their range; other numbers have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    /// `smallint`.
    Small,
    /// `integer`.
    Usual,
    /// `bigint`.
    Big,
    /// `oid`.
    Identifier,
    /// `numeric`, `real`, `double precision`.
    Unbounded,
}

impl Width {
    fn ends(self) -> Option<(i128, i128)> {
        match self {
            Self::Small => Some((i16::MIN.into(), i16::MAX.into())),
            Self::Usual => Some((i32::MIN.into(), i32::MAX.into())),
            Self::Big => Some((i64::MIN.into(), i64::MAX.into())),
            Self::Identifier => Some((0, u32::MAX.into())),
            Self::Unbounded => None,
        }
    }
}

/// A number taken apart: `whole + fraction`, the fraction being 0 or more and below 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Number {
    whole: i128,
    /// In units of 10^-30.
    fraction: i128,
}

const ONE: i128 = 10_i128.pow(30);

impl Number {
    /// Reads `-12.50` and `1.5e-07`, with the count of decimals that are written; `None` for what is too long to be kept exactly.
    fn read(text: &str) -> Option<(Self, usize)> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (before, behind) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{before}{behind}");
        if all.is_empty() || !all.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let point = i32::try_from(before.len()).ok()?.checked_add(exponent)?;
        if !(-40..=60).contains(&point) {
            return None;
        }
        let (whole, fraction) = match usize::try_from(point) {
            Ok(point) if point >= all.len() => (format!("{all:0<point$}"), String::new()),
            Ok(point) => (all[..point].to_owned(), all[point..].to_owned()),
            Err(_) => (String::new(), format!("{}{all}", "0".repeat(usize::try_from(-point).ok()?))),
        };
        let written = fraction.len();
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > DIGITS {
            return None;
        }
        let whole = format!("0{whole}").parse::<i128>().ok().filter(|whole| *whole < LARGEST)?;
        let fraction = format!("0{fraction:0<DIGITS$}").parse::<i128>().ok()?;
        let number = match (negative, fraction) {
            (false, _) => Self { whole, fraction },
            (true, 0) => Self { whole: -whole, fraction: 0 },
            (true, _) => Self { whole: -whole - 1, fraction: ONE - fraction },
        };
        Some((number, written))
    }

    /// With at least `decimals` decimals.
    fn write(self, decimals: usize) -> String {
        let negative = self.whole < 0;
        let (whole, fraction) = match (negative, self.fraction) {
            (true, 0) => (-self.whole, 0),
            (true, fraction) => (-self.whole - 1, ONE - fraction),
            (false, fraction) => (self.whole, fraction),
        };
        let digits = format!("{fraction:0DIGITS$}");
        let digits = digits.trim_end_matches('0');
        let sign = if negative { "-" } else { "" };
        if digits.is_empty() && decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{digits:0<decimals$}") }
    }

    /// Digits of the fraction without zeros at the end.
    fn digits(fraction: i128) -> u32 {
        let mut digits = 30;
        let mut rest = fraction;
        while digits > 0 && rest % 10 == 0 {
            (rest, digits) = (rest / 10, digits - 1);
        }
        digits
    }
}

/// The numbers that were seen.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    seen: BTreeSet<Number>,
    widths: BTreeSet<Width>,
}

impl Numbers {
    /// Notes `text`, unless it is no number.
    pub(super) fn add(&mut self, text: &str, width: Width) {
        if let Some((number, _)) = Number::read(text) {
            self.seen.insert(number);
            self.widths.insert(width);
        }
    }

    /// Whether any was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// The images of all that were seen; the numbers in `named` stay.
    pub(super) fn images(self, secret: u64, named: &BTreeSet<String>) -> NumberImages {
        let named: BTreeSet<Number> = named.iter().filter_map(|text| Number::read(text)).map(|(number, _)| number).collect();
        let ends = self.widths.iter().filter_map(|width| width.ends()).flat_map(|(low, high)| [low, high]);
        let outer = [-LARGEST, LARGEST, -TINY, TINY];
        let fixed: BTreeSet<i128> = named.iter().map(|number| number.whole).chain(ends).chain(outer).collect();
        let fixed: Vec<i128> = fixed.into_iter().collect();
        let wholes: Vec<i128> = self.seen.iter().map(|number| number.whole).collect::<BTreeSet<_>>().into_iter().collect();
        let gap = |whole: i128| neighbours(&fixed, whole).filter(|_| whole.abs() > TINY);
        let moved = bend_all(&wholes, &gap, &|low| derive(secret, &format!("number {low}")));
        let mut images = BTreeMap::new();
        for (whole, image) in wholes.into_iter().zip(moved) {
            let of_whole = |numbers: &BTreeSet<Number>| {
                let range = Number { whole, fraction: 0 }..Number { whole: whole + 1, fraction: 0 };
                numbers.range(range).map(|number| number.fraction).collect::<Vec<i128>>()
            };
            let fractions = of_whole(&self.seen);
            for (fraction, moved) in fractions.iter().zip(fraction_images(&fractions, &of_whole(&named), secret)) {
                images.insert(Number { whole, fraction: *fraction }, Number { whole: image, fraction: moved });
            }
        }
        NumberImages(images)
    }
}

/// Fractions of one whole number, which rise, moved on the grid of the longest of them: no fraction gets more decimals than some
/// neighbour has.
fn fraction_images(fractions: &[i128], named: &[i128], secret: u64) -> Vec<i128> {
    if fractions == [0] {
        return vec![0];
    }
    let digits = fractions.iter().chain(named).map(|fraction| Number::digits(*fraction)).max().unwrap_or(0);
    let unit = 10_i128.pow(30 - digits);
    let fixed: BTreeSet<i128> = named.iter().map(|fraction| fraction / unit).chain([0, ONE / unit]).collect();
    let fixed: Vec<i128> = fixed.into_iter().collect();
    let fractions: Vec<i128> = fractions.iter().map(|fraction| fraction / unit).collect();
    let seed = derive(secret, "fraction");
    bend_all(&fractions, &|fraction| neighbours(&fixed, fraction), &|_| seed).into_iter().map(|image| image * unit).collect()
}

/// Images of numbers.
#[derive(Debug)]
pub(super) struct NumberImages(BTreeMap<Number, Number>);

impl NumberImages {
    /// The image of `text` with as many decimals; `None` when it is no number that was seen.
    pub(super) fn of(&self, text: &str) -> Option<String> {
        if matches!(text, "NaN" | "Infinity" | "-Infinity") {
            return Some(text.to_owned());
        }
        let (number, decimals) = Number::read(text)?;
        self.0.get(&number).map(|image| image.write(decimals))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn image_of(texts: &[&str], width: Width, named: &[&str], secret: u64) -> Vec<String> {
        let mut numbers = Numbers::default();
        for text in texts {
            numbers.add(text, width);
        }
        let images = numbers.images(secret, &named.iter().map(|text| (*text).to_owned()).collect());
        texts.iter().map(|text| images.of(text).unwrap_or_else(|| panic!("{text} has an image"))).collect()
    }

    #[test]
    fn numbers_are_written_as_they_were_read() {
        for text in ["0", "-1", "12.50", "-3.25", "-0.5", "170141183460469231", "0.000000000000000001"] {
            let (number, decimals) = Number::read(text).expect(text);
            assert_eq!(number.write(decimals), text);
        }
        assert_eq!(Number::read("1.5e-07").map(|read| read.0.write(read.1)), Some("0.00000015".to_owned()));
        assert_eq!(Number::read("1.5e+07").map(|read| read.0.write(read.1)), Some("15000000".to_owned()));
        for text in ["", "x", "1e300", "0x10", "1.2.3", "-"] {
            assert_eq!(Number::read(text), None, "{text}");
        }
    }

    #[test]
    fn equal_numbers_of_different_types_stay_equal() {
        let images = image_of(&["4711", "4711.00", "4711.5"], Width::Unbounded, &[], 1);
        assert_eq!(format!("{}.00", images[0]), images[1]);
        assert_ne!(images[0], "4711");
    }

    #[test]
    fn what_the_schema_names_stays_and_divides() {
        let images = image_of(&["4999", "5000", "5001", "9.99", "9.95"], Width::Usual, &["5000", "9.95"], 3);
        assert!(images[0].parse::<i32>().expect("a number") < 5000, "{images:?}");
        assert_eq!(images[1], "5000");
        assert!(images[2].parse::<i32>().expect("a number") > 5000, "{images:?}");
        assert_eq!(images[4], "9.95");
    }

    proptest! {
        #[test]
        fn whole_numbers_stay_in_order_and_within_their_type(values in vec(any::<i16>(), 1..50), secret in any::<u64>()) {
            let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
            let images = image_of(&texts.iter().map(String::as_str).collect::<Vec<_>>(), Width::Small, &[], secret);
            let images: Vec<i16> = images.iter().map(|image| image.parse().expect("within the type")).collect();
            for ((a, b), (c, d)) in values.iter().zip(&values[1..]).zip(images.iter().zip(&images[1..])) {
                prop_assert_eq!(a.cmp(b), c.cmp(d));
            }
        }

        #[test]
        fn decimals_stay_in_order(values in vec(-20_000_000..20_000_000_i64, 2..50), secret in any::<u64>()) {
            let texts: Vec<String> = values.iter().map(|value| format!("{}{}.{:03}", if *value < 0 { "-" } else { "" }, value.abs() / 1000, value.abs() % 1000)).collect();
            let images = image_of(&texts.iter().map(String::as_str).collect::<Vec<_>>(), Width::Unbounded, &[], secret);
            let images: Vec<Number> = images.iter().map(|image| Number::read(image).expect("a number").0).collect();
            for ((a, b), (c, d)) in values.iter().zip(&values[1..]).zip(images.iter().zip(&images[1..])) {
                prop_assert_eq!(a.cmp(b), c.cmp(d));
            }
        }
    }
}
