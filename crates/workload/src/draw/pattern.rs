//! Patterns for `LIKE` and its kin, made of values that the column has.
//!
//! Whether an application searches for beginnings or for parts is not to be seen in `LIKE $1`. `LIKE` is taken for a beginning, which
//! is what an index can serve; `ILIKE`, the operator of search boxes, for a part.

use pgtailor_model::binding::Literal;

/// Characters of a beginning. People type a few; fewer than three would match much of the table.
const BEGINNING: usize = 4;

/// Longest part that is searched for.
const PART: usize = 6;

/// A pattern for `operator` that `value` matches.
pub(super) fn pattern(operator: &str, value: &Literal) -> Literal {
    let text = value.expose();
    Literal::new(match operator {
        "~~*" | "ILIKE" | "!~~*" => format!("%{}%", part(text)),
        "~*" | "!~*" => part(text).to_owned(),
        "~" | "!~" => format!("^{}", escaped(&beginning(text), r".^$*+?()[]{}|\")),
        _ => format!("{}%", escaped(&beginning(text), r"%_\")),
    })
}

/// The pattern when no value of the column is known.
pub(super) fn assumed(operator: &str) -> Literal {
    pattern(operator, &Literal::new("abc"))
}

fn beginning(text: &str) -> String {
    let beginning: String = text.chars().take(BEGINNING).collect();
    if beginning.is_empty() { "abc".to_owned() } else { beginning }
}

/// The longest word of letters and digits, the first of several, cut to [`PART`] characters.
fn part(text: &str) -> &str {
    let mut longest = "";
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if word.chars().count() > longest.chars().count() {
            longest = word;
        }
    }
    let end = longest.char_indices().nth(PART).map_or(longest.len(), |(at, _)| at);
    if longest.is_empty() { "abc" } else { &longest[..end] }
}

fn escaped(text: &str, special: &str) -> String {
    text.chars().flat_map(|c| special.contains(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_never_bare() {
        for (operator, value, wanted) in [
            ("~~", "50%_off", r"50\%\_%"),
            ("~~", "", "abc%"),
            ("~~*", "x. Warehouse 7", "%Wareho%"),
            ("~~*", "--", "%abc%"),
            ("~", "a.b.c", r"^a\.b\."),
            ("~*", "a.bcd", "bcd"),
            ("SIMILAR TO", "orders", "orde%"),
        ] {
            assert_eq!(pattern(operator, &Literal::new(value)).expose(), wanted);
        }
    }
}
