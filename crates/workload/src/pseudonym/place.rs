//! Where a parameter stands in a statement, as far as words and signs tell.
//!
//! A value of a parameter is mapped like the column's values only when it is compared with one. `LIMIT $1` is a count, `LIKE $1` a
//! pattern, `date_trunc($1, …)` a word of the language. This crate has no parser, and needs none for that: begin at [`places`].

use std::collections::BTreeMap;

/// What a parameter is there for; where it stands in several places, the last of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Compared, assigned, listed.
    Value,
    /// How many: of rows, of steps, of times something is added.
    Quantity,
    /// Given to a function, or a key of a document: the function may make anything of it.
    Argument,
    /// A pattern for texts.
    Pattern,
}

/// The places of the parameters `$1`, `$2`, … of `text`.
pub(super) fn places(text: &str) -> BTreeMap<usize, Place> {
    let tokens = tokens(text);
    let mut places = BTreeMap::new();
    let mut open: Vec<usize> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '[') => open.push(at),
            Token::Sign(')' | ']') => {
                open.pop();
            }
            Token::Parameter(number) => {
                let place = place(&tokens, at, &open);
                places.entry(*number).and_modify(|known: &mut Place| *known = (*known).max(place)).or_insert(place);
            }
            _ => (),
        }
    }
    places
}

#[derive(Debug, PartialEq)]
enum Token {
    /// In small letters.
    Word(String),
    Parameter(usize),
    Operator(String),
    Sign(char),
    Constant,
}

/// Words before a parenthesis that make no call of it.
const NO_FUNCTIONS: [&str; 37] = [
    "all",
    "and",
    "any",
    "array",
    "as",
    "between",
    "by",
    "case",
    "cast",
    "distinct",
    "else",
    "except",
    "exists",
    "filter",
    "from",
    "having",
    "in",
    "intersect",
    "is",
    "join",
    "lateral",
    "like",
    "materialized",
    "not",
    "on",
    "or",
    "over",
    "returning",
    "row",
    "select",
    "set",
    "some",
    "then",
    "union",
    "values",
    "when",
    "where",
];

/// Functions of which the planner knows how many rows they give, or that make distances.
const COUNTING: [&str; 3] = ["generate_series", "make_interval", "repeat"];

fn place(tokens: &[Token], at: usize, open: &[usize]) -> Place {
    let function = open.iter().rev().find_map(|opener| called(tokens, *opener));
    // What is listed is there for what stands before the list.
    let mut before = at;
    let mut open = open.to_vec();
    let lead = loop {
        match before.checked_sub(1).map(|place| (place, &tokens[place])) {
            Some((place, Token::Sign(','))) => match open.pop() {
                Some(opener) if called(tokens, opener).is_none() => before = opener,
                _ => break Some(&tokens[place]),
            },
            Some((place, Token::Sign('(' | '['))) if called(tokens, place).is_none() => {
                open.pop();
                before = place;
            }
            Some((place, Token::Word(word))) if matches!(word.as_str(), "any" | "all" | "some" | "array" | "cast" | "not") => {
                before = place;
            }
            other => break other.map(|(_, token)| token),
        }
    };
    match lead {
        Some(Token::Word(word)) => match word.as_str() {
            "like" | "ilike" | "to" => return Place::Pattern,
            "limit" | "offset" | "first" | "next" => return Place::Quantity,
            _ => (),
        },
        Some(Token::Operator(operator)) => match operator.as_str() {
            "~~" | "!~~" | "~~*" | "!~~*" | "~" | "!~" | "~*" | "!~*" | "^@" => return Place::Pattern,
            "->" | "->>" | "#>" | "#>>" | "?" | "?|" | "?&" | "@@" | "@?" | "||" => return Place::Argument,
            "+" | "-" if is_sign(tokens.get(..before.saturating_sub(1)).and_then(<[Token]>::last)) => (),
            "+" | "-" | "*" | "/" | "%" => return Place::Quantity,
            _ => (),
        },
        _ => (),
    }
    match behind(tokens, at) {
        Some(Token::Operator(operator)) if matches!(operator.as_str(), "*" | "/" | "%") => return Place::Quantity,
        Some(Token::Operator(operator)) if operator == "||" => return Place::Argument,
        _ => (),
    }
    match function {
        Some(name) if COUNTING.contains(&name) => Place::Quantity,
        Some(_) => Place::Argument,
        None => Place::Value,
    }
}

/// Whether `+` or `-` behind such a token belongs to one number and adds nothing to another.
fn is_sign(before: Option<&Token>) -> bool {
    match before {
        None | Some(Token::Operator(_) | Token::Sign('(' | '[' | ',')) => true,
        Some(Token::Word(word)) => NO_FUNCTIONS.contains(&word.as_str()),
        Some(_) => false,
    }
}

/// The function whose arguments begin with the parenthesis at `opener`.
fn called(tokens: &[Token], opener: usize) -> Option<&str> {
    match (&tokens[opener], tokens.get(opener.checked_sub(1)?)?) {
        (Token::Sign('('), Token::Word(word)) if !NO_FUNCTIONS.contains(&word.as_str()) => {
            // The columns of an insertion, and a type's length, hold no parameters.
            (!matches!(word.as_str(), "limit" | "offset" | "to" | "ilike" | "first" | "next")).then_some(word.as_str())
        }
        _ => None,
    }
}

/// What follows the parameter at `at` and its casts.
fn behind(tokens: &[Token], at: usize) -> Option<&Token> {
    let mut rest = tokens[at + 1..].iter();
    let mut token = rest.next();
    while token == Some(&Token::Operator("::".to_owned())) {
        token = rest.find(|token| !matches!(token, Token::Word(_) | Token::Sign('.' | '[' | ']')));
    }
    token
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (token, length) = match c {
            '\'' => (Some(Token::Constant), 1 + quoted(&rest[1..], '\'')),
            '"' => (Some(Token::Word("\"".to_owned())), 1 + quoted(&rest[1..], '"')),
            '-' if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (None, rest.find("*/").map_or(rest.len(), |end| end + 2)),
            '$' if rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
                let length = 1 + run(&rest[1..], |c| c.is_ascii_digit());
                (rest[1..length].parse().ok().map(Token::Parameter), length)
            }
            c if c.is_alphabetic() || c == '_' => {
                let length = run(rest, |c| c.is_alphanumeric() || matches!(c, '_' | '$'));
                (Some(Token::Word(rest[..length].to_lowercase())), length)
            }
            c if c.is_ascii_digit() => (Some(Token::Constant), run(rest, |c| c.is_alphanumeric() || matches!(c, '_' | '.'))),
            c if is_operator(c) => {
                // `=-` is two operators to the server; here it is none that says anything, and what follows is a value.
                let length = run(rest, is_operator);
                (Some(Token::Operator(rest[..length].to_owned())), length)
            }
            c if c.is_whitespace() => (None, c.len_utf8()),
            c => (Some(Token::Sign(c)), c.len_utf8()),
        };
        tokens.extend(token);
        rest = &rest[length..];
    }
    tokens
}

fn is_operator(c: char) -> bool {
    "+-*/<>=~!@#%^&|?:".contains(c)
}

/// Bytes at the beginning of `text` whose characters fulfil `is_part`.
fn run(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// Bytes up to and with the closing `mark`; a doubled one closes and opens again.
fn quoted(text: &str, mark: char) -> usize {
    text.find(mark).map_or(text.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::Place::{Argument, Pattern, Quantity, Value};
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[Place]) {
        assert_eq!(places(text).into_values().collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn what_is_compared_is_a_value() {
        check("SELECT * FROM t WHERE a = $1 AND b IN ($2, $3) AND c BETWEEN $4 AND $5", &[Value; 5]);
        check("SELECT * FROM t WHERE a = ANY ($1::int[]) OR ($2::text IS NULL OR b = $2)", &[Value; 2]);
        check("INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET b = $3", &[Value; 3]);
        check(
            "SELECT * FROM t WHERE (a, b) > ($1, $2) AND d > ($3::timestamp with time zone - $4::interval)",
            &[Value, Value, Value, Quantity],
        );
    }

    #[test]
    fn a_sign_is_no_calculation() {
        check("SELECT * FROM t WHERE a = - $1 AND b BETWEEN -$2 AND (- $3) AND c < d - $4", &[Value, Value, Value, Quantity]);
    }

    #[test]
    fn counts_are_quantities() {
        check("SELECT * FROM t ORDER BY a LIMIT $1 OFFSET ($2 - $3) * $3", &[Quantity; 3]);
        check("SELECT * FROM generate_series($1, $2) FETCH FIRST $3 ROWS ONLY", &[Quantity; 3]);
        check("SELECT $1::bigint * interval '1 day', a % $2 FROM t WHERE b > $3 - $4", &[Quantity, Quantity, Value, Quantity]);
    }

    #[test]
    fn patterns_and_arguments_are_known() {
        check("SELECT * FROM t WHERE a LIKE $1 OR a ~* $2 OR a NOT ILIKE ANY (ARRAY[$3, $4])", &[Pattern; 4]);
        check("SELECT lower($1), d ->> $2, to_tsquery('simple', $3), coalesce(a, ($4)) FROM t WHERE a = $1", &[Argument; 4]);
        check("SELECT * FROM t WHERE a = $1 || $2", &[Argument; 2]);
    }

    #[test]
    fn quotes_and_comments_hide_no_parameter() {
        check("SELECT 'it''s LIMIT (' /* lower( */ FROM \"T (\" WHERE a = $1 -- LIKE $9\n AND b = $2", &[Value; 2]);
        check("SELECT 'open $1", &[]);
    }
}
