//! One statement's tree to what it asks of each table, and what each of its parameters is for.

use pg_query::NodeEnum;
use pgtailor_model::binding::Parameter;
use pgtailor_model::shape::Shape;

use crate::construct::Noticed;
use crate::numbers::Numbers;
use crate::relation::{Relation, Relations};
use crate::walker::{Commons, Walker};

/// What one statement asks for.
pub(crate) struct Reading {
    /// One for each reference to a table, in the order of the text.
    pub(crate) shapes: Vec<Shape>,
    /// What the shapes do not show.
    pub(crate) constructs: Vec<Noticed>,
    /// The parameters of the normalized text, `$1` first.
    pub(crate) parameters: Vec<Parameter>,
}

/// Reads `tree`, or says why there is nothing to read; needs [`crate::room::with_room`].
///
/// The tree is that of the text as it came, whose constants tell what a pattern begins with or which key of a document is meant; `numbers`
/// says which parameters stand for them wherever something is shown.
pub(crate) fn read_tree(tree: &NodeEnum, relations: &Relations<'_>, numbers: &Numbers) -> Result<Reading, String> {
    let mut walker = Walker::new(relations, numbers);
    let output = walker.query_tree(tree, None, &Commons::default(), false);
    walker.need_output(&output);
    if walker.references.is_empty() {
        return Err(why_no_table(&walker.strangers));
    }
    walker.notice_no_limit(tree);
    let parameters = walker.parameters();
    let constructs = std::mem::take(&mut walker.constructs);
    Ok(Reading { shapes: walker.finish(), constructs, parameters })
}

fn why_no_table(strangers: &[Relation<'_>]) -> String {
    let worst = strangers.iter().find_map(|stranger| match stranger {
        Relation::Unknown(name) => {
            Some(format!("relation {name} is not known; it was dropped, is temporary, or is outside the search path"))
        }
        Relation::Ambiguous(name) => Some(format!("several tables are called {name}, and none of them is in the search path")),
        Relation::NotSimple(name) => Some(format!(
            "{name} is a view that is more than a selection from one table; what a write through it changes is not known"
        )),
        _ => None,
    });
    let other = || {
        strangers.iter().find_map(|stranger| match stranger {
            Relation::Other(name) => {
                Some(format!("{name} is a view or another relation that is not a table; what it reads is not known"))
            }
            _ => None,
        })
    };
    worst.or_else(other).unwrap_or_else(|| {
        let reason = if strangers.is_empty() { "it reads no table of this database" } else { "it reads only system tables" };
        reason.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgtailor_model::catalog::{Catalog, Column, Table};
    use pgtailor_model::name::{Oid, QualifiedName};
    use pgtailor_model::unit::Pages;

    fn needed(sql: &str) -> Vec<String> {
        let column = |(name, number): (&str, i16)| Column::new(number, name.to_owned(), "text".to_owned());
        let items = Table {
            pages: Pages(1),
            columns: [("id", 1), ("product", 2), ("note", 3)].map(column).to_vec(),
            ..Table::new(Oid(1), QualifiedName::new("public", "items"))
        };
        let catalog = Catalog { tables: vec![items], ..Catalog::default() };
        let path = ["public".to_owned()];
        let statement = pg_query::parse(sql, 0).expect("valid SQL").protobuf.stmts.remove(0).stmt.and_then(|node| node.node);
        let numbers = Numbers::default();
        let reading = read_tree(&statement.expect("a statement"), &Relations::new(&catalog, &path), &numbers).expect("shapes");
        assert_eq!(reading.shapes.len(), 1);
        assert_eq!(reading.shapes[0].write, None);
        reading.shapes[0].needed.clone()
    }

    #[test]
    fn utility_statements_read_the_query_inside() {
        assert_eq!(needed("COPY items TO STDOUT"), ["id", "note", "product"]);
        assert_eq!(needed("COPY items (id, product) TO STDOUT"), ["id", "product"]);
        assert_eq!(needed("COPY (SELECT product FROM items WHERE id = '5') TO STDOUT"), ["id", "product"]);
        assert_eq!(needed("CREATE TABLE kept AS SELECT product FROM items"), ["product"]);
    }
}
