//! What a B-tree can do with a pattern of `LIKE`, or with a regular expression.

/// How a pattern begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// No wildcard at all: equality.
    Exact,
    /// Fixed characters, then a wildcard: a range, for an index in the C collation or with a pattern operator class.
    Prefix,
    /// A wildcard first: nothing.
    Wildcard,
}

/// How the `LIKE` pattern `pattern` begins, with the default escape character (`like_fixed_prefix` in `like_support.c`).
pub(crate) fn of(pattern: &str) -> Pattern {
    let mut characters = pattern.chars();
    let mut fixed = false;
    while let Some(character) = characters.next() {
        match character {
            '%' | '_' => return if fixed { Pattern::Prefix } else { Pattern::Wildcard },
            '\\' => {
                characters.next();
                fixed = true;
            }
            _ => fixed = true,
        }
    }
    Pattern::Exact
}

/// How the regular expression `pattern` begins: fixed characters after `^`, as far as that is sure (`regex_fixed_prefix` in
/// `like_support.c`, which knows more cases).
pub(crate) fn of_regular_expression(pattern: &str) -> Pattern {
    let plain = |character: char| character.is_alphanumeric() || " _-@,:/#".contains(character);
    let Some(anchored) = pattern.strip_prefix('^').filter(|rest| !rest.contains('|')) else { return Pattern::Wildcard };
    let mut characters = anchored.chars();
    let begins = characters.next().is_some_and(plain);
    let repeated = matches!(characters.next(), Some('*' | '?' | '{'));
    if begins && !repeated { Pattern::Prefix } else { Pattern::Wildcard }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_fixed_beginning_of_a_regular_expression_counts() {
        assert_eq!(of_regular_expression("^abc"), Pattern::Prefix);
        assert_eq!(of_regular_expression("^ab*"), Pattern::Prefix);
        assert_eq!(of_regular_expression("abc"), Pattern::Wildcard);
        assert_eq!(of_regular_expression("^a*"), Pattern::Wildcard);
        assert_eq!(of_regular_expression("^a|b"), Pattern::Wildcard);
        assert_eq!(of_regular_expression("^[ab]"), Pattern::Wildcard);
        assert_eq!(of_regular_expression("^"), Pattern::Wildcard);
    }

    #[test]
    fn only_an_unescaped_wildcard_counts() {
        assert_eq!(of("abc%"), Pattern::Prefix);
        assert_eq!(of("api\\_%"), Pattern::Prefix);
        assert_eq!(of("\\%x%"), Pattern::Prefix);
        assert_eq!(of("%abc"), Pattern::Wildcard);
        assert_eq!(of("_bc"), Pattern::Wildcard);
        assert_eq!(of("abc"), Pattern::Exact);
        assert_eq!(of(""), Pattern::Exact);
        assert_eq!(of("a\\"), Pattern::Exact);
    }
}
