//! What a B-tree can do with a `LIKE` pattern.

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

#[cfg(test)]
mod tests {
    use super::*;

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
