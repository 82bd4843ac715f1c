//! Foreign keys, read from their definitions: the catalog does not have them, the planner's inputs do.

use std::collections::BTreeSet;

use pgtailor_model::name::Oid;
use pgtailor_model::planner::SchemaObject;

/// A foreign key, as its definition says.
pub(crate) struct ForeignKey {
    pub(crate) table: Oid,
    pub(crate) referenced: Oid,
    pub(crate) columns: Vec<String>,
    targets: BTreeSet<String>,
}

impl ForeignKey {
    /// Reads `pg_get_constraintdef`: `FOREIGN KEY (a, b) REFERENCES t(c, d) …`.
    pub(crate) fn read(object: &SchemaObject) -> Option<Self> {
        let (_, after) = object.sql.split_once("FOREIGN KEY (")?;
        let (columns, rest) = identifiers(after)?;
        let (_, after) = rest.split_once("REFERENCES ")?;
        let targets = after.rsplit_once(" ON ").map_or(after, |(before, _)| before);
        let open = targets.rfind('(')?;
        let (targets, _) = identifiers(&targets[open + 1..])?;
        let referenced = *object.needs.first()?;
        Some(Self { table: object.table?, referenced, columns, targets: targets.into_iter().collect() })
    }

    /// Whether giving `columns` of the referenced table new values looks for rows that refer to it.
    pub(crate) fn is_changed_by(&self, columns: &[String]) -> bool {
        columns.iter().any(|column| self.targets.contains(column))
    }
}

/// Names separated by commas up to the closing parenthesis, unquoted, and what follows.
fn identifiers(text: &str) -> Option<(Vec<String>, &str)> {
    let (mut names, mut name, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' if quoted && letters.next_if(|(_, next)| *next == '"').is_some() => name.push('"'),
            '"' => quoted = !quoted,
            ')' if !quoted => {
                names.push(name);
                return Some((names, &text[at + 1..]));
            }
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            ' ' if !quoted => {}
            other => name.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_with_their_quotes() {
        assert_eq!(identifiers("a, \"B \"\"c\", d) REST"), Some((vec!["a".into(), "B \"c".into(), "d".into()], " REST")));
    }

    #[test]
    fn what_follows_the_columns_makes_no_difference() {
        for rest in ["", " ON DELETE CASCADE", " ON UPDATE CASCADE ON DELETE SET NULL (a)", " DEFERRABLE", " NOT VALID"] {
            let sql = format!("ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES public.\"o(dd\"(id){rest}");
            let mut object = SchemaObject::new(pgtailor_model::planner::SchemaObjectKind::ForeignKey, "c", sql);
            (object.table, object.needs) = (Some(Oid(1)), vec![Oid(2)]);
            let key = ForeignKey::read(&object).expect("a foreign key");
            assert_eq!((key.columns.as_slice(), key.referenced), (&["a".to_owned()][..], Oid(2)));
            assert!(key.is_changed_by(&["id".to_owned()]) && !key.is_changed_by(&["a".to_owned()]), "{rest}");
        }
    }
}
