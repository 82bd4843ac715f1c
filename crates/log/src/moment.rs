//! The times that a log writes. Parsed only when somebody asks: most entries are never asked.
//!
//! Zones stand in the log as abbreviations of `log_timezone`. Numeric ones and those that mean one thing everywhere are understood, any
//! other is taken as UTC, and the report says so.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// An instant as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The instant.
    pub(crate) at: Timestamp,
    /// Whether its zone was understood; else it was taken as UTC.
    pub(crate) zone_known: bool,
}

/// Abbreviations with one meaning in practice, with hours east of Greenwich; `CST`, `IST` and `BST` have several and are not here.
/// The offsets are those of PostgreSQL's `src/timezone/tznames/Default`.
const ZONES: &[(&[u8], i32)] = &[
    (b"UTC", 0),
    (b"GMT", 0),
    (b"UCT", 0),
    (b"Z", 0),
    (b"WET", 0),
    (b"WEST", 1),
    (b"CET", 1),
    (b"CEST", 2),
    (b"EET", 2),
    (b"EEST", 3),
    (b"MSK", 3),
    (b"JST", 9),
    (b"KST", 9),
    (b"AEST", 10),
    (b"AEDT", 11),
    (b"NZST", 12),
    (b"NZDT", 13),
    (b"EST", -5),
    (b"EDT", -4),
    (b"CDT", -5),
    (b"MST", -7),
    (b"MDT", -6),
    (b"PST", -8),
    (b"PDT", -7),
];

/// Parses `2026-11-27 10:00:00.123 UTC` (`%m`, csvlog, jsonlog), the same without milliseconds (`%t`), and `1795773600.123` (`%n`).
pub(crate) fn parse(text: &[u8]) -> Option<Moment> {
    if text.get(4) != Some(&b'-') {
        return epoch(text);
    }
    let two = |at: usize| -> Option<i8> { i8::try_from(digits(text.get(at..at + 2)?)?).ok() };
    let separators = [(7, b'-'), (10, b' '), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| text.get(*at) != Some(byte)) {
        return None;
    }
    let year = i16::try_from(digits(text.get(..4)?)?).ok()?;
    let mut rest = text.get(19..)?;
    let mut nanosecond = 0;
    if let Some(after) = rest.strip_prefix(b".") {
        let length = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        nanosecond = fraction(&after[..length])?;
        rest = &after[length..];
    }
    let civil = DateTime::new(year, two(5)?, two(8)?, two(11)?, two(14)?, two(17)?, nanosecond).ok()?;
    let (seconds, zone_known) = offset(rest.trim_ascii());
    let at = Offset::from_seconds(seconds).ok()?.to_timestamp(civil).ok()?;
    Some(Moment { at, zone_known })
}

fn epoch(text: &[u8]) -> Option<Moment> {
    let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let seconds = i64::try_from(digits(&text[..point])?).ok()?;
    let nanoseconds = if point < text.len() { fraction(&text[point + 1..])? } else { 0 };
    Some(Moment { at: Timestamp::new(seconds, nanoseconds).ok()?, zone_known: true })
}

/// Seconds east of Greenwich, and whether `zone` says so.
fn offset(zone: &[u8]) -> (i32, bool) {
    if let Some((_, hours)) = ZONES.iter().find(|(name, _)| *name == zone) {
        return (hours * 3600, true);
    }
    numeric(zone).map_or((0, false), |seconds| (seconds, true))
}

/// `+03`, `-0330`, `+05:30`.
fn numeric(zone: &[u8]) -> Option<i32> {
    let (sign, rest) = match zone.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let hours = digits(rest.get(..2)?)?;
    let minutes = match &rest[2..] {
        [] => 0,
        [b':', minutes @ ..] | minutes => digits(minutes.get(..2)?)?,
    };
    Some(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?)
}

/// A whole number; `None` when empty, too long, or anything but digits.
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0')))
}

/// Up to nine digits after the point, as nanoseconds.
fn fraction(text: &[u8]) -> Option<i32> {
    let length = text.len().min(9);
    let scale = 10_u64.pow(9 - u32::try_from(length).ok()?);
    i32::try_from(digits(&text[..length])? * scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(parse(text.as_bytes()).expect("a time").at.to_string(), expected);
    }

    #[test]
    fn every_form_that_the_server_writes_is_understood() {
        check("2026-11-27 10:00:00.123 UTC", "2026-11-27T10:00:00.123Z");
        check("2026-11-27 10:00:00 GMT", "2026-11-27T10:00:00Z");
        check("2026-11-27 10:00:00.120 CET", "2026-11-27T09:00:00.12Z");
        check("2026-11-27 10:00:00.120 +03", "2026-11-27T07:00:00.12Z");
        check("2026-11-27 10:00:00 -0330", "2026-11-27T13:30:00Z");
        check("2026-11-27 10:00:00 +05:30", "2026-11-27T04:30:00Z");
        check("1795773600.125", "2026-11-27T10:00:00.125Z");
    }

    #[test]
    fn an_unknown_zone_is_taken_as_utc_and_said_to_be_unknown() {
        let moment = parse(b"2026-11-27 10:00:00.123 IST").expect("a time");
        assert_eq!(moment.at.to_string(), "2026-11-27T10:00:00.123Z");
        assert!(!moment.zone_known);
        assert!(parse(b"2026-11-27 10:00:00.123 UTC").is_some_and(|moment| moment.zone_known));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "x", "2026-11-27", "2026-13-27 10:00:00 UTC", "2026-11-27T10:00:00Z", "99999999999999999999.1", "."] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
