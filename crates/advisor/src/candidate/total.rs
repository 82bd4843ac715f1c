//! Whether an expression has a value whatever its columns hold, as far as its words tell.

use std::collections::BTreeMap;

use pgtailor_model::catalog::Volatility;

/// Functions that have a value for every argument, with keywords that read like one. Of `substring` and `left` the lengths are constants
/// that the statement itself is executed with.
const TOTAL: &[&str] = &[
    "and",
    "ascii",
    "btrim",
    "case",
    "char_length",
    "character_length",
    "coalesce",
    "date",
    "date_part",
    "date_trunc",
    "else",
    "extract",
    "from",
    "greatest",
    "in",
    "initcap",
    "is",
    "jsonb_typeof",
    "least",
    "left",
    "length",
    "lower",
    "ltrim",
    "md5",
    "not",
    "nullif",
    "octet_length",
    "or",
    "replace",
    "reverse",
    "right",
    "rtrim",
    "split_part",
    "strpos",
    "substr",
    "substring",
    "then",
    "to_tsvector",
    "trim",
    "upper",
    "when",
];

/// Types to which a cast cannot fail from any other that an expression can have; `timestamp` and `date` from text are no such types.
const TOTAL_CASTS: &[&str] = &["text", "varchar", "character varying", "regconfig"];

/// Operators that can overflow, divide by zero, or are not known.
const ARITHMETIC: &[char] = &['+', '*', '/', '%', '^'];

/// What in `sql` has no value for some argument, as a noun; `None` when it always has one.
pub(super) fn why_it_may_raise(sql: &str, functions: &BTreeMap<String, Volatility>) -> Option<String> {
    let words = words(sql);
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).map(String::as_str);
        let previous = at.checked_sub(1).and_then(|at| words.get(at)).map(String::as_str);
        let is_name = word.starts_with(|letter: char| letter.is_alphabetic() || letter == '_' || letter == '"');
        let lower = word.to_lowercase();
        if previous == Some("::") || lower == "cast" {
            if lower == "cast" || !is_total_cast(&words[at..]) {
                return Some(format!("a cast to {}, which can fail", if lower == "cast" { "another type" } else { word }));
            }
        } else if is_name && next == Some("(") {
            if TOTAL.binary_search(&lower.as_str()).is_err() {
                return Some(match functions.get(&lower) {
                    Some(Volatility::Immutable) | None => {
                        format!("function {word}(...), which is not known to have a value for every argument")
                    }
                    Some(_) => format!("function {word}(...), which is not immutable"),
                });
            }
        } else if lower == "zone" && next.is_none_or(|zone| !zone.starts_with('\'')) {
            return Some("a time zone that is no constant".to_owned());
        } else if word == "-" || (!word.starts_with(['\'', '-']) && word.chars().count() == 1 && word.contains(ARITHMETIC)) {
            return Some(format!("operator {word}, which can overflow"));
        }
    }
    None
}

fn is_total_cast(from: &[String]) -> bool {
    let name = from.iter().take_while(|word| word.starts_with(char::is_alphabetic)).map(|word| word.to_lowercase());
    let name: Vec<String> = name.collect();
    let is_bounded = from.get(name.len()).is_some_and(|next| next == "(" || next == "[");
    !is_bounded && TOTAL_CASTS.iter().any(|total| name.join(" ") == *total || name.first().is_some_and(|first| first == total))
}

/// Names, constants, operators and parentheses of `sql`, in order.
fn words(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut letters = sql.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut word = String::from(letter);
        match letter {
            '\'' | '"' => {
                for inside in letters.by_ref() {
                    word.push(inside);
                    if inside == letter {
                        break;
                    }
                }
            }
            first if first.is_alphanumeric() || first == '_' => {
                while let Some(next) = letters.next_if(|next| next.is_alphanumeric() || matches!(next, '_' | '.')) {
                    word.push(next);
                }
            }
            space if space.is_whitespace() => continue,
            '(' | ')' | '[' | ']' | ',' => {}
            _ => {
                let is_operator = |next: &char| "+-*/<>=~!@#%^&|`?:".contains(*next);
                while let Some(next) = letters.next_if(is_operator) {
                    word.push(next);
                }
            }
        }
        found.push(word);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(sql: &str) -> Option<String> {
        let functions = BTreeMap::from([("slug".to_owned(), Volatility::Immutable), ("unaccent".to_owned(), Volatility::Stable)]);
        why_it_may_raise(sql, &functions)
    }

    #[test]
    fn what_has_a_value_for_every_argument_passes() {
        for sql in [
            "lower(email)",
            "UPPER(left(name, 3))",
            "COALESCE(name, 'a + b')",
            "payload ->> 'kind'",
            "payload #>> '{a,b}'",
            "lower(email::text)",
            "(payload -> 'a') ->> 'b'",
            "date_trunc('day', at)",
            "to_tsvector('english', body)",
            "to_tsvector('english'::regconfig, body)",
            "SUBSTRING(c_phone FROM 1 FOR 2)",
            "first || ' ' || last",
            "a IS NULL",
            "date_trunc('day', at AT TIME ZONE 'UTC')",
        ] {
            assert_eq!(why(sql), None, "{sql}");
        }
    }

    #[test]
    fn casts_arithmetic_and_functions_of_the_database_are_refused() {
        for (sql, part) in [
            ("(payload ->> 'n')::int", "cast to int"),
            ("CAST(a AS integer)", "cast to another type"),
            ("a::varchar(10)", "cast to varchar"),
            ("a + b", "operator +"),
            ("a - 1", "operator -"),
            ("a / b", "operator /"),
            ("slug(name)", "not known to have a value"),
            ("unaccent(name)", "not immutable"),
            ("sqrt(a)", "function sqrt"),
            ("at AT TIME ZONE zone_of_row", "time zone"),
            ("\"Odd\"(a)", "function \"Odd\""),
        ] {
            assert!(why(sql).is_some_and(|why| why.contains(part)), "{sql}: {:?}", why(sql));
        }
    }

    #[test]
    fn the_list_is_sorted_for_the_search() {
        assert!(TOTAL.is_sorted());
    }
}
