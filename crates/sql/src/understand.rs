//! Recorded statements to a workload: what was understood, and what was not with its reason.

use std::collections::BTreeMap;

use pg_query::NodeEnum;
use pgtailor_model::activity::StatementActivity;
use pgtailor_model::catalog::Catalog;
use pgtailor_model::shape::Shape;
use pgtailor_model::unit::Milliseconds;
use pgtailor_model::workload::{Query, Skipped, Workload};

use crate::relation::{Relation, Relations};
use crate::room::with_room;
use crate::text::{self, Parsed};
use crate::walker::{Commons, Walker};

/// What `statements` ask of the tables of `catalog`.
///
/// `search_path` holds schemas as `current_schemas(false)` lists them. Statements with the same fingerprint are one: their calls and
/// times are added up, and the one that took longest speaks for them. Both lists are sorted by total time, longest first, then by
/// fingerprint; neither depends on the order of `statements`, except that a text that cannot be read is named by its position.
///
/// The texts are normalized once more, since the server can forget to; of a text that is no readable query, only the query id is kept.
pub fn understand(statements: &[StatementActivity], catalog: &Catalog, search_path: &[String]) -> Workload {
    with_room(|| read(statements, catalog, search_path))
}

fn read(statements: &[StatementActivity], catalog: &Catalog, search_path: &[String]) -> Workload {
    let relations = Relations { catalog, search_path };
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut workload = Workload::default();
    for (position, statement) in statements.iter().enumerate() {
        match text::parse(&statement.text) {
            Parsed::Statement { fingerprint, normalized, tree } => {
                let member =
                    Group { text: normalized, tree, longest: statement.total_time, calls: 0, total_time: Milliseconds(0.0) };
                let group = groups.entry(fingerprint).or_insert_with(|| member.clone());
                group.add(statement, member);
            }
            Parsed::Unusable(reason) => workload.skipped.push(Skipped {
                statement: format!("statement {} (query id {})", position + 1, statement.query_id),
                calls: statement.calls,
                total_time: statement.total_time,
                reason: reason.to_owned(),
            }),
        }
    }
    for (fingerprint, Group { text, tree, calls, total_time, .. }) in groups {
        match shapes(&tree, &relations) {
            Ok(shapes) => workload.queries.push(Query { fingerprint, text, calls, total_time, shapes, ..Query::default() }),
            Err(reason) => workload.skipped.push(Skipped { statement: text, calls, total_time, reason }),
        }
    }
    // Stable sorts: equal times keep the order of fingerprints, or of positions.
    workload.queries.sort_by(|a, b| b.total_time.0.total_cmp(&a.total_time.0));
    workload.skipped.sort_by(|a, b| b.total_time.0.total_cmp(&a.total_time.0));
    workload
}

/// Statements of one fingerprint.
#[derive(Clone)]
struct Group {
    text: String,
    tree: Box<NodeEnum>,
    longest: Milliseconds,
    calls: u64,
    total_time: Milliseconds,
}

impl Group {
    fn add(&mut self, statement: &StatementActivity, member: Self) {
        self.calls = self.calls.saturating_add(statement.calls);
        self.total_time.0 += statement.total_time.0;
        // Literals can matter to the shape (the pattern of a LIKE), so the choice must not depend on the order.
        let order = member.longest.0.total_cmp(&self.longest.0).then_with(|| self.text.cmp(&member.text));
        if order.is_gt() {
            *self = Self { calls: self.calls, total_time: self.total_time, ..member };
        }
    }
}

/// A shape for each reference to a table, or why there is none.
fn shapes(tree: &NodeEnum, relations: &Relations<'_>) -> Result<Vec<Shape>, String> {
    let mut walker = Walker::new(relations);
    walker.query_tree(tree, None, &Commons::default(), false);
    if walker.references.is_empty() { Err(why_no_table(&walker.strangers)) } else { Ok(walker.finish()) }
}

fn why_no_table(strangers: &[Relation<'_>]) -> String {
    let worst = strangers.iter().find_map(|stranger| match stranger {
        Relation::Unknown(name) => {
            Some(format!("relation {name} is not known; it was dropped, is temporary, or is outside the search path"))
        }
        Relation::Ambiguous(name) => Some(format!("several tables are called {name}, and none of them is in the search path")),
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
