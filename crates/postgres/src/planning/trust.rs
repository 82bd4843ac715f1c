//! Which statements may be planned in a session that has power over others.
//!
//! The planner computes calls of immutable and stable functions with the rights of whoever plans, read-only transaction or not (seen on 15:
//! a role created, a program run). So a powerful session plans a text only when nothing in it, and nothing that it reaches as far as the
//! catalogs tell, could be code that is not built in or an extension's. Names are compared, not meanings: what is refused
//! for a namesake can be allowed, what was overlooked could not be taken back.
//!
//! Limits: the catalogs are read once for each batch of statements; code that is made in the moment between is not seen. Functions that an
//! extension's superuser owner wrote are trusted with the arguments that a text gives them.
//!
//! A session without power plans everything: what it can do, whoever wrote the code can ask it to do, which is what every session risks that
//! runs somebody's functions. Give the planning to a role that owns nothing.

use std::collections::{BTreeMap, BTreeSet};

use pgtailor_model::name::printable;
use pgtailor_sql::plannable::{Words, words};
use tokio_postgres::Client;

use super::refusal::Refusal;
use crate::error::Error;

/// What to do, in a session with power over others, with a statement that could call code from outside `pg_catalog`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForeignCode {
    /// It is not planned.
    #[default]
    Refuse,
    /// It is planned all the same: everybody who can create functions here is trusted.
    Allow,
}

/// What the session can do to others, and what it must not touch therefore.
#[derive(Debug)]
pub(crate) enum Trust {
    /// No power, or everybody is trusted.
    Everything,
    /// Power, and the names of code that is not built in.
    BuiltIn {
        /// What the session is, as a clause: `postgres is a superuser`.
        power: String,
        /// By kind (`function`, `field`, `operator`, `type`, `relation`).
        foreign: BTreeMap<String, BTreeSet<String>>,
    },
}

/// Built-in functions that run what a *value* names: a table or view, a query, a type with its input function. Their calls would pass every
/// comparison of names.
const INDIRECT: &[&str] = &[
    "anyarray_in",
    "anycompatiblemultirange_in",
    "anycompatiblerange_in",
    "anymultirange_in",
    "anyrange_in",
    "array_in",
    "cursor_to_xml",
    "cursor_to_xmlschema",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
    "domain_in",
    "multirange_in",
    "pg_input_error_info",
    "pg_input_is_valid",
    "query_to_xml",
    "query_to_xml_and_xmlschema",
    "query_to_xmlschema",
    "range_in",
    "record_in",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "ts_rewrite",
    "ts_stat",
];

/// Operators behind words of the grammar (`IN`, `USING`, `CASE`, `BETWEEN`, `LIKE`, `SIMILAR TO`): any text may use them.
const IMPLICIT: &[&str] = &["=", "<>", "<", "<=", ">", ">=", "~~", "!~~", "~~*", "!~~*", "~", "!~"];

impl Trust {
    /// Looks at the session's roles, and at the catalogs when one of them has power.
    pub(crate) async fn read(client: &Client, foreign_code: ForeignCode) -> Result<Self, Error> {
        if foreign_code == ForeignCode::Allow {
            return Ok(Self::Everything);
        }
        let failed = |error| Error::query("examine what this session could do to others", error);
        let power = client.query_typed_opt(include_str!("sql/power.sql"), &[]).await.map_err(failed)?;
        let Some(power) = power else { return Ok(Self::Everything) };
        let power = format!("{} is {}", printable(power.get("role")), power.get::<_, &str>("power")).replace("is may", "may");
        let rows = client.query_typed(include_str!("sql/foreign_code.sql"), &[]).await.map_err(failed)?;
        let mut foreign: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in rows {
            foreign.entry(row.get("kind")).or_default().insert(row.get("name"));
        }
        Ok(Self::BuiltIn { power, foreign })
    }

    /// Whether the server may plan `text`.
    pub(crate) fn check(&self, text: &str) -> Result<(), Refusal> {
        self.check_words(text, |_| true)
    }

    /// Whether the server may read `text`. Reading computes nothing but string constants, by the input functions of their types, which for
    /// an array or range of a domain are the domain's conditions (`coerce_type` in `parse_coerce.c`).
    pub(super) fn check_reading(&self, text: &str) -> Result<(), Refusal> {
        self.check_words(text, |words| words.has_strings)
    }

    fn check_words(&self, text: &str, is_computed: impl Fn(&Words) -> bool) -> Result<(), Refusal> {
        let Self::BuiltIn { power, foreign } = self else { return Ok(()) };
        let Some(words) = words(text) else {
            let reason = "it has names with Unicode escapes, or cannot be scanned, and this session has power over others";
            return Err(Refusal::ours(reason));
        };
        let Some((kind, name)) = suspect(&words, foreign).filter(|_| is_computed(&words)) else { return Ok(()) };
        Err(Refusal::ours(format!(
            "it names the {kind} {}, which could run code that is not built in, and {power}",
            printable(name)
        ))
        .with_hint("plan as a role that owns nothing, or allow foreign code if everybody who can create functions is trusted"))
    }
}

/// The first name in a text that stands for foreign code, with what it is.
fn suspect<'a>(words: &'a Words, foreign: &'a BTreeMap<String, BTreeSet<String>>) -> Option<(&'static str, &'a str)> {
    let among = |kind: &str, names: &'a BTreeSet<String>| -> Option<&'a str> {
        names.intersection(foreign.get(kind)?).next().map(String::as_str)
    };
    let indirect = || words.called.iter().find(|name| INDIRECT.contains(&name.as_str())).map(String::as_str);
    let implicit = || foreign.get("operator")?.iter().find(|name| IMPLICIT.contains(&name.as_str())).map(String::as_str);
    among("function", &words.called)
        .map(|name| ("function", name))
        .or_else(|| among("field", &words.after_dot).map(|name| ("function", name)))
        .or_else(|| indirect().map(|name| ("function", name)))
        .or_else(|| among("operator", &words.operators).or_else(implicit).map(|name| ("operator", name)))
        .or_else(|| among("type", &words.names).map(|name| ("type", name)))
        .or_else(|| among("relation", &words.names).map(|name| ("relation", name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(foreign: &[(&str, &str)], text: &str) -> Result<(), Refusal> {
        let mut by_kind: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (kind, name) in foreign {
            by_kind.entry((*kind).to_owned()).or_default().insert((*name).to_owned());
        }
        Trust::BuiltIn { power: "postgres is a superuser".to_owned(), foreign: by_kind }.check(text)
    }

    #[test]
    fn every_way_to_call_a_function_is_seen() {
        let foreign = [("function", "wrap"), ("field", "wrap"), ("operator", "==="), ("type", "mood"), ("relation", "v")];
        for text in [
            "SELECT * FROM t WHERE id = wrap(7)",
            "SELECT * FROM t WHERE id = public.\"wrap\" (7)",
            "SELECT * FROM WRAP()",
            "SELECT t.wrap FROM t",
            "SELECT * FROM t WHERE a OPERATOR(public.===) $1",
            "SELECT $1::mood[]",
            "SELECT * FROM s.v",
            "SELECT table_to_xml('x'::regclass, true, true, '')",
            "SELECT U&\"\\0077rap\"(7)",
        ] {
            let refusal = check(&foreign, text).expect_err(text);
            assert!(refusal.reason.contains("power") || refusal.reason.contains("superuser"), "{refusal:?}");
        }
        assert_eq!(check(&foreign, "SELECT wrap FROM t WHERE a = $1"), Ok(()));
        assert!(check(&[("operator", "=")], "SELECT * FROM t JOIN u USING (id)").is_err());
        assert_eq!(Trust::Everything.check("SELECT wrap(1)"), Ok(()));
    }
}
