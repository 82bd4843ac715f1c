//! Values as constants of SQL, in the words that the server uses itself (`get_const_expr` in `ruleutils.c`), and arrays of statistics as
//! lists of values.

use pgtailor_model::name::{quote_identifier, quote_literal};

/// `column = value` as the server writes it for a column of this type; `None` for types whose spelling is not known here.
pub(super) fn equals(column: &str, type_name: &str, value: &str) -> Option<String> {
    let name = quote_identifier(column);
    let base = type_name.split('(').next().unwrap_or(type_name).trim_end();
    Some(match base {
        "boolean" => match value {
            "t" | "true" => name,
            "f" | "false" => format!("NOT {name}"),
            _ => return None,
        },
        "smallint" | "integer" | "bigint" => {
            let number: i64 = value.parse().ok()?;
            // A constant of SQL without a cast is an `integer` when it fits, and a negative one is an operator over one.
            let text = match (i32::try_from(number), number < 0) {
                (Ok(small), false) => small.to_string(),
                (Ok(small), true) => format!("'{small}'::integer"),
                (Err(_), _) => format!("'{number}'::bigint"),
            };
            format!("{name} = {text}")
        }
        "text" => format!("{name} = {}::text", quote_literal(value)),
        "character varying" => format!("({name})::text = {}::text", quote_literal(value)),
        "character" => format!("{name} = {}::bpchar", quote_literal(value)),
        "numeric" | "uuid" | "date" => format!("{name} = {}::{base}", quote_literal(value)),
        // A type of the database itself: a label of an enumeration, or a value of a domain.
        base if !BUILT_IN.contains(&base) && !type_name.ends_with("[]") && !type_name.contains('(') => {
            format!("{name} = {}::{type_name}", quote_literal(value))
        }
        _ => return None,
    })
}

/// Types of the server that no predicate is made of: their values are seldom alike, or have several spellings.
const BUILT_IN: &[&str] = &[
    "bit",
    "bit varying",
    "box",
    "bytea",
    "cidr",
    "circle",
    "double precision",
    "inet",
    "interval",
    "json",
    "jsonb",
    "line",
    "lseg",
    "macaddr",
    "money",
    "path",
    "point",
    "polygon",
    "real",
    "time",
    "time with time zone",
    "time without time zone",
    "timestamp",
    "timestamp with time zone",
    "timestamp without time zone",
    "tsquery",
    "tsvector",
    "xml",
];

/// The elements of a one-dimensional array in its text form (`array_out` in `arrayfuncs.c`), without nulls; `None` when it is none.
pub(super) fn elements(array: &str) -> Option<Vec<String>> {
    let inner = array.strip_prefix('{')?.strip_suffix('}')?;
    let mut found = Vec::new();
    let mut letters = inner.chars().peekable();
    while letters.peek().is_some() {
        let mut element = String::new();
        let is_quoted = letters.next_if_eq(&'"').is_some();
        loop {
            match letters.next() {
                Some('\\') => element.push(letters.next()?),
                Some('"') if is_quoted => {
                    if letters.next().is_some_and(|letter| letter != ',') {
                        return None;
                    }
                    break;
                }
                Some(',') if !is_quoted => break,
                Some('{' | '}') if !is_quoted => return None,
                Some(letter) => element.push(letter),
                None if is_quoted => return None,
                None => break,
            }
        }
        if is_quoted || element != "NULL" {
            found.push(element);
        }
    }
    Some(found)
}

/// The numbers of an array in its text form.
pub(super) fn numbers(array: &str) -> Vec<f64> {
    elements(array).unwrap_or_default().iter().filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_as_the_server_writes_them() {
        for (type_name, value, sql) in [
            ("text", "it's", "s = 'it''s'::text"),
            ("character varying(20)", "open", "(s)::text = 'open'::text"),
            ("character(1)", "F", "s = 'F'::bpchar"),
            ("integer", "5", "s = 5"),
            ("integer", "-5", "s = '-5'::integer"),
            ("bigint", "5000000000", "s = '5000000000'::bigint"),
            ("boolean", "t", "s"),
            ("boolean", "f", "NOT s"),
            ("numeric(15,2)", "5", "s = '5'::numeric"),
            ("executionstatus", "failed", "s = 'failed'::executionstatus"),
            ("public.\"Mood\"", "sad", "s = 'sad'::public.\"Mood\""),
        ] {
            assert_eq!(equals("s", type_name, value).as_deref(), Some(sql));
        }
        for (type_name, value) in [("integer", "x"), ("boolean", "maybe"), ("text[]", "{a}"), ("timestamp with time zone", "now")]
        {
            assert_eq!(equals("s", type_name, value), None);
        }
        assert_eq!(equals("Col A", "integer", "1").as_deref(), Some("\"Col A\" = 1"));
    }

    #[test]
    fn arrays_are_read_with_quotes_and_escapes() {
        let read = |text: &str| elements(text).map(|found| found.join("|"));
        assert_eq!(read("{a,b c,\"x,y\",\"q\\\"u\",NULL,\"NULL\"}").as_deref(), Some("a|b c|x,y|q\"u|NULL"));
        assert_eq!(read("{}").as_deref(), Some(""));
        assert_eq!(read("{{a},{b}}"), None);
        assert_eq!(read("{\"a"), None);
        assert_eq!(read("a,b"), None);
    }
}
