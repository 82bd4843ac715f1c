//! The formats, one file each.

mod html;
mod human;
mod json;
mod markdown;
mod sql;

use crate::report::{Report, Style};

/// A way to write a report.
pub trait Format: Sync {
    /// Its name in `--format`.
    fn name(&self) -> &'static str;

    /// The usual ending of a file that holds it, without the dot.
    fn extension(&self) -> &'static str;

    /// What it is for, as a sentence without a period.
    fn purpose(&self) -> &'static str;

    /// `report` as text.
    fn render(&self, report: &dyn Report, style: &Style) -> String;
}

/// Every format, in the order of the documentation; the first is the default.
pub static ALL: &[&dyn Format] = &[&human::Human, &json::Json, &markdown::Markdown, &sql::Sql, &html::Html];

/// A format that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no format `{0}`; the formats are {known}", known = names())]
pub struct UnknownFormat(pub String);

/// The format called `name`.
pub fn by_name(name: &str) -> Result<&'static dyn Format, UnknownFormat> {
    ALL.iter().copied().find(|format| format.name() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
}

fn names() -> String {
    ALL.iter().map(|format| format.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_own_name_only() {
        for format in ALL {
            assert_eq!(by_name(format.name()).map(Format::name), Ok(format.name()));
            assert_eq!(ALL.iter().filter(|other| other.name() == format.name()).count(), 1);
            assert!(!format.extension().contains('.'));
            assert!(!format.purpose().ends_with('.'));
        }
        let error = by_name("xml").map(Format::name).expect_err("no such format");
        assert_eq!(error.to_string(), "no format `xml`; the formats are human, json, markdown, sql, html");
    }
}
