//! What simple functions make of a column's values: `lower(email) = $1` asks for a value in lower case.
//!
//! Only functions that have a result for every text, and whose result here is the server's or nearly so (upper and lower case of some
//! letters depend on the collation).

/// What `expression` over `column` makes of `value`; `None` when the expression is none of those known here.
pub(super) fn apply(expression: &str, column: &str, value: &str) -> Option<String> {
    let expression = without_parentheses(expression.trim());
    if expression == column || expression.trim_matches('"') == column {
        return Some(value.to_owned());
    }
    if let Some((inner, cast)) = split_cast(expression) {
        let inner = apply(inner, column, value)?;
        return match cast {
            "text" | "varchar" | "character varying" | "bpchar" | "citext" => Some(inner),
            // ISO: the day is the first ten characters.
            "date" => inner.get(..10).map(str::to_owned),
            _ => None,
        };
    }
    let open = expression.find('(')?;
    let arguments = split_arguments(expression[open + 1..].strip_suffix(')')?);
    let name = expression[..open].trim().trim_start_matches("pg_catalog.").trim_matches('"').to_ascii_lowercase();
    let inner = apply(arguments.first()?, column, value)?;
    let number = |position: usize| arguments.get(position).and_then(|argument| argument.trim().parse::<usize>().ok());
    Some(match (name.as_str(), arguments.len()) {
        ("lower", 1) => inner.to_lowercase(),
        ("upper", 1) => inner.to_uppercase(),
        ("btrim" | "trim", 1) => inner.trim_matches(' ').to_owned(),
        ("ltrim", 1) => inner.trim_start_matches(' ').to_owned(),
        ("rtrim", 1) => inner.trim_end_matches(' ').to_owned(),
        ("reverse", 1) => inner.chars().rev().collect(),
        ("length" | "char_length" | "character_length", 1) => inner.chars().count().to_string(),
        ("left", 2) => inner.chars().take(number(1)?).collect(),
        ("right", 2) => inner.chars().skip(inner.chars().count().saturating_sub(number(1)?)).collect(),
        ("substr" | "substring", 2) => inner.chars().skip(number(1)?.saturating_sub(1)).collect(),
        ("substr" | "substring", 3) => inner.chars().skip(number(1)?.saturating_sub(1)).take(number(2)?).collect(),
        ("date", 1) => inner.get(..10).map(str::to_owned)?,
        _ => return None,
    })
}

/// `(a)::text` as `(a)` and `text`; the last cast, outside all parentheses and quotes.
fn split_cast(expression: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut found = None;
    for (at, character) in expression.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && expression[at..].starts_with("::") => found = Some(at),
            _ => {}
        }
    }
    found.map(|at| (&expression[..at], expression[at + 2..].trim()))
}

fn split_arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut arguments) = (0_usize, 0, Vec::new());
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                arguments.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    arguments.push(&text[start..]);
    arguments
}

/// Without parentheses that enclose the whole.
fn without_parentheses(mut text: &str) -> &str {
    while let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        let mut depth = 0_i64;
        let stays_inside = inner.chars().all(|character| {
            depth += i64::from(character == '(') - i64::from(character == ')');
            depth >= 0
        });
        if !stays_inside {
            break;
        }
        text = inner.trim();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_functions_are_computed_and_others_are_not_guessed() {
        let of = |expression| apply(expression, "email", " Ann@X.org");
        assert_eq!(of("lower(email)").as_deref(), Some(" ann@x.org"));
        assert_eq!(of("lower(btrim((email)::text))").as_deref(), Some("ann@x.org"));
        assert_eq!(of("\"left\"(email, 3)").as_deref(), Some(" An"));
        assert_eq!(of("(upper(email))").as_deref(), Some(" ANN@X.ORG"));
        assert_eq!(of("(email)").as_deref(), Some(" Ann@X.org"));
        assert_eq!(of("md5(email)"), None);
        assert_eq!(of("email || name"), None);
        assert_eq!(of("left(email, $1)"), None);
        assert_eq!(apply("(created_at)::date", "created_at", "2026-11-27 08:00:00+00").as_deref(), Some("2026-11-27"));
    }
}
