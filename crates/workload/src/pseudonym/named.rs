//! Constants that the schema names: values that stay as they are, since a predicate of an index, a check or the bounds of a partition
//! must find them.
//!
//! Reads definitions as words and quotes only. To take something for a constant that is none keeps one value more, which the schema
//! shows anyway; so when in doubt it is one.

use std::collections::BTreeSet;

use pgtailor_model::planner::{SchemaObject, SchemaObjectKind};

use super::array::ArrayText;

/// The constants of a schema.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    /// What stands in single quotes.
    pub texts: BTreeSet<String>,
    /// Numbers, in quotes or not.
    pub numbers: BTreeSet<String>,
}

impl Named {
    /// Those in `schema`.
    pub(super) fn of(schema: &[SchemaObject]) -> Self {
        let mut named = Self::default();
        for object in schema {
            named.read(object);
        }
        named
    }

    fn read(&mut self, object: &SchemaObject) {
        let (quoted, rest) = quotes(&object.statement(&[]));
        let compares = compares(object.kind);
        for text in quoted {
            if let Some(array) = ArrayText::read(&text) {
                self.texts.extend(array.elements().unwrap_or_default().into_iter().map(str::to_owned));
            }
            if compares {
                self.numbers.insert(text.clone());
            }
            self.texts.insert(text);
        }
        if compares {
            self.numbers.extend(numbers(&rest));
        }
    }
}

/// Whether numbers in such a definition are compared with values of columns; those of others are lengths, sizes and code.
fn compares(kind: SchemaObjectKind) -> bool {
    use SchemaObjectKind::{Check, Constraint, DomainCheck, ForeignKey, Index, IndexPartition, Partition, Rule, View};
    matches!(kind, Index | IndexPartition | Constraint | ForeignKey | Partition | Check | DomainCheck | View | Rule)
}

/// What stands in single quotes in `sql`, and the rest. Quotes within a function's body count, too.
fn quotes(sql: &str) -> (Vec<String>, String) {
    let (mut quoted, mut rest) = (Vec::new(), String::new());
    let mut characters = sql.chars().peekable();
    let mut before = ' ';
    while let Some(c) = characters.next() {
        if c != '\'' {
            rest.push(c);
            before = c;
            continue;
        }
        let escapes = matches!(before, 'E' | 'e');
        let mut text = String::new();
        while let Some(c) = characters.next() {
            match c {
                '\'' if characters.peek() == Some(&'\'') => {
                    characters.next();
                    text.push('\'');
                }
                '\'' => break,
                '\\' if escapes => text.extend(characters.next()),
                other => text.push(other),
            }
        }
        quoted.push(text);
        rest.push(' ');
        before = ' ';
    }
    (quoted, rest)
}

/// Numbers in `sql`, with and without a sign: `x -5` could be either.
fn numbers(sql: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '"');
    let words = sql.split(|c: char| !is_part(c)).filter(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    words.flat_map(|word| [word.to_owned(), format!("-{word}")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(kind: SchemaObjectKind, sql: &str) -> Named {
        let object = SchemaObject::new(kind, "", sql);
        Named::of(&[object])
    }

    #[test]
    fn constants_of_predicates_are_found() {
        let found = named(
            SchemaObjectKind::Index,
            "CREATE INDEX i2 ON t (a) WHERE s = ANY ('{open,\"in work\"}'::text[]) AND n > '-5'::integer AND m <> 7.5",
        );
        assert!(["open", "in work"].iter().all(|text| found.texts.contains(*text)), "{found:?}");
        assert!(["-5", "7.5"].iter().all(|number| found.numbers.contains(*number)), "{found:?}");
        assert!(!found.numbers.contains("2"));
    }

    #[test]
    fn quotes_and_escapes_are_taken_off() {
        let found = named(SchemaObjectKind::Check, r"CHECK (a <> 'it''s' AND b <> E'back\\slash' AND c = '')");
        assert_eq!(found.texts, BTreeSet::from([String::new(), "it's".to_owned(), r"back\slash".to_owned()]));
    }

    #[test]
    fn lengths_of_columns_and_code_are_no_constants() {
        assert!(named(SchemaObjectKind::Table, "CREATE TABLE t (a varchar(4711) DEFAULT 'x')").numbers.is_empty());
    }
}
