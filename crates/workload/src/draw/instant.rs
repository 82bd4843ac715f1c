//! Times in PostgreSQL's text format, as the pinned settings `DateStyle` ISO and `TimeZone` UTC write them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pgtailor_model::binding::Literal;

use super::value_type::ValueType;

/// A moment; days begin at midnight UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant(pub(super) Timestamp);

impl Instant {
    /// Reads `2026-11-27`, `2026-11-27 08:00:00.5` or the same with `+00`; `None` for `infinity` and years before Christ.
    pub(super) fn read(literal: &Literal) -> Option<Self> {
        let text = literal.expose();
        let text = text.strip_suffix("+00").unwrap_or(text);
        let moment = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0))).ok()?;
        moment.to_zoned(TimeZone::UTC).ok().map(|zoned| Self(zoned.timestamp()))
    }

    /// As `value_type` writes it.
    pub(super) fn write(self, value_type: &ValueType) -> Literal {
        let moment = self.0.to_zoned(TimeZone::UTC).datetime();
        let (date, time) = (moment.date(), moment.time());
        Literal::new(match value_type.name.as_str() {
            "date" => date.to_string(),
            "timestamp" => format!("{date} {time}"),
            _ => format!("{date} {time}+00"),
        })
    }

    /// Hours later, or earlier when negative; stays where it is at the ends of time.
    pub(super) fn plus_hours(self, hours: i64) -> Self {
        Self(self.0.checked_add(SignedDuration::from_hours(hours)).unwrap_or(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_were_written() {
        for (text, name) in
            [("2026-11-27", "date"), ("2026-11-27 08:00:00.5", "timestamp"), ("2026-11-27 08:00:00+00", "timestamptz")]
        {
            let literal = Literal::new(text);
            let instant = Instant::read(&literal).expect(text);
            assert_eq!(instant.write(&ValueType::plain(name)).expose(), text);
        }
        assert_eq!(Instant::read(&Literal::new("infinity")), None);
        assert_eq!(Instant::read(&Literal::new("0044-03-15 BC")), None);
    }
}
