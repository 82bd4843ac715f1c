//! Names for new indexes: table and columns, as PostgreSQL itself would call them, and free.

use std::collections::BTreeSet;

use pgtailor_model::catalog::Catalog;
use pgtailor_model::index::{IndexDefinition, KeyPart};
use pgtailor_model::name::{self, QualifiedName};

/// A name for `definition` on `table` that nothing in its schema has, nor `taken`: `orders_organization_id_created_at_idx`.
///
/// A name that is too long loses letters of its columns, the longest first, so that all of them stay recognizable.
pub fn free_name(catalog: &Catalog, table: &QualifiedName, definition: &IndexDefinition, taken: &BTreeSet<String>) -> String {
    let mut words = vec![table.name.clone()];
    words.extend(definition.keys.iter().map(|key| match &key.part {
        KeyPart::Column(column) => column.clone(),
        KeyPart::Expression(text) => first_word(text),
    }));
    if definition.predicate.is_some() {
        words.push("partial".to_owned());
    }
    if !definition.include.is_empty() {
        words.push("covering".to_owned());
    }
    words.push(if definition.method == "btree" { "idx".to_owned() } else { definition.method.clone() });
    name::free_name(words, |name| !catalog.has_relation(&table.schema, name) && !taken.contains(name))
}

/// `lower` of `lower(email)`: what says most in few letters.
fn first_word(expression: &str) -> String {
    let word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let found: Vec<&str> = expression.split(|letter| !word(letter)).filter(|word| !word.is_empty()).take(2).collect();
    if found.is_empty() { "expr".to_owned() } else { found.join("_").to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(definition: &IndexDefinition) -> String {
        free_name(&Catalog::default(), &QualifiedName::new("public", "orders"), definition, &BTreeSet::new())
    }

    #[test]
    fn names_say_table_and_columns() {
        assert_eq!(named(&IndexDefinition::btree(["organization_id", "created_at"])), "orders_organization_id_created_at_idx");
        let mut covering = IndexDefinition::btree(["id"]);
        covering.include.insert("total".to_owned());
        assert_eq!(named(&covering), "orders_id_covering_idx");
        let gin = IndexDefinition { method: "gin".to_owned(), ..IndexDefinition::btree(["tags"]) };
        assert_eq!(named(&gin), "orders_tags_gin");
    }

    #[test]
    fn a_taken_name_gets_a_number_and_a_long_one_keeps_a_part_of_each_column() {
        let definition = IndexDefinition::btree(["id"]);
        let taken = BTreeSet::from(["orders_id_idx".to_owned(), "orders_id_idx1".to_owned()]);
        let table = QualifiedName::new("public", "orders");
        assert_eq!(free_name(&Catalog::default(), &table, &definition, &taken), "orders_id_idx2");
        let long = named(&IndexDefinition::btree(["a".repeat(40), "b".repeat(40), "c".to_owned()]));
        assert!(long.len() <= 63 && long.contains("_aaaa") && long.contains("_bbbb") && long.ends_with("_c_idx"), "{long}");
    }
}
