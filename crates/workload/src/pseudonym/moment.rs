//! Dates, timestamps and times of day.
//!
//! Dates and timestamps are one family: a date is compared as its midnight. A statement's `now()` is the server's and cannot be moved,
//! so what lies close to the present must stay close to it. The *present* of the statistics is the median of the largest values of all
//! columns with times: most such columns say when a row came or changed. Around it a day stays, and a time moves within its hour; within
//! two years a day moves within its month, and before and after that within its year. The first of each such part stays, and so do
//! moments that the schema names, such as the bounds of partitions. Times of day outside the present move within their day.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use pgtailor_model::random::derive;

use super::bend::{bend_all, neighbours};

/// Days around the present that stay.
const NEAR: i128 = 62;
/// Days around the present that move within their month.
const KNOWN: i128 = 800;
/// Microseconds, the resolution of the server.
const SECOND: i128 = 1_000_000;
const HOUR: i128 = 3600 * SECOND;
const DAY: i128 = 24 * HOUR;

/// How a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MomentType {
    /// `date`.
    Date,
    /// `timestamp without time zone`.
    Local,
    /// `timestamp with time zone`.
    Universal,
}

/// A moment: days since 1970 and microseconds since midnight, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    day: i128,
    time: i128,
}

/// Words that the server reads as moments; they stay (`datetktbl`, `datetime.c`).
const WORDS: [&str; 7] = ["infinity", "-infinity", "now", "today", "tomorrow", "yesterday", "epoch"];

impl Moment {
    fn read(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let day = day_number(date.parse::<Date>().ok()?);
        let Some(rest) = rest.strip_prefix([' ', 'T']) else { return rest.is_empty().then_some(Self { day, time: 0 }) };
        let zone = rest.find(['+', '-', 'Z']).unwrap_or(rest.len());
        let moment = day * DAY + time_of_day(&rest[..zone])? - offset(&rest[zone..])?;
        Some(Self { day: moment.div_euclid(DAY), time: moment.rem_euclid(DAY) })
    }

    fn write(self, as_type: MomentType) -> Option<String> {
        let date = date_of(self.day)?;
        let time = written_time(self.time);
        Some(match as_type {
            MomentType::Date => date.to_string(),
            MomentType::Local => format!("{date} {time}"),
            MomentType::Universal => format!("{date} {time}+00"),
        })
    }
}

fn epoch() -> Date {
    Date::constant(1970, 1, 1)
}

fn day_number(date: Date) -> i128 {
    i128::from((date - epoch()).get_days())
}

fn date_of(day: i128) -> Option<Date> {
    let span = jiff::Span::new().try_days(i64::try_from(day).ok()?).ok()?;
    epoch().checked_add(span).ok().filter(|date| date.year() > 0)
}

/// `08:30:00.5` in microseconds.
fn time_of_day(text: &str) -> Option<i128> {
    let mut parts = text.split(':');
    let (hours, minutes) = (two_digits(parts.next()?)?, two_digits(parts.next()?)?);
    let (seconds, fraction) = parts.next().map_or((Some(0), ""), |text| {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        (two_digits(seconds), fraction)
    });
    if parts.next().is_some() || fraction.len() > 6 || hours > 24 || minutes > 59 || seconds? > 59 {
        return None;
    }
    let fraction = format!("{fraction:0<6}").parse::<u32>().ok()?;
    let time = hours * HOUR + minutes * 60 * SECOND + seconds? * SECOND + i128::from(fraction);
    // `24:00:00` is a time of its own to the server.
    (time <= DAY).then_some(time)
}

fn written_time(time: i128) -> String {
    let (seconds, fraction) = (time / SECOND, time % SECOND);
    let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { text } else { format!("{text}.{}", format!("{fraction:06}").trim_end_matches('0')) }
}

/// `+05:30` in microseconds.
fn offset(text: &str) -> Option<i128> {
    let sign = match text.chars().next() {
        None | Some('Z') => return (text.len() <= 1).then_some(0),
        Some('-') => -1,
        Some(_) => 1,
    };
    let mut parts = text[1..].split(':').map(two_digits);
    let (hours, minutes) = (parts.next()??, parts.next().unwrap_or(Some(0))?);
    parts.next().is_none().then_some(sign * (hours * HOUR + minutes * 60 * SECOND))
}

fn two_digits(text: &str) -> Option<i128> {
    (text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The moments that were seen.
#[derive(Debug, Default)]
pub(super) struct Moments {
    seen: BTreeSet<Moment>,
    latest: Vec<i128>,
}

impl Moments {
    /// Notes `text`, unless it is no moment.
    pub(super) fn add(&mut self, text: &str) {
        self.seen.extend(Moment::read(text));
    }

    /// Notes that `text` is the largest value of a column.
    pub(super) fn add_latest(&mut self, text: &str) {
        self.latest.extend(Moment::read(text).map(|moment| moment.day));
    }

    /// Whether any was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// The images of all that were seen; the moments in `named` stay.
    pub(super) fn images(mut self, secret: u64, named: &BTreeSet<String>) -> MomentImages {
        self.latest.sort_unstable();
        let calendar = Calendar {
            present: self.latest.get(self.latest.len() / 2).copied(),
            named: named.iter().filter_map(|text| Moment::read(text)).collect(),
        };
        let days: Vec<i128> = self.seen.iter().map(|moment| moment.day).collect::<BTreeSet<_>>().into_iter().collect();
        let moved = bend_all(&days, &|day| calendar.gap(day), &|low| derive(secret, &format!("day {low}")));
        let mut images = BTreeMap::new();
        for (day, image) in days.into_iter().zip(moved) {
            let of_day = |moments: &BTreeSet<Moment>| {
                let range = Moment { day, time: 0 }..Moment { day: day + 1, time: 0 };
                moments.range(range).map(|moment| moment.time).collect::<Vec<i128>>()
            };
            let times = of_day(&self.seen);
            let hourly = calendar.distance(day).is_some_and(|distance| distance <= NEAR);
            for (time, moved) in times.iter().zip(time_images(&times, &of_day(&calendar.named), hourly, secret)) {
                images.insert(Moment { day, time: *time }, Moment { day: image, time: moved });
            }
        }
        MomentImages(images)
    }
}

struct Calendar {
    present: Option<i128>,
    named: BTreeSet<Moment>,
}

impl Calendar {
    fn distance(&self, day: i128) -> Option<i128> {
        self.present.map(|present| (day - present).abs())
    }

    /// Between which days `day` may move; nothing when it stays.
    fn gap(&self, day: i128) -> Option<(i128, i128)> {
        let distance = self.distance(day);
        if distance.is_some_and(|distance| distance <= NEAR) || self.is_named(day) {
            return None;
        }
        let date = date_of(day)?;
        let first = if distance.is_some_and(|distance| distance <= KNOWN) { date.first_of_month() } else { date.first_of_year() };
        let last = if first == date.first_of_month() && distance.is_some_and(|distance| distance <= KNOWN) {
            date.last_of_month()
        } else {
            date.last_of_year()
        };
        let (mut low, mut high) = (day_number(first), day_number(last) + 1);
        let edges = self.present.into_iter().flat_map(|present| [-KNOWN, -NEAR, NEAR, KNOWN].map(|step| present + step));
        let named = self.named.range(Moment { day: low, time: 0 }..Moment { day: high, time: 0 }).map(|moment| moment.day);
        for edge in edges.chain(named) {
            match edge.cmp(&day) {
                std::cmp::Ordering::Less => low = low.max(edge),
                std::cmp::Ordering::Equal => return None,
                std::cmp::Ordering::Greater => high = high.min(edge),
            }
        }
        (low < day).then_some((low, high))
    }

    fn is_named(&self, day: i128) -> bool {
        self.named.range(Moment { day, time: 0 }..Moment { day: day + 1, time: 0 }).next().is_some()
    }
}

/// Times of one day, which rise, moved within the day or within their hour: whole seconds when all are.
fn time_images(times: &[i128], named: &[i128], hourly: bool, secret: u64) -> Vec<i128> {
    if times == [0] {
        return vec![0];
    }
    let unit = if times.iter().chain(named).all(|time| time % SECOND == 0) { SECOND } else { 1 };
    let hours = (0..=24).filter(|hour| hourly || hour % 24 == 0).map(|hour| hour * HOUR);
    let fixed: BTreeSet<i128> = named.iter().copied().chain(hours).map(|time| time / unit).collect();
    let fixed: Vec<i128> = fixed.into_iter().collect();
    let times: Vec<i128> = times.iter().map(|time| time / unit).collect();
    let seed = |low: i128| derive(secret, &format!("time {}", low * unit));
    bend_all(&times, &|time| neighbours(&fixed, time), &seed).into_iter().map(|image| image * unit).collect()
}

/// Images of moments.
#[derive(Debug)]
pub(super) struct MomentImages(BTreeMap<Moment, Moment>);

impl MomentImages {
    /// The image of `text`; `None` when it is no moment that was seen.
    pub(super) fn of(&self, text: &str, as_type: MomentType) -> Option<String> {
        if WORDS.contains(&text) {
            return Some(text.to_owned());
        }
        let moment = Moment::read(text)?;
        // A timestamp that is compared with a date is cut by the server, not by us.
        self.0.get(&moment)?.write(as_type)
    }
}

/// The times of day that were seen, of type `time`.
#[derive(Debug, Default)]
pub(super) struct Clock(BTreeSet<i128>);

impl Clock {
    /// Notes `text`, unless it is no time.
    pub(super) fn add(&mut self, text: &str) {
        self.0.extend(time_of_day(text));
    }

    /// The images of all that were seen; the times in `named` stay.
    pub(super) fn images(self, secret: u64, named: &BTreeSet<String>) -> ClockImages {
        let named: Vec<i128> = named.iter().filter_map(|text| time_of_day(text)).collect();
        let times: Vec<i128> = self.0.into_iter().collect();
        let images = time_images(&times, &named, false, secret);
        ClockImages(times.into_iter().zip(images).collect())
    }
}

/// Images of times of day.
#[derive(Debug)]
pub(super) struct ClockImages(BTreeMap<i128, i128>);

impl ClockImages {
    /// The image of `text`; `None` when it is no time that was seen.
    pub(super) fn of(&self, text: &str) -> Option<String> {
        self.0.get(&time_of_day(text)?).map(|time| written_time(*time))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn images(texts: &[&str], present: Option<&str>, named: &[&str], secret: u64) -> MomentImages {
        let mut moments = Moments::default();
        for text in texts {
            moments.add(text);
        }
        if let Some(text) = present {
            moments.add_latest(text);
        }
        moments.images(secret, &named.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn moments_come_back_as_they_were_written() {
        for (text, as_type) in [
            ("2026-11-27", MomentType::Date),
            ("2026-11-27 08:00:00.5", MomentType::Local),
            ("1969-12-31 23:59:59+00", MomentType::Universal),
        ] {
            assert_eq!(Moment::read(text).and_then(|moment| moment.write(as_type)).as_deref(), Some(text));
        }
        assert_eq!(Moment::read("2026-11-27T00:30:00+05:30"), Moment::read("2026-11-26 19:00:00Z"));
        for text in ["0044-03-15 BC", "2026-02-30", "27.11.2026", "2026-11-27 25:00:00", "2026-11-27 08:00 BC", "ü026-11-27"] {
            assert_eq!(Moment::read(text), None, "{text}");
        }
    }

    #[test]
    fn recent_days_stay_and_old_ones_stay_in_their_month_or_year() {
        let texts = ["2026-11-20 08:17:11+00", "2026-03-14", "1984-03-14", "1984-03-15"];
        let images = images(&texts, Some("2026-11-27"), &[], 5);
        let recent = images.of(texts[0], MomentType::Universal).expect("seen");
        assert!(recent.starts_with("2026-11-20 08:") && recent != texts[0], "{recent}");
        let known = images.of(texts[1], MomentType::Date).expect("seen");
        assert!(known.starts_with("2026-03-") && known != texts[1], "{known}");
        let old = images.of(texts[2], MomentType::Date).expect("seen");
        assert!(old.starts_with("1984-") && old != texts[2], "{old}");
    }

    #[test]
    fn bounds_of_partitions_stay_and_divide() {
        let texts = ["1990-05-09", "1990-05-10", "1990-05-11", "1990-05-10 00:00:00"];
        let images = images(&texts, None, &["1990-05-10"], 5);
        assert!(images.of(texts[0], MomentType::Date).expect("seen").as_str() < "1990-05-10");
        assert_eq!(images.of(texts[1], MomentType::Date).as_deref(), Some("1990-05-10"));
        assert!(images.of(texts[2], MomentType::Date).expect("seen").as_str() > "1990-05-10");
        assert_eq!(images.of(texts[3], MomentType::Local).as_deref(), Some("1990-05-10 00:00:00"));
    }

    proptest! {
        #[test]
        fn moments_stay_in_order_and_valid(
            values in vec((-20_000..30_000_i128, prop_oneof![Just(0_i128), 0..DAY]), 2..60),
            present in prop::option::of(15_000..22_000_i128),
            secret in any::<u64>(),
        ) {
            let moments: Vec<Moment> = values.iter().map(|(day, time)| Moment { day: *day, time: *time }).collect();
            let texts: Vec<String> = moments.iter().map(|moment| moment.write(MomentType::Universal).expect("a year after Christ")).collect();
            let present = present.and_then(|day| Moment { day, time: 0 }.write(MomentType::Date));
            let images = images(&texts.iter().map(String::as_str).collect::<Vec<_>>(), present.as_deref(), &[], secret);
            let images: Vec<Moment> = texts.iter().map(|text| Moment::read(&images.of(text, MomentType::Universal).expect("seen")).expect("valid")).collect();
            for ((a, b), (c, d)) in moments.iter().zip(&moments[1..]).zip(images.iter().zip(&images[1..])) {
                prop_assert_eq!(a.cmp(b), c.cmp(d));
            }
        }
    }
}
