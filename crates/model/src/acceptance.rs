//! Findings that somebody has looked at and left as they are.

pub use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};

use crate::finding::Finding;

/// One decision to live with findings, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The check's name.
    pub check: String,
    /// The table, as findings show it: `orders`, or `app.orders` outside `public`.
    pub table: String,
    /// The index, sequence, constraint or column; without it, whatever the check finds on the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds; without it, for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

/// A finding that is accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// What was found.
    pub finding: Finding,
    /// Why it stays.
    pub acceptance: Acceptance,
}

impl Acceptance {
    /// Whether it is about `finding`.
    pub fn is_about(&self, finding: &Finding) -> bool {
        let names_table = self.table == finding.table.to_string() || self.table == finding.table.sql();
        self.check == finding.check && names_table && (self.object.is_none() || self.object == finding.object)
    }

    /// Whether it has ended at `now`, by the calendar of Greenwich.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| Zoned::new(now, TimeZone::UTC).date() > until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;
    use crate::name::QualifiedName;

    fn acceptance(object: Option<&str>) -> Acceptance {
        Acceptance {
            check: "unused-index".to_owned(),
            table: "orders".to_owned(),
            object: object.map(str::to_owned),
            reason: "once a year".to_owned(),
            until: Some(Date::constant(2027, 1, 31)),
        }
    }

    #[test]
    fn one_object_or_all_of_the_table() {
        let table = QualifiedName::new("public", "orders");
        let of = |name: &str| Finding {
            object: Some(name.to_owned()),
            ..Finding::new("unused-index", Severity::Notice, &table, "unused", "drop it")
        };
        assert!(acceptance(Some("a")).is_about(&of("a")));
        assert!(!acceptance(Some("a")).is_about(&of("b")));
        assert!(acceptance(None).is_about(&of("b")));
        let elsewhere = Finding { table: QualifiedName::new("app", "orders"), ..of("a") };
        assert!(!acceptance(None).is_about(&elsewhere));
        assert!(!acceptance(None).is_about(&Finding { check: "dead-rows".to_owned(), ..of("a") }));
    }

    #[test]
    fn the_last_day_counts() {
        let at = |text: &str| text.parse().expect("a moment");
        assert!(!acceptance(None).has_ended(at("2027-01-31T23:59:59Z")));
        assert!(acceptance(None).has_ended(at("2027-02-01T00:00:00Z")));
    }
}
