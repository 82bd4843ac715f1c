//! An index entry must fit a third of a page. With a column of unbounded width, an index that was built today makes a later insert of a
//! long value fail (SQLSTATE 54000), in the application.
//!
//! Statistics tell the mean width, never the longest value, so a bound by the type, or a mean far below the limit, is what a careful owner
//! accepts: names, addresses of mail and titles are short; bodies, payloads and logs are not.

use pgtailor_model::catalog::Column;
use pgtailor_model::index::KeyPart;
use pgtailor_model::name::quote_identifier;

use super::super::Subject;
use super::{Guard, Trial};

/// Largest mean width, in bytes, of an unbounded column that may be in an index: names and titles are below it, bodies above, and a value
/// would have to be 27 times as long as the mean to fail.
const WIDEST_MEAN: u32 = 100;

/// Largest bound by the type, in bytes: `BTMaxItemSize` (`nbtree.h`) for pages of 8192.
const LONGEST: u32 = 2_704;

/// Largest mean width of a document, in bytes, of which a field may be a key: a field is no longer than its document.
const WIDEST_DOCUMENT: u32 = 1_000;

pub(super) struct WideKey;

impl Guard for WideKey {
    fn refuses(&self, trial: &Trial<'_>) -> Option<String> {
        let Subject::Index(index) = trial.subject else { return None };
        let definition = &index.definition;
        if definition.method != "btree" {
            return None;
        }
        let of_keys = definition.keys.iter().find_map(|key| match &key.part {
            KeyPart::Column(name) => trial.table.column(name).and_then(too_wide),
            KeyPart::Expression(sql) => of_expression(sql, trial),
        });
        of_keys.or_else(|| definition.include.iter().find_map(|name| trial.table.column(name).and_then(too_wide)))
    }
}

/// Why a value of the column may be too long, if so.
fn too_wide(column: &Column) -> Option<String> {
    let bound = bound(&column.type_name);
    if bound.is_some_and(|bytes| bytes <= LONGEST) {
        return None;
    }
    let name = quote_identifier(&column.name);
    match column.statistics.map(|statistics| statistics.average_width) {
        Some(width) if width <= WIDEST_MEAN => None,
        Some(width) => Some(format!(
            "{name} is {width} bytes wide on average and unbounded: a value of more than {LONGEST} bytes could not be inserted any more"
        )),
        None => Some(format!(
            "{name} is unbounded and its width not known: a value of more than {LONGEST} bytes could not be inserted any more"
        )),
    }
}

/// The same of an expression: what its columns allow, unless the function makes something short of them.
fn of_expression(sql: &str, trial: &Trial<'_>) -> Option<String> {
    const SHORT: &[&str] =
        &["left", "md5", "length", "char_length", "octet_length", "date_trunc", "extract", "date_part", "hashtext"];
    let function: String = sql.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    if SHORT.contains(&function.to_lowercase().as_str()) {
        return None;
    }
    let takes_field = sql.contains("->>") || sql.contains("#>>");
    let words: Vec<&str> = sql.split(|letter: char| !letter.is_alphanumeric() && letter != '_').collect();
    trial.table.columns.iter().filter(|column| words.contains(&column.name.as_str())).find_map(|column| {
        let is_document = matches!(column.type_name.as_str(), "json" | "jsonb");
        let width = column.statistics.map(|statistics| statistics.average_width);
        if is_document && takes_field && width.is_some_and(|width| width <= WIDEST_DOCUMENT) {
            return None;
        }
        too_wide(column)
    })
}

/// Most bytes of a value of this type; `None` when there is no bound.
fn bound(type_name: &str) -> Option<u32> {
    let length = type_name.split_once('(').and_then(|(_, rest)| rest.split([')', ',']).next()?.parse::<u32>().ok());
    let base = type_name.split('(').next().unwrap_or(type_name).trim_end();
    if type_name.ends_with("[]") {
        return None;
    }
    match base {
        // A character has up to four bytes in UTF-8.
        "character varying" | "character" => length.map(|length| length.saturating_mul(4)),
        "text" | "bytea" | "json" | "jsonb" | "xml" | "tsvector" | "tsquery" | "bit varying" => None,
        // An extension's type of text or documents.
        base if matches!(base.rsplit('.').next(), Some("citext" | "hstore" | "ltree" | "geometry" | "geography")) => None,
        // Numbers without a bound, too: digits enough for the limit are nobody's number.
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use pgtailor_model::shape::Comparison::Equal;

    use super::super::super::fixture::Fixture;

    fn refused(column: &str, width: Option<u32>) -> Vec<String> {
        let fixture = Fixture::new().table("t", &[column]);
        let fixture = match width {
            Some(width) => fixture.width("t", "a", width),
            None => fixture,
        };
        let candidates = fixture.asks("t", &[("a", Equal)]).all();
        candidates.refused.into_iter().map(|refused| refused.reason).collect()
    }

    #[test]
    fn short_text_and_bounded_text_may_be_keys() {
        assert_eq!(refused("a text", Some(20)), Vec::<String>::new());
        assert_eq!(refused("a character varying(255)", None), Vec::<String>::new());
        assert_eq!(refused("a uuid", None), Vec::<String>::new());
    }

    #[test]
    fn wide_text_and_text_of_unknown_width_may_not() {
        assert!(refused("a text", Some(900))[0].starts_with("a is 900 bytes wide on average"));
        assert!(refused("a text", None)[0].starts_with("a is unbounded"));
        assert_eq!(refused("a character varying(5000)", None).len(), 1);
        assert_eq!(refused("a integer[]", None).len(), 1);
    }
}
