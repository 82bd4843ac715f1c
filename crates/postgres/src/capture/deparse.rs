//! Reading expressions that the server wrote: outer parentheses, lists, prefixes.
//!
//! Knows the few rules by which `ruleutils.c` writes, not SQL: quotes are doubled, backslashes in `E''` strings come in pairs, there are no
//! comments and no dollar quotes. So a quote always toggles, and no tokenizer is needed. Text that a person wrote does not belong here.

/// `text` without the pairs of parentheses that enclose all of it: `(a > 5)` becomes `a > 5`, `(a) || (b)` stays.
///
/// What remains is an `a_expr` of the grammar, so that both `WHERE text` and `(text)` are valid SQL.
pub(crate) fn without_outer_parentheses(text: &str) -> &str {
    let mut inner = text.trim();
    while encloses_all(inner) {
        inner = inner[1..inner.len() - 1].trim();
    }
    inner
}

/// The members of a list as `pg_get_expr` writes it (`lower(a), (b + 1)`): what stands between commas outside parentheses.
pub(super) fn split_list(text: &str) -> Vec<&str> {
    let mut members = Vec::new();
    let mut depth = 0_usize;
    let mut start = 0;
    for (position, character) in unquoted(text) {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                members.push(text[start..position].trim());
                start = position + 1;
            }
            _ => {}
        }
    }
    members.push(text[start..].trim());
    members
}

/// `text` with every `alias.` left out that qualifies a column; `alias` must be a name that needs no quotes.
pub(crate) fn without_prefix(text: &str, alias: &str) -> String {
    let prefix = format!("{alias}.");
    let mut kept = String::with_capacity(text.len());
    let mut copied = 0;
    let mut before = ' ';
    for (position, character) in unquoted(text) {
        let begins_a_name = !(before.is_alphanumeric() || matches!(before, '_' | '$' | '.' | '"'));
        if position >= copied && begins_a_name && text[position..].starts_with(&prefix) {
            kept.push_str(&text[copied..position]);
            copied = position + prefix.len();
        }
        before = character;
    }
    kept.push_str(&text[copied..]);
    kept
}

/// The collation of each expression in a `pg_node_tree` list, as `exprCollation` (`nodeFuncs.c`) would give it; `None` where the tree
/// does not say so at its top.
///
/// The field is called `funccollid`, `opcollid`, `resultcollid`, `collOid` … by node type; `inputcollid` is another thing. Special
/// characters within values are escaped by a backslash (`outToken` in `outfuncs.c`).
pub(super) fn expression_collations(tree: &str) -> Vec<Option<u32>> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut characters = tree.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '{' => {
                depth += 1;
                if depth == 1 {
                    found.push(None);
                }
            }
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 1 => {
                let mut words = tree[position + 1..].split([' ', '}']);
                let (field, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                let names_a_collation = field.ends_with("collid") || field.ends_with("collOid");
                if names_a_collation
                    && field != "inputcollid"
                    && let Some(last) = found.last_mut()
                {
                    *last = value.parse().ok();
                }
            }
            _ => {}
        }
    }
    found
}

fn encloses_all(text: &str) -> bool {
    if !text.starts_with('(') {
        return false;
    }
    let mut depth = 0_usize;
    for (position, character) in unquoted(text) {
        match character {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return position + 1 == text.len();
                }
            }
            _ => {}
        }
    }
    false
}

/// The characters outside string constants and quoted names, with their positions.
fn unquoted(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut open: Option<char> = None;
    text.char_indices().filter(move |&(_, character)| match (open, character) {
        (None, '\'' | '"') => {
            open = Some(character);
            false
        }
        (Some(quote), _) if quote == character => {
            open = None;
            false
        }
        (state, _) => state.is_none(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parentheses_that_enclose_everything_go() {
        assert_eq!(without_outer_parentheses("(p > 1)"), "p > 1");
        assert_eq!(without_outer_parentheses("((p > 1) IS TRUE)"), "(p > 1) IS TRUE");
        assert_eq!(without_outer_parentheses("((a) || (b))"), "(a) || (b)");
        assert_eq!(without_outer_parentheses("(a)::text"), "(a)::text");
        assert_eq!(without_outer_parentheses("(a = ')('::text)"), "a = ')('::text");
        assert_eq!(without_outer_parentheses("(\"a)\" = 'it''s ('::text)"), "\"a)\" = 'it''s ('::text");
        assert_eq!(without_outer_parentheses("lower(a)"), "lower(a)");
    }

    #[test]
    fn lists_split_at_their_own_commas_only() {
        assert_eq!(split_list("lower(a), (b + 1)"), ["lower(a)", "(b + 1)"]);
        assert_eq!(split_list("COALESCE(a, ', ('::text), \"x,y\""), ["COALESCE(a, ', ('::text)", "\"x,y\""]);
        assert_eq!(split_list("(ARRAY[a, b])[1]"), ["(ARRAY[a, b])[1]"]);
    }

    #[test]
    fn the_prefix_goes_and_lookalikes_stay() {
        assert_eq!(without_prefix("lower(t.a)", "t"), "lower(a)");
        assert_eq!(without_prefix("(t.\"A b\" = 't.x'::text)", "t"), "(\"A b\" = 't.x'::text)");
        assert_eq!(without_prefix("((t.c).x + xt.y + \"q\".t.z)", "t"), "((c).x + xt.y + \"q\".t.z)");
        assert_eq!(without_prefix("(t.a||t.b)", "t"), "(a||b)");
    }

    #[test]
    fn the_collation_is_read_at_the_top_of_the_tree() {
        let tree = r"({FUNCEXPR :funcid 870 :funccollid 950 :inputcollid 100 :args ({VAR :varcollid 7})} {OPEXPR :opno 1 :opcollid 0 :args <>} {BOOLEXPR :boolop and :args ({VAR :varcollid 3})} {COLLATEEXPR :arg {VAR :varcollid 3} :collOid 12})";
        assert_eq!(expression_collations(tree), [Some(950), Some(0), None, Some(12)]);
        assert_eq!(expression_collations(r"({X :name a\{\:funccollid :opcollid 5})"), [Some(5)]);
    }
}
