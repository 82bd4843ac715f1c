//! Names of database objects and the one function that quotes them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest name that PostgreSQL keeps, in bytes (`NAMEDATALEN - 1`, `pg_config_manual.h`).
pub const LONGEST_NAME: usize = 63;

/// An object identifier of the server; 0 is "none" (`InvalidOid`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Oid(pub u32);

/// A schema and a name in it. Never parsed from text with a dot: names may hold dots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QualifiedName {
    /// The schema's name, unquoted.
    pub schema: String,
    /// The object's name, unquoted.
    pub name: String,
}

impl QualifiedName {
    /// The name `name` in the schema `schema`, both unquoted.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// As SQL, always with its schema, quoted where the server would: `public.users`, `"We ird"."Tab.le"`.
    pub fn sql(&self) -> String {
        format!("{}.{}", quote_identifier(&self.schema), quote_identifier(&self.name))
    }
}

/// For people: without the schema when that is `public`, quoted where SQL needs it, control and bidirectional characters escaped.
impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.schema == "public" { quote_identifier(&self.name) } else { self.sql() };
        f.write_str(&printable(&text))
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `name` as the server's `quote_ident` would write it (`quote_identifier` in `ruleutils.c`), for every version from 13 to 18.
///
/// A name that is a keyword in any of those versions, unless it is an unreserved one, is quoted.
pub fn quote_identifier(name: &str) -> String {
    let plain = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && KEYWORDS.binary_search(&name).is_err();
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// `text` as a string constant of SQL, with `standard_conforming_strings` on or off.
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// `text` with control characters, line separators and bidirectional marks written as `\u{…}`: one line stays one line, and a name
/// cannot draw on the terminal.
pub fn printable(text: &str) -> String {
    if !text.chars().any(is_unprintable) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if is_unprintable(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// `name` cut to at most `limit` bytes at a character boundary.
pub fn truncated(name: &str, limit: usize) -> &str {
    &name[..name.floor_char_boundary(limit)]
}

/// Room for a number behind a name.
const NUMBER: usize = 3;

/// A name of `words` joined by `_` that `is_free`, with a number behind it where the plain one is taken; at most 63 bytes.
///
/// A name that is too long loses letters of its words, the longest first and the last never, so that all of them stay recognizable.
pub fn free_name(mut words: Vec<String>, is_free: impl Fn(&str) -> bool) -> String {
    let length = |words: &[String]| words.iter().map(String::len).sum::<usize>() + words.len().saturating_sub(1);
    while length(&words) > LONGEST_NAME - NUMBER {
        let last = words.len() - 1;
        let Some(longest) = words[..last].iter_mut().max_by_key(|word| word.len()).filter(|word| !word.is_empty()) else { break };
        longest.pop();
    }
    words.retain(|word| !word.is_empty());
    let stem = truncated(&words.join("_"), LONGEST_NAME - NUMBER).to_owned();
    let numbered = (1..u32::MAX).map(|number| format!("{stem}{number}"));
    std::iter::once(stem.clone()).chain(numbered).find(|name| is_free(name)).unwrap_or(stem)
}

fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Keywords that are not unreserved in some version from 13 to 18, sorted; from `pg_get_keywords()` of each.
const KEYWORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_what_the_server_would() {
        assert_eq!(quote_identifier("users"), "users");
        assert_eq!(quote_identifier("select"), "\"select\"");
        assert_eq!(quote_identifier("Col A"), "\"Col A\"");
        assert_eq!(quote_identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote_identifier("1st"), "\"1st\"");
        assert_eq!(quote_identifier("日本語"), "\"日本語\"");
        assert_eq!(quote_identifier(""), "\"\"");
    }

    #[test]
    fn keywords_are_sorted_for_the_search() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn a_name_cannot_break_its_line() {
        assert_eq!(printable("a\nb\u{202e}"), "a\\u{a}b\\u{202e}");
        assert_eq!(printable("café"), "café");
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(truncated("ééé", 3), "é");
        assert_eq!(truncated("abc", 63), "abc");
    }

    #[test]
    fn literals_survive_backslashes_and_quotes() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\b"), "E'a\\\\b'");
    }
}
