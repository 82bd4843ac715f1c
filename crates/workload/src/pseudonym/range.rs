//! Ranges in PostgreSQL's text format (`range_parse` and `range_deparse`, `rangetypes.c`).
//!
//! Knows nothing of the bounds.

/// The range `text` with each bound that it has replaced; `None` when it is no range, or `replace` has nothing for a bound.
pub(super) fn each_bound(text: &str, replace: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    if text == "empty" {
        return Some(text.to_owned());
    }
    let open = text.chars().next().filter(|c| "[(".contains(*c))?;
    let close = text.chars().next_back().filter(|c| "])".contains(*c))?;
    let inner = text.get(1..text.len().checked_sub(1)?)?;
    let (lower, rest) = bound(inner)?;
    let (upper, rest) = bound(rest.strip_prefix(',')?)?;
    if !rest.is_empty() {
        return None;
    }
    let mut image = |bound: Option<String>| match bound {
        Some(bound) => replace(&bound).map(|image| quoted(&image)),
        None => Some(String::new()),
    };
    let (lower, upper) = (image(lower)?, image(upper)?);
    Some(format!("{open}{lower},{upper}{close}"))
}

/// The bound at the beginning of `text`, `None` for none, with what follows it.
fn bound(text: &str) -> Option<(Option<String>, &str)> {
    let (mut bound, mut any, mut in_quotes) = (String::new(), false, false);
    let mut rest = text.chars();
    loop {
        let before = rest.as_str();
        let Some(c) = rest.next() else {
            return (!in_quotes).then_some((any.then_some(bound), ""));
        };
        match c {
            ',' if !in_quotes => return Some((any.then_some(bound), before)),
            '\\' => bound.push(rest.next()?),
            '"' if in_quotes && rest.as_str().starts_with('"') => {
                rest.next();
                bound.push('"');
            }
            '"' => in_quotes = !in_quotes,
            other => bound.push(other),
        }
        any = true;
    }
}

/// As `range_bound_escape` writes it.
fn quoted(bound: &str) -> String {
    let is_special = |c: char| "\"\\()[],".contains(c) || c.is_ascii_whitespace() || c == '\u{b}';
    if bound.is_empty() || bound.chars().any(is_special) {
        format!("\"{}\"", bound.replace('\\', "\\\\").replace('"', "\"\""))
    } else {
        bound.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_found_and_written_as_the_server_does() {
        let same = |text: &str| each_bound(text, &mut |bound| Some(bound.to_owned()));
        for text in [
            "empty",
            "[1,5)",
            "(,5]",
            "[1,)",
            "(,)",
            "[\"2026-01-01 00:00:00\",\"2026-02-01 00:00:00\")",
            "[\"a\"\"b\",c]",
            "[\"\",a)",
        ] {
            assert_eq!(same(text).as_deref(), Some(text));
        }
        for text in ["", "[", "[1]", "1,2", "[1,2,3]", "[\"1,2]"] {
            assert_eq!(same(text), None, "{text}");
        }
    }

    #[test]
    fn one_bound_without_an_image_leaves_nothing() {
        assert_eq!(each_bound("[1,x)", &mut |bound| bound.parse::<i32>().ok().map(|number| (number + 1).to_string())), None);
    }
}
