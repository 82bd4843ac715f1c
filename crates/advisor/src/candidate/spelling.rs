//! One spelling for each index: two definitions that the server would treat alike are equal once they passed through here.

use std::borrow::Cow;

use pgtailor_model::catalog::Table;
use pgtailor_model::index::{Direction, IndexDefinition, IndexKey, KeyPart};

/// `definition` in its own spelling: a single key, which is read both ways, ascends.
pub(super) fn canonical(mut definition: IndexDefinition) -> IndexDefinition {
    if definition.method == "btree"
        && let [key] = definition.keys.as_mut_slice()
        && key.direction == Direction::Descending
    {
        *key = key.reversed();
    }
    definition
}

/// The same index read backwards; `None` for methods without order.
pub(super) fn reversed(definition: &IndexDefinition) -> Option<IndexDefinition> {
    let keys = definition.keys.iter().map(IndexKey::reversed).collect();
    (definition.method == "btree").then(|| IndexDefinition { keys, ..definition.clone() })
}

/// The same index with its last key in the other direction; `None` when that is the same or no B-tree.
///
/// Behind columns of equality a statement reads it either way, so one of the two is enough for it.
pub(super) fn sibling(definition: &IndexDefinition) -> Option<IndexDefinition> {
    let (last, first) = definition.keys.split_last().filter(|(_, first)| !first.is_empty() && definition.method == "btree")?;
    let keys = first.iter().cloned().chain([last.reversed()]).collect();
    Some(IndexDefinition { keys, ..definition.clone() })
}

/// Whether `table` has a valid index that is this one, or does all that it does with no more keys.
pub(super) fn exists(definition: &IndexDefinition, table: &Table) -> bool {
    let definition = plain(definition);
    table.indexes.iter().filter(|index| index.valid).filter_map(|index| index.definition.as_ref()).any(|existing| {
        let existing = plain(existing);
        existing == definition || (existing.keys.len() <= definition.keys.len() && existing.serves_all_of(&definition))
    })
}

/// The definition with its texts stripped of what the server adds when it writes them: for comparing only.
fn plain(definition: &IndexDefinition) -> Cow<'_, IndexDefinition> {
    let is_text = |key: &IndexKey| matches!(key.part, KeyPart::Expression(_));
    if definition.predicate.is_none() && !definition.keys.iter().any(is_text) {
        return Cow::Borrowed(definition);
    }
    let key = |key: &IndexKey| match &key.part {
        KeyPart::Column(_) => key.clone(),
        KeyPart::Expression(sql) => IndexKey { part: KeyPart::Expression(stripped(sql)), ..key.clone() },
    };
    let keys = definition.keys.iter().map(key).collect();
    Cow::Owned(IndexDefinition { keys, predicate: definition.predicate.as_deref().map(stripped), ..definition.clone() })
}

/// `sql` without parentheses, spaces and casts to text types outside its constants, in lower case.
fn stripped(sql: &str) -> String {
    let mut text = String::new();
    let mut quote = None;
    for letter in sql.chars() {
        match quote {
            Some(open) => {
                text.push(letter);
                if letter == open {
                    quote = None;
                }
            }
            None if matches!(letter, '\'' | '"') => {
                text.push(letter);
                quote = Some(letter);
            }
            None if matches!(letter, '(' | ')' | ' ') => {}
            None => text.extend(letter.to_lowercase()),
        }
    }
    for cast in ["::charactervarying", "::text", "::bpchar"] {
        text = text.replace(cast, "");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn a_single_key_ascends_and_several_stay_as_written() {
        let descending = |name: &str| IndexKey::column(name).reversed();
        let one = IndexDefinition { keys: vec![descending("a")], ..IndexDefinition::btree(["a"]) };
        assert_eq!(canonical(one).to_string(), "(a)");
        let two = IndexDefinition { keys: vec![descending("a"), descending("b")], ..IndexDefinition::btree(["a"]) };
        assert_eq!(canonical(two.clone()), two);
        assert_eq!(reversed(&two), Some(IndexDefinition::btree(["a", "b"])));
    }

    #[test]
    fn what_the_server_adds_to_a_text_makes_no_difference() {
        let lower = |text: &str| stripped(text);
        assert_eq!(lower("(lower((email)::text))"), lower("LOWER(email)"));
        assert_eq!(lower("((status)::text = 'Open'::text)"), lower("status = 'Open'"));
        assert_ne!(lower("status = 'Open'"), lower("status = 'open'"));
        assert_ne!(lower("a::date"), lower("a"));
    }

    #[test]
    fn only_a_valid_index_with_no_more_keys_makes_another_needless() {
        let fixture = Fixture::new().table("t", &["a", "b"]).index("t", IndexDefinition::btree(["a", "b"]));
        let table = &fixture.snapshot.catalog.tables[0];
        assert!(exists(&IndexDefinition::btree(["a", "b"]), table));
        assert!(!exists(&IndexDefinition::btree(["a"]), table), "a narrower one may cost less to read");
        assert!(!exists(&IndexDefinition::btree(["b", "a"]), table));
        let mut invalid = table.clone();
        invalid.indexes[0].valid = false;
        assert!(!exists(&IndexDefinition::btree(["a", "b"]), &invalid));
    }
}
